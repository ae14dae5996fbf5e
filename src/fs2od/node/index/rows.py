"""Entries as plain rows, a folder's page to a query: for what passes through a million of them."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple
from unicodedata import normalize

from fs2od.storage import Kind

__all__ = ["DIRECTORY", "Registered", "Row", "Seeing", "as_row", "folded", "newest", "row_of"]

DIRECTORY = Kind.DIRECTORY.value

# What changes with what a directory holds is none of its own: its size and times stand as 0. Few columns, because each costs.
_COLUMNS = """id, name, kind, iif(kind = 'DIR', 0, size), mode, iif(kind = 'DIR', 0, mtime_ns),
    iif(kind = 'DIR', 0, ctime_ns), iif(kind = 'REG', inode, iif(kind = 'DIR', created, target))"""
_SEEN = "id <= ? AND mode & iif(kind = 'DIR', ?, ?) = iif(kind = 'DIR', ?, ?)"
_FOLD = "fs2od_fold"
_NAMES, _AT_ONCE = 10_000, 250_000


Registered = tuple[int, str, str, int, int, int, int, int | str | None]
"""A row as it comes: the columns of `Row` without their names, which cost as much again."""


class Row(NamedTuple):
    """One entry as registered. A directory's size and times are 0.

    `own` is what only its kind has: a file's inode, a link's target, and when a directory was registered.
    """

    id: int
    name: str
    kind: str
    size_bytes: int
    mode: int
    mtime_ns: int
    ctime_ns: int
    own: int | str | None

    @property
    def is_directory(self) -> bool:
        """Say whether it is a directory."""
        return self.kind == DIRECTORY


# Half the time of Row._make.
as_row: Callable[[Registered], Row] = partial(tuple.__new__, Row)
"""Return a row with names for its columns."""


@dataclass(frozen=True)
class Seeing:
    """Which entries are looked at: those up to a row, whose modes let their reader in.

    Attributes:
        newest: The highest row that counts; what was registered later is passed over.
        file_bits: The mode bits that a file or link must have.
        directory_bits: The mode bits that a directory must have.
    """

    newest: int
    file_bits: int
    directory_bits: int

    @property
    def _given(self) -> tuple[int, ...]:
        return (self.newest, *(self.directory_bits, self.file_bits) * 2)

    def page(self, db: sqlite3.Connection, folder: int, after: str, limit: int) -> list[Registered]:
        """Return up to `limit` entries of a folder whose names come after one, in the order of their names' bytes."""
        query = f"SELECT {_COLUMNS} FROM entry WHERE parent = ? AND name > ? AND {_SEEN} ORDER BY name LIMIT ?"
        return _raw(db, query, (folder, after, *self._given, limit))

    def child(self, db: sqlite3.Connection, folder: int, name: str) -> Row | None:
        """Return an entry of a folder by its name; None if there is none, or it is not looked at."""
        query = f"SELECT {_COLUMNS} FROM entry WHERE parent = ? AND name = ? AND {_SEEN}"
        found = _raw(db, query, (folder, name, *self._given))
        return as_row(found[0]) if found else None

    def folder(self, db: sqlite3.Connection, parent: int, name: str, bits: int) -> int | None:
        """Return the row of a folder by its name if its mode has these bits, whether it may be listed or not."""
        query = "SELECT id FROM entry WHERE parent = ? AND name = ? AND kind = 'DIR' AND mode & ? = ?"
        found = db.execute(query, (parent, name, bits, bits)).fetchone()
        return None if found is None else int(found[0])

    def same_names(self, db: sqlite3.Connection, folder: int) -> dict[str, str]:
        """Return the names of a folder that are alike but for case or form: each one folded, with the first of them."""
        if not _may_have_same(db, folder):
            return {}
        db.create_function(_FOLD, 1, folded, deterministic=True)
        # Nearly all names are ASCII, and those never leave SQLite.
        same = f"iif(name GLOB '*[^ -~]*', {_FOLD}(name), lower(name))"
        query = f"SELECT {same}, min(name) FROM entry WHERE parent = ? AND {_SEEN} GROUP BY 1 HAVING count(*) > 1"
        return {str(key): str(first) for key, first in db.execute(query, (folder, *self._given))}


def _may_have_same(db: sqlite3.Connection, folder: int) -> bool:
    """Look for equal hashes of folded names: much quicker than grouping them, at eight bytes for each.

    All names of a folder are looked at, whoever may see them: SQLite finds these in an index, and reads no row.
    """
    query = f"""SELECT group_concat(name, '/'), max(name) FROM
        (SELECT name FROM entry WHERE parent = ? AND name > ? ORDER BY name LIMIT {_NAMES})"""
    hashes, after = array("q"), ""
    while True:
        joined, last = db.execute(query, (folder, after)).fetchone()
        if last is None:
            return not _are_distinct(hashes)
        hashes.extend(map(hash, folded(str(joined)).split("/")))
        after = str(last)


def _are_distinct(hashes: array[int]) -> bool:
    parts = 1 + len(hashes) // _AT_ONCE
    return len(hashes) == sum(len({one for one in hashes if one % parts == part}) for part in range(parts))


def folded(text: str) -> str:
    """Return names as file systems compare them that know no case, or more than one form of a letter."""
    return text.lower() if text.isascii() else normalize("NFC", text.lower())


def row_of(db: sqlite3.Connection, number: int) -> Row | None:
    """Return an entry by its row, whatever its mode; None if there is none."""
    found = _raw(db, f"SELECT {_COLUMNS} FROM entry WHERE id = ?", (number,))
    return as_row(found[0]) if found else None


def newest(db: sqlite3.Connection) -> int:
    """Return the highest row that there is."""
    return int(db.execute("SELECT max(id) FROM entry").fetchone()[0])


def _raw(db: sqlite3.Connection, query: str, given: tuple[int | str, ...]) -> list[Registered]:
    cursor = db.cursor()
    cursor.row_factory = None
    return cursor.execute(query, given).fetchall()
