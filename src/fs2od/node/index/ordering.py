"""Pages of a directory by name, size or time. Each is found where it begins, so the last is as quick as the first."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fs2od.node.index.entries import COLUMNS, Entry, SpaceIndex, entry_of

__all__ = ["Order", "OrderedBy", "Place", "ordered"]

OrderedBy = Literal["name", "size", "time"]
"""What a directory is sorted by: the bytes of names, sizes (of a directory the sum below it), or modification times."""

_COLUMN: dict[OrderedBy, str] = {"name": "name", "size": "size", "time": "mtime_ns"}


class Place(NamedTuple):
    """Where an entry stands in an order: by what it is sorted, and among equal sizes or times by its row."""

    value: str | int
    row: int = 0


@dataclass(frozen=True)
class Order:
    """How a directory is sorted. Equal sizes and times stand in the order in which they were registered."""

    by: OrderedBy = "name"
    descending: bool = False

    @property
    def turned(self) -> Order:
        """The same from the other end."""
        return Order(self.by, descending=not self.descending)

    def place(self, entry: Entry) -> Place:
        """Return where an entry stands."""
        if self.by == "name":
            return Place(entry.name)
        return Place(entry.size_bytes if self.by == "size" else entry.mtime_ns, entry.row)


def ordered(index: SpaceIndex, parent: int, order: Order, *, after: Place | None = None, limit: int) -> list[Entry]:
    """Return up to `limit` children of a directory in an order.

    Reads no more entries than it returns, wherever the page begins.

    Args:
        index: The index of the space.
        parent: The directory's row.
        order: How they are sorted.
        after: The place after which the page begins; None for the first one. Nothing need stand there any more.
        limit: How many children at most.
    """
    with index.database.reading() as db:
        if after is None:
            return _rows(db, order, "", (parent,), limit)
        if order.by == "name":
            return _beyond(db, order, parent, after, limit)
        # Two questions: SQLite finds its way to a pair of value and row only by the value.
        found = _equal(db, order, parent, after, limit)
        return found + _beyond(db, order, parent, after, limit - len(found)) if len(found) < limit else found


def _equal(db: sqlite3.Connection, order: Order, parent: int, after: Place, limit: int) -> list[Entry]:
    sign = "<" if order.descending else ">"
    where = f"AND {_COLUMN[order.by]} = ? AND id {sign} ?"
    return _rows(db, order, where, (parent, after.value, after.row), limit)


def _beyond(db: sqlite3.Connection, order: Order, parent: int, after: Place, limit: int) -> list[Entry]:
    sign = "<" if order.descending else ">"
    return _rows(db, order, f"AND {_COLUMN[order.by]} {sign} ?", (parent, after.value), limit)


def _rows(db: sqlite3.Connection, order: Order, where: str, given: tuple[int | str, ...], limit: int) -> list[Entry]:
    column, way = _COLUMN[order.by], "DESC" if order.descending else "ASC"
    ties = "" if order.by == "name" else f", id {way}"
    query = f"SELECT {COLUMNS} FROM entry WHERE parent = ? {where} ORDER BY {column} {way}{ties} LIMIT ?"
    return [entry_of(row) for row in db.execute(query, (*given, limit))]
