"""What every storage can do, and the facts that it tells about an entry."""

from __future__ import annotations

import abc
import hashlib
import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Flag, StrEnum, auto
from itertools import compress, islice, repeat
from typing import BinaryIO, ClassVar, NamedTuple, TypeAlias

import msgspec

Chunk: TypeAlias = bytes | bytearray | memoryview
_BATCH = 500


class Kind(StrEnum):
    """What an entry is, in Onedata's words; OTHER cannot be delivered."""

    FILE = "REG"
    DIRECTORY = "DIR"
    SYMLINK = "SYMLNK"
    OTHER = "OTHER"


class Can(Flag):
    """What a storage can do beyond what every storage does. Callers ask `storage.can`, never for its class."""

    WRITE_AT = auto()
    """Bytes anywhere in a file that is there: `write_at` and `truncate`."""
    RENAME_ATOMICALLY = auto()
    """`rename` is one step that everybody sees whole; else it copies, and a directory's files arrive one by one."""
    KEEP_DIRECTORIES = auto()
    """A directory is there by itself; else it is there as long as something lies in it."""
    TELL_SPACE = auto()
    """`space_left` is known."""
    TELL_MD5 = auto()
    """`Seen.md5` says what the store computed over the content that it took."""
    PRESIGN = auto()
    """`presigned` gives addresses that need no credentials."""


# A million of these are made in one scan: a Struct without garbage collection costs a fifth of a frozen dataclass.
class Seen(msgspec.Struct, frozen=True, gc=False):
    """One entry as the storage shows it. Times are nanoseconds since 1970, sizes bytes (0 for directories).

    `md5` is what the store itself computed over a file's content (`md5_of_parts` says how), None where it tells nothing.
    `refused` says why it cannot be delivered, None if it can. A refused entry's `name` is for people only: it may
    stand for one that is not UTF-8.
    """

    name: str
    kind: Kind
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    target: str | None = None
    refused: str | None = None
    md5: str | None = None


Wanted: TypeAlias = Callable[[Seen], bool]


class Files(NamedTuple):
    """Plain files that can be delivered, column by column: for a million of them, an object each would take too long."""

    names: Sequence[str]
    sizes_bytes: Sequence[int]
    mtimes_ns: Sequence[int]
    ctimes_ns: Sequence[int]
    inodes: Sequence[int]

    def chosen(self, chosen: Sequence[bool]) -> Files:
        """Return some of them."""
        names = list(compress(self.names, chosen))
        return Files(names, *(list(compress(column, chosen)) for column in self[1:]))

    def seen(self) -> Iterator[Seen]:
        """Yield them one by one."""
        return map(Seen, self.names, repeat(Kind.FILE), *self[1:])


NO_FILES = Files((), (), (), (), ())


class Listed(NamedTuple):
    """Some entries of a directory. Plain files may be in either."""

    files: Files
    others: Sequence[Seen]


Begin: TypeAlias = Callable[[str, Wanted], Iterator[Listed] | None]


