"""Many files at once: what an archive's length needs to know of them, by columns rather than by rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from fs2od.node.index.rows import DIRECTORY, Registered
from fs2od.storage import Kind

__all__ = ["Plain", "divided"]

# For fewer it is not worth it.
_FEWEST = 8
_FILE = Kind.FILE.value
_NAME: Final = 1
_KIND: Final = 2
_SIZE: Final = 3
_TIME: Final = 5


class Plain(NamedTuple):
    """Files whose names are ASCII and stand in the archive as they are.

    Attributes:
        sizes: Their sizes in bytes.
        name_bytes: The length of all names together.
        longest_name: The length of the longest.
        largest: The largest size.
        earliest_ns: The earliest time.
        latest_ns: The latest.
    """

    sizes: Sequence[int]
    name_bytes: int
    longest_name: int
    largest: int
    earliest_ns: int
    latest_ns: int


def divided(rows: Sequence[Registered], others: Mapping[str, str]) -> tuple[Plain | None, Sequence[Registered]]:
    """Return what is plain at the beginning of a run, and the members that have to be looked at one by one: after it, or all."""
    if others or len(rows) < _FEWEST:
        return None, rows
    end = len(rows) - (rows[-1][_KIND] == DIRECTORY)
    files = rows[:end]
    names = [row[_NAME] for row in files]
    joined = "".join(names)
    if not joined.isascii() or [row[_KIND] for row in files].count(_FILE) != end:
        return None, rows
    sizes, times = [row[_SIZE] for row in files], [row[_TIME] for row in files]
    return Plain(sizes, len(joined), max(map(len, names)), max(sizes), min(times), max(times)), rows[end:]
