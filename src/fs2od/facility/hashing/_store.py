"""What is remembered of files that were read, and of the parts that list them: in facility.db, in short transactions."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fs2od.facility.hashing._walking import Version
from fs2od.facility.journal import Journal
from fs2od.manifests import Gone, ManifestEntry, Part, dump_part, sha256sums_line

__all__ = ["Begun", "State", "Store"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE_ROWS = 1000
_MOST_PIECES_BYTES = 32 << 20
_NAMED = 3
_NEVER: Version = (0, -1, 0, 0)
"""The version of a file that an earlier journal knew: it is read again."""


@dataclass(frozen=True)
class State:
    """How far a dataset's sidecar is."""

    parts: int = 0
    """Finished ones."""
    listed: int = 0
    """How many files these parts list, those listed anew counted again."""
    sealed_parts: int = 0
    """How many parts the last seal spoke for; it is gone as soon as there are more."""
    checked_at: datetime | None = None
    trouble: str = ""
    taken_over: bool = False

    @property
    def is_unsealed(self) -> bool:
        """Whether it was sealed, and has parts that came later."""
        return 0 < self.sealed_parts < self.parts


@dataclass(frozen=True)
class Begun:
    """A part that stands in the journal, and may have been published already."""

    number: int
    content: bytes


class Store:
    """Reads and writes for all datasets. One thread uses it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def state(self, dataset: int) -> State:
        """Return how far a dataset's sidecar is."""
        with self._journal.database.reading() as db:
            row = db.execute("SELECT * FROM sidecar WHERE dataset = ?", (dataset,)).fetchone()
            sums = "SELECT count(*), coalesce(sum(files), 0) FROM part WHERE dataset = ? AND finished"
            parts, listed = db.execute(sums, (dataset,)).fetchone()
        if row is None:
            return State(parts, listed)
        at = None if row["checked_at_us"] is None else _EPOCH + timedelta(microseconds=row["checked_at_us"])
        return State(parts, listed, row["sealed_parts"], at, row["trouble"], bool(row["taken_over"]))

    def parts_imported(self, dataset: int) -> int:
        """Return how many parts Onedata has for sure, of a dataset that is to be sealed anew."""
        return self._journal.get(dataset).parts_imported

    def version(self, dataset: int, path: str) -> Version | None:
        """Return the version of a file whose checksums are known."""
        with self._journal.database.reading() as db:
            columns = "inode, size_bytes, mtime_ns, ctime_ns"
            query = f"SELECT {columns} FROM hashed WHERE dataset = ? AND path = ? AND NOT gone"
            row = db.execute(query, (dataset, path)).fetchone()
        return None if row is None else (_unsigned(row[0]), row[1], row[2], row[3])

    def put(self, dataset: int, read: Iterable[tuple[ManifestEntry, Version]]) -> None:
        """Remember checksums. A file waits for the next part, unless a part says the same of it already."""
        rows = [_row(dataset, entry, version, part=0) for entry, version in read]
        with self._journal.writing("checksums") as db:
            db.executemany(_PUT, rows)

    def files(self, dataset: int) -> int:
        """Return how many files are known that are there, as far as we know."""
        with self._journal.database.reading() as db:
            query = "SELECT count(*) FROM hashed WHERE dataset = ? AND NOT gone"
            return int(db.execute(query, (dataset,)).fetchone()[0])

    def waiting(self, dataset: int) -> int:
        """Return how many files wait for a part."""
        with self._journal.database.reading() as db:
            query = "SELECT count(*) FROM hashed WHERE dataset = ? AND part = 0"
            return int(db.execute(query, (dataset,)).fetchone()[0])

    def paths(self, dataset: int) -> Iterator[list[str]]:
        """Yield all known paths, some at a time, in order."""
        after = ""
        while True:
            with self._journal.database.reading() as db:
                query = "SELECT path FROM hashed WHERE dataset = ? AND path > ? AND NOT gone ORDER BY path LIMIT ?"
                found = [str(row[0]) for row in db.execute(query, (dataset, after, _PAGE_ROWS))]
            if not found:
                return
            after = found[-1]
            yield found

    def note_gone(self, dataset: int, paths: Sequence[str]) -> None:
        """Note that files are there no more."""
        rows = [(dataset, path) for path in paths]
        with self._journal.writing("gone") as db:
            db.executemany("DELETE FROM hashed WHERE dataset = ? AND path = ? AND NOT listed", rows)
            db.executemany("UPDATE hashed SET gone = 1, part = 0 WHERE dataset = ? AND path = ?", rows)

    def begin_part(self, dataset: int, most_files: int, now: datetime) -> Begun | None:
        """Write down the next part and what it lists; None: nothing waits. Whatever was sealed is not sealed any longer."""
        with self._journal.database.reading() as db:
            entries, gone = _chosen(db, dataset, 0, most_files)
            number = 1 + db.execute("SELECT count(*) FROM part WHERE dataset = ?", (dataset,)).fetchone()[0]
        if not entries and not gone:
            return None
        content = dump_part(number, entries, gone)
        row = (dataset, number, _body_hash(content), len(entries))
        paths = [entry.path for entry in entries] + [each.path for each in gone]
        with self._journal.writing("part begun") as db:
            self._tell_unsealed(db, dataset, number - 1, paths, now)
            db.execute("INSERT INTO part VALUES (?, ?, ?, ?, 0)", row)
            listed = [(number, dataset, path) for path in paths]
            db.executemany("UPDATE hashed SET part = ?, listed = 1 WHERE dataset = ? AND path = ?", listed)
        return Begun(number, content)

    def begun_part(self, dataset: int) -> Begun | None:
        """Return the part that was begun and not finished, the same to the byte."""
        with self._journal.database.reading() as db:
            query = "SELECT number FROM part WHERE dataset = ? AND NOT finished"
            row = db.execute(query, (dataset,)).fetchone()
            if row is None:
                return None
            entries, gone = _chosen(db, dataset, row[0], -1)
        return Begun(row[0], dump_part(row[0], entries, gone))

    def finish_part(self, dataset: int, number: int) -> None:
        """Write down that a part is there for everybody."""
        with self._journal.writing("part finished") as db:
            db.execute("UPDATE part SET finished = 1 WHERE dataset = ? AND number = ?", (dataset, number))
            db.execute("DELETE FROM hashed WHERE dataset = ? AND part = ? AND gone", (dataset, number))

    def take_over(self, dataset: int, part: Part) -> None:
        """Take in a part that an earlier journal's facility published. Its files are read again before they count."""
        never = [_row(dataset, entry, _NEVER, part=part.number) for entry in part.entries]
        with self._journal.writing("part taken over") as db:
            db.executemany("DELETE FROM hashed WHERE dataset = ? AND path = ?", [(dataset, g.path) for g in part.gone])
            db.executemany(_TAKE_OVER, never)
            row = (dataset, part.number, part.sha256, len(part.entries))
            db.execute("INSERT INTO part VALUES (?, ?, ?, ?, 1)", row)

    def note_taken_over(self, dataset: int) -> None:
        """Write down that no earlier parts are left to be taken over."""
        with self._journal.writing("sidecar known") as db:
            self._set(db, dataset, "taken_over", 1)

    def part_hashes(self, dataset: int) -> list[str]:
        """Return the hashes of all parts in their order."""
        with self._journal.database.reading() as db:
            return [
                row[0] for row in db.execute("SELECT sha256 FROM part WHERE dataset = ? ORDER BY number", (dataset,))
            ]

    def sums(self, dataset: int) -> tuple[int, int]:
        """Return how many files the parts list in the end, and their size."""
        with self._journal.database.reading() as db:
            query = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM hashed WHERE dataset = ? AND NOT gone"
            files, size_bytes = db.execute(query, (dataset,)).fetchone()
        return int(files), int(size_bytes)

    def sums_lines(self, dataset: int) -> Iterator[str]:
        """Yield the line of each file for `sha256sum --check`, in the order of their paths."""
        after = ""
        while True:
            with self._journal.database.reading() as db:
                query = "SELECT * FROM hashed WHERE dataset = ? AND path > ? AND NOT gone ORDER BY path LIMIT ?"
                rows = db.execute(query, (dataset, after, _PAGE_ROWS)).fetchall()
            if not rows:
                return
            after = rows[-1]["path"]
            yield from (sha256sums_line(_entry(row)) for row in rows)

    def note_sealed(self, dataset: int, parts: int, said: str, now: datetime) -> None:
        """Write down that the seal is there."""
        with self._journal.writing("sealed") as db:
            self._set(db, dataset, "sealed_parts", parts)
            self._journal.tell(db, dataset, kind="sealed", said=said, now=now)

    def note_checked(self, dataset: int, at: datetime) -> None:
        """Write down when the last look at every file began."""
        with self._journal.writing("files checked") as db:
            self._set(db, dataset, "checked_at_us", (at - _EPOCH) // timedelta(microseconds=1))

    def note_trouble(self, dataset: int, kind: str, said: str, now: datetime) -> None:
        """Write down what keeps the checksums from being published, or that nothing does; told once, not again and again."""
        if self.state(dataset).trouble == said:
            return
        with self._journal.writing("sidecar trouble") as db:
            self._set(db, dataset, "trouble", said)
            if said:
                self._journal.tell(db, dataset, kind=kind, said=said, now=now)

    def _tell_unsealed(
        self, db: sqlite3.Connection, dataset: int, parts: int, paths: Sequence[str], now: datetime
    ) -> None:
        row = db.execute("SELECT sealed_parts FROM sidecar WHERE dataset = ?", (dataset,)).fetchone()
        if row is None or not row[0] or row[0] != parts:
            return
        count = db.execute("SELECT count(*) FROM hashed WHERE dataset = ? AND part = 0", (dataset,)).fetchone()[0]
        named = ", ".join(paths[:_NAMED]) + (", …" if count > _NAMED else "")
        said = f"since everything was sealed, {count} files changed, came or went: {named}"
        self._journal.tell(db, dataset, kind="data changed", said=said, now=now)

    def _set(self, db: sqlite3.Connection, dataset: int, column: str, value: int | str) -> None:
        db.execute(
            f"INSERT INTO sidecar (dataset, {column}) VALUES (?, ?) ON CONFLICT (dataset) DO UPDATE SET {column} = excluded.{column}",
            (dataset, value),
        )


_COLUMNS = "dataset, path, inode, size_bytes, mtime_ns, ctime_ns, sha256, crc32, pieces, part, listed, gone"
_PUT = f"""INSERT INTO hashed ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)
    ON CONFLICT (dataset, path) DO UPDATE SET
        inode = excluded.inode, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
        ctime_ns = excluded.ctime_ns, sha256 = excluded.sha256, crc32 = excluded.crc32, pieces = excluded.pieces, gone = 0,
        part = CASE WHEN NOT gone AND sha256 = excluded.sha256 AND mtime_ns = excluded.mtime_ns THEN part ELSE 0 END"""
_TAKE_OVER = f"INSERT OR REPLACE INTO hashed ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0)"


def _chosen(db: sqlite3.Connection, dataset: int, part: int, most: int) -> tuple[list[ManifestEntry], list[Gone]]:
    entries: list[ManifestEntry] = []
    gone: list[Gone] = []
    pieces_bytes = 0
    query = "SELECT * FROM hashed WHERE dataset = ? AND part = ? ORDER BY path LIMIT ?"
    for row in db.execute(query, (dataset, part, most)):
        pieces_bytes += len(row["pieces"])
        if part == 0 and entries and pieces_bytes > _MOST_PIECES_BYTES:
            break
        if row["gone"]:
            gone.append(Gone(row["path"]))
        else:
            entries.append(_entry(row))
    return entries, gone


def _row(dataset: int, entry: ManifestEntry, version: Version, *, part: int) -> tuple[object, ...]:
    inode, _, mtime_ns, ctime_ns = version
    size_bytes = entry.size_bytes
    mtime_ns = entry.mtime_ns if version is _NEVER else mtime_ns
    inode = inode - (1 << 64) if inode >= 1 << 63 else inode
    pieces = bytes.fromhex("".join(entry.pieces))
    sha256 = bytes.fromhex(entry.sha256)
    return dataset, entry.path, inode, size_bytes, mtime_ns, ctime_ns, sha256, entry.crc32, pieces, part


def _unsigned(inode: int) -> int:
    return inode + (1 << 64) if inode < 0 else inode


def _entry(row: sqlite3.Row) -> ManifestEntry:
    pieces = row["pieces"].hex()
    return ManifestEntry(
        path=row["path"],
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
        sha256=row["sha256"].hex(),
        crc32=row["crc32"],
        pieces=tuple(pieces[first : first + 64] for first in range(0, len(pieces), 64)),
    )


def _body_hash(content: bytes) -> str:
    return hashlib.sha256(memoryview(content)[: content.rfind(b"\n", 0, -1) + 1]).hexdigest()