class Facts(NamedTuple):
    """The state of an open file; all of it is what `Seen` says of the same file."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


_EARLIEST_NS, _LATEST_NS = -(1 << 63), (1 << 63) - 1


def bounded_ns(time_ns: int) -> int:
    """Return a time of a file, or the nearest that databases can hold: file systems know times beyond the year 2262."""
    return min(max(time_ns, _EARLIEST_NS), _LATEST_NS)


def facts_of(file: BinaryIO) -> Facts:
    """Return the state that a file has which a storage opened: as it is now where there is a descriptor, else as opened.

    Raises:
        OSError: The disk failed.
    """
    told: Facts | None = getattr(file, "facts", None)
    if told is not None:
        return told
    found = os.fstat(file.fileno())
    return Facts(found.st_size, bounded_ns(found.st_mtime_ns), bounded_ns(found.st_ctime_ns), found.st_ino)


class Upload(msgspec.Struct, frozen=True):
    """A file that arrives in numbered parts, perhaps over several lives of the process. Can be written down as JSON.

    Part n (from 0) begins at byte n * `part_bytes`, and each but the last has exactly that many. `id` is the storage's
    own word for it.
    """

    path: str
    id: str
    size_bytes: int
    part_bytes: int

    @property
    def count(self) -> int:
        """How many parts there are; 1 for an empty file."""
        return max(1, -(-self.size_bytes // self.part_bytes))

    def length(self, number: int) -> int:
        """Return the size of one part in bytes.

        Raises:
            ValueError: There is no such part.
        """
        if not 0 <= number < self.count:
            raise ValueError(f"part {number} of {self.count}")
        return min(self.part_bytes, self.size_bytes - number * self.part_bytes)


def md5_of_parts(digests: Sequence[bytes], *, uploaded: bool) -> str:
    """Return what `Seen.md5` says of a file whose parts have these MD5 digests.

    Args:
        digests: One for each part; one for the whole file that was written at once.
        uploaded: Whether it came by an upload, also one of a single part.
    """
    if not uploaded:
        return digests[0].hex()
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"


class Storage(abc.ABC):
    """A tree of files. Paths are relative, with "/" between names and "" for the root; no path leads out of the tree.

    A file stands under its name only when it is whole: until then nobody sees it, and what stood there before stays.

    Every method raises besides what it names:
        FileNotFoundError: A path that no entry can have, a link on the way, or what should be there is not.
        StorageMissing: The root is not there or may not be used; nothing may be concluded about what lies below.
        StorageFull: No space or quota is left: make room and do the same again.
        StorageError: The storage refused.

    For implementers: every method may be called from several threads at once, and leaves nothing open after a failure.
    `fs2od.testing.storage_contract` holds an implementation to all of this.
    """

    can: ClassVar[Can]

    @abc.abstractmethod
    def stat(self, path: str) -> Seen:
        """Return the facts of one entry, without following a link."""

    @abc.abstractmethod
    def list(self, path: str) -> Iterator[Seen]:
        """Yield the entries of a directory, in the storage's order, as they are read: memory stays flat.

        An entry that is there and cannot be delivered is yielded, too, with the reason in `refused`; one bad entry never
        ends the listing.
        """

    def listing(self) -> AbstractContextManager[Begin]:
        """Yield what begins to list a directory, for one thread that lists many.

        It is called with a path and what says, by the directory's own facts, whether it is to be listed; it returns the
        entries in batches of up to some hundred, None if they are not wanted, and raises what `list` raises. Several
        may be begun before the first is read. They are read before the block ends.
        """

        def begin(path: str, wanted: Wanted) -> Iterator[Listed] | None:
            return _in_batches(self.list(path)) if wanted(self.stat(path)) else None

        return nullcontext(begin)

    @abc.abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Return a plain file opened for reading, unbuffered and seekable. The caller closes it.

        `facts_of` says in which state it is.
        """

    @abc.abstractmethod
    def write(self, path: str, chunks: Iterable[Chunk], *, replace: bool = True, check: bool = False) -> Seen:
        """Make a file of these bytes, however many, and return its facts. Durable when it returns.

        The directory that it lies in must be there. An error out of `chunks` passes through and leaves no file.

        Args:
            path: The file's name. What a link of that name points to is left alone: the link is replaced.
            chunks: The content, in pieces of any size.
            replace: Whether a file of that name may be replaced.
            check: Whether a storage that stands behind a network compares what it has then with what it was given. Nobody
                else may write the same name meanwhile.

        Raises:
            FileExistsError: A file has the name and `replace` is false, or a directory where they are kept.
            IntegrityFailure: It was checked, and other bytes have the name than were given: remove them.
        """

    def write_at(self, path: str, offset: int, chunks: Iterable[Chunk]) -> Seen:
        """Write into a file that is there, from `offset` on, which may lie beyond its end. Needs `Can.WRITE_AT`.

        Not atomic: readers may see some of it, and an error leaves what was written till then.
        """
        raise NotImplementedError

    def truncate(self, path: str, size_bytes: int) -> Seen:
        """Make a file that is there shorter, or longer with zeros. Needs `Can.WRITE_AT`."""
        raise NotImplementedError

    @abc.abstractmethod
    def begin_upload(self, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Begin a file that arrives in parts. End it with `complete_upload` or `abort_upload`.

        The storage may choose larger parts than asked for: obey what is returned.

        Raises:
            FileExistsError: A directory has the name, where they are kept.
        """

    @abc.abstractmethod
    def put_part(self, upload: Upload, number: int, content: Chunk) -> None:
        """Keep one part, durably. Parts may come in any order, several at once, and again.

        Raises:
            ValueError: There is no such part, or it has another length.
        """

    @abc.abstractmethod
    def parts_of(self, upload: Upload) -> frozenset[int]:
        """Return which parts are there whole, also after the process was killed.

        Raises:
            FileNotFoundError: The upload was completed, aborted or cleared away: begin a new one.
        """

    @abc.abstractmethod
    def complete_upload(self, upload: Upload) -> Seen:
        """Put the file under its name, replacing what stands there, and return its facts.

        Raises:
            FileNotFoundError: The upload was completed, aborted or cleared away: look whether the file is there.
            FileExistsError: A directory has the name, where they are kept.
            ValueError: A part is missing.
        """

    @abc.abstractmethod
    def abort_upload(self, upload: Upload) -> None:
        """Forget an upload and its parts. Nothing happens when it is gone already."""

    @abc.abstractmethod
    def sweep(self, *, before_ns: int, keep: Container[str] = ()) -> int:
        """Clear away what writes and uploads left that nobody ends any more, and return how many they were.

        Args:
            before_ns: Only what last moved before this moment (nanoseconds since 1970).
            keep: The ids of uploads that go on, whatever their age.
        """

    @abc.abstractmethod
    def make_directory(self, path: str) -> None:
        """Make a directory with all that lead to it. Nothing happens when it is there.

        Raises:
            FileExistsError: Something else has its name, or one on the way, where directories are kept.
        """

    @abc.abstractmethod
    def delete(self, path: str) -> None:
        """Remove a file, a link, or a directory with nothing in it.

        Raises:
            DirectoryNotEmpty: Remove what lies in it first.
        """

    @abc.abstractmethod
    def rename(self, path: str, to: str) -> None:
        """Give an entry another name, in a directory that is there. A file that has it is replaced.

        Raises:
            FileExistsError: A directory has that name, or `to` lies inside `path`.
        """

    def begin_copy(self, path: str, to: str) -> Upload:
        """Copy a file within the storage, and return an upload that has all of its bytes: only to complete it is left.

        For storages without `Can.RENAME_ATOMICALLY`, whose renames take long for large files. The file stays.
        """
        raise NotImplementedError

    def space_left(self) -> int | None:
        """Return how many bytes can still be written; None where the storage does not tell."""
        return None

    def presigned(self, path: str, *, offset: int, length: int, expires_s: int) -> str:
        """Return an address under which anybody gets these bytes for so long. Needs `Can.PRESIGN`.

        The request must carry exactly `Range: bytes=OFFSET-LAST`. Whether the file is there is not looked at.
        """
        raise NotImplementedError


def _in_batches(entries: Iterator[Seen]) -> Iterator[Listed]:
    while batch := list(islice(entries, _BATCH)):
        yield Listed(NO_FILES, batch)
