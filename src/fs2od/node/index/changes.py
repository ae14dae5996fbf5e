"""Changing single entries on behalf of their writers, and the notes that say after a crash what was under way.

A note is written before bytes or names on the storage move, and goes in the transaction that registers what came of it. Whatever a
crash leaves therefore has a note, and `fs2od.node.provider.writing` brings both sides together again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from fs2od.node.index.entries import Entry, SpaceIndex
from fs2od.node.index.sums import Sums
from fs2od.storage import Kind, Seen

__all__ = ["Note", "Notes", "done", "place", "rename", "write_down"]

_TOUCH = "UPDATE entry SET mtime_ns = max(mtime_ns, ?1), ctime_ns = max(ctime_ns, ?1) WHERE id = ?2"


@dataclass(frozen=True)
class Note:
    """What may have happened on the storage: at `path`; to the entry with the row `entry`; or a move from `source` to `path`."""

    number: int
    path: str | None
    source: str | None
    entry: int | None


class Notes:
    """The notes of one space."""

    def __init__(self, index: SpaceIndex) -> None:
        self._index = index

    def add(self, path: str | None = None, *, source: str | None = None, entry: int | None = None) -> int:
        """Write a note down, durably, and return its number."""
        with self._index.database.writing() as db:
            query = "INSERT INTO note (path, source, entry) VALUES (?, ?, ?)"
            return int(db.execute(query, (path, source, entry)).lastrowid or 0)

    def every(self) -> list[Note]:
        """Return all notes, oldest first."""
        with self._index.database.reading() as db:
            rows = db.execute("SELECT id, path, source, entry FROM note ORDER BY id").fetchall()
        return [Note(*row) for row in rows]

    def remove(self, number: int) -> None:
        """Remove a note of which nothing came."""
        with self._index.database.writing() as db:
            done(db, number)


def done(db: sqlite3.Connection, number: int) -> None:
    """Remove a note in the transaction that registers what came of it."""
    db.execute("DELETE FROM note WHERE id = ?", (number,))


def place(db: sqlite3.Connection, parent: int, seen: Seen, *, mode: int, now_s: int) -> int:
    """Register an entry as it was seen, in the place of what has its name, and return its row.

    A file that is there keeps its row, its mode and its metadata.
    """
    found = db.execute("SELECT id, kind, size FROM entry WHERE parent = ? AND name = ?", (parent, seen.name)).fetchone()
    if found is not None:
        write_down(db, found["id"], seen)
        return int(found["id"])
    query = """INSERT INTO entry (parent, name, kind, size, mode, mtime_ns, ctime_ns, inode, target, created)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
    facts = (seen.size_bytes, mode, seen.mtime_ns, seen.ctime_ns, seen.inode, seen.target, now_s)
    row = int(db.execute(query, (parent, seen.name, seen.kind.value, *facts)).lastrowid or 0)
    if seen.kind is Kind.DIRECTORY:
        db.execute("INSERT INTO folder (entry, parent) VALUES (?, ?)", (row, parent))
    db.execute(_TOUCH, (seen.ctime_ns, parent))
    sums = Sums()
    sums.add_entry(parent, seen.kind, seen.size_bytes)
    sums.apply(db)
    return row


def write_down(db: sqlite3.Connection, row: int, seen: Seen) -> None:
    """Register what a file or link became; of a directory nothing."""
    found = db.execute("SELECT parent, kind, size FROM entry WHERE id = ?", (row,)).fetchone()
    if found is None or found["kind"] != seen.kind or seen.kind is Kind.DIRECTORY:
        return
    query = "UPDATE entry SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, target = ? WHERE id = ?"
    db.execute(query, (seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode, seen.target, row))
    sums = Sums()
    sums.add(found["parent"], files=0, size_bytes=seen.size_bytes - found["size"])
    sums.apply(db)


def rename(db: sqlite3.Connection, entry: Entry, parent: int, name: str, seen: Seen) -> None:
    """Register that an entry moved, and what it looks like there; its row, and all below it, stay.

    A file that had the name is gone with that. What is known of its checksum goes on being known: the bytes are the same.
    """
    _remove_file(db, parent, name, but=entry.row)
    sums = Sums()
    if entry.parent is not None:
        _count(sums, entry.parent, entry, sign=-1)
        sums.apply(db)
        db.execute(_TOUCH, (seen.ctime_ns, entry.parent))
    db.execute("UPDATE entry SET parent = ?, name = ? WHERE id = ?", (parent, name, entry.row))
    if entry.kind is Kind.DIRECTORY:
        db.execute("UPDATE folder SET parent = ? WHERE entry = ?", (parent, entry.row))
    _count(sums, parent, entry, sign=1)
    sums.apply(db)
    db.execute(_TOUCH, (seen.ctime_ns, parent))
    # A move changes the inode's time alone, and checksums are bound to it.
    if entry.kind is not Kind.DIRECTORY and (seen.size_bytes, seen.mtime_ns) == (entry.size_bytes, entry.mtime_ns):
        db.execute(
            "UPDATE checksum SET ctime_ns = ?1, inode = ?2 WHERE entry = ?3 AND ctime_ns = ?4",
            (seen.ctime_ns, seen.inode, entry.row, entry.ctime_ns),
        )
    write_down(db, entry.row, seen)


def _count(sums: Sums, parent: int, entry: Entry, *, sign: int) -> None:
    files = entry.files if entry.kind is Kind.DIRECTORY else int(entry.kind is Kind.FILE)
    sums.add(parent, files=sign * files, size_bytes=sign * entry.size_bytes)


def _remove_file(db: sqlite3.Connection, parent: int, name: str, *, but: int) -> None:
    query = "DELETE FROM entry WHERE parent = ? AND name = ? AND kind != 'DIR' AND id != ? RETURNING kind, size"
    gone: Sequence[sqlite3.Row] = db.execute(query, (parent, name, but)).fetchall()
    sums = Sums()
    for row in gone:
        sums.add_entry(parent, row["kind"], row["size"], sign=-1)
    sums.apply(db)
