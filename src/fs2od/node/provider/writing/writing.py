"""Files and directories made, written, moved and removed: bytes first, then the index; one note covers each step between."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from fs2od.errors import StorageError
from fs2od.manifests import Digester
from fs2od.node.index import Entry, Indexes, SpaceIndex, arrivals
from fs2od.node.index.arrivals import Arrival
from fs2od.node.index.changes import place, rename, write_down
from fs2od.node.provider.access import Access, Located, Need
from fs2od.node.provider.checksums import know
from fs2od.node.provider.writing.arriving import Arrived, Arriving
from fs2od.node.provider.writing.change import Change, stored, written_whole
from fs2od.node.provider.writing.digests import Digests
from fs2od.node.provider.writing.moving import moving
from fs2od.node.provider.writing.places import Place, Places
from fs2od.node.provider.writing.quotas import Quotas
from fs2od.node.provider.writing.reading_again import Reading, ReadingAgain
from fs2od.node.provider.writing.removing import Removing
from fs2od.node.provider.writing.trees import Trees
from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors
from fs2od.storage import Can, Chunk, Kind, Seen, Storage

__all__ = ["Writing", "Written"]

_ZEROS = bytes(1 << 16)


@dataclass(frozen=True)
class Written:
    """A file as it was written, and the SHA-256 of all its bytes where the node has seen all of them arrive."""

    located: Located
    sha256: str | None = None


class Writing:
    """Changes what lies in spaces whose storage can be written to, for callers who may.

    Everything is durable before it returns. Every method may raise besides what it names:

    - PosixError: erofs, the space is read-only here; enospc, its quota or the disk is full; eacces; enoent.
    - Unauthorized: The token ended while bytes arrived; nothing of a whole file is kept then.
    - Busy: The storage has other bytes than it was given; a file that was to be whole was removed.
    - StorageError: The storage refused.
    """

    def __init__(
        self,
        access: Access,
        places: Places,
        trees: Trees,
        indexes: Indexes,
        quotas: Quotas,
        now_s: Callable[[], int],
        *,
        recheck_bytes: int,
        directory_mode: int,
    ) -> None:
        self._access = access
        self.places = places
        self._trees = trees
        self._indexes = indexes
        self._quotas = quotas
        self._now_s = now_s
        self._digests = Digests()
        self._reading_again = ReadingAgain(indexes, self._digests)
        self._arriving = Arriving(access, places, trees, indexes, quotas, now_s)
        self._recheck_bytes = recheck_bytes
        self._directory_mode = directory_mode

    def make_file(self, where: Place, body: Iterable[Chunk], *, mode: int, offset: int = 0) -> Written:
        """Make a file of the bytes of a body; before `offset` there are zeros. Whole or not at all.

        Raises:
            PosixError: eexist, the name is taken.
        """
        if where.existing is not None:
            raise errors.posix("eexist")
        storage = self._trees.opened(where.space)
        where = self._with_parents(where, storage)
        judge = partial(self.places.at, where.directory.caller, where.space, where.path.split("/"))
        digester = Digester()
        with self._change(where, storage) as change:
            incoming = self._incoming(change, [_zeros(offset), body], judge, digester)

            def chunks() -> Iterator[Chunk]:
                yield from incoming
                change.begin(where.path)
                if self._child(change.index, where) is not None:
                    raise errors.posix("eexist")

            seen = written_whole(storage, where.path, chunks(), replace=False)
            with change.registering() as db:
                row = place(db, where.directory.entry.row, seen, mode=mode, now_s=self._now_s())
                know(db, row, seen, digester)
            self._digests.keep(where.space, row, seen, digester)
            return Written(self._made(change.index, where, row), digester.sha256)

    def make_directory(self, where: Place, *, mode: int) -> Located:
        """Make a directory.

        Raises:
            PosixError: eexist, the name is taken.
        """
        if where.existing is not None:
            raise errors.posix("eexist")
        storage = self._trees.opened(where.space)
        where = self._with_parents(where, storage)
        with self._change(where, storage) as change:
            row = self._make_directory(change, where, mode)
            return self._made(change.index, where, row)

    def put(self, file: Located, body: Iterable[Chunk]) -> Written:
        """Replace all bytes of a file. Whole or not at all.

        Raises:
            PosixError: eisdir; ebusy, it was moved meanwhile.
        """
        storage = self._to_write(file)
        digester = Digester()
        judge = partial(self._access.locate, file.caller, file.file_id, Need.MODIFY)
        with self._change(Place(file, (), file.entry), storage) as change:
            incoming = self._incoming(change, [body], judge, digester, replaces=file.entry.size_bytes)

            def chunks() -> Iterator[Chunk]:
                yield from incoming
                change.begin(file.path)
                if self._path(change.index, file) != file.path:
                    raise errors.posix("ebusy")

            seen = written_whole(storage, file.path, chunks())
            with change.registering() as db:
                write_down(db, file.entry.row, seen)
                know(db, file.entry.row, seen, digester)
            self._digests.keep(file.space, file.entry.row, seen, digester)
            return Written(file, digester.sha256)

    def put_at(self, file: Located, body: Iterable[Chunk], offset: int) -> Written:
        """Write bytes into a file from an offset on; what it had elsewhere stays, and holes are zeros.

        Not atomic: when it fails, a part may be written.

        Raises:
            PosixError: eisdir; enotsup, the storage takes whole files only, and these are no parts of one that was begun.
        """
        storage = self._to_write(file)
        if Can.WRITE_AT not in storage.can:
            return Written(file, self._arriving.put(file, storage, body, offset))
        before = stored(partial(storage.stat, file.path))
        digester = self._digests.take(file.space, file.entry.row, before, offset)
        judge = partial(self._access.locate, file.caller, file.file_id, Need.MODIFY)
        with self._change(Place(file, (), file.entry), storage) as change:
            change.note(entry=file.entry.row)
            incoming = self._incoming(change, [body], judge, digester, replaces=before.size_bytes, start=offset)
            seen = stored(lambda: storage.write_at(file.path, offset, incoming))
            change.hold()
            if self._path(change.index, file) != file.path:
                seen = stored(lambda: storage.stat(self._path(change.index, file)))
            if digester is not None and digester.size_bytes != seen.size_bytes:
                digester = None  # somebody else wrote into it, too
            with change.registering() as db:
                write_down(db, file.entry.row, seen)
                if digester is not None:
                    know(db, file.entry.row, seen, digester)
            if digester is not None:
                self._digests.keep(file.space, file.entry.row, seen, digester)
            return Written(file, digester.sha256 if digester is not None else None)

    def begin_arrival(self, file: Located, name: str, size_bytes: int) -> Arrived:
        """Begin to take in an empty file part by part, or say how much of it is there; see `Arriving.begin`."""
        return self._arriving.begin(file, name, size_bytes)

    def remove(self, located: Located) -> None:
        """Remove a file, or a directory with all that lies in it.

        Raises:
            PosixError: eperm, it is the space's root; eacces, also part-way in a directory.
        """
        where = self.places.of(located)
        storage = self._trees.opened(located.space)
        judge = partial(self.places.of, located)
        still = partial(self._access.require_still, located, judge)
        with self._indexes.using(located.space) as index:
            Removing(index, storage, self._trees.lock(located.space), still).run(where.path, located.entry)

    def move(self, source: Located, where: Place, *, replaces: bool = True) -> Located:
        """Give a file or directory another place in its space; a file that stands there is replaced in the same moment.

        Args:
            source: What moves.
            where: Where to.
            replaces: Whether a file that stands there may be replaced.

        Raises:
            PosixError: exdev, that is another space; eexist, the name is taken; einval, a directory cannot lie in itself;
                eisdir, enotdir, one is a directory and the other is none; ebusy, not all of its parts have arrived.
            Busy: temporaryFailure, a file is being read back that will appear there or below it.
        """
        if source.space != where.space:
            raise errors.posix("exdev")
        here = self.places.of(source)
        storage = self._trees.opened(source.space)
        if here.path == where.path:
            return source
        if f"{where.path}/".startswith(f"{here.path}/"):
            raise errors.posix("einval")
        if where.existing is not None:
            _require_free(source.entry, where.existing, replaces=replaces)
        still = partial(self._access.require_still, source, partial(self.places.of, source))
        with moving(storage, source, where.path, still) as move, self._change(where, storage) as change:
            change.hold()
            there = self._child(change.index, where)
            entry = change.index.get(source.entry.row)
            if entry is None or self._path(change.index, source) != source.path:
                raise errors.posix("enoent")
            _require_free(entry, there, replaces=replaces)
            arrives = arrivals.arrival(change.index, entry.row)
            if arrives is not None:
                return self._arrived(change, storage, entry, where, arrives, replaces=replaces)
            self._arriving.require_not_ending(source.space, source.path)  # it has the bytes of another one already
            change.begin(where.path, source=source.path)
            is_empty = entry.kind is Kind.DIRECTORY and not entry.files
            if Can.KEEP_DIRECTORIES in storage.can or not is_empty:
                move.finish()
            is_directory = entry.kind is Kind.DIRECTORY
            seen = self._directory_seen(storage, where) if is_directory else stored(lambda: storage.stat(where.path))
            with change.registering() as db:
                rename(db, entry, where.directory.entry.row, where.names[-1], seen)
            if is_directory and Can.RENAME_ATOMICALLY not in storage.can:
                self._trees.settling(where.space, storage).written_below(change.index, where.path)
            return self._made(change.index, where, entry.row)

    def read_again(self, file: Located, *, wait_s: float) -> Reading | None:
        """Return how far the checksum of a file is computed that was written in pieces; see `ReadingAgain.of`.

        Raises:
            PosixError: erofs, it lies where nothing is written.
        """
        return self._reading_again.of(file, lambda: self._to_write(file), wait_s=wait_s)

    def close(self) -> None:
        """Stop what goes on behind."""
        self._reading_again.close()

    def _arrived(
        self, change: Change, storage: Storage, entry: Entry, where: Place, arrives: Arrival, *, replaces: bool
    ) -> Located:
        """Let a file that came in parts appear under its name, in the place of the empty one."""
        self._arriving.require_whole(change.index, arrives, where.path)
        source = change.index.path(entry)
        change.begin(where.path, source=source)
        with self._trees.ending(where.space, where.path):
            seen, is_right = self._arriving.complete(change.index, storage, arrives)
            if not is_right:
                entry = self._compared(change, storage, entry, where, arrives, seen, replaces=replaces)
            digester = self._arriving.digester(change.index, arrives)
            with suppress(FileNotFoundError):
                storage.delete(source)
            with change.registering() as db:
                rename(db, entry, where.directory.entry.row, where.names[-1], seen)
                arrivals.drop(db, entry.row)
                if digester is not None:
                    know(db, entry.row, seen, digester)
        made = self._made(change.index, where, entry.row)
        if digester is None:
            with suppress(StorageError):
                self._reading_again.of(made, lambda: storage, wait_s=0)
        return made

    def _compared(
        self,
        change: Change,
        storage: Storage,
        entry: Entry,
        where: Place,
        arrives: Arrival,
        seen: Seen,
        *,
        replaces: bool,
    ) -> Entry:
        """Read back what arrived where the storage does not say what it has; others change names meanwhile. Return the file's entry then."""
        index, source, parts = change.index, change.index.path(entry), arrivals.parts(change.index, entry.row)
        there: Entry | None = None
        change.let_go()
        try:
            is_right = self._arriving.reads(storage, arrives, parts)
        finally:
            change.hold()
        if stored(lambda: storage.stat(where.path)) != seen:
            self._arriving.forget(index, arrives)
            raise errors.posix("ebusy")  # somebody else wrote there
        if not is_right:
            raise self._arriving.refuse(index, storage, arrives)
        now = index.get(entry.row)
        try:
            there = self._child(index, where)
            if now is None or index.path(now) != source:
                raise errors.posix("enoent")
            _require_free(now, there, replaces=replaces)
        except errors.ServiceError:
            if there is None or there.kind is Kind.DIRECTORY:  # nobody knows of it
                self._arriving.discard(index, storage, arrives)
            self._arriving.forget(index, arrives)
            raise
        return now

    def _to_write(self, file: Located) -> Storage:
        if file.entry.kind is Kind.DIRECTORY:
            raise errors.posix("eisdir")
        if file.entry.kind is not Kind.FILE:
            raise errors.posix("einval")
        return self._trees.opened(file.space)

    @contextmanager
    def _change(self, where: Place, storage: Storage) -> Generator[Change]:
        space = where.space
        with (
            self._indexes.using(space) as index,
            self._quotas.claiming(where.space) as claim,
            ExitStack() as held,
        ):
            settle = partial(self._trees.settle, index, storage)
            lock = self._trees.lock(space)
            change = Change(index, where.directory, claim, settle, lambda: held.enter_context(lock), held.close)
            try:
                yield change
            except BaseException:
                change.settle()
                raise

    def _incoming(
        self,
        change: Change,
        parts: Iterable[Iterable[Chunk]],
        judge: Callable[[], object],
        digester: Digester | None,
        *,
        replaces: int = 0,
        start: int = 0,
    ) -> Iterator[Chunk]:
        """Yield what arrives, as long as there is room for it and the access that it came with holds."""
        end, unchecked = start, 0
        still = partial(self._access.require_still, change.located, judge)
        for part in parts:
            for chunk in part:
                end += len(chunk)
                unchecked += len(chunk)
                change.claim.grow_to(end - replaces)
                if unchecked >= self._recheck_bytes:
                    unchecked = 0
                    still()
                if digester is not None:
                    digester.update(chunk)
                yield chunk
        still()

    def _with_parents(self, where: Place, storage: Storage) -> Place:
        """Make the directories that lead to a place, and return the place in the last of them."""
        while len(where.names) > 1:
            step = replace(where, names=where.names[:1])
            with self._change(step, storage) as change:
                change.hold()
                there = self._child(change.index, step)
                if there is not None and there.kind is not Kind.DIRECTORY:
                    raise errors.posix("enotdir")
                row = there.row if there is not None else self._make_directory(change, step, self._directory_mode)
                where = Place(self._made(change.index, step, row), where.names[1:], None)
        return where

    def _make_directory(self, change: Change, where: Place, mode: int) -> int:
        storage = self._trees.opened(where.space)
        change.begin(where.path)
        if self._child(change.index, where) is not None:
            raise errors.posix("eexist")
        stored(lambda: storage.make_directory(where.path))
        seen = self._directory_seen(storage, where)
        with change.registering() as db:
            return place(db, where.directory.entry.row, seen, mode=mode, now_s=self._now_s())

    def _directory_seen(self, storage: Storage, where: Place) -> Seen:
        if Can.KEEP_DIRECTORIES in storage.can:
            return stored(lambda: storage.stat(where.path))
        now_ns = time.time_ns()
        return Seen(where.names[-1], Kind.DIRECTORY, 0, now_ns, now_ns, 0)

    def _child(self, index: SpaceIndex, where: Place) -> Entry | None:
        """Return what has a place's name by now; the directory must still be where it was."""
        if self._path(index, where.directory) != where.directory.path:
            raise errors.posix("enoent")
        return index.child(where.directory.entry.row, where.names[-1])

    def _path(self, index: SpaceIndex, located: Located) -> str:
        entry = index.get(located.entry.row)
        if entry is None:
            raise errors.posix("enoent")
        return index.path(entry)

    def _made(self, index: SpaceIndex, where: Place, row: int) -> Located:
        entry = index.get(row)
        if entry is None:
            raise errors.posix("enoent")
        return self._access.below(where.directory, entry, "/".join(where.names))

    def located_to_put(self, caller: Caller, text: str) -> Located:
        """Return a file that its caller may write into.

        Raises:
            ServiceError: As for finding a file.
        """
        return self._access.locate_private(caller, text, Need.MODIFY)


def _require_free(entry: Entry, there: Entry | None, *, replaces: bool) -> None:
    if there is None:
        return
    if not replaces or (entry.kind is Kind.DIRECTORY and there.kind is Kind.DIRECTORY):
        raise errors.posix("eexist")
    if there.kind is Kind.DIRECTORY:
        raise errors.posix("eisdir")
    if entry.kind is Kind.DIRECTORY:
        raise errors.posix("enotdir")


def _zeros(count: int) -> Iterator[bytes]:
    while count:
        piece = _ZEROS[:count]
        count -= len(piece)
        yield piece
