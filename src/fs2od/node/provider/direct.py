"""Addresses that lead straight to a store: a range of a copy for a moment, without credentials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fs2od.node.clock import Clock
from fs2od.node.panel.storage_records import Bucket
from fs2od.node.panel.storages import Storages
from fs2od.node.provider.located import Located
from fs2od.node.provider.sources import Sources
from fs2od.node.settings import Limits
from fs2od.onedata import errors

__all__ = ["Addressed", "DirectReads", "Handed"]


@dataclass(frozen=True)
class Addressed:
    """`size_bytes` from byte `first` on, and where they are had. The address opens them to whoever has it."""

    first: int
    size_bytes: int
    url: str = field(repr=False)


@dataclass(frozen=True)
class Handed:
    """What is handed out: addresses, and for how many seconds they work."""

    valid_s: int
    addresses: tuple[Addressed, ...]


class DirectReads:
    """Hands out addresses of the asked provider's own copies, as far as its storage lets it.

    An address cannot be taken back, and nobody asks who uses it. So it is short-lived, never outlives the token, and is for no
    token that says who may show it, or from where. Links get none: their readers may be anybody.
    """

    def __init__(self, storages: Storages, sources: Sources, clock: Clock, limits: Limits, *, longest_s: int) -> None:
        self._storages = storages
        self._sources = sources
        self._clock = clock
        self._limits = limits
        self._longest_s = longest_s

    def addresses(self, located: Located, ranges: Sequence[tuple[int, int]]) -> Handed:
        """Return addresses of ranges (first byte, how many) of a file that a caller may read; none where no checked copy is.

        Raises:
            Forbidden: The token, or a link, gives none.
            Rejected: notSupported, the storage is no bucket that clients are led to; badValue…, a range that cannot be had.
            StorageError: The storage cannot be used.
        """
        if located.share is not None or located.caller.is_bound:
            raise errors.forbidden(
                "Addresses of a store are given to no link, and to no token that is bound to a place or person."
            )
        self._require_fitting(located, ranges)
        own, valid_s = self._storages.get(located.support.storage), self._valid_s(located)
        if not isinstance(own.place, Bucket) or not own.place.direct or not self._longest_s:
            raise errors.error_of("notSupported", "This site leads nobody straight to its storage.")
        path = self._sources.own_copy(located)
        if path is None or valid_s < 1:
            return Handed(0, ())
        storage = own.given_out().opened_for(located.space)
        found = (
            Addressed(first, size, storage.presigned(path, offset=first, length=size, expires_s=valid_s))
            for first, size in ranges
        )
        return Handed(valid_s, tuple(found))

    def _valid_s(self, located: Located) -> int:
        until_s = located.caller.until_s
        left_s = self._longest_s if until_s is None else int(until_s - self._clock.now().timestamp())
        return min(self._longest_s, left_s)

    def _require_fitting(self, located: Located, ranges: Sequence[tuple[int, int]]) -> None:
        limits, end = self._limits, located.entry.size_bytes
        if not 1 <= len(ranges) <= limits.direct_ranges:
            raise errors.bad_value("NotInRange", "ranges", f"must be 1 to {limits.direct_ranges} ranges")
        if any(size > limits.direct_bytes for _, size in ranges):
            raise errors.bad_value(
                "TooHigh", "size", f"must be at most {limits.direct_bytes}", limit=limits.direct_bytes
            )
        if any(first + size > end for first, size in ranges):
            raise errors.bad_value("TooHigh", "offset", "leads beyond the end of the file", limit=end)
