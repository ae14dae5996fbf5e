"""Copies on other storages that nobody wants any more: their file is gone, or lies elsewhere by now, or the copies were given up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fs2od.node.index.entries import SpaceIndex
from fs2od.onedata.ids import StorageId

__all__ = ["Left", "forget_left", "left", "left_on"]


@dataclass(frozen=True)
class Left:
    """Where a copy is that nobody wants any more."""

    storage: StorageId
    path: str


def left_on(index: SpaceIndex) -> list[StorageId]:
    """Return the storages on which there may be copies that nobody wants any more."""
    # From one storage to the next by the key, however many copies each has.
    query = """WITH RECURSIVE found (storage) AS (SELECT min(storage) FROM replica_left UNION ALL
        SELECT (SELECT min(storage) FROM replica_left WHERE storage > found.storage) FROM found WHERE storage IS NOT NULL)
        SELECT storage FROM found WHERE storage IS NOT NULL"""
    with index.database.reading() as db:
        return [StorageId(row[0]) for row in db.execute(query)]


def left(index: SpaceIndex, storage: StorageId, *, after: str = "", limit: int) -> list[Left]:
    """Return copies on a storage that nobody wants any more, and whose place no other has taken, by their paths, after one."""
    query = """SELECT path FROM replica_left AS l WHERE storage = ?1 AND path > ?2 AND NOT EXISTS (
        SELECT 1 FROM replica AS r WHERE r.storage = l.storage AND r.path = l.path) ORDER BY path LIMIT ?3"""
    with index.database.reading() as db:
        return [Left(storage, row[0]) for row in db.execute(query, (storage, after, limit))]


def forget_left(index: SpaceIndex, gone: Iterable[Left]) -> None:
    """Forget such copies: they were removed."""
    with index.database.writing() as db:
        query = "DELETE FROM replica_left WHERE storage = ? AND path = ?"
        db.executemany(query, [(each.storage, each.path) for each in gone])
