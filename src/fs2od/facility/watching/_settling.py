"""Since when a metadata file has not changed, as far as we saw ourselves: other clocks do not count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from fs2od.facility.watching._look import SeenFile, SeenFolder
from fs2od.facility.watching._survey import Tally

__all__ = ["Settling", "Sighting"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A folder with what several looks told: `unchanged_since` is about its metadata file, `tally` about its data.

    `sidecar` is what we published in it ourselves: empty, `none`, or how many parts it has, and whether it is sealed, or was
    before and is to be sealed anew.
    """

    folder: SeenFolder
    unchanged_since: datetime
    tally: Tally | None = None
    sidecar: str = ""


@dataclass
class Settling:
    """Remembers, from look to look, when each metadata file was first seen as it is now."""

    _since: dict[tuple[str, str], tuple[SeenFile | None, datetime]] = field(default_factory=dict)

    def note(self, folders: Iterable[SeenFolder], now: datetime) -> dict[tuple[str, str], Sighting]:
        """Return what is seen, by identity, and forget what is gone."""
        after = {}
        for folder in folders:
            file, since = self._since.get(folder.identity, (None, now))
            # Not later than now: the clock may have been set back.
            after[folder.identity] = (folder.metadata, min(since, now) if file == folder.metadata else now)
        self._since = after
        return {folder.identity: Sighting(folder, after[folder.identity][1]) for folder in folders}
