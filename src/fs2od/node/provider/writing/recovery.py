"""Bringing the index of a space in line with its storage, where a note says that they may differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.index.arrivals import arrival, drop
from fs2od.node.index.changes import Note, Notes, place, rename, write_down
from fs2od.node.index.removal import remove
from fs2od.node.provider.writing.comparing import discard, made, says_right, uncompared
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Can, Kind, Seen, Storage

__all__ = ["Settling"]

_PAGE = 1000


class Settling:
    """Looks at what notes name, on the storage, and registers what is there: of uploads only what was compared with what arrived."""

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

    def settle_all(self) -> list[Note]:
        """Settle every note, oldest first, and return those that stay as `settle` says.

        Raises:
            StorageError: The storage cannot be reached; the notes stay.
        """
        with self._indexes.using(self._space) as index:
            return [note for note in Notes(index).every() if not self.settle(index, note)]

    def settle(self, index: SpaceIndex, note: Note, *, right: Seen | None = None) -> bool:
        """Settle one note, and say whether that could be done: a file that an upload made may have to be read back first.

        Args:
            index: The space's index.
            note: The note. It goes when it is settled, and stays otherwise.
            right: What was read back, and is what arrived.

        Raises:
            StorageError: The storage cannot be reached; the note stays.
        """
        if note.entry is not None:
            self._written(index, note.entry)
        if note.source is not None and note.path is not None:
            if not self._moved(index, note.source, note.path, right):
                return False
            self._at(index, note.source)
        if note.path is not None:
            self._at(index, note.path)
        Notes(index).remove(note.number)
        return True

    def _written(self, index: SpaceIndex, row: int) -> None:
        entry = index.get(row)
        seen = self._seen(index.path(entry)) if entry is not None else None
        if seen is not None:
            with index.database.writing() as db:
                write_down(db, row, seen)

    def _moved(self, index: SpaceIndex, source: str, path: str, right: Seen | None) -> bool:
        entry, seen = _entry(index, source), self._seen(path)
        if entry is None or seen is None or entry.kind is not seen.kind:
            return True
        arrives = arrival(index, entry.row)
        if arrives is None or arrives.upload.path != path:
            if self._seen(source) is None:
                self._named(index, entry, path, seen)
            return True
        seen = made(index, self._storage, arrives)
        if seen is None:
            return True  # its upload goes on, or is lost
        if seen != right and not says_right(index, arrives, seen):
            return False
        if not self._is_free(index, path):
            discard(index, self._storage, arrives)
            return True
        with suppress(FileNotFoundError):
            self._storage.delete(source)
        self._named(index, entry, path, seen)
        return True

    def _named(self, index: SpaceIndex, entry: Entry, path: str, seen: Seen) -> None:
        above, _, name = path.rpartition("/")
        parent = _entry(index, above)
        if parent is not None:
            with index.database.writing() as db:
                rename(db, entry, parent.row, name, seen)
                drop(db, entry.row)

    def _is_free(self, index: SpaceIndex, path: str) -> bool:
        """Say whether a file can have a path: its folder is there, and no folder has its name."""
        there, above = _entry(index, path), _entry(index, path.rpartition("/")[0])
        is_folder = there is not None and there.kind is Kind.DIRECTORY
        return above is not None and above.kind is Kind.DIRECTORY and not is_folder

    def _at(self, index: SpaceIndex, path: str) -> None:
        """Bring one path in line, with all that is registered below it."""
        entry, seen = _entry(index, path), self._seen(path)
        if seen is None and entry is not None and self._is_kept_here_alone(entry):
            return
        if seen is not None and uncompared(index, self._storage, path):
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
