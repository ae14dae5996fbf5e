"""Which storages of a space lie in the same place, though one of them may not answer: what was found out once is remembered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fs2od.errors import StorageError
from fs2od.node.clock import Clock
from fs2od.node.panel.overlaps import is_seen, named_alike, overlap, resolved, told
from fs2od.node.panel.storage_records import Bucket, Place, StorageRecord
from fs2od.node.provider.silences import Silences
from fs2od.onedata.ids import SpaceId
from fs2od.sqlite import Database

__all__ = ["Neighbours"]


class Neighbours:
    """Looks for storages that share a place. Safe to use from any thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._silences = Silences(clock)

    def twin(
        self, space: SpaceId, storage: StorageRecord, others: Iterable[StorageRecord], *, surely: bool
    ) -> StorageRecord | None:
        """Return another storage whose tree of a space lies in that of a storage or holds it: what is in one is no copy of the other.

        Args:
            space: The space.
            storage: The storage.
            others: Those that it is compared with; itself may be among them.
            surely: Whether each of them has to say so itself, as before anything is removed. Else one that does not answer is
                judged by what it said before, or by its name, so that it holds up nobody who writes elsewhere.

        Raises:
            StorageError: The storage itself does not answer, or another one that has to.
        """
        apart = [each for each in others if each.id != storage.id]
        here, look = resolved(_tree(storage, space)), resolved if surely else told
        found = next((each for each in apart if overlap(here, look(_tree(each, space)))), None)
        if found is not None or storage.readonly or isinstance(here, Path):
            return found
        is_one = self._is_one_surely if surely else self._is_one
        return next((each for each in named_alike(here, apart) if is_one(storage, each)), None)

    def _is_one_surely(self, one: StorageRecord, other: StorageRecord) -> bool:
        found = is_seen(one, other)
        if self._known(one, other) is not found:
            values = (one.id, other.id, _places(one, other), found)
            with self._database.writing() as db:
                db.execute("INSERT OR REPLACE INTO neighbour (one, other, places, is_same) VALUES (?, ?, ?, ?)", values)
        return found

    def _is_one(self, one: StorageRecord, other: StorageRecord) -> bool:
        known = self._known(one, other)
        if known is not None:
            return known
        if not self._silences.may_try(other.id):
            return False
        try:
            found = self._is_one_surely(one, other)
        except StorageError:
            self._silences.silent(other.id)
            return False
        self._silences.answered(other.id)
        return found

    def _known(self, one: StorageRecord, other: StorageRecord) -> bool | None:
        """Return what was found out of two buckets where they are now; None if nothing was."""
        query = "SELECT is_same FROM neighbour WHERE one = ? AND other = ? AND places = ?"
        with self._database.reading() as db:
            row = db.execute(query, (one.id, other.id, _places(one, other))).fetchone()
        return None if row is None else bool(row["is_same"])


def _places(*storages: StorageRecord) -> str:
    return " ".join(f"{each.place.endpoint}/{each.place.name}" for each in storages if isinstance(each.place, Bucket))


def _tree(storage: StorageRecord, space: SpaceId) -> Place:
    # All that is not imported has the same prefix in a bucket.
    place = storage.place
    return place if isinstance(place, Bucket) or storage.imported else place / space
