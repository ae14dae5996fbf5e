"""Removing a file, or a directory with everything below it: on the storage first, some hundred at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from fs2od.errors import DirectoryNotEmpty
from fs2od.node.index import Entry, SpaceIndex, arrivals
from fs2od.node.index.changes import Notes
from fs2od.node.index.removal import remove
from fs2od.node.provider.located import Need, require_modes
from fs2od.node.provider.writing.comparing import discard, made
from fs2od.onedata import errors
from fs2od.storage import Kind, Storage

__all__ = ["Removing"]

_STEP = 500


class Removing:
    """One removal. Cut off in between, the rest is still there, on the storage and in the index alike."""

    def __init__(self, index: SpaceIndex, storage: Storage, lock: threading.RLock, still: Callable[[], object]) -> None:
        self._index = index
        self._storage = storage
        self._lock = lock
        self._still = still

    def run(self, path: str, entry: Entry) -> None:
        """Remove an entry that lies at a path.

        Raises:
            PosixError: enoent, it was removed or moved meanwhile; eacces, a directory below may not be emptied;
                enotempty, the storage has something in it that nobody registered.
        """
        stack = [(entry.row, path)]
        while stack:
            row, path = stack[-1]
            self._still()
            with self._lock:
                found = self._index.get(row)
                if found is None:
                    if row == entry.row:
                        raise errors.posix("enoent")
                    stack.pop()
                    continue
                if self._index.path(found) != path:
                    raise errors.posix("enoent")
                children = self._index.children(row, limit=_STEP) if found.kind is Kind.DIRECTORY else []
                if found.kind is Kind.DIRECTORY and children:
                    require_modes([found], Need.ENTER, public=False)
                folders = [(child.row, f"{path}/{child.name}") for child in children if child.kind is Kind.DIRECTORY]
                files = [child for child in children if child.kind is not Kind.DIRECTORY]
                if files:
                    self._remove(path, [f"{path}/{child.name}" for child in files], [child.row for child in files])
                elif not folders:
                    self._remove(path, [path], [row])
                    stack.pop()
                stack += folders[:1] if not files else []

    def _remove(self, top: str, paths: Sequence[str], rows: Sequence[int]) -> None:
        notes = Notes(self._index)
        note = notes.add(top)
        given_up = arrivals.under_way(self._index, rows)
        for each in given_up:
            # Before its row goes: of what nobody compared, nobody would know then that it is no file.
            if made(self._index, self._storage, each) is not None:
                discard(self._index, self._storage, each)
        for path in paths:
            with suppress(FileNotFoundError):
                try:
                    self._storage.delete(path)
                except DirectoryNotEmpty as error:
                    notes.remove(note)
                    raise errors.posix("enotempty") from error
        remove(self._index, rows)
        notes.remove(note)
        arrivals.abandon(self._storage, given_up)
