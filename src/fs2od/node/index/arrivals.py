"""Files that arrive in parts: the uploads into a space's own storage that nobody has ended yet, and what came of each.

A row goes with its entry. An upload of which no row tells any more is cleared away by `Storage.sweep`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import msgspec

from fs2od.errors import Fs2odError
from fs2od.node.index.entries import SpaceIndex
from fs2od.onedata.ids import StorageId
from fs2od.storage import Storage, Upload

__all__ = ["Arrival", "Part", "abandon", "arrival", "arrived_bytes", "begin", "drop", "end_begins", "forget_parts", "give_up", "has_part", "note_part", "parts", "under_way"]  # fmt: skip

_COLUMNS = "entry, storage, upload, replaces"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arrival:
    """A file of which parts arrive: the row that it will be, and the upload into a storage that has them until it is whole.

    `replaces` is the inode of what stood under its name when the end of the upload was begun, 0 for nothing; None before that.
    """

    row: int
    storage: StorageId
    upload: Upload
    replaces: int | None = None


@dataclass(frozen=True)
class Part:
    """What arrived as one part, by its sums."""

    sha256: bytes
    md5: bytes


def arrival(index: SpaceIndex, row: int) -> Arrival | None:
    """Return what arrives for an entry, if anything does."""
    with index.database.reading() as db:
        found = db.execute(f"SELECT {_COLUMNS} FROM arrival WHERE entry = ?", (row,)).fetchone()
    return None if found is None else _arrival(found)


def under_way(index: SpaceIndex, rows: Iterable[int] | None = None) -> list[Arrival]:
    """Return all that arrive, or those of some entries."""
    with index.database.reading() as db:
        found = [_arrival(row) for row in db.execute(f"SELECT {_COLUMNS} FROM arrival")]
    wanted = None if rows is None else set(rows)
    return [each for each in found if wanted is None or each.row in wanted]


def ending(index: SpaceIndex) -> list[Arrival]:
    """Return those whose uploads were about to be ended: what stands under their names may be theirs by now."""
    with index.database.reading() as db:
        return [_arrival(row) for row in db.execute(f"SELECT {_COLUMNS} FROM arrival WHERE replaces IS NOT NULL")]


def begin(index: SpaceIndex, arrives: Arrival, *, now_s: int) -> None:
    """Note an upload, in the place of any that was noted before."""
    values = (arrives.row, arrives.storage, msgspec.json.encode(arrives.upload).decode(), now_s)
    with index.database.writing() as db:
        drop(db, arrives.row)
        db.execute("INSERT INTO arrival (entry, storage, upload, moved) VALUES (?, ?, ?, ?)", values)


def end_begins(index: SpaceIndex, arrives: Arrival, *, replaces: int) -> Arrival:
    """Note that an upload is about to be ended, and what stands under its name till then; the first time that counts."""
    with index.database.writing() as db:
        db.execute("UPDATE arrival SET replaces = ifnull(replaces, ?) WHERE entry = ?", (replaces, arrives.row))
    return arrival(index, arrives.row) or arrives


def note_part(index: SpaceIndex, arrives: Arrival, number: int, part: Part, *, now_s: int) -> bool:
    """Note a part that the storage has; return whether its upload is still the one that is noted."""
    upload, row = arrives.upload, arrives.row
    with index.database.writing() as db:
        noted = db.execute("SELECT upload FROM arrival WHERE entry = ?", (row,)).fetchone()
        if noted is None or _upload(noted["upload"]) != upload:
            return False
        known = db.execute("SELECT 1 FROM arrival_part WHERE entry = ? AND number = ?", (row, number)).fetchone()
        query = "INSERT OR REPLACE INTO arrival_part (entry, number, sha256, md5) VALUES (?, ?, ?, ?)"
        db.execute(query, (row, number, part.sha256, part.md5))
        more = 0 if known else upload.length(number)
        db.execute("UPDATE arrival SET arrived = arrived + ?, moved = ? WHERE entry = ?", (more, now_s, row))
    return True


def has_part(index: SpaceIndex, arrives: Arrival, number: int) -> bool:
    """Return whether a part is noted already, and its bytes are counted."""
    query = "SELECT 1 FROM arrival_part WHERE entry = ? AND number = ?"
    with index.database.reading() as db:
        return db.execute(query, (arrives.row, number)).fetchone() is not None


def parts(index: SpaceIndex, row: int) -> dict[int, Part]:
    """Return the parts of an entry's upload that are noted, in their order."""
    query = "SELECT number, sha256, md5 FROM arrival_part WHERE entry = ? ORDER BY number"
    with index.database.reading() as db:
        return {number: Part(sha256, md5) for number, sha256, md5 in db.execute(query, (row,))}


def forget_parts(index: SpaceIndex, arrives: Arrival, numbers: Collection[int]) -> None:
    """Note no more that parts are there."""
    row, less = arrives.row, sum(map(arrives.upload.length, numbers))
    with index.database.writing() as db:
        db.executemany("DELETE FROM arrival_part WHERE entry = ? AND number = ?", [(row, number) for number in numbers])
        db.execute("UPDATE arrival SET arrived = arrived - ? WHERE entry = ?", (less, row))


def drop(db: sqlite3.Connection, row: int) -> None:
    """Note no more that anything arrives for an entry."""
    db.execute("DELETE FROM arrival WHERE entry = ?", (row,))


def arrived_bytes(index: SpaceIndex, _: None = None) -> int:
    """Return how many bytes of all that arrives are there."""
    with index.database.reading() as db:
        return int(db.execute("SELECT ifnull(sum(arrived), 0) FROM arrival").fetchone()[0])


def abandon(storage: Storage, arrivals: Iterable[Arrival]) -> None:
    """Give back the room that parts take of files that will not be whole. What cannot be reached now is swept another time."""
    for arrives in arrivals:
        try:
            storage.abort_upload(arrives.upload)
        except (Fs2odError, FileNotFoundError) as error:
            _log.warning("an upload of %r is still there: %s", arrives.upload.path, error)


def give_up(index: SpaceIndex, opened: Callable[[StorageId], Storage], *, storage: StorageId | None = None) -> None:
    """Give up all that arrives, or what arrives at one storage: nobody can go on with it, and no listing shows what it takes."""
    for each in under_way(index):
        if storage in (None, each.storage):
            try:
                abandon(opened(each.storage), [each])
            except Fs2odError as error:
                _log.warning("an upload of %r is still there: %s", each.upload.path, error)
            with index.database.writing() as db:
                drop(db, each.row)


def _arrival(found: sqlite3.Row) -> Arrival:
    return Arrival(found["entry"], StorageId(found["storage"]), _upload(found["upload"]), found["replaces"])


def _upload(text: str) -> Upload:
    return msgspec.json.decode(text, type=Upload)
