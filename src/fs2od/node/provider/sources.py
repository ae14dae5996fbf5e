"""From which storage a file's bytes come: the one place that knows, however many copies there are."""

from __future__ import annotations

import errno
import io
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from msgspec import structs

from fs2od.errors import Fs2odError, StorageError
from fs2od.node.index import Entry, Indexes, SpaceIndex, replicas
from fs2od.node.index.inherited import Inherited
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.located import Located
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Facts, Kind, Seen, facts_of

__all__ = ["CopyReader", "Files", "HomeTree", "Share", "Sources", "SpaceTree"]

_log = logging.getLogger(__name__)


class Files(Protocol):
    """What opens files by their paths: a storage, or all of a space's."""

    def open(self, path: str) -> BinaryIO:
        """Return a file, opened for reading."""
        ...


@dataclass(frozen=True)
class HomeTree:
    """The files of a space where they are at home, for reading.

    What came there as a copy, before that was the home, has the state that is registered, as it had where it lay before.
    """

    indexes: Indexes
    space: SpaceId
    record: StorageRecord

    def open(self, path: str) -> BinaryIO:
        """Return a file, opened for reading.

        Raises:
            FileNotFoundError: It is not there.
            StorageError: It cannot be read.
        """
        copy = self._copy(path)
        if copy is None:
            return self.record.opened_for(self.space).open(path)
        return cast("BinaryIO", CopyReader(copy.open(), copy.facts, None))

    def stat(self, path: str) -> Seen:
        """Return what stands there.

        Raises:
            FileNotFoundError: Nothing.
            StorageError: It cannot be looked at.
        """
        copy = self._copy(path)
        if copy is None:
            return self.record.opened_for(self.space).stat(path)
        return structs.replace(self.record.opened_for(self.space).stat(copy.path), **copy.facts._asdict())

    def inherited(self, path: str) -> str | None:
        """Return where the checked copy is that stands for a file, if one does."""
        try:
            copy = self._copy(path)
        except FileNotFoundError:
            return None
        return None if copy is None else copy.path

    def has(self, copy: Inherited) -> bool:
        """Say whether a copy is there as it was when it was checked, by what the store says of it.

        Raises:
            StorageError: The storage refused, and nothing is known.
        """
        with self.indexes.using(self.space) as index:
            known = replicas.registered(index, copy.row)
            at = copy.path if known is None else self._at(index, copy.path, known[0])
        try:
            seen = self.record.opened_for(self.space).stat(at)
        except FileNotFoundError:
            return False
        return seen.size_bytes == copy.size_bytes and seen.md5 == copy.md5

    def _copy(self, path: str) -> _Copy | None:
        """Return the copy that stands for a file, if one does.

        Raises:
            FileNotFoundError: The file never came here in its present state.
        """
        if self.record.imported:
            return None  # it was home from the beginning
        with self.indexes.using(self.space) as index:
            if not replicas.inherits(index, self.record.id):
                return None
            entry = index.lookup(path.split("/"))
            if entry is None or entry.kind is not Kind.FILE:
                return None
            if replicas.lost(index, self.record.id, top=entry.row):
                raise FileNotFoundError(errno.ENOENT, "its home ended before it was copied here", path)
            held = [each for each in replicas.holders(index, entry.row) if each.storage == self.record.id]
            known = replicas.registered(index, entry.row)
            if not held or known is None:
                return None  # it was written here
            at = self._at(index, held[0].path, path)
        return _Copy(self.space, self.record, at, _facts_of(known[1]))

    def _at(self, index: SpaceIndex, before: str, path: str) -> str:
        """Return where a copy is that was at `before` when it was checked, of a file that is at `path` now."""
        # A folder that was renamed here took its files along.
        is_at_old = before != path and index.lookup(before.split("/")) is None
        return before if is_at_old and self._has(before) else path

    def _has(self, path: str) -> bool:
        try:
            self.record.opened_for(self.space).stat(path)
        except FileNotFoundError:
            return False
        return True


