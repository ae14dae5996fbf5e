"""Clearing away what copies leave behind: those that nobody wants any more, and uploads that nobody ends."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from fs2od.errors import Fs2odError, StorageBusy, StorageMissing, StorageRefused
from fs2od.node.index import SpaceIndex
from fs2od.node.index import replicas as book
from fs2od.node.index.left_copies import Left, forget_left, left, left_on
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.replication.demands import Demands
from fs2od.node.replication.passes import Route
from fs2od.onedata.ids import SpaceId, StorageId

__all__ = ["Clearing", "sweep"]

_AT_ONCE = 200
_ABANDONED_AFTER_S = 7 * 24 * 3600
_NS = 1_000_000_000
# What says that nothing can be removed on the whole storage just now.
_OF_ALL = (StorageBusy, StorageMissing, StorageRefused)
_log = logging.getLogger(__name__)


class Clearing:
    """Removes copies that nobody wants any more. One thread at a time has a space's turn at a storage."""

    def __init__(self, demands: Demands, homes: Homes) -> None:
        self._demands = demands
        self._homes = homes
        self._after: dict[tuple[SpaceId, StorageId], str] = {}

    def storages(self, index: SpaceIndex) -> list[StorageId]:
        """Return the storages on which there may be some.

        Where a space is imported, files vanish that nobody removed on purpose: their copies stay, for they may be the last ones.
        """
        found = left_on(index)
        home = self._homes.storage(index.space) if found else None
        kept = set() if home is None else {home.id}
        if home is not None and home.imported:
            kept |= {storage.id for storage in self._demands.storages(index.space)}
        return [storage for storage in found if storage not in kept]

    def clear(self, index: SpaceIndex, storage: StorageId) -> bool:
        """Remove some of them on a storage; return whether there are more that can be removed at once.

        Those that cannot be removed keep nobody from the rest: the next call goes on after them, and comes back to them
        when it has seen all.
        """
        if storage not in self.storages(index):
            return False
        key = (index.space, storage)
        found = left(index, storage, after=self._after.pop(key, ""), limit=_AT_ONCE)
        if len(found) == _AT_ONCE:
            self._after[key] = found[-1].path
        known = self._demands.storage(storage)
        gone = found if known is None else self._gone(index, known, found)
        if gone:
            forget_left(index, gone)
        return len(found) == _AT_ONCE and bool(gone)

    def _gone(self, index: SpaceIndex, storage: StorageRecord, found: list[Left]) -> list[Left]:
        """Remove copies, and return those that are gone; what lies in the place of another storage is that one's, and stays."""
        if not found:
            return found
        try:
            twin = self._demands.twin(index.space, storage, surely=True)
        except Fs2odError as error:
            _log.warning("copies that nobody wants stay on storage %s: %s", storage.name, error)
            return []
        return _removed(index, storage, found) if twin is None else found


def sweep(route: Route, *, now_s: int) -> int:
    """Give up uploads of the target that nobody ends any more; return how many they were."""
    keep = book.uploads(route.index, route.storage)
    return route.target.sweep(before_ns=(now_s - _ABANDONED_AFTER_S) * _NS, keep=keep)


def _removed(index: SpaceIndex, storage: StorageRecord, found: Iterable[Left]) -> list[Left]:
    """Remove copies; return those that are gone."""
    gone: list[Left] = []
    for held in found:
        try:
            storage.opened_for(index.space).delete(held.path)
        except (FileNotFoundError, FileExistsError):
            pass  # it is gone, or a directory has its place
        except _OF_ALL as error:
            _log.warning("copies that nobody wants stay on storage %s: %s", storage.name, error)
            return gone
        except Fs2odError as error:
            _log.warning("a copy that nobody wants stays on storage %s: %s", storage.name, error)
            continue
        gone.append(held)
    return gone
