"""What every storage can do, and the facts that it tells about an entry."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO


class Kind(StrEnum):
    """What an entry is, in Onedata's words; OTHER cannot be delivered."""

    FILE = "REG"
    DIRECTORY = "DIR"
    SYMLINK = "SYMLNK"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry as the storage shows it. `name` is None where it is not UTF-8; `shown_name` can always be printed.

    Times are nanoseconds since 1970, sizes bytes.
    """

    name: str | None
    shown_name: str
    kind: Kind
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    target: str | None = None


class Storage(abc.ABC):
    """A tree of files. Paths are relative, with "/" between names and "" for the root; no path leads out of the tree.

    For implementers: every method may be called from several threads at once, and leaves nothing open after a failure.
    """

    @abc.abstractmethod
    def stat(self, path: str) -> Seen:
        """Return the facts of one entry, without following a link.

        Raises:
            FileNotFoundError: It is not there.
            StorageError: The storage refused.
        """

    @abc.abstractmethod
    def list(self, path: str) -> Iterator[Seen]:
        """Yield the entries of a directory, in the storage's order, as they are read: memory stays flat.

        Raises:
            FileNotFoundError: It is not there any more, or is no directory.
            StorageError: The storage refused.
        """

    @abc.abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Return a file opened for reading, unbuffered and seekable. The caller closes it.

        Raises:
            FileNotFoundError: It is not there any more, is no plain file, or a link stands on its way.
            StorageError: The storage refused.
        """
