"""From which storage a file's bytes come: the one place that knows, however many copies there are."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import BinaryIO, Protocol, cast

from msgspec import structs

from fs2od.errors import Fs2odError, StorageBusy
from fs2od.node.clock import Clock
from fs2od.node.index import Entry, Indexes, SpaceIndex, replicas
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.storage_records import Bucket
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.copies import Copy, CopyChanged, CopyReader
from fs2od.node.provider.located import Located
from fs2od.node.provider.silences import Silences
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Facts, Kind, Seen, Storage

__all__ = ["Files", "HomeTree", "Share", "Sources", "SpaceTree"]

_log = logging.getLogger(__name__)


class Files(Protocol):
    """What opens files by their paths: a storage, or all of a space's."""

    def open(self, path: str) -> BinaryIO:
        """Return a file, opened for reading."""
        ...


class _Lost(FileNotFoundError):
    """The file never came, in its present state, to the home that inherited its space."""


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
        try:
            return cast("BinaryIO", CopyReader(copy.open(), copy.facts, None))
        except CopyChanged as error:
            raise _other(copy) from error

    def stat(self, path: str) -> Seen:
        """Return what stands there.

        Raises:
            FileNotFoundError: Nothing.
            StorageError: It cannot be looked at.
        """
        copy = self._copy(path)
        if copy is None:
            return self.record.opened_for(self.space).stat(path)
        seen = self.record.opened_for(self.space).stat(copy.path)
        if not copy.checked.is_still(seen):
            raise _other(copy)
        return structs.replace(seen, **copy.facts._asdict())

    def inherited(self, path: str) -> str | None:
        """Return where the checked copy is that stands for a file, if one does."""
        try:
            copy = self._copy(path)
        except FileNotFoundError:
            return None
        return None if copy is None else copy.path

    def look(self, row: int, path: str) -> tuple[str, Seen] | None:
        """Return where the inherited copy of a file is by now that was at a path, and what stands there; None: nothing.

        Raises:
            StorageError: The storage refused, and nothing is known.
        """
        with self.indexes.using(self.space) as index:
            known = replicas.registered(index, row)
            at = path if known is None else self._at(index, path, known[0])
        try:
            return at, self.record.opened_for(self.space).stat(at)
        except FileNotFoundError:
            return None

    def _copy(self, path: str) -> Copy | None:
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
            if replicas.lost(index, self.record.id, top=entry.row).files:
                raise _Lost(errno.ENOENT, "its home ended before it was copied here", path)
            held = [each for each in replicas.holders(index, entry.row) if each.storage == self.record.id]
            known = replicas.registered(index, entry.row)
            if not held or known is None:
                return None  # it was written here
            at = self._at(index, held[0].path, path)
        # A disk's times would make a file unreadable that was only touched, and for which there is no other: they are compared
        # where it can be read back at once, now and then (fs2od.node.replication.inheritance).
        checked = held[0].checked if held[0].checked.md5 is not None else replace(held[0].checked, own=None)
        return Copy(self.space, self.record, at, entry.row, _facts_of(known[1]), checked)

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

    def __init__(
        self,
        homes: Homes,
        indexes: Indexes,
        clock: Clock,
        *,
        uncompared: Callable[[SpaceIndex, Storage, str], Collection[object]],
    ) -> None:
        """Prepare; `uncompared` returns what came to a path of a storage and was not compared yet with what arrived."""
        self._homes = homes
        self._indexes = indexes
        self._uncompared = uncompared
        self._silences = Silences(clock)

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
        return self._from_elsewhere([] if entry is None else self._copies(space, entry), error)

    def open(self, located: Located) -> BinaryIO:
        """Return a located file, opened for reading: the asked provider's own checked copy, else from where it is at home.

        A copy that fails while it is read is passed over: reading goes on at the same byte at home. A storage that does not answer
        is soon given up, and left alone for a minute.

        Raises:
            PosixError: enoent, it is not on any storage any more; enodata, it is lost: its home ended before it was copied.
            Busy: temporaryFailure, what is to replace it is being compared with what arrived.
            StorageError: It cannot be read.
        """
        home, copies = self.of_space(located.space), self._copies(located.space, located.entry)
        own = [copy for copy in _own_of(located, home, copies) if self._silences.may_try(copy.storage.id)]

        def at_home() -> BinaryIO:
            self._require_compared(located, home)
            return self.home_tree(home, located.space).open(located.path)

        for copy in own:

            def otherwise(error: Exception, copy: Copy = copy) -> BinaryIO:
                self._note_silence(copy, error)
                return at_home()

            try:
                found = copy.open(hurried=True)
            except (FileNotFoundError, Fs2odError) as error:
                self._distrust(copy, error)
            else:
                self._silences.answered(copy.storage.id)
                return cast("BinaryIO", CopyReader(found, copy.facts, otherwise))
        try:
            return at_home()
        except (FileNotFoundError, Fs2odError) as error:
            elsewhere = [copy for copy in copies if copy not in own and copy.storage.id != home.id]
            try:
                return self._from_elsewhere([] if _is_gone(home, error) else elsewhere, error)
            except FileNotFoundError as gone:
                raise errors.posix("enodata" if isinstance(gone, _Lost) else "enoent") from gone

    def _require_compared(self, located: Located, home: StorageRecord) -> None:
        """Let nobody read what has come in the place of a file and may still be found to be wrong: only buckets must be read back."""
        if home.imported or not isinstance(home.place, Bucket):
            return
        with self._indexes.using(located.space) as index:
            if self._uncompared(index, home.opened_for(located.space), located.path):
                said = "What replaces this file is being compared with what arrived: try again later."
                raise errors.error_of("temporaryFailure", said)

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
                    lost = replicas.lost(index, home.id, top=entry.row)
                is_lost = entry.kind is Kind.FILE and lost.files > 0
                found.append(
                    Share(storage, entry.size_bytes - lost.size_bytes, None if is_lost else f"/{located.path}")
                )
            elif entry.kind is Kind.DIRECTORY:
                with self._indexes.using(located.space) as index:
                    there = replicas.counts(index, storage.id, top=entry.row)
                found.append(Share(storage, there.replicated_bytes, None))
            else:
                location = held.get(storage.id)
                found.append(Share(storage, entry.size_bytes if location else 0, location))
        return found

    def _copies(self, space: SpaceId, entry: Entry) -> list[Copy]:
        storages = {storage.id: storage for storage in self._homes.storages(space)}
        if len(storages) < 2 or entry.kind is not Kind.FILE:
            return []
        with self._indexes.using(space) as index:
            registered, held = replicas.registered(index, entry.row), replicas.holders(index, entry.row)
        if registered is None:
            return []
        facts = _facts_of(registered[1])
        return [
            Copy(space, storages[each.storage], each.path, entry.row, facts, each.checked)
            for each in held
            if each.storage in storages
        ]

    def _from_elsewhere(self, copies: Iterable[Copy], error: Exception) -> BinaryIO:
        """Return a copy of what cannot be had at home for `error`, which is raised if there is none."""
        for copy in copies:
            try:
                return cast("BinaryIO", CopyReader(copy.open(), copy.facts, None))
            except (FileNotFoundError, Fs2odError) as further:
                self._distrust(copy, further)
        raise error

    def _distrust(self, copy: Copy, error: Exception) -> None:
        """Have a copy looked at that is gone or another one: nobody is given it until then."""
        _log.warning("a copy of %r on storage %s cannot be read: %s", copy.path, copy.storage.name, error)
        self._note_silence(copy, error)
        if isinstance(error, FileNotFoundError | CopyChanged):
            count_no_more = replicas.suspect if isinstance(error, CopyChanged) else replicas.doubt
            with self._indexes.using(copy.space) as index:
                count_no_more(index, copy.storage.id, [copy.row])

    def _note_silence(self, copy: Copy, error: Exception) -> None:
        if isinstance(error, StorageBusy):
            self._silences.silent(copy.storage.id)
        else:
            self._silences.answered(copy.storage.id)


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


def _facts_of(version: replicas.Version) -> Facts:
    """Return what an open file says that is in a registered state."""
    return Facts(version.size_bytes, version.mtime_ns, version.ctime_ns, version.inode)


def _is_gone(home: StorageRecord, error: Exception) -> bool:
    """Say whether a file is gone on purpose, and no scan has noticed: a copy must not bring it back."""
    return home.imported and isinstance(error, FileNotFoundError)


def _other(copy: Copy) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "it is not here as it was when it was checked", copy.path)


def _own_of(located: Located, home: StorageRecord, copies: Iterable[Copy]) -> list[Copy]:
    return [copy for copy in copies if copy.storage.id == located.support.storage != home.id]
