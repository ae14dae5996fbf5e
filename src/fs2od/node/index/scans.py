"""The record of a space's scans, and what they found that cannot be delivered.

A scan does not wait for the disk at every step, so a power cut may take back the last second's entries, while their ids were
already given out. Its record does wait: "running" when an index is opened says that a scan was cut off, and then the next
ids begin behind all that it may have given. So an id never names another file.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Literal

from fs2od.node.index.entries import SpaceIndex
from fs2od.node.index.schema import ROOT
from fs2od.node.index.visits import Counts

__all__ = [
    "LOST_IDS",
    "ScanEnd",
    "ScanRecord",
    "begin_scan",
    "end_scan",
    "last_scan",
    "listed_inode",
    "skip_lost_ids",
    "undeliverable",
]

LOST_IDS = 1 << 24
"""More than a scan registers before it waits for the disk. There are ids for half a trillion such cuts."""

ScanEnd = Literal["completed", "failed", "aborted", "running"]
"""How a scan ended. "running" is what a scan leaves that the end of the process cut off: the next start goes on with it."""

_COUNTS = ("created_files", "modified_files", "deleted_files", "unmodified_files", "failed_files")


@dataclass(frozen=True)
class ScanRecord:
    """The last scan of a space, and how many have ended. Times are seconds since 1970; `problem` says why it failed."""

    total: int
    status: ScanEnd | None = None
    started_s: int | None = None
    stopped_s: int | None = None
    counts: Counts = field(default_factory=Counts)
    problem: str | None = None


def last_scan(index: SpaceIndex) -> ScanRecord:
    """Return the record of the last scan; without a status if there was none."""
    with index.database.reading() as db:
        total = int(db.execute("SELECT count(*) FROM scan WHERE status <> 'running'").fetchone()[0])
        row = db.execute("SELECT * FROM scan ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return ScanRecord(total)
    counts = Counts(*(row[name] for name in _COUNTS))
    return ScanRecord(total, row["status"], row["started"], row["stopped"], counts, row["problem"])


def listed_inode(index: SpaceIndex) -> int | None:
    """Return the number of the storage's directory whose listing was last finished; None if none was."""
    with index.database.reading() as db:
        row = db.execute("SELECT inode FROM folder WHERE entry = ? AND listed > 0", (ROOT,)).fetchone()
    return int(row[0]) if row is not None and row[0] else None


def skip_lost_ids(index: SpaceIndex) -> None:
    """Begin the next ids behind those that a scan may have given out before a power cut. For an index that was just opened."""
    with index.database.reading() as db:
        if db.execute("SELECT 1 FROM scan WHERE status = 'running'").fetchone() is None:
            return
    with index.database.writing() as db:
        db.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'entry'", (LOST_IDS,))


def begin_scan(index: SpaceIndex, now_s: int) -> int:
    """Record that a scan begins, and return its number. One that was cut off never reported its end: this takes its place."""
    with index.database.writing() as db:
        db.execute("DELETE FROM scan WHERE status = 'running'")
        cursor = db.execute("INSERT INTO scan (status, started) VALUES ('running', ?)", (now_s,))
        return int(cursor.lastrowid or 0)


def end_scan(
    index: SpaceIndex, number: int, status: ScanEnd, counts: Counts, now_s: int, problem: str | None = None
) -> None:
    """Record how a scan ended, and wait until the disk has that and all that it registered."""
    query = (
        f"UPDATE scan SET status = ?, stopped = ?, problem = ?, {', '.join(f'{n} = ?' for n in _COUNTS)} WHERE id = ?"
    )
    numbers = (counts.created, counts.modified, counts.deleted, counts.unmodified, counts.failed)
    with index.database.writing() as db:
        db.execute(query, (status, None if status == "running" else now_s, problem, *numbers, number))


def undeliverable(index: SpaceIndex, *, limit: int) -> tuple[int, list[tuple[str, str]]]:
    """Return how many names cannot be delivered, and the paths of the first of them with the reasons."""
    query = "SELECT folder, name, reason FROM undeliverable ORDER BY folder, name LIMIT ?"
    with index.database.reading() as db:
        count = int(db.execute("SELECT count(*) FROM undeliverable").fetchone()[0])
        rows = db.execute(query, (limit,)).fetchall()
    above: dict[int, str] = {row["folder"]: "" for row in rows}
    for folder in above:
        entry = index.get(folder)
        above[folder] = index.path(entry) if entry is not None else ""
    return count, [(_below(above[row["folder"]], row), row["reason"]) for row in rows]


def _below(above: str, row: sqlite3.Row) -> str:
    return f"{above}/{row['name']}" if above else str(row["name"])
