"""Whether a file is still somewhere else: looked at right then, for what was found hours ago keeps no file."""

from __future__ import annotations

import threading

from fs2od.errors import Fs2odError
from fs2od.node.index import SpaceIndex
from fs2od.node.index import replicas as book
from fs2od.node.index.replicas import Held, Replica, Version
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.sources import HomeTree
from fs2od.node.replication.demands import Demands

__all__ = ["Elsewhere"]


class Elsewhere:
    """Lets copies go that are not the last ones."""

    def __init__(self, demands: Demands) -> None:
        self._demands = demands
        self._deciding = threading.Lock()

    def lets_go(self, index: SpaceIndex, replica: Replica, storage: StorageRecord, home: HomeTree) -> bool:
        """Count on a copy no more if its file is seen in another place: as registered at home, or as a checked copy."""
        others = [each for each in book.holders(index, replica.row) if each.storage != storage.id]
        at_home = [each for each in others if each.storage == home.record.id]
        # What came to the home as a copy has to be that copy still, not only to stand there.
        if _holds_still(home, replica.row, at_home[0]) if at_home else _is_registered(index, home, replica.row):
            book.doubt(index, storage.id, [replica.row])
            return True
        return any(
            self._is_there(index, replica.row, held) and self._first_to_go(index, replica.row, held, storage)
            for held in others
            if held not in at_home
        )

    def _is_there(self, index: SpaceIndex, row: int, held: Held) -> bool:
        """Look at a copy; one that is gone or another is counted on no more."""
        storage = self._demands.storage(held.storage)
        if storage is None:
            return False
        try:
            seen = storage.opened_for(index.space).stat(held.path)
        except FileNotFoundError:
            book.doubt(index, held.storage, [row])
            return False
        except Fs2odError:
            return False  # nobody knows
        if held.checked.is_still(seen):
            return True
        (book.suspect if held.checked.has_size_of(seen) else book.doubt)(index, held.storage, [row])
        return False

    def _first_to_go(self, index: SpaceIndex, row: int, held: Held, storage: StorageRecord) -> bool:
        # Two evictions at once never each take one for the other's sake: what goes is counted on no more, before another looks.
        with self._deciding:
            if held not in book.holders(index, row):
                return False
            book.doubt(index, storage.id, [row])
            return True


def _holds_still(home: HomeTree, row: int, held: Held) -> bool:
    try:
        found = home.look(row, held.path)
    except Fs2odError:
        return False
    return found is not None and held.checked.is_still(found[1])


def _is_registered(index: SpaceIndex, home: HomeTree, row: int) -> bool:
    registered = book.registered(index, row)
    if registered is None:
        return False
    path, version = registered
    try:
        seen = home.stat(path)
    except (FileNotFoundError, Fs2odError):
        return False
    return Version(seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode) == version
