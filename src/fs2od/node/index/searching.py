"""Finding entries below a directory by a part of their names: one pass over the names, bounded in time and results.

No index helps with the middle of a word but one that costs more to keep than this costs to read: SQLite passes over a million
names in a third of a second, and lets other threads run meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Literal

from fs2od.node.index.entries import COLUMNS, Entry, SpaceIndex, entry_of
from fs2od.node.index.rows import folded

__all__ = ["Found", "search"]

_STEPS = 20_000
# The nearest folders come first, so what is found first lies nearest.
_SEARCH = """
WITH RECURSIVE below (row, path) AS (
    SELECT ?1, ''
    UNION ALL SELECT folder.entry, below.path || inner.name || '/'
    FROM below CROSS JOIN folder ON folder.parent = below.row CROSS JOIN entry AS inner ON inner.id = folder.entry
    WHERE inner.mode & ?2 = ?2
), matching (id, path) AS (
    SELECT child.id, below.path FROM below CROSS JOIN entry AS child INDEXED BY entry_parent_name ON child.parent = below.row
    WHERE {matches} LIMIT ?4
)
SELECT path, {columns} FROM matching CROSS JOIN entry USING (id)
"""
_OF_ASCII = _SEARCH.format(columns=COLUMNS, matches=r"child.name LIKE ?3 ESCAPE '\'")
# Only names that have further signs can match then; few have any, and to ask for that costs SQLite little more than to compare.
_HAS_MORE = "length(child.name) <> length(CAST(child.name AS BLOB))"
_HOLDS = "fs2od_holds"
_OF_MORE = _SEARCH.format(columns=COLUMNS, matches=f"{_HAS_MORE} AND {_HOLDS}(child.name, ?3)")


@dataclass(frozen=True)
class Found:
    """What a search found, with paths relative to where it began, and why it ended.

    "all": all names were looked at; "limit": there are more than were wanted; "time": its time was over.
    """

    entries: tuple[tuple[str, Entry], ...]
    ended: Literal["all", "limit", "time"]


def search(index: SpaceIndex, top: Entry, text: str, *, enters: int, limit: int, within_s: float) -> Found:
    """Return entries at any depth below a directory whose names hold `text`, nearest folders first.

    Small and capital letters are the same, and so are the forms in which Unicode writes a letter; "*" stands for anything.

    Args:
        index: The index of the space.
        top: The directory.
        text: A part of a name.
        enters: The mode bits that a directory needs for its entries to be looked at; those of `top` are the caller's matter.
        limit: How many entries at most.
        within_s: After how many seconds the search ends with what it has.
    """
    deadline_s = time.monotonic() + within_s
    entries: list[tuple[str, Entry]] = []
    ended: Literal["all", "limit", "time"] = "all"
    query, given = (_OF_ASCII, _pattern(text)) if text.isascii() else (_OF_MORE, folded(text))
    with index.database.reading() as db:
        if query is _OF_MORE:
            db.create_function(_HOLDS, 2, _holds, deterministic=True)
        db.set_progress_handler(lambda: time.monotonic() > deadline_s, _STEPS)
        try:
            for path, *row in db.execute(query, (top.row, enters, given, limit + 1)):
                entry = entry_of(row)
                entries.append((path + entry.name, entry))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            ended = "time"
        finally:
            db.set_progress_handler(None, 0)
    return Found(tuple(entries[:limit]), "limit" if len(entries) > limit else ended)


def _holds(name: str, wanted: str) -> bool:
    """Say whether a name holds the parts of what is wanted, one after the other."""
    name, at = folded(name), 0
    for part in wanted.split("*"):
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _pattern(text: str) -> str:
    parts = (part.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") for part in text.split("*"))
    return f"%{'%'.join(parts)}%"
