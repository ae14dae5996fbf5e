"""Names that public links never show: metadata files, which may hold anything, and what editors and people leave beside them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from fs2od.manifests import resembles
from fs2od.node.index.entries import COLUMNS, Entry, SpaceIndex, entry_of

__all__ = ["MOST_CLOSED", "close_earlier", "closed_files"]

MOST_CLOSED = 10_000
"""How many closed files are looked up at most."""


def close_earlier(index: SpaceIndex, names: AbstractSet[str]) -> None:
    """Take from everybody but members what was registered before these names were closed; once for each name."""
    with index.database.reading() as db:
        new = sorted(names - {row[0] for row in db.execute("SELECT name FROM closed_name")})
    if not new:
        return
    with index.database.reading() as db:
        # Judged here: SQLite folds no letters beyond ASCII.
        rows = [
            row
            for row, name in db.execute("SELECT id, name FROM entry WHERE kind = 'REG'")
            if resembles(name, set(new))
        ]
    with index.database.writing(durable=False) as db:
        db.executemany("UPDATE entry SET mode = mode & ~7 WHERE id = ?", [(row,) for row in rows])
        # A scan that begins and the start of the node may both do this.
        db.executemany("INSERT OR IGNORE INTO closed_name VALUES (?)", [(name,) for name in new])


def closed_files(index: SpaceIndex, names: AbstractSet[str]) -> list[Entry]:
    """Return the files that links do not show because of their names, at most `MOST_CLOSED`."""
    query = f"SELECT {COLUMNS} FROM entry WHERE kind = 'REG' AND mode & 4 = 0 LIMIT {MOST_CLOSED}"
    with index.database.reading() as db:
        found = map(entry_of, db.execute(query))
        return [entry for entry in found if resembles(entry.name, names)]
