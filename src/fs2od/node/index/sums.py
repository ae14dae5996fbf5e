"""Sums of directories: how many files and bytes lie below, kept with every change and never counted anew."""

from __future__ import annotations

import json
import sqlite3

from fs2od.storage import Kind

__all__ = ["Sums"]

_ADD = """
WITH RECURSIVE up (id, files, size) AS (
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)
    UNION ALL SELECT entry.parent, up.files, up.size FROM up JOIN entry ON entry.id = up.id WHERE entry.parent IS NOT NULL
)
UPDATE entry SET files = entry.files + total.files, size = entry.size + total.size
FROM (SELECT id, sum(files) AS files, sum(size) AS size FROM up GROUP BY id) AS total WHERE entry.id = total.id
"""


class Sums:
    """What changes directly below some directories, gathered and then added to these and to all above them.

    Whoever writes entries adds what it wrote and applies it in the same transaction; so the sums are right after every one.
    """

    def __init__(self) -> None:
        self._changes: dict[int, tuple[int, int]] = {}

    def add(self, parent: int, *, files: int, size_bytes: int) -> None:
        """Note that so many files and bytes more (or fewer, if negative) lie directly below `parent`."""
        known_files, known_size = self._changes.get(parent, (0, 0))
        self._changes[parent] = (known_files + files, known_size + size_bytes)

    def add_entry(self, parent: int, kind: str, size_bytes: int, *, sign: int = 1) -> None:
        """Note one entry that came, or with `sign` -1 one that went. Directories count by what they hold, so not here."""
        if kind != Kind.DIRECTORY:
            self.add(parent, files=sign * (kind == Kind.FILE), size_bytes=sign * size_bytes)

    def apply(self, db: sqlite3.Connection) -> None:
        """Add what was gathered to the directories, and forget it."""
        changes = [(row, *change) for row, change in self._changes.items() if change != (0, 0)]
        self._changes.clear()
        if changes:
            db.execute(_ADD, (json.dumps(changes),))
