"""What could not be settled at once, settled behind: a store was away, or has a file that must be read back before it is one."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from fs2od.errors import Fs2odError
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.index.arrivals import Arrival, arrival, parts
from fs2od.node.index.changes import Note
from fs2od.node.provider.writing.comparing import Reading, discard, made
from fs2od.node.provider.writing.trees import Trees
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Seen, Storage

__all__ = ["Afterwards"]

_TURN_S = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Unread:
    """A file that is read back, as an upload made it."""

    arrives: Arrival
    seen: Seen
    reading: Reading


class Afterwards:
    """Goes on with the notes that are left, a moment for one of them at a time: the node's end waits for it. For one thread."""

    def __init__(self, trees: Trees, indexes: Indexes) -> None:
        self._trees = trees
        self._indexes = indexes
        self._unread: dict[tuple[SpaceId, int], _Unread] = {}
        self._turns = 0

    def go_on(self) -> None:
        """Settle the next note, or read on in the file that must be read for it. Where a store is away, it is tried another time.

        Raises:
            StorageError: One is.
        """
        left = self._trees.unsettled()
        if not left:
            return
        self._turns += 1
        space, note = left[self._turns % len(left)]
        try:
            storage = self._trees.opened(space)
        except errors.ServiceError:
            self._trees.drop(space, note)  # nothing is written there any more
            return
        with self._indexes.using(space) as index:
            self._turn(index, storage, note)

    def _turn(self, index: SpaceIndex, storage: Storage, note: Note) -> None:
        key = (index.space, note.number)
        unread = self._unread.pop(key, None) or self._settled(index, storage, note)
        if unread is None:
            return
        reading, over_s = unread.reading, time.monotonic() + _TURN_S
        try:
            while reading.is_right is None and time.monotonic() < over_s:
                reading.read_part(storage)
        except FileNotFoundError:
            self._settled(index, storage, note)
            return
        except Fs2odError:
            self._unread[key] = unread
            raise
        if reading.is_right is None:
            self._unread[key] = unread
            return
        with self._trees.lock(index.space):
            if not reading.is_right and made(index, storage, unread.arrives) == unread.seen:
                _log.warning("%r has other bytes in its storage than arrived; they are removed", note.path)
                discard(index, storage, unread.arrives)
            self._trees.settle(index, storage, note, right=unread.seen if reading.is_right else None)

    def _settled(self, index: SpaceIndex, storage: Storage, note: Note) -> _Unread | None:
        """Settle a note, or return what is to be read first."""
        with self._trees.lock(index.space):
            if self._trees.settle(index, storage, note) or note.source is None:
                return None
            entry = index.lookup(note.source.split("/"))
            arrives = None if entry is None else arrival(index, entry.row)
            seen = None if arrives is None else made(index, storage, arrives)
            if arrives is None or seen is None:
                return None
            return _Unread(arrives, seen, Reading(arrives.upload, parts(index, arrives.row)))
