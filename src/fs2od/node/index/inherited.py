"""Files that a home has as copies, from before it was one: looked at now and then, as copies elsewhere are.

There is nothing to make them anew from. So one that is not there as it was is given no more, but what is known of it stays, and
as soon as it is found again it counts again. Where a file was written anew, its copy is a matter of the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fs2od.node.index.entries import SpaceIndex
from fs2od.onedata.ids import StorageId

__all__ = ["Inherited", "due", "found", "missed"]

# What never came there has a problem instead.
_KNOWN = "storage = ? AND sha256 IS NOT NULL AND problem IS NULL AND upload IS NULL"


@dataclass(frozen=True)
class Inherited:
    """A copy that a home has: the file's row, where it was when it was checked, its size, and what the store said of it."""

    row: int
    path: str
    size_bytes: int
    md5: str | None


def due(index: SpaceIndex, home: StorageId, *, before_s: int, after: int = 0, limit: int) -> list[Inherited]:
    """Return copies that were last found right before a moment, and those that are missed, in the order of their rows."""
    query = f"""SELECT entry, path, r.size, md5 FROM replica AS r JOIN entry AS e ON e.id = r.entry AND r.size = e.size
        AND r.mtime_ns = e.mtime_ns AND r.ctime_ns = e.ctime_ns AND r.inode = e.inode
        WHERE {_KNOWN} AND ifnull(checked, 0) < ? AND entry > ? ORDER BY entry LIMIT ?"""
    with index.database.reading() as db:
        return [Inherited(*row) for row in db.execute(query, (home, before_s, after, limit))]


def found(index: SpaceIndex, home: StorageId, rows: Sequence[int], *, now_s: int) -> None:
    """Write down that copies were found to be right, once more or again."""
    with index.database.writing() as db:
        query = f"UPDATE replica SET checked = ? WHERE {_KNOWN} AND entry = ?"
        db.executemany(query, [(now_s, home, row) for row in rows])


def missed(index: SpaceIndex, home: StorageId, rows: Sequence[int]) -> int:
    """Give copies no more until they are found again; return how many of them were not missed before."""
    with index.database.writing() as db:
        query = f"UPDATE replica SET checked = NULL WHERE {_KNOWN} AND entry = ? AND checked IS NOT NULL"
        return sum(db.execute(query, (home, row)).rowcount for row in rows)
