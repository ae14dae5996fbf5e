"""Writing down what a scan saw: what is new and what changed, in few and short transactions.

A transaction holds some thousand rows of several directories, because each one costs a write to the disk that is waited for;
new rows go in sorted and many to a statement, because that is what SQLite takes fastest.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec

from fs2od.node.index.entries import SpaceIndex
from fs2od.node.index.removal import remove
from fs2od.node.index.schema import ROOT
from fs2od.node.index.sums import Sums
from fs2od.storage import Kind, Seen

__all__ = ["Batch", "Counts", "FolderState", "Registration", "ScanRules", "Stamp", "Visit"]

Stamp = tuple[int, int, int]
"""What changes with a directory's list of names: mtime_ns, ctime_ns and inode."""

_NAMES = 400
_ROWS = 200
_COLUMNS = "parent, name, size, mtime_ns, ctime_ns, inode, kind, mode, created"
_ONE_FILE = f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 'REG', ?, ?)"
_MANY_FILES = f"INSERT INTO entry ({_COLUMNS}) VALUES " + ", ".join(
    f"({', '.join(f'?{number}' for number in range(first, first + 6))}, 'REG', ?1, ?2)"
    for first in range(3, 3 + 6 * _ROWS, 6)
)
# All rows in one: stepping through them would give up Python's lock and take it back for each.
_KNOWN = f"""SELECT json_group_array(json_array(id, name, kind, size, mtime_ns, ctime_ns, inode)) FROM entry
    WHERE parent = ? AND name IN ({", ".join("?" * _NAMES)})"""
_Row = tuple[int, str, str, int, int, int, int]
_ROWS_DECODER = msgspec.json.Decoder(list[_Row])
_BY_NAME = attrgetter("name")


@dataclass(frozen=True)
class ScanRules:
    """How a scan behaves. Modes are what entries are registered with: the files' own modes never count.

    `quiet_s` is how long nothing new must have been seen in a directory before scans pass over it while its times stand,
    `trust_s` how long they do so at most before they look again.
    """

    file_mode: int
    directory_mode: int
    excluded_names: frozenset[str]
    max_depth: int = 65535
    detect_modifications: bool = True
    detect_deletions: bool = True
    quiet_s: int = 60
    trust_s: int = 900


@dataclass
class Counts:
    """What a scan has done so far."""

    created: int = 0
    modified: int = 0
    deleted: int = 0
    unmodified: int = 0
    failed: int = 0


@dataclass(frozen=True)
class FolderState:
    """What earlier scans remember of a directory. Times of ours are seconds since 1970; 0 means never."""

    stamp: Stamp = (0, 0, 0)
    listed_s: int = 0
    changed_s: int = 0


@dataclass
class Visit:
    """One directory in one scan.

    `fresh` says that nothing in it was registered before, `seen` holds the rows that were found again, and `changed`
    says that something in it was new, different or gone, or may be readable tomorrow.
    """

    row: int
    parent: int | None
    name: str
    path: str
    depth: int
    state: FolderState
    fresh: bool
    stamp: Stamp = (0, 0, 0)
    listed_s: int = 0
    changed: bool = False
    seen: array[int] = field(default_factory=lambda: array("q"))


@dataclass(frozen=True)
class Batch:
    """Some entries of a visited directory, and what of it cannot be delivered, with the reasons."""

    visit: Visit
    entries: list[Seen]
    refused: list[tuple[str, str]]


