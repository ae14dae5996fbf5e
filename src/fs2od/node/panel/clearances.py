"""Folders of spaces that are to be removed from storages, written down when a support ends: what a killed node goes on with.

A clearance is under way from its first turn on, and nothing may be put into its folder. As long as it has not begun, or waits to be
tried again because of a problem, it ends when the space is supported there anew.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fs2od.node.panel.overlaps import resolved_folder
from fs2od.node.panel.storage_records import Bucket
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId
from fs2od.sqlite import Database

__all__ = ["Clearance", "Clearances", "note_end", "note_home_left", "require_cleared"]

# What is copied at this moment may still arrive.
_BEGINS_AFTER_S = 60
_FIRST_PAUSE_S = 30
_LONGEST_PAUSE_S = 3600
# Instead of a problem, which what is under way has none of.
_NOT_BEGUN = ""


@dataclass(frozen=True)
class Clearance:
    """A folder that is to be removed.

    Attributes:
        storage: Where it is.
        storage_name: What people call that.
        space: The space, which may be gone, and after which the folder is named.
        name: What the space was called.
        begun_s: When its support ended.
        removed: How many files and folders were removed so far.
        problem: Why nothing can be removed just now, for people; None if all goes well.
    """

    storage: StorageId
    storage_name: str
    space: SpaceId
    name: str
    begun_s: int
    removed: int
    problem: str | None


class Clearances:
    """Shows what is to be removed, and remembers how far that is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_provider(self, provider: ProviderId, *, limit: int) -> list[Clearance]:
        """Return what is to be removed from a provider's storages, oldest first."""
        return self._found("t.provider = ? ORDER BY c.begun, c.space LIMIT ?", (provider, limit))

    def due(self, now_s: int) -> list[Clearance]:
        """Return what can be gone on with now, what was tried longest ago first. A clock that was set back puts nothing off."""
        where = "c.not_before <= ? OR c.not_before > ? ORDER BY c.not_before, c.space"
        return self._found(where, (now_s, now_s + _LONGEST_PAUSE_S))

    def begin(self, known: Clearance) -> bool:
        """Claim a folder for what empties it; return whether it still is to be removed. Nothing else comes into it from then on."""
        with self._database.writing() as db:
            query = "UPDATE clearance SET problem = NULL WHERE storage = ? AND space = ?"
            return db.execute(query, (known.storage, known.space)).rowcount > 0

    def note(self, known: Clearance, *, removed: int, problem: str | None, now_s: int) -> None:
        """Write down what was removed; with a problem it goes on after a pause, that grows as long as nothing can be."""
        query = "SELECT tries FROM clearance WHERE storage = ? AND space = ?"
        with self._database.writing() as db:
            row = db.execute(query, (known.storage, known.space)).fetchone()
            tries = 0 if row is None or removed or problem is None else row[0] + 1
            pause_s = 0 if problem is None else min(_FIRST_PAUSE_S * 2 ** min(tries, 10), _LONGEST_PAUSE_S)
            db.execute(
                """UPDATE clearance SET removed = removed + ?, problem = ?, tries = ?, not_before = ?
                WHERE storage = ? AND space = ?""",
                (removed, problem, tries, now_s + pause_s, known.storage, known.space),
            )

    def end(self, known: Clearance) -> None:
        """Forget one: the folder is gone."""
        with self._database.writing() as db:
            db.execute("DELETE FROM clearance WHERE storage = ? AND space = ?", (known.storage, known.space))

    def _found(self, where: str, given: tuple[object, ...]) -> list[Clearance]:
        query = f"SELECT c.*, t.name AS storage_name FROM clearance AS c JOIN storage AS t ON t.id = c.storage WHERE {where}"
        with self._database.reading() as db:
            return [_clearance(row) for row in db.execute(query, given)]


def note_end(
    db: sqlite3.Connection, space: SpaceId, storage: StorageId, *, is_home: bool, with_home: bool = False, now_s: int
) -> None:
    """Write down what becomes of a space's folder as its support by a storage ends, inside the transaction that ends it.

    Copies are removed. What is at home there, or was before, stays, unless `with_home` says that it goes, too. Nothing is ever
    removed of an imported storage.

    Raises:
        StorageBusy: The storage's folder does not answer: nothing has ended.
    """
    row = db.execute("SELECT * FROM storage WHERE id = ?", (storage,)).fetchone()
    if row is None or row["imported"]:
        return
    if is_home and not with_home:
        note_home_left(db, space, storage)
        return
    kept = db.execute("SELECT 1 FROM left_at_home WHERE place = ? AND space = ?", (_place(row), space)).fetchone()
    if kept is None or with_home:
        query = """INSERT OR REPLACE INTO clearance (storage, space, name, begun, not_before, problem)
            SELECT ?, id, name, ?, ?, ? FROM space WHERE id = ?"""
        db.execute(query, (storage, now_s, now_s + _BEGINS_AFTER_S, _NOT_BEGUN, space))


def note_home_left(db: sqlite3.Connection, space: SpaceId, storage: StorageId) -> None:
    """Write down that a space was at home on a storage and is no more: what it left there is never removed.

    Raises:
        StorageBusy: The storage's folder does not answer.
    """
    row = db.execute("SELECT * FROM storage WHERE id = ?", (storage,)).fetchone()
    if row is not None and not row["imported"]:
        db.execute("INSERT OR IGNORE INTO left_at_home VALUES (?, ?)", (_place(row), space))
        for other in _in_place(db, space, _place(row)):
            db.execute("DELETE FROM clearance WHERE storage = ? AND space = ?", (other["storage"], space))


def require_cleared(db: sqlite3.Connection, space: SpaceId, storage: StorageId) -> None:
    """Make sure that nothing is being removed where a space is about to be supported, and will not be.

    Raises:
        Busy: temporaryFailure: what lay there of the space is still being removed.
    """
    mine = db.execute("SELECT * FROM storage WHERE id = ?", (storage,)).fetchone()
    for row in _in_place(db, space, _place(mine)):
        if row["problem"] is None:
            said = "What this storage had of the space is still being removed: try again in some minutes."
            raise errors.error_of("temporaryFailure", said)
        db.execute("DELETE FROM clearance WHERE storage = ? AND space = ?", (row["storage"], space))


def _in_place(db: sqlite3.Connection, space: SpaceId, place: str) -> list[sqlite3.Row]:
    """Return the clearances of a space where this is, by whichever storage."""
    query = (
        "SELECT c.storage, c.problem, t.* FROM clearance AS c JOIN storage AS t ON t.id = c.storage WHERE c.space = ?"
    )
    return [row for row in db.execute(query, (space,)).fetchall() if _place(row) == place]


def _place(row: sqlite3.Row) -> str:
    """Return where a storage is, the same for every storage that is there.

    Raises:
        StorageBusy: Its folder does not answer. By its name alone nothing is decided here: what stays for ever is kept by it.
    """
    if row["type"] == "posix":
        return str(resolved_folder(Path(row["mount_point"])))
    return f"bucket {msgspec.json.decode(row['details'], type=Bucket).name}"


def _clearance(row: sqlite3.Row) -> Clearance:
    return Clearance(
        StorageId(row["storage"]),
        row["storage_name"],
        SpaceId(row["space"]),
        row["name"],
        row["begun"],
        row["removed"],
        row["problem"] or None,
    )
