"""The places of everything in a TAR.

Source: POSIX.1-2001, ustar interchange format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fs2od.node.index.rows import Row
from fs2od.node.provider.archives.headers import BLOCK, header, is_short
from fs2od.node.provider.archives.layouts import NS, content_bytes, kind_of, mtime_s, target_of
from fs2od.node.provider.archives.names import Names, OwnNames

__all__ = ["TAR_END", "TarLayout"]

TAR_END = bytes(2 * BLOCK)
"""What a TAR ends with."""


class TarLayout:
    """TAR: a header before each file, and blanks up to the next block after it."""

    media_type = "application/x-tar"
    needs_crc32 = False

    def __init__(self) -> None:
        self.names: Names = OwnNames()

    def measure(self, named: str, rows: Sequence[Row], others: Mapping[str, str], offset: int) -> tuple[int, int]:
        """Return where the archive goes on; there is no directory."""
        for row in rows:
            _, name, kind, size, _, mtime_ns, *_ = row
            name = named + (others.get(name, name) if others else name)
            if kind == "REG":
                is_one = is_short(name, mtime_ns // NS, size)
                offset += (BLOCK if is_one else len(self.head(name, row))) + size + -size % BLOCK
            else:
                offset += len(self.head(name, row))
        return offset, 0

    def head(self, name: str, row: Row) -> bytes:
        """Return the header blocks."""
        size, target = content_bytes(row), target_of(row)
        return header(name, kind_of(row), mode=row.mode, mtime_s=mtime_s(row), size_bytes=size, target=target)

    def trail(self, row: Row, crc32: int) -> bytes:
        """Return what fills up the last block."""
        del crc32
        return bytes(self.trail_bytes(row))

    def trail_bytes(self, row: Row) -> int:
        """Return how much fills up the last block."""
        return -content_bytes(row) % BLOCK

    def record(self, name: str, row: Row, offset: int, crc32: int) -> bytes:
        """Return nothing: a TAR has no directory."""
        del name, row, offset, crc32
        return b""

    def end(self, members: int, offset: int, record_bytes: int) -> bytes:
        """Return two empty blocks."""
        del members, offset, record_bytes
        return TAR_END
