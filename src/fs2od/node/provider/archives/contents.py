"""Contents of files as they are registered: read only while they are what the index says."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from fs2od.errors import Fs2odError, StorageError
from fs2od.node.cut_off import AccessEnded
from fs2od.node.index.rows import Row
from fs2od.node.provider.sources import Files
from fs2od.onedata.ids import SpaceId
from fs2od.storage import facts_of

__all__ = ["Changed", "Checked", "KnownCrc32", "Read"]

Read = tuple[int, int, int, int, int]
"""What was read of a file: its size, mtime_ns, ctime_ns and inode then, and the CRC-32 of its bytes."""
_MOST_REMEMBERED = 5000


class Changed(AccessEnded):  # it reports what was done on purpose
    """A file, or what is registered of it, is not any more what it was in the archive's state."""


class KnownCrc32(Protocol):
    """What is known of files' CRC-32."""

    def crc32s(self, space: SpaceId, rows: list[int], /) -> Mapping[int, int]:
        """Return those that are known for files as they are registered, by their rows."""
        ...

    def remember_crc32(self, space: SpaceId, found: Mapping[int, Read], /) -> None:
        """Note what was read."""
        ...


@dataclass
class Checked:
    """The files of one archive.

    Attributes:
        space: Where they are registered.
        storage: Where they lie.
        base: What their paths there begin with.
        known: What is known of their CRC-32.
        changed: Is told of each file that is not as registered, by its path there and row.
        chunk_bytes: How many bytes are read at a time.
    """

    space: SpaceId
    storage: Files
    base: str
    known: KnownCrc32
    changed: Callable[[str, Row], None]
    chunk_bytes: int

    def __post_init__(self) -> None:
        self._read: dict[int, Read] = {}

    def read(self, path: str, row: Row, first: int, end: int) -> Iterator[bytes]:
        """Yield a part of a file. The last piece leaves only after the file was found unchanged.

        Raises:
            Changed: It is not as registered, or cannot be read any more.
        """
        try:
            with self.storage.open(self.base + path) as source:
                yield from self._opened(source, path, row, first, end)
        except (FileNotFoundError, StorageError) as error:
            raise Changed(f"{path!r} cannot be read any more") from error

    def _opened(self, source: BinaryIO, path: str, row: Row, first: int, end: int) -> Iterator[bytes]:
        self._require_same(source, path, row)
        if first:
            source.seek(first)
        held, left = b"", end - first
        while left:
            chunk = source.read(min(left, self.chunk_bytes))
            if not chunk:
                raise Changed(f"{path!r} became shorter while it was read")
            left -= len(chunk)
            if held:
                yield held
            held = chunk
        self._require_same(source, path, row)
        yield held

    def _require_same(self, source: BinaryIO, path: str, row: Row) -> None:
        if facts_of(source) != (row.size_bytes, row.mtime_ns, row.ctime_ns, row.own):
            self.changed(self.base + path, row)
            raise Changed(f"{path!r} changed")

    def crc32s(self, rows: list[Row]) -> dict[int, int]:
        """Return what is known of files' CRC-32, by their rows."""
        numbers = [row.id for row in rows]
        read = {number: self._read[number][-1] for number in numbers if number in self._read}
        return {**self.known.crc32s(self.space, numbers), **read}

    def remember(self, row: Row, crc32: int) -> None:
        """Note what was read of a whole file."""
        if isinstance(row.own, int):
            self._read[row.id] = (row.size_bytes, row.mtime_ns, row.ctime_ns, row.own, crc32)
        if len(self._read) >= _MOST_REMEMBERED:
            self.flush()

    def flush(self) -> None:
        """Write down what was noted. May block."""
        if self._read:
            with suppress(Fs2odError):  # a full disk of ours is not the reader's affair
                self.known.remember_crc32(self.space, self._read)
            self._read = {}

    def computed(self, path: str, row: Row) -> Generator[int | None, None, None]:
        """Yield None after each piece that was read, and last the CRC-32 of a whole file, which is noted.

        Raises:
            Changed: It is not as registered, or cannot be read any more.
        """
        crc32 = 0
        for piece in self.read(path, row, 0, row.size_bytes):
            crc32 = zlib.crc32(piece, crc32)
            yield None
        self.remember(row, crc32)
        yield crc32
