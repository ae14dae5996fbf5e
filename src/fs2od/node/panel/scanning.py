"""One scan of an imported storage: registers files where they lie, and notices what changed, came and vanished."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fs2od.errors import StorageError
from fs2od.node.index import SpaceIndex
from fs2od.node.index.schema import ROOT
from fs2od.storage import Kind, Seen, Storage

__all__ = ["Counts", "ScanRules", "ScanStopped", "scan"]

_BATCH = 1000


class ScanStopped(Exception):
    """The scan was told to stop."""


@dataclass(frozen=True)
class ScanRules:
    """How a scan behaves. Modes are what entries are registered with: the files' own modes never count."""

    file_mode: int
    directory_mode: int
    excluded_names: frozenset[str]
    max_depth: int = 65535
    detect_modifications: bool = True
    detect_deletions: bool = True


@dataclass
class Counts:
    """What a scan has done so far."""

    created: int = 0
    modified: int = 0
    deleted: int = 0
    unmodified: int = 0
    failed: int = 0


@dataclass
class _Sums:
    """What changed below each directory, gathered per batch and added to all directories above."""

    files: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    size_bytes: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, parent: int, *, files: int, size_bytes: int) -> None:
        self.files[parent] += files
        self.size_bytes[parent] += size_bytes


def scan(
    index: SpaceIndex,
    storage: Storage,
    *,
    number: int,
    rules: ScanRules,
    counts: Counts,
    stop: threading.Event,
    now_s: int,
) -> None:
    """Bring `index` in line with `storage`. Interrupted at any moment, the next scan finishes the work.

    Directories are handled one by one in batches, so memory does not grow with the tree.

    Raises:
        ScanStopped: `stop` was set.
        StorageError: The storage's root cannot be read.
    """
    one = _Scan(index, storage, number=number, rules=rules, counts=counts, stop=stop, now_s=now_s)
    one.run()


