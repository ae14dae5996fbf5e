"""The places of everything in a TAR.

Source: POSIX.1-2001, ustar interchange format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fs2od.node.index.rows import Registered, Row, as_row
from fs2od.node.provider.archives.headers import BLOCK, MOST_OCTAL, header, header_bytes, same_header_bytes
from fs2od.node.provider.archives.layouts import NS, content_bytes, kind_of, mtime_s, target_of
from fs2od.node.provider.archives.names import Names, OwnNames
from fs2od.node.provider.archives.plain import divided

__all__ = ["TAR_END", "TarLayout"]

TAR_END = bytes(2 * BLOCK)
"""What a TAR ends with."""


class TarLayout:
    """TAR: a header before each file, and blanks up to the next block after it."""

    media_type = "application/x-tar"
    needs_crc32 = False

    def __init__(self) -> None:
        self.names: Names = OwnNames()

    def measure(
        self, named: str, rows: Sequence[Registered], others: Mapping[str, str], offset: int
    ) -> tuple[int, int]:
        """Return where the archive goes on; there is no directory."""
        plain, odd = divided(rows, others)
        if plain:
            is_said = plain.largest < MOST_OCTAL and plain.earliest_ns >= 0 and plain.latest_ns < MOST_OCTAL * NS
            head_bytes = same_header_bytes(named, plain.longest_name) if is_said else None
            if head_bytes is None:
                odd = rows
            else:
                offset += len(plain.sizes) * head_bytes + BLOCK * sum([-(-size // BLOCK) for size in plain.sizes])
        for row in map(as_row, odd):
            size, target = content_bytes(row), target_of(row)
            name = named + others.get(row.name, row.name)
            offset += header_bytes(name, kind_of(row), mtime_s=mtime_s(row), size_bytes=size, target=target)
            offset += size + -size % BLOCK
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
