"""A checked copy, read in the place of its file: given only as it was when it was checked, with the file's own state."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from fs2od.errors import Fs2odError, StorageError
from fs2od.node.index.checked import Checked
from fs2od.node.panel.storages import StorageRecord
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Facts, facts_of

__all__ = ["Copy", "CopyChanged", "CopyReader"]


class CopyChanged(StorageError):
    """A copy is not as it was when it was checked: take another one, and have this one looked at."""


@dataclass(frozen=True)
class Copy:
    """A checked copy.

    Attributes:
        space: Of which space.
        storage: Where it lies.
        path: Its path there.
        row: The file's row.
        facts: The state of the file that it is a copy of.
        checked: What it was when it was checked.
    """

    space: SpaceId
    storage: StorageRecord
    path: str
    row: int
    facts: Facts
    checked: Checked

    def open(self, *, hurried: bool = False) -> BinaryIO:
        """Return it, opened for reading; `hurried` as `StorageRecord.opened_for` has it.

        Raises:
            FileNotFoundError: It is not there.
            CopyChanged: It is not what was checked.
            StorageError: It cannot be read.
        """
        file = self.storage.opened_for(self.space, hurried=hurried).open(self.path)
        try:
            if not self.checked.is_open(facts_of(file)):
                raise CopyChanged(f"the copy of {self.path!r} is not what was checked")
        except BaseException:
            file.close()
            raise
        return file


class CopyReader(io.RawIOBase):
    """A copy, read in the place of the file: with the file's own state, so that whoever resumes may go on anywhere."""

    def __init__(self, copy: BinaryIO, facts: Facts, otherwise: Callable[[Exception], BinaryIO] | None) -> None:
        """Take over an open copy.

        Args:
            copy: The copy.
            facts: The state of the file.
            otherwise: Opens the file itself, told why reading the copy fails.
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
        except (Fs2odError, OSError) as error:
            if self._otherwise is None:
                raise
            self._turn(self._otherwise(error), at)
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Close what is open."""
        self._file.close()
        super().close()

    def _turn(self, file: BinaryIO, at: int) -> None:
        """Go on reading the file itself, if it is still the one that was copied."""
        self._otherwise = None
        if facts_of(file) != self.facts:
            file.close()
            raise StorageError("the file changed while its copy was read")
        self._file.close()
        self._file = file
        file.seek(at)