class Registration:
    """Brings the index of a space in line with batches of what was seen."""

    def __init__(self, index: SpaceIndex, *, number: int, rules: ScanRules, counts: Counts, now_s: int) -> None:
        self._index = index
        self._number = number
        self._rules = rules
        self._counts = counts
        self._now_s = now_s
        with index.database.reading() as db:
            self._newest = int(db.execute("SELECT max(id) FROM entry").fetchone()[0])

    def register(self, batches: Sequence[Batch]) -> None:
        """Register what is new and what changed, in one transaction if there is anything of that kind."""
        new: list[tuple[Visit, list[Seen]]] = []
        changed: list[tuple[Visit, list[Seen]]] = []
        for batch in batches:
            missing, different = self._judged(batch)
            batch.visit.changed |= bool(missing or different)
            new.append((batch.visit, missing))
            changed.append((batch.visit, different))
        refused = [(batch.visit.row, *one, self._number) for batch in batches for one in batch.refused]
        if refused or any(entries for _, entries in (*new, *changed)):
            self._write(new, changed, refused)

    def refuse(self, visit: Visit, reason: str) -> None:
        """Note that a directory cannot be listed. What is registered below it stays."""
        with self._index.database.writing() as db:
            _refuse(db, [(visit.parent or ROOT, visit.name, reason, self._number)])

    def finish(self, visits: Sequence[Visit]) -> None:
        """Write down that directories were listed to the end: their times, and what of them can be delivered again."""
        with self._index.database.writing() as db:
            for visit in visits:
                changed = visit.changed or visit.stamp != visit.state.stamp
                changed_s = visit.listed_s if changed else visit.state.changed_s
                query = (
                    "UPDATE folder SET mtime_ns = ?, ctime_ns = ?, inode = ?, listed = ?, changed = ? WHERE entry = ?"
                )
                db.execute(query, (*visit.stamp, visit.listed_s, changed_s, visit.row))
                if visit.stamp != visit.state.stamp:
                    query = "UPDATE entry SET mtime_ns = ?, ctime_ns = ?, inode = ? WHERE id = ?"
                    db.execute(query, (*visit.stamp, visit.row))
                db.execute("DELETE FROM undeliverable WHERE folder = ? AND scan < ?", (visit.row, self._number))
                db.execute("DELETE FROM undeliverable WHERE folder = ? AND name = ?", (visit.parent, visit.name))

    def not_seen(self, visit: Visit) -> Iterator[tuple[int, str]]:
        """Yield rows and names that are registered in a directory and were not seen in it."""
        if visit.fresh:
            return
        known = "FROM entry WHERE parent = ? AND id <= ?"
        with self._index.database.reading() as db:
            given = (visit.row, self._newest)
            if int(db.execute(f"SELECT count(*) {known}", given).fetchone()[0]) == len(visit.seen):
                return
            seen = _Marks(visit.seen)
            rows = [row[0] for row in db.execute(f"SELECT id {known}", given) if row[0] not in seen]
            for row in rows:
                yield row, str(db.execute("SELECT name FROM entry WHERE id = ?", (row,)).fetchone()[0])

    def remove(self, visit: Visit, rows: Sequence[int]) -> None:
        """Remove entries of a visited directory with all that is below them."""
        visit.changed = True
        self._counts.deleted += remove(self._index, rows)

    def pass_over(self, visit: Visit) -> None:
        """Count what is registered directly in a directory that scans pass over."""
        with self._index.database.reading() as db:
            count = db.execute("SELECT count(*) FROM entry WHERE parent = ?", (visit.row,)).fetchone()[0]
        self._counts.unmodified += int(count)

    def _judged(self, batch: Batch) -> tuple[list[Seen], list[Seen]]:
        """Return what of a batch is not registered yet, and what is registered otherwise."""
        visit = batch.visit
        if visit.fresh:
            return batch.entries, []
        missing: list[Seen] = []
        different: list[Seen] = []
        replaced: list[int] = []
        for entries in _pieces(batch.entries, _NAMES):
            known = self._known(visit.row, entries)
            for seen in entries:
                row = known.get(seen.name)
                if row is None:
                    missing.append(seen)
                    continue
                if row[2] != seen.kind and self._rules.detect_deletions:
                    replaced.append(row[0])
                    missing.append(seen)
                    continue
                visit.seen.append(row[0])
                if _is_same(row, seen) or not self._rules.detect_modifications:
                    self._counts.unmodified += 1
                else:
                    different.append(seen)
        if replaced:
            self.remove(visit, replaced)
        return missing, different

    def _known(self, parent: int, entries: list[Seen]) -> dict[str, _Row]:
        names = [seen.name for seen in entries]
        names += names[-1:] * (_NAMES - len(names))
        with self._index.database.reading() as db:
            found = db.execute(_KNOWN, (parent, *names)).fetchone()[0]
        return {row[1]: row for row in _ROWS_DECODER.decode(found)}

    def _write(
        self,
        new: list[tuple[Visit, list[Seen]]],
        changed: list[tuple[Visit, list[Seen]]],
        refused: list[tuple[int, str, str, int]],
    ) -> None:
        try:
            with self._index.database.writing() as db:
                writer = _Writer(db, self._rules, self._now_s)
                writer.add(new)
                self._finish_writing(writer, db, changed, refused)
        except sqlite3.IntegrityError:
            # A name came twice: listings may repeat one that is renamed meanwhile, and others write here, too.
            with self._index.database.writing() as db:
                writer = _Writer(db, self._rules, self._now_s)
                for visit, entries in new:
                    for seen in entries:
                        writer.settle(visit.row, seen)
                self._finish_writing(writer, db, changed, refused)
        self._counts.created += writer.created
        self._counts.modified += writer.modified

    def _finish_writing(
        self,
        writer: _Writer,
        db: sqlite3.Connection,
        changed: list[tuple[Visit, list[Seen]]],
        refused: list[tuple[int, str, str, int]],
    ) -> None:
        for visit, entries in changed:
            for seen in entries:
                writer.settle(visit.row, seen)
        writer.sums.apply(db)
        _refuse(db, refused)


