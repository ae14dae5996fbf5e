"""The storage that a space's bytes are written to, its lock, and what a crash left there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fs2od.errors import Fs2odError
from fs2od.node.index import Indexes, SpaceIndex, arrivals
from fs2od.node.index.changes import Note
from fs2od.node.panel.homes import Homes
from fs2od.node.provider.writing.recovery import Settling
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.storage import Seen, Storage

__all__ = ["Trees"]

_log = logging.getLogger(__name__)


class Trees:
    """Opens spaces for writing. What a crash left under way is brought in order before anything else is written."""

    def __init__(
        self,
        homes: Homes,
        indexes: Indexes,
        now_s: Callable[[], int],
        *,
        modes: tuple[int, int],
    ) -> None:
        self._homes = homes
        self._indexes = indexes
        self._now_s = now_s
        self._modes = modes
        self._guard = threading.Lock()
        self._locks: dict[SpaceId, threading.RLock] = {}
        self._settled: set[SpaceId] = set()
        self._unsettled: dict[tuple[SpaceId, int], Note] = {}
        self._ending: set[tuple[SpaceId, str]] = set()

    def lock(self, space: SpaceId) -> threading.RLock:
        """Return what holds off other changes of names in a space. Held for moments, never while bytes arrive."""
        with self._guard:
            return self._locks.setdefault(space, threading.RLock())

    def opened(self, space: SpaceId) -> Storage:
        """Return the storage of a space, rooted at its files, to be written to: that of its home, whoever was asked.

        Raises:
            PosixError: erofs, the space's files are imported, or the storage is read-only.
            StorageError: It cannot be reached, or does not hold what was being written when the node was last killed.
        """
        record = self._homes.storage(space)
        if record is None or record.imported or record.readonly:
            raise errors.posix("erofs")
        storage = record.opened_for(space)
        with self.lock(space):
            if space not in self._settled:
                # A folder that should hold something is never made anew: its disk may only be away.
                if not self._homes.occupancy_bytes(space):
                    record.opened().make_directory(space)
                for note in self.settling(space, storage).settle_all():
                    self._leave(space, note)
                storage.sweep(before_ns=time.time_ns(), keep=self.under_way(space))
                self._settled.add(space)
        return storage

    def home(self, space: SpaceId) -> StorageId:
        """Return which storage that is.

        Raises:
            PosixError: erofs, there is none any more.
        """
        record = self._homes.storage(space)
        if record is None:
            raise errors.posix("erofs")
        return record.id

    def under_way(self, space: SpaceId) -> frozenset[str]:
        """Return the ids of the uploads that somebody may still go on with."""
        with self._indexes.using(space) as index:
            return frozenset(each.upload.id for each in arrivals.under_way(index))

    def settle(self, index: SpaceIndex, storage: Storage, note: Note, *, right: Seen | None = None) -> bool:
        """Settle a note, as `Settling.settle` does, and say whether that could be done; what could not be is `unsettled`.

        Raises:
            StorageError: The storage cannot be reached; the note stays.
        """
        space, is_settled = index.space, False
        try:
            with self.lock(space):
                is_settled = self.settling(space, storage).settle(index, note, right=right)
        finally:
            if is_settled:
                self.drop(space, note)
            else:
                self._leave(space, note)
        return is_settled

    def unsettled(self) -> list[tuple[SpaceId, Note]]:
        """Return the notes that could not be settled at once, oldest first, each with its space."""
        with self._guard:
            return [(space, note) for (space, _), note in self._unsettled.items()]

    def drop(self, space: SpaceId, note: Note) -> None:
        """Have a note settled no more."""
        with self._guard:
            self._unsettled.pop((space, note.number), None)

    def _leave(self, space: SpaceId, note: Note) -> None:
        with self._guard:
            self._unsettled[space, note.number] = note

    @contextmanager
    def ending(self, space: SpaceId, path: str) -> Iterator[None]:
        """Say of a path that a file is about to appear there, as long as the block lasts: it may let go of the space's lock."""
        with self._guard:
            self._ending.add((space, path))
        try:
            yield
        finally:
            with self._guard:
                self._ending.discard((space, path))

    def is_ending(self, space: SpaceId, path: str) -> bool:
        """Say whether a file is about to appear at a path or below it: the storage has it, and nobody has compared it."""
        with self._guard:
            left = {note.path for (each, _), note in self._unsettled.items() if each == space and note.path is not None}
            ending = left.union(known for each, known in self._ending if each == space)
        return any(f"{each}/".startswith(f"{path}/") for each in ending)

    def settling(self, space: SpaceId, storage: Storage) -> Settling:
        """Return what brings the index of a space in line with its storage, entry by entry."""
        file_mode, directory_mode = self._modes
        return Settling(space, self._indexes, storage, self._now_s, file_mode=file_mode, directory_mode=directory_mode)

    def settle_all(self) -> None:
        """Bring in order what the end of the last process cut off, in every space that is written to."""
        for space in self._homes.every():
            record = self._homes.storage(space)
            if record is None or record.imported or record.readonly:
                continue
            try:
                self.opened(space)
            except Fs2odError as error:  # it is tried again before the next write
                _log.warning("what was being written to space %s cannot be looked at now: %s", space, error)
