"""Bringing the index of a space in line with its storage, where a note says that they may differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.index.arrivals import arrival, drop
from fs2od.node.index.changes import Note, Notes, place, rename, write_down
from fs2od.node.index.removal import remove
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Can, Kind, Seen, Storage

__all__ = ["Settling"]

_PAGE = 1000


class Settling:
    """Looks at what notes name, on the storage, and registers what is there."""

    def __init__(
        self,
        space: SpaceId,
        indexes: Indexes,
        storage: Storage,
        now_s: Callable[[], int],
        *,
        file_mode: int,
        directory_mode: int,
    ) -> None:
        self._space = space
        self._indexes = indexes
        self._storage = storage
        self._now_s = now_s
        self._modes = {Kind.DIRECTORY: directory_mode}
        self._file_mode = file_mode

    def settle_all(self) -> None:
        """Settle every note, oldest first.

        Raises:
            StorageError: The storage cannot be reached; the notes stay.
        """
        with self._indexes.using(self._space) as index:
            for note in Notes(index).every():
                self.settle(index, note)

    def settle(self, index: SpaceIndex, note: Note) -> None:
        """Settle one note.

        Raises:
            StorageError: The storage cannot be reached; the note stays.
        """
        if note.entry is not None:
            self._written(index, note.entry)
        if note.source is not None and note.path is not None:
            self._moved(index, note.source, note.path)
            self._at(index, note.source)
        if note.path is not None:
            self._at(index, note.path)
        Notes(index).remove(note.number)

    def _written(self, index: SpaceIndex, row: int) -> None:
        entry = index.get(row)
        seen = self._seen(index.path(entry)) if entry is not None else None
        if seen is not None:
            with index.database.writing() as db:
                write_down(db, row, seen)

    def _moved(self, index: SpaceIndex, source: str, path: str) -> None:
        entry, seen = _entry(index, source), self._seen(path)
        if entry is None or seen is None or entry.kind is not seen.kind:
            return
        if self._seen(source) is not None:
            if not self._has_arrived(index, entry, seen, path):
                return
            self._storage.delete(source)
        above, _, name = path.rpartition("/")
        parent = _entry(index, above)
        if parent is not None:
            with index.database.writing() as db:
                rename(db, entry, parent.row, name, seen)
                drop(db, entry.row)

    def _has_arrived(self, index: SpaceIndex, entry: Entry, seen: Seen, path: str) -> bool:
        """Say whether what stands at a path came of the upload of an entry: nobody but its end takes that from the storage."""
        arrives = arrival(index, entry.row)
        if arrives is None or (arrives.upload.path, arrives.upload.size_bytes) != (path, seen.size_bytes):
            return False
        try:
            self._storage.parts_of(arrives.upload)
        except FileNotFoundError:
            return True
        return False

    def _at(self, index: SpaceIndex, path: str) -> None:
        """Bring one path in line, with all that is registered below it."""
        entry, seen = _entry(index, path), self._seen(path)
        if seen is None and entry is not None and self._is_kept_here_alone(entry):
            return
        if entry is not None and (seen is None or seen.kind is not entry.kind):
            remove(index, [entry.row])
            entry = None
        if seen is None:
            return
        if entry is None:
            above = _entry(index, path.rpartition("/")[0])
            if above is not None and above.kind is Kind.DIRECTORY and seen.refused is None:
                mode = self._modes.get(seen.kind, self._file_mode)
                with index.database.writing() as db:
                    place(db, above.row, seen, mode=mode, now_s=self._now_s())
        elif entry.kind is not Kind.DIRECTORY:
            self._written(index, entry.row)
        else:
            self._below(index, path, entry)

    def _below(self, index: SpaceIndex, path: str, top: Entry) -> None:
        gone: list[int] = []
        for below, entry in index.walk(top, page=_PAGE):
            seen = self._seen(f"{path}/{below}")
            if seen is not None:
                with index.database.writing() as db:
                    write_down(db, entry.row, seen)
            elif not self._is_kept_here_alone(entry):
                gone.append(entry.row)
        remove(index, gone)

    def written_below(self, index: SpaceIndex, path: str) -> None:
        """Register anew what lies below a directory that moved, where a move makes other files of the same bytes."""
        top = _entry(index, path)
        if top is not None:
            self._below(index, path, top)

    def _is_kept_here_alone(self, entry: Entry) -> bool:
        """Say whether it is a directory with nothing in it, on a storage that knows no such thing."""
        return entry.kind is Kind.DIRECTORY and not entry.files and Can.KEEP_DIRECTORIES not in self._storage.can

    def _seen(self, path: str) -> Seen | None:
        try:
            return self._storage.stat(path)
        except FileNotFoundError:
            return None


def _entry(index: SpaceIndex, path: str) -> Entry | None:
    names: Sequence[str] = path.split("/") if path else ()
    try:
        return index.lookup(names)
    except NotADirectoryError:
        return None
