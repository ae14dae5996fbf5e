"""One block on the disk: its bytes, a checksum for each part of them, and a tail that vouches for the checksums.

What is read is compared part by part when it is read for the first time, so that 4 kB of a large block cost no more than 4 kB of a small one.
What this process has written a moment ago is not: it comes from the system's memory.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from contextlib import suppress
from pathlib import Path

__all__ = ["Block", "BlockWriter"]

_PART_BYTES = 16 << 10
_SUM_BYTES = 4
_TAIL = struct.Struct("=QII")
"""The block's size, what tells that it is one, and the CRC-32 of the checksums and the size, in the machine's own order of bytes."""
_MAGIC = 0x66326232
_END_BYTES = 8
_SURE_S = 30.0
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Block:
    """A block that is open. Its bytes never change, so that any number of threads may read.

    Attributes:
        size_bytes: How many bytes it has.
        marked_s: When it was last marked as used.
    """

    __slots__ = ("_checked", "_handle", "_sums", "_sure_until_s", "marked_s", "size_bytes")

    def __init__(self, handle: int, size_bytes: int, sums: bytes, marked_s: float) -> None:
        self._handle = handle
        self._sums = memoryview(sums).cast("I")
        self._checked = bytearray(len(self._sums))
        self._sure_until_s = 0.0
        self.size_bytes = size_bytes
        self.marked_s = marked_s

    @classmethod
    def open(cls, path: str) -> Block | None:
        """Return the block of a file; None where its tail is not what was once written.

        Raises:
            OSError: There is no such file, or it cannot be opened.
        """
        handle = os.open(path, _FLAGS)
        try:
            facts = os.fstat(handle)
            rest = facts.st_size - _TAIL.size
            # So many parts make a file of this size.
            end = _SUM_BYTES * -(-rest // (_PART_BYTES + _SUM_BYTES))
            tail = os.pread(handle, end + _TAIL.size, rest - end) if rest >= end else b""
            size, magic, crc32 = _TAIL.unpack_from(tail, end)
            if magic == _MAGIC and size == rest - end and crc32 == zlib.crc32(tail[:-_END_BYTES]):
                return cls(handle, size, tail[:end], facts.st_mtime)
        except (OSError, struct.error):
            pass
        os.close(handle)
        return None

    def read(self, start: int, count: int) -> bytes | None:
        """Return some of its bytes; None where they are not what was once written."""
        end = min(start + count, self.size_bytes)
        if start >= end:
            return b""
        first, last = start // _PART_BYTES, (end - 1) // _PART_BYTES
        if self._checked.find(0, first, last + 1) < 0 or time.monotonic() < self._sure_until_s:
            return self._taken(start, end)
        low = first * _PART_BYTES
        data = self._taken(low, min((last + 1) * _PART_BYTES, self.size_bytes))
        if data is None or not self._are_sound(memoryview(data), first):
            return None
        return data if (low, low + len(data)) == (start, end) else data[start - low : end - low]

    def trust(self, seconds: float) -> None:
        """Compare nothing for so long: what this process has just written is still in the system's memory."""
        self._sure_until_s = time.monotonic() + seconds

    def mark(self, now_s: float) -> None:
        """Take note that it was used, for whoever makes room."""
        self.marked_s = now_s
        with suppress(OSError):
            os.utime(self._handle)

    def close(self) -> None:
        """Close it."""
        os.close(self._handle)

    def _taken(self, start: int, end: int) -> bytes | None:
        try:
            data = os.pread(self._handle, end - start, start)
        except OSError:
            return None
        return data if len(data) == end - start else None

    def _are_sound(self, data: memoryview, first: int) -> bool:
        for number, at in enumerate(range(0, len(data), _PART_BYTES), first):
            if not self._checked[number]:
                if zlib.crc32(data[at : at + _PART_BYTES]) != self._sums[number]:
                    return False
                self._checked[number] = 1
        return True


class BlockWriter:
    """A block that is being written, under a partial name. Whoever has one keeps it or drops it."""

    def __init__(self, path: str) -> None:
        """Begin.

        Raises:
            OSError: The disk does not take it.
        """
        self._path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._sums: list[int] = []
        self._crc32 = 0
        self._in_part = 0
        self.size_bytes = 0

    def write(self, data: memoryview) -> None:
        """Add bytes.

        Raises:
            OSError: The disk does not take them all.
        """
        _write_all(self._handle, data)
        self.size_bytes += len(data)
        at = 0
        while at < len(data):
            taken = data[at : at + _PART_BYTES - self._in_part]
            self._crc32 = zlib.crc32(taken, self._crc32)
            at += len(taken)
            self._in_part += len(taken)
            if self._in_part == _PART_BYTES:
                self._end_part()

    def read_back(self) -> bytes:
        """Return what was added.

        Raises:
            OSError: The disk does not give it.
        """
        data = os.pread(self._handle, self.size_bytes, 0)
        if len(data) != self.size_bytes:
            raise OSError("a block is shorter than it was written")
        return data

    def keep(self, path: str) -> Block:
        """Put it in its place, and return it. May be tried again.

        Raises:
            OSError: The disk does not take it.
        """
        if self._in_part:
            self._end_part()
        sums = struct.pack(f"={len(self._sums)}I", *self._sums)
        crc32 = zlib.crc32(sums + _TAIL.pack(self.size_bytes, 0, 0)[:-_END_BYTES])
        os.lseek(self._handle, self.size_bytes, os.SEEK_SET)
        _write_all(self._handle, memoryview(sums + _TAIL.pack(self.size_bytes, _MAGIC, crc32)))
        Path(self._path).rename(path)
        block = Block(self._handle, self.size_bytes, sums, time.time())
        block.trust(_SURE_S)
        return block

    def drop(self) -> None:
        """Remove it."""
        os.close(self._handle)
        with suppress(OSError):
            Path(self._path).unlink()

    def _end_part(self) -> None:
        self._sums.append(self._crc32)
        self._crc32 = self._in_part = 0


def _write_all(handle: int, data: memoryview) -> None:
    while data:
        data = data[os.write(handle, data) :]