class _Scan:
    def __init__(
        self,
        index: SpaceIndex,
        storage: Storage,
        *,
        number: int,
        rules: ScanRules,
        counts: Counts,
        stop: threading.Event,
        now_s: int,
    ) -> None:
        self._index = index
        self._storage = storage
        self._number = number
        self._rules = rules
        self._counts = counts
        self._stop = stop
        self._now_s = now_s

    def run(self) -> None:
        pending: list[tuple[int, str, int]] = [(ROOT, "", 0)]
        while pending:
            row, path, depth = pending.pop()
            if depth < self._rules.max_depth:
                pending.extend((child, deeper, depth + 1) for child, deeper in self._directory(row, path))
        with self._index.database.writing() as db:
            db.execute("DELETE FROM undeliverable WHERE scan < ?", (self._number,))

    def _directory(self, row: int, path: str) -> list[tuple[int, str]]:
        below: list[tuple[int, str]] = []
        prefix = f"{path}/" if path else ""
        try:
            for batch in _batched(self._storage.list(path), _BATCH):
                if self._stop.is_set():
                    raise ScanStopped
                below.extend((child, prefix + name) for child, name in self._batch(row, prefix, batch))
        except FileNotFoundError:
            return []  # it vanished while we looked: the next scan removes it
        except StorageError:
            if row == ROOT:
                raise
            self._counts.failed += 1
            self._refuse(path, "may not be read")
            return []
        self._vanished(row)
        return below

    def _batch(self, parent: int, prefix: str, batch: list[Seen]) -> list[tuple[int, str]]:
        deliverable = {
            seen.name: seen for seen in batch if self._is_deliverable(prefix, seen) and seen.name is not None
        }
        sums = _Sums()
        below: list[tuple[int, str]] = []
        with self._index.database.writing() as db:
            known = self._known(db, parent, list(deliverable))
            for name, seen in deliverable.items():
                row = self._register(db, parent, name, seen, known.get(name), sums)
                if seen.kind is Kind.DIRECTORY:
                    below.append((row, name))
            add_sums(db, sums.files, sums.size_bytes)
        return below

    def _known(self, db: sqlite3.Connection, parent: int, names: list[str]) -> dict[str, sqlite3.Row]:
        marks = ", ".join("?" * len(names))
        query = (
            f"SELECT id, name, kind, size, mtime_ns, ctime_ns, inode FROM entry WHERE parent = ? AND name IN ({marks})"
        )
        return {row["name"]: row for row in db.execute(query, (parent, *names))}

    def _register(
        self, db: sqlite3.Connection, parent: int, name: str, seen: Seen, known: sqlite3.Row | None, sums: _Sums
    ) -> int:
        if known is not None and known["kind"] != seen.kind:
            self._remove(db, parent, known, sums)
            known = None
        if known is None:
            return self._create(db, parent, name, seen, sums)
        row = int(known["id"])
        same = _fingerprint(known) == (seen.mtime_ns, seen.ctime_ns, seen.inode)
        if seen.kind is Kind.DIRECTORY or not self._rules.detect_modifications:
            same = True
        if same and (seen.kind is Kind.DIRECTORY or known["size"] == seen.size_bytes):
            self._counts.unmodified += 1
            db.execute("UPDATE entry SET scan = ? WHERE id = ?", (self._number, row))
            return row
        self._counts.modified += 1
        db.execute(
            "UPDATE entry SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, target = ?, scan = ? WHERE id = ?",
            (seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode, seen.target, self._number, row),
        )
        sums.add(parent, files=0, size_bytes=seen.size_bytes - int(known["size"]))
        return row

    def _create(self, db: sqlite3.Connection, parent: int, name: str, seen: Seen, sums: _Sums) -> int:
        is_directory = seen.kind is Kind.DIRECTORY
        mode = self._rules.directory_mode if is_directory else self._rules.file_mode
        columns = "parent, name, kind, size, mode, mtime_ns, ctime_ns, inode, target, created, scan"
        values = (
            parent, name, seen.kind.value, seen.size_bytes, mode, seen.mtime_ns, seen.ctime_ns, seen.inode, seen.target, self._now_s, self._number,
        )  # fmt: skip
        cursor = db.execute(f"INSERT INTO entry ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        self._counts.created += 1
        if not is_directory:
            sums.add(parent, files=seen.kind is Kind.FILE, size_bytes=seen.size_bytes)
        return int(cursor.lastrowid or 0)

    def _remove(self, db: sqlite3.Connection, parent: int, known: sqlite3.Row, sums: _Sums) -> None:
        row = db.execute("SELECT kind, size, files FROM entry WHERE id = ?", (known["id"],)).fetchone()
        files = int(row["files"]) if row["kind"] == Kind.DIRECTORY else int(row["kind"] == Kind.FILE)
        sums.add(parent, files=-files, size_bytes=-int(row["size"]))
        self._counts.deleted += max(1, files)
        db.execute("DELETE FROM entry WHERE id = ?", (known["id"],))

    def _vanished(self, parent: int) -> None:
        if not self._rules.detect_deletions:
            return
        query = "SELECT id FROM entry WHERE parent = ? AND scan < ? LIMIT ?"
        while True:
            with self._index.database.writing() as db:
                gone = db.execute(query, (parent, self._number, _BATCH)).fetchall()
                sums = _Sums()
                for known in gone:
                    self._remove(db, parent, known, sums)
                add_sums(db, sums.files, sums.size_bytes)
            if len(gone) < _BATCH:
                return

    def _is_deliverable(self, prefix: str, seen: Seen) -> bool:
        if seen.shown_name in self._rules.excluded_names:
            return False
        reason = _refusal(seen)
        if reason is not None:
            self._counts.failed += 1
            self._refuse(prefix + seen.shown_name, reason)
        return reason is None

    def _refuse(self, path: str, reason: str) -> None:
        with self._index.database.writing() as db:
            db.execute("INSERT OR REPLACE INTO undeliverable VALUES (?, ?, ?)", (path, reason, self._number))


def add_sums(db: sqlite3.Connection, files: dict[int, int], size_bytes: dict[int, int]) -> None:
    """Add what changed directly below some directories to these and to every directory above them."""
    for parent in files.keys() | size_bytes.keys():
        db.execute(
            """WITH RECURSIVE up (id) AS (VALUES (?) UNION ALL SELECT e.parent FROM entry AS e JOIN up ON e.id = up.id WHERE e.parent IS NOT NULL)
            UPDATE entry SET files = files + ?, size = size + ? WHERE id IN (SELECT id FROM up)""",
            (parent, files.get(parent, 0), size_bytes.get(parent, 0)),
        )


def _refusal(seen: Seen) -> str | None:
    """Say why an entry cannot be delivered, or None if it can."""
    if seen.name is None:
        return "name is not UTF-8"
    if seen.kind is Kind.OTHER:
        return "special file"
    if seen.kind is Kind.SYMLINK and seen.target is not None and seen.target.startswith("/"):
        return "link leaves the tree"
    return None


def _fingerprint(row: sqlite3.Row) -> tuple[int, int, int]:
    return int(row["mtime_ns"]), int(row["ctime_ns"]), int(row["inode"])


def _batched(items: Iterable[Seen], size: int) -> Iterator[list[Seen]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
