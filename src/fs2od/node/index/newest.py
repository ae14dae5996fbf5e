"""When the newest file below a directory was modified: one look into an index for each folder."""

from __future__ import annotations

import sqlite3

__all__ = ["newest_mtime_ns"]

_MOST_FOLDERS = 50_000
_NEWEST = """
WITH RECURSIVE below (row) AS (
    SELECT ?1
    UNION ALL SELECT folder.entry FROM below CROSS JOIN folder ON folder.parent = below.row WHERE folder.entry != ?2
    LIMIT ?3
)
SELECT count(*), max((
    SELECT mtime_ns FROM entry INDEXED BY entry_parent_mtime WHERE parent = below.row AND kind = 'REG'
    ORDER BY mtime_ns DESC LIMIT 1
)) FROM below
"""


def newest_mtime_ns(db: sqlite3.Connection, top: int, *, apart: int) -> int | None:
    """Return the modification time of the newest file below a directory; see `SpaceIndex.newest_mtime_ns`."""
    folders, newest = db.execute(_NEWEST, (top, apart, _MOST_FOLDERS + 1)).fetchone()
    return None if folders > _MOST_FOLDERS or newest is None else int(newest)