class _Writer:
    """The statements of one transaction."""

    def __init__(self, db: sqlite3.Connection, rules: ScanRules, now_s: int) -> None:
        self._db = db
        self._rules = rules
        self._now_s = now_s
        self.sums = Sums()
        self.created = 0
        self.modified = 0

    def add(self, new: list[tuple[Visit, list[Seen]]]) -> None:
        """Register what is not registered yet.

        Raises:
            IntegrityError: Some of it is.
        """
        waiting: list[object] = []
        for visit, entries in sorted(new, key=lambda pair: pair[0].row):
            files = [seen for seen in entries if seen.kind is Kind.FILE]
            files.sort(key=_BY_NAME)
            for seen in files:
                waiting += (visit.row, seen.name, seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode)
            self.sums.add(visit.row, files=len(files), size_bytes=sum(seen.size_bytes for seen in files))
            self.created += len(files)
            if len(files) < len(entries):
                for seen in entries:
                    if seen.kind is not Kind.FILE:
                        self._create(visit.row, seen)
        self._add_files(waiting)

    def settle(self, parent: int, seen: Seen) -> None:
        """Bring one entry in line with what was seen, whatever is registered by now."""
        query = "SELECT id, name, kind, size, mtime_ns, ctime_ns, inode FROM entry WHERE parent = ? AND name = ?"
        row = self._db.execute(query, (parent, seen.name)).fetchone()
        if row is None:
            self._create(parent, seen)
        elif row[2] == seen.kind and not _is_same(row, seen):
            query = "UPDATE entry SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, target = ? WHERE id = ?"
            self._db.execute(
                query, (seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode, seen.target, row[0])
            )  # fmt: skip
            self.sums.add(parent, files=0, size_bytes=seen.size_bytes - row[3])
            self.modified += 1

    def _add_files(self, values: list[object]) -> None:
        mode, width = self._rules.file_mode, 6 * _ROWS
        whole = len(values) - len(values) % width
        for first in range(0, whole, width):
            self._db.execute(_MANY_FILES, (mode, self._now_s, *values[first : first + width]))
        rest = [(*values[first : first + 6], mode, self._now_s) for first in range(whole, len(values), 6)]
        self._db.executemany(_ONE_FILE, rest)

    def _create(self, parent: int, seen: Seen) -> None:
        is_directory = seen.kind is Kind.DIRECTORY
        mode = self._rules.directory_mode if is_directory else self._rules.file_mode
        query = f"INSERT INTO entry ({_COLUMNS}, target) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        times = (seen.mtime_ns, seen.ctime_ns, seen.inode)
        values = (parent, seen.name, seen.size_bytes, *times, seen.kind.value, mode, self._now_s, seen.target)
        row = self._db.execute(query, values).lastrowid
        if is_directory:
            self._db.execute("INSERT INTO folder (entry, parent) VALUES (?, ?)", (row, parent))
        self.sums.add_entry(parent, seen.kind, seen.size_bytes)
        self.created += 1


class _Marks:
    """A set of rows, at one byte for each number between the lowest and the highest."""

    def __init__(self, rows: array[int]) -> None:
        self._lowest = min(rows, default=0)
        self._marks = bytearray(max(rows, default=0) - self._lowest + 1)
        if rows:
            for row in rows:
                self._marks[row - self._lowest] = 1
        else:
            self._marks.clear()

    def __contains__(self, row: int) -> bool:
        position = row - self._lowest
        return 0 <= position < len(self._marks) and bool(self._marks[position])


def _is_same(row: Sequence[int | str], seen: Seen) -> bool:
    """Say whether an entry is registered as it was seen. Of a directory only its name counts: its times change with what it holds."""
    return (
        (row[5] == seen.ctime_ns and row[4] == seen.mtime_ns and row[3] == seen.size_bytes and row[6] == seen.inode)
        or seen.kind is Kind.DIRECTORY
        or row[2] != seen.kind
    )


def _refuse(db: sqlite3.Connection, refused: list[tuple[int, str, str, int]]) -> None:
    db.executemany("INSERT OR REPLACE INTO undeliverable (folder, name, reason, scan) VALUES (?, ?, ?, ?)", refused)


def _pieces(entries: list[Seen], size: int) -> Iterator[list[Seen]]:
    for first in range(0, len(entries), size):
        yield entries[first : first + size]
