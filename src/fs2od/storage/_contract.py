"""What every storage can do, and the facts that it tells about an entry."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO

import msgspec


class Kind(StrEnum):
    """What an entry is, in Onedata's words; OTHER cannot be delivered."""

    FILE = "REG"
    DIRECTORY = "DIR"
    SYMLINK = "SYMLNK"
    OTHER = "OTHER"


# A million of these are made in one scan: a Struct without garbage collection costs a fifth of a frozen dataclass.
class Seen(msgspec.Struct, frozen=True, gc=False):
    """One entry as the storage shows it. Times are nanoseconds since 1970, sizes bytes (0 for directories).

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


class Storage(abc.ABC):
    """A tree of files. Paths are relative, with "/" between names and "" for the root; no path leads out of the tree.

    For implementers: every method may be called from several threads at once, and leaves nothing open after a failure.
    `fs2od.testing.storage_contract` holds an implementation to all of this.
    """

    @abc.abstractmethod
    def stat(self, path: str) -> Seen:
        """Return the facts of one entry, without following a link.

        Raises:
            FileNotFoundError: It is not there.
            StorageMissing: The root is not there or may not be read; nothing may be concluded about what lies below.
            StorageError: The storage refused.
        """

    @abc.abstractmethod
    def list(self, path: str) -> Iterator[Seen]:
        """Yield the entries of a directory, in the storage's order, as they are read: memory stays flat.

        An entry that is there and cannot be delivered is yielded, too, with the reason in `refused`; one bad entry never
        ends the listing.

        Raises:
            FileNotFoundError: It is not there any more, is no directory, or a link stands on its way.
            StorageMissing: The root is not there or may not be read.
            StorageError: The storage refused.
        """

    @abc.abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Return a file opened for reading, unbuffered and seekable. The caller closes it.

        Raises:
            FileNotFoundError: It is not there any more, is no plain file, or a link stands on its way.
            StorageMissing: The root is not there or may not be read.
            StorageError: The storage refused.
        """
