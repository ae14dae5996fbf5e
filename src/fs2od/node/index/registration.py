"""Writing down what a scan saw: what is new and what changed, in few and short transactions.

A transaction holds some thousand rows of several directories, and the disk is waited for once a second: what a power cut takes,
the next scan finds again (see `fs2od.node.index.scans` for the ids). New rows go in sorted and many to a statement, because
that is what SQLite takes fastest.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Iterator, Sequence

import msgspec

from fs2od.node.index.entries import SpaceIndex
from fs2od.node.index.removal import remove
from fs2od.node.index.schema import ROOT
from fs2od.node.index.visits import Batch, Counts, ScanRules, Visit
from fs2od.node.index.writing import Writer, is_same
from fs2od.storage import Kind, Seen

__all__ = ["Registration"]

_NAMES = 400
# How much may be registered before the disk is waited for: far fewer rows than `LOST_IDS`.
_WAIT_S, _WAIT_ROWS = 1.0, 1_000_000
# All rows in one: stepping through them would give up Python's lock and take it back for each.
_KNOWN = "SELECT json_group_array(json_array(id, name, kind, size, mtime_ns, ctime_ns, inode)) FROM "
_KNOWN_BY_NAME = f"{_KNOWN} entry WHERE parent = ? AND name IN ({', '.join('?' * _NAMES)})"
_KNOWN_OF_ALL = f"{_KNOWN} (SELECT * FROM entry WHERE parent = ? LIMIT ?)"
_MOST_OF_ALL = 2_000
_Row = tuple[int, str, str, int, int, int, int]
_ROWS_DECODER = msgspec.json.Decoder(list[_Row])


class Registration:
    """Brings the index of a space in line with batches of what was seen."""

    def __init__(self, index: SpaceIndex, *, number: int, rules: ScanRules, counts: Counts, now_s: int) -> None:
        self._index = index
        self._number = number
        self._rules = rules
        self._counts = counts
        self._now_s = now_s
        self._waited_at, self._rows = time.monotonic(), 0
        with index.database.reading() as db:
            self._newest = int(db.execute("SELECT max(id) FROM entry").fetchone()[0])

    def register(self, batches: Sequence[Batch], finished: Sequence[Visit] = ()) -> None:
        """Register what is new and what changed, and that visits have ended, in one transaction if there is anything."""
        new: list[Batch] = []
        changed: list[tuple[Visit, list[Seen]]] = []
        for batch in batches:
            missing, different = self._judged(batch)
            batch.visit.changed |= bool(missing.count or different)
            batch.visit.registered += batch.count
            batch.visit.deeper |= any(seen.kind is Kind.DIRECTORY for seen in batch.entries)
            new.append(missing)
            changed.append((batch.visit, different))
        refused = [(batch.visit.row, *one, self._number) for batch in batches for one in batch.refused]
        if refused or any(batch.count for batch in new) or any(entries for _, entries in changed):
            self._write(new, changed, refused, finished)
        elif finished:
            self.finish(finished)

    def refuse(self, visit: Visit, reason: str) -> None:
        """Note that a directory cannot be listed. What is registered below it stays."""
        with self._index.database.writing() as db:
            _refuse(db, [(visit.parent or ROOT, visit.name, reason, self._number)])

    def finish(self, visits: Sequence[Visit], *, durable: bool = False) -> None:
        """Write down that directories were listed to the end: their times, and what of them can be delivered again."""
        with self._index.database.writing(durable=durable) as db:
            self._finish(db, visits)

    def _finish(self, db: sqlite3.Connection, visits: Sequence[Visit]) -> None:
        query = "UPDATE folder SET mtime_ns = ?, ctime_ns = ?, inode = ?, listed = ?, changed = ? WHERE entry = ?"
        db.executemany(query, [(*visit.stamp, visit.listed_s, _changed_s(visit), visit.row) for visit in visits])
        moved = [(*visit.stamp, visit.row) for visit in visits if visit.stamp != visit.state.stamp]
        db.executemany("UPDATE entry SET mtime_ns = ?, ctime_ns = ?, inode = ? WHERE id = ?", moved)
        done = [(visit.row, self._number, visit.parent, visit.name) for visit in visits]
        query = "DELETE FROM undeliverable WHERE (folder = ? AND scan < ?) OR (folder = ? AND name = ?)"
        db.executemany(query, done)

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

    def _judged(self, batch: Batch) -> tuple[Batch, list[Seen]]:
        """Return what of a batch is not registered yet, and what is registered otherwise."""
        visit = batch.visit
        if visit.fresh:
            return batch, []
        missing: list[Seen] = []
        different: list[Seen] = []
        replaced: list[int] = []
        known_of_all = self._known_of_all(visit.row) if batch.is_all else None
        for entries in _pieces(batch.all_entries(), _NAMES):
            known = self._known(visit.row, entries) if known_of_all is None else known_of_all
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
                if is_same(row, seen) or not self._rules.detect_modifications:
                    self._counts.unmodified += 1
                else:
                    different.append(seen)
        if replaced:
            self.remove(visit, replaced)
        return Batch(visit, missing), different

    def _known(self, parent: int, entries: list[Seen]) -> dict[str, _Row]:
        names = [seen.name for seen in entries]
        names += names[-1:] * (_NAMES - len(names))
        with self._index.database.reading() as db:
            found = db.execute(_KNOWN_BY_NAME, (parent, *names)).fetchone()[0]
        return {row[1]: row for row in _ROWS_DECODER.decode(found)}

    def _known_of_all(self, parent: int) -> dict[str, _Row] | None:
        """Return all that is registered in a directory, in its order and so with less search; None if that is much."""
        with self._index.database.reading() as db:
            found = db.execute(_KNOWN_OF_ALL, (parent, _MOST_OF_ALL)).fetchone()[0]
        rows = _ROWS_DECODER.decode(found)
        return None if len(rows) == _MOST_OF_ALL else {row[1]: row for row in rows}

    def _write(
        self,
        new: list[Batch],
        changed: list[tuple[Visit, list[Seen]]],
        refused: list[tuple[int, str, str, int]],
        finished: Sequence[Visit],
    ) -> None:
        durable = self._is_time_to_wait(sum(batch.count for batch in new))
        try:
            with self._index.database.writing(durable=durable) as db:
                writer = Writer(db, self._rules, self._now_s)
                writer.add(new)
                _settle(writer, changed)
                _refuse(db, refused)
                self._finish(db, finished)
        except sqlite3.IntegrityError:
            # A name came twice: listings may repeat one that is renamed meanwhile, and others write here, too.
            with self._index.database.writing(durable=durable) as db:
                writer = Writer(db, self._rules, self._now_s)
                _settle(writer, [*((batch.visit, batch.all_entries()) for batch in new), *changed])
                _refuse(db, refused)
                self._finish(db, finished)
        self._counts.created += writer.created
        self._counts.modified += writer.modified

    def _is_time_to_wait(self, rows: int) -> bool:
        self._rows += rows
        now = time.monotonic()
        if now - self._waited_at < _WAIT_S and self._rows < _WAIT_ROWS:
            return False
        self._waited_at, self._rows = now, 0
        return True


def _changed_s(visit: Visit) -> int:
    changed = visit.changed or visit.stamp != visit.state.stamp
    return visit.listed_s if changed else visit.state.changed_s


def _settle(writer: Writer, changed: list[tuple[Visit, list[Seen]]]) -> None:
    for visit, entries in changed:
        for seen in entries:
            writer.settle(visit.row, seen)
    writer.apply_sums()


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


def _refuse(db: sqlite3.Connection, refused: list[tuple[int, str, str, int]]) -> None:
    db.executemany("INSERT OR REPLACE INTO undeliverable (folder, name, reason, scan) VALUES (?, ?, ?, ?)", refused)


def _pieces(entries: list[Seen], size: int) -> Iterator[list[Seen]]:
    for first in range(0, len(entries), size):
        yield entries[first : first + size]
