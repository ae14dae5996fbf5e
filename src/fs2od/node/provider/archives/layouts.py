"""What an archive's format must say of itself, so that every byte has its place before any file is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from fs2od.node.index.rows import Registered, Row
from fs2od.node.provider.archives.names import Names
from fs2od.storage import Kind

__all__ = ["NS", "Format", "Layout", "content_bytes", "kind_of", "mtime_s", "target_of"]

Format = Literal["tar", "zip"]
NS = 1_000_000_000
_KINDS = {kind.value: kind for kind in Kind}


class Layout(Protocol):
    """The bytes around the contents of files.

    For implementers: `measure` must agree with what the others return, and nothing may depend on a CRC but its own field.
    """

    media_type: str
    names: Names
    needs_crc32: bool

    def measure(
        self, named: str, rows: Sequence[Registered], others: Mapping[str, str], offset: int
    ) -> tuple[int, int]:
        """Return where the archive goes on after members that begin at `offset`, and how long their directory records are.

        Args:
            named: What the names of the members begin with.
            rows: The members; only the last may be a folder.
            others: Which of them are called otherwise.
            offset: Where the first of them begins.
        """
        ...

    def head(self, name: str, row: Row) -> bytes:
        """Return what stands before a file's content; of another member, all of it."""
        ...

    def trail(self, row: Row, crc32: int) -> bytes:
        """Return what stands after a file's content; of another member, nothing."""
        ...

    def trail_bytes(self, row: Row) -> int:
        """Return the length of `trail`."""
        ...

    def record(self, name: str, row: Row, offset: int, crc32: int) -> bytes:
        """Return what the directory at the archive's end says of a member that begins at `offset`."""
        ...

    def end(self, members: int, offset: int, record_bytes: int) -> bytes:
        """Return the last bytes, for a directory of so many members that begins at `offset`."""
        ...


def kind_of(row: Row) -> Kind:
    """Return what a member is."""
    return _KINDS[row.kind]


def content_bytes(row: Row) -> int:
    """Return how many bytes of a file stand in an archive; none of anything else."""
    return row.size_bytes if row.kind == "REG" else 0


def mtime_s(row: Row) -> int:
    """Return the time of a member in seconds since 1970.

    A directory's is when it was registered: its own changes with each file that comes, and the archive must not.
    """
    if row.kind == "DIR":
        return row.own if isinstance(row.own, int) else 0
    return row.mtime_ns // NS


def target_of(row: Row) -> str:
    """Return where a link leads; empty for anything else."""
    return row.own if isinstance(row.own, str) else ""
