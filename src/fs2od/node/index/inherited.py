"""Files that a home has as copies, from before it was one: looked at now and then, as copies elsewhere are.

There is nothing to make them anew from. So one that is not there as it was is given no more, but what is known of it stays, and
as soon as it is found again it counts again. Where a file was written anew, its copy is a matter of the past.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fs2od.node.index.checked import Checked, Own, own_of
from fs2od.node.index.entries import SpaceIndex
from fs2od.onedata.ids import StorageId
from fs2od.storage import Seen

__all__ = ["Inherited", "due", "found", "missed"]

# What never came there has a problem instead.
_KNOWN = "storage = ? AND sha256 IS NOT NULL AND problem IS NULL AND upload IS NULL"


@dataclass(frozen=True)
class Inherited:
    """A copy that a home has: the file's row, where the copy was when it was checked, its SHA-256, and what the store said of it."""

    row: int
    path: str
    sha256: bytes
    checked: Checked


def due(index: SpaceIndex, home: StorageId, *, before_s: int, after: int = 0, limit: int) -> list[Inherited]:
    """Return copies that were last found right before a moment, and those that are missed, in the order of their rows."""
    query = f"""SELECT r.* FROM replica AS r JOIN entry AS e ON e.id = r.entry AND r.size = e.size
        AND r.mtime_ns = e.mtime_ns AND r.ctime_ns = e.ctime_ns AND r.inode = e.inode
        WHERE {_KNOWN} AND ifnull(checked, 0) < ? AND entry > ? ORDER BY entry LIMIT ?"""
    with index.database.reading() as db:
        return [_inherited(row) for row in db.execute(query, (home, before_s, after, limit))]


def found(index: SpaceIndex, home: StorageId, right: Iterable[tuple[int, Seen]], *, now_s: int) -> None:
    """Write down that copies were found to be right, once more or again, and what the store says of them now."""
    with index.database.writing() as db:
        query = f"""UPDATE replica SET checked = ?, md5 = ?, own_mtime_ns = ?, own_ctime_ns = ?, own_inode = ?
            WHERE {_KNOWN} AND entry = ?"""
        db.executemany(query, [(now_s, seen.md5, *own_of(seen), home, row) for row, seen in right])


def missed(index: SpaceIndex, home: StorageId, rows: Sequence[int]) -> int:
    """Give copies no more until they are found again; return how many of them were not missed before."""
    with index.database.writing() as db:
        query = f"UPDATE replica SET checked = NULL WHERE {_KNOWN} AND entry = ? AND checked IS NOT NULL"
        return sum(db.execute(query, (home, row)).rowcount for row in rows)


def _inherited(row: sqlite3.Row) -> Inherited:
    own = None if row["own_inode"] is None else Own(row["own_mtime_ns"], row["own_ctime_ns"], row["own_inode"])
    return Inherited(row["entry"], row["path"], row["sha256"], Checked(row["size"], row["md5"], own))
