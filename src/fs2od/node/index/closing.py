"""Names that public links never show: metadata files, which may hold anything, and what editors and people leave beside them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from fs2od.node.index.entries import COLUMNS, Entry, SpaceIndex, entry_of

__all__ = ["MOST_CLOSED", "close_earlier", "closed_files", "resembles"]

MOST_CLOSED = 10_000
"""How many closed files are looked up at most."""


def resembles(text: str, names: AbstractSet[str]) -> bool:
    """Say whether a name has one of these in it, in whatever case: `SPA.yml~`, `.spa.yml.swp`, `SPA.yml.bak`.

    Several names that are joined may be asked about at once: whether one of them does.
    """
    folded = text.casefold()
    return any(name.casefold() in folded for name in names)


def close_earlier(index: SpaceIndex, names: AbstractSet[str]) -> None:
    """Take from everybody but members what was registered before these names were closed; once for each name."""
    with index.database.reading() as db:
        new = sorted(names - {row[0] for row in db.execute("SELECT name FROM closed_name")})
    if not new:
        return
    with index.database.writing(durable=False) as db:
        closed = "UPDATE entry SET mode = mode & ~7 WHERE kind = 'REG' AND instr(lower(name), ?)"
        db.executemany(closed, [(name.casefold(),) for name in new])
        db.executemany("INSERT INTO closed_name VALUES (?)", [(name,) for name in new])


def closed_files(index: SpaceIndex, names: AbstractSet[str]) -> list[Entry]:
    """Return the files that links do not show because of their names, at most `MOST_CLOSED`."""
    query = f"SELECT {COLUMNS} FROM entry WHERE kind = 'REG' AND mode & 4 = 0 LIMIT {MOST_CLOSED}"
    with index.database.reading() as db:
        found = map(entry_of, db.execute(query))
        return [entry for entry in found if resembles(entry.name, names)]
