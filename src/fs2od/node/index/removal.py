"""Removing entries with everything below them, in steps that keep nobody waiting."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from fs2od.node.index.entries import SpaceIndex
from fs2od.node.index.sums import Sums
from fs2od.storage import Kind

__all__ = ["remove"]

_STEP = 5000


def remove(index: SpaceIndex, rows: Iterable[int]) -> int:
    """Remove entries and return how many went, with all that lay below them. What is not there is passed over.

    Each transaction removes a few thousand entries and leaves every sum right; cut off in between, the rest is still there.
    """
    stack = list(rows)
    removed = 0
    while stack:
        with index.database.writing() as db:
            step = _Step(db, stack)
            step.run()
        removed += step.removed
    return removed


class _Step:
    def __init__(self, db: sqlite3.Connection, stack: list[int]) -> None:
        self._db = db
        self._stack = stack
        self._sums = Sums()
        self.removed = 0

    def run(self) -> None:
        while self._stack and self.removed < _STEP:
            self._take(self._stack[-1])
        self._sums.apply(self._db)

    def _take(self, row: int) -> None:
        found = self._db.execute("SELECT parent, kind, size FROM entry WHERE id = ?", (row,)).fetchone()
        if found is None:
            self._stack.pop()
        elif found["kind"] != Kind.DIRECTORY:
            self._sums.add_entry(found["parent"], found["kind"], found["size"], sign=-1)
            self._delete(row)
        else:
            deeper = self._db.execute("SELECT entry FROM folder WHERE parent = ? LIMIT 1", (row,)).fetchone()
            if deeper is not None:
                self._stack.append(deeper[0])
            elif not self._empty(row):
                self._sums.apply(self._db)  # while the way up from here still stands
                self._delete(row)

    def _delete(self, row: int) -> None:
        self._stack.pop()
        self._db.execute("DELETE FROM entry WHERE id = ?", (row,))
        self.removed += 1

    def _empty(self, row: int) -> bool:
        """Remove a step's worth of the files directly in a directory; say whether there were any."""
        query = """DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE parent = ? LIMIT ?) RETURNING kind, size"""
        gone = self._db.execute(query, (row, _STEP)).fetchall()
        for kind, size in gone:
            self._sums.add_entry(row, kind, size, sign=-1)
        self.removed += len(gone)
        return bool(gone)