class Sources:
    """Answers for all providers of the node: one that has no copy of a file reads it through from where it is at home."""

    def __init__(self, homes: Homes, indexes: Indexes) -> None:
        self._homes = homes
        self._indexes = indexes

    def of(self, located: Located) -> StorageRecord:
        """Return the storage that a located file is read from, for the provider that was asked for it.

        Raises:
            PosixError: enoent, no storage has it: the space is not supported any more.
        """
        return self.of_space(located.space)

    def of_space(self, space: SpaceId) -> StorageRecord:
        """Return the storage that holds all that was imported or written of a space.

        Raises:
            PosixError: enoent, the space is not supported any more.
        """
        found = self._homes.storage(space)
        if found is None:
            raise errors.posix("enoent")
        return found

    def tree(self, space: SpaceId) -> SpaceTree:
        """Return what opens every file of a space by its path in it.

        Raises:
            PosixError: enoent, the space is not supported any more.
        """
        return SpaceTree(self, space, self.home_tree(self.of_space(space), space))

    def home_tree(self, home: StorageRecord, space: SpaceId) -> HomeTree:
        """Return the files of a space as they are at home."""
        return HomeTree(self._indexes, space, home)

    def copy_by_path(self, space: SpaceId, path: str, error: Exception) -> BinaryIO:
        """Return a checked copy of a file that cannot be had at home.

        Raises:
            Exception: `error`, there is none.
        """
        with self._indexes.using(space) as index:
            entry = index.lookup(path.split("/"))
        return _from_elsewhere([] if entry is None else self._copies(space, entry), error)

    def open(self, located: Located) -> BinaryIO:
        """Return a located file, opened for reading: the asked provider's own checked copy, else from where it is at home.

        A copy that fails while it is read is passed over: reading goes on at the same byte at home.

        Raises:
            PosixError: enoent, it is not on any storage any more.
            StorageError: It cannot be read.
        """
        home, copies = self.of_space(located.space), self._copies(located.space, located.entry)
        own = _own_of(located, home, copies)

        def at_home() -> BinaryIO:
            return self.home_tree(home, located.space).open(located.path)

        for copy in own:
            try:
                return cast("BinaryIO", CopyReader(copy.open(), copy.facts, at_home))
            except (FileNotFoundError, Fs2odError) as error:
                self._distrust(located, copy, error)
        try:
            return at_home()
        except (FileNotFoundError, Fs2odError) as error:
            elsewhere = [copy for copy in copies if copy not in own and copy.storage.id != home.id]
            try:
                return _from_elsewhere([] if _is_gone(home, error) else elsewhere, error)
            except FileNotFoundError as gone:
                raise errors.posix("enoent") from gone

    def own_copy(self, located: Located) -> str | None:
        """Return where the asked provider's own storage has a checked copy of a file in its registered state, if it has.

        Raises:
            PosixError: enoent, the space is not supported any more.
        """
        home = self.of_space(located.space)
        if located.support.storage == home.id:
            return self.home_tree(home, located.space).inherited(located.path)
        own = _own_of(located, home, self._copies(located.space, located.entry))
        return own[0].path if own else None

    def distribution(self, located: Located) -> list[Share]:
        """Return what each storage of the space holds of a file, or of all below a directory.

        Raises:
            PosixError: enoent, the space is not supported any more.
        """
        entry, home = located.entry, self.of_space(located.space)
        held = {copy.storage.id: f"/{copy.path}" for copy in self._copies(located.space, entry)}
        found = []
        for storage in self._homes.storages(located.space):
            if storage.id == home.id:
                with self._indexes.using(located.space) as index:
                    is_lost = entry.kind is Kind.FILE and replicas.lost(index, home.id, top=entry.row)
                found.append(
                    Share(storage, 0 if is_lost else entry.size_bytes, None if is_lost else f"/{located.path}")
                )
            elif entry.kind is Kind.DIRECTORY:
                with self._indexes.using(located.space) as index:
                    there = replicas.counts(index, storage.id, top=entry.row)
                found.append(Share(storage, there.replicated_bytes, None))
            else:
                location = held.get(storage.id)
                found.append(Share(storage, entry.size_bytes if location else 0, location))
        return found

    def _copies(self, space: SpaceId, entry: Entry) -> list[_Copy]:
        storages = {storage.id: storage for storage in self._homes.storages(space)}
        if len(storages) < 2 or entry.kind is not Kind.FILE:
            return []
        with self._indexes.using(space) as index:
            registered, held = replicas.registered(index, entry.row), replicas.holders(index, entry.row)
        if registered is None:
            return []
        facts = _facts_of(registered[1])
        return [_Copy(space, storages[each.storage], each.path, facts) for each in held if each.storage in storages]

    def _distrust(self, located: Located, copy: _Copy, error: Exception) -> None:
        _log.warning("a copy of %r on storage %s cannot be read: %s", copy.path, copy.storage.name, error)
        if isinstance(error, FileNotFoundError):
            with self._indexes.using(located.space) as index:
                replicas.doubt(index, copy.storage.id, [located.entry.row])


