"""Which files have settled: size and times as they were for long enough, as far as we saw ourselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fs2od.facility.hashing._walking import Version

__all__ = ["FileSettling"]

_MOST_FILES = 100_000
_OLD = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class FileSettling:
    """Remembers when the files that are new to us were first seen as they are; so many of them at most.

    Other clocks count only for what they show to be long ago: a file server's may be some minutes off. Where our own one was
    set back, time counts anew.
    """

    settle: timedelta
    _since: dict[str, tuple[Version, datetime]] = field(default_factory=dict)

    def has_settled(self, path: str, version: Version, now: datetime) -> bool:
        """Say whether a file has been this version for long enough."""
        changed = _EPOCH + timedelta(microseconds=max(version[2:]) // 1000)
        if now - changed >= max(self.settle, _OLD):
            return True
        known = self._since.get(path)
        if known is None or known[0] != version or known[1] > now:
            if known is not None or len(self._since) < _MOST_FILES:
                self._since[path] = (version, now)
            return False
        return now - known[1] >= self.settle

    def forget(self, path: str) -> None:
        """Remember a file no longer: it was read, or is gone."""
        self._since.pop(path, None)
