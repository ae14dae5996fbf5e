"""The open indexes: at most so many at once, the least recently used closed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fs2od.node.index.entries import SpaceIndex
from fs2od.node.index.scans import skip_lost_ids
from fs2od.node.index.schema import INDEX_SCHEMA
from fs2od.onedata.ids import SpaceId
from fs2od.sqlite import Database

__all__ = ["Indexes"]


class Indexes:
    """Opens the index of a space when it is needed, and closes the least recently used above `limit`."""

    def __init__(self, folder: Path, *, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._open: OrderedDict[SpaceId, SpaceIndex] = OrderedDict()
        self._users: dict[SpaceIndex, int] = {}
        self._listeners: list[Callable[[SpaceId], None]] = []
        folder.mkdir(exist_ok=True)

    @contextmanager
    def using(self, space: SpaceId) -> Iterator[SpaceIndex]:
        """Yield the index of a space, kept open while it is used. It is created if there is none."""
        index = self._take(space)
        commits = index.database.commits
        try:
            yield index
        finally:
            has_moved = index.database.commits != commits
            self._give_back(index)
            if has_moved:
                for moved in self._listeners:
                    moved(space)

    def has(self, space: SpaceId) -> bool:
        """Say whether there is an index of a space, of whichever site."""
        with self._lock:
            return space in self._open or (self._folder / f"{space}.db").exists()

    def listen(self, moved: Callable[[SpaceId], None]) -> None:
        """Let `moved` be told of every space whose index was changed, soon after that; it must not wait for anything."""
        self._listeners.append(moved)

    def drop(self, space: SpaceId) -> None:
        """Remove the index of a space with its file. Who uses it just now may finish, and writes into nothing."""
        with self._lock:
            index = self._open.pop(space, None)
            for suffix in ("", "-wal", "-shm"):
                (self._folder / f"{space}.db{suffix}").unlink(missing_ok=True)
            if index is not None and index not in self._users:
                index.database.close()

    def close(self) -> None:
        """Close every index."""
        with self._lock:
            for index in self._open.values():
                index.database.close()
            self._open.clear()

    def _take(self, space: SpaceId) -> SpaceIndex:
        with self._lock:
            index = self._open.get(space)
            if index is None:
                index = self._open[space] = self._opened(space)
            self._open.move_to_end(space)
            self._users[index] = self._users.get(index, 0) + 1
            self._close_surplus()
            return index

    def _opened(self, space: SpaceId) -> SpaceIndex:
        index = SpaceIndex(space, Database(self._folder / f"{space}.db", INDEX_SCHEMA))
        try:
            skip_lost_ids(index)
        except BaseException:
            index.database.close()
            raise
        return index

    def _give_back(self, index: SpaceIndex) -> None:
        with self._lock:
            self._users[index] -= 1
            if self._users[index]:
                return
            del self._users[index]
            if self._open.get(index.space) is not index:
                index.database.close()  # dropped meanwhile

    def _close_surplus(self) -> None:
        surplus = len(self._open) - self._limit
        idle = [space for space, index in self._open.items() if index not in self._users][: max(0, surplus)]
        for space in idle:
            self._open.pop(space).database.close()