@dataclass(frozen=True)
class SpaceTree:
    """The files of a space by their paths: from where they are at home, and while that is away from checked copies."""

    sources: Sources
    space: SpaceId
    home: HomeTree

    def open(self, path: str) -> BinaryIO:
        """Return a file, opened for reading, in its registered state if it is a copy.

        Raises:
            FileNotFoundError: It is not at home any more.
            StorageError: Home is away, and there is no copy.
        """
        try:
            return self.home.open(path)
        except (FileNotFoundError, Fs2odError) as error:
            if _is_gone(self.home.record, error):
                raise
            return self.sources.copy_by_path(self.space, path, error)

    def stat(self, path: str) -> Seen:
        """Return what stands at home.

        Raises:
            FileNotFoundError: Nothing.
            StorageError: Home is away.
        """
        return self.home.stat(path)


@dataclass(frozen=True)
class Share:
    """What a storage holds of a file or directory: how many bytes, and where; None if it has nothing, or for a directory."""

    storage: StorageRecord
    size_bytes: int
    location: str | None


@dataclass(frozen=True)
class _Copy:
    """A checked copy: where it is, and the state of the file that it is a copy of."""

    space: SpaceId
    storage: StorageRecord
    path: str
    facts: Facts

    def open(self) -> BinaryIO:
        return self.storage.opened_for(self.space).open(self.path)


def _facts_of(version: replicas.Version) -> Facts:
    """Return what an open file says that is in a registered state."""
    return Facts(version.size_bytes, version.mtime_ns, version.ctime_ns, version.inode)


def _is_gone(home: StorageRecord, error: Exception) -> bool:
    """Say whether a file is gone on purpose, and no scan has noticed: a copy must not bring it back."""
    return home.imported and isinstance(error, FileNotFoundError)


def _from_elsewhere(copies: Iterable[_Copy], error: Exception) -> BinaryIO:
    """Return a copy of what cannot be had at home for `error`, which is raised if there is none."""
    for copy in copies:
        try:
            return cast("BinaryIO", CopyReader(copy.open(), copy.facts, None))
        except (FileNotFoundError, Fs2odError) as further:
            _log.info("a copy on storage %s cannot be read either: %s", copy.storage.name, further)
    raise error


def _own_of(located: Located, home: StorageRecord, copies: Iterable[_Copy]) -> list[_Copy]:
    return [copy for copy in copies if copy.storage.id == located.support.storage != home.id]


class CopyReader(io.RawIOBase):
    """A copy, read in the place of the file: with the file's own state, so that whoever resumes may go on anywhere."""

    def __init__(self, copy: BinaryIO, facts: Facts, otherwise: Callable[[], BinaryIO] | None) -> None:
        """Take over an open copy.

        Args:
            copy: The copy.
            facts: The state of the file.
            otherwise: Opens the file itself, if reading the copy fails.
        """
        super().__init__()
        self._file = copy
        self.facts = facts
        self._otherwise = otherwise

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer is Python 3.12's
        """Fill the buffer, less only at the end.

        Raises:
            StorageError: Neither the copy nor the file can be read.
        """
        at = self._file.tell()
        try:
            content = self._file.read(len(buffer))
        except (Fs2odError, OSError):
            if self._otherwise is None:
                raise
            self._turn(self._otherwise, at)
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Close what is open."""
        self._file.close()
        super().close()

    def _turn(self, otherwise: Callable[[], BinaryIO], at: int) -> None:
        """Go on reading the file itself, if it is still the one that was copied."""
        file, self._otherwise = otherwise(), None
        if facts_of(file) != self.facts:
            file.close()
            raise StorageError("the file changed while its copy was read")
        self._file.close()
        self._file = file
        file.seek(at)
