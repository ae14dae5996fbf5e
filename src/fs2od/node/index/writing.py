"""The statements that register entries: many new files to a statement, everything else one by one."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from itertools import chain
from operator import attrgetter, itemgetter

from fs2od.node.index.sums import Sums
from fs2od.node.index.visits import Batch, ScanRules
from fs2od.storage import NO_FILES, Files, Kind, Seen

__all__ = ["Writer", "is_same"]

_ROWS, _EACH = 200, 6
_FILE = "parent, name, size, mtime_ns, ctime_ns, inode"
_COLUMNS = f"{_FILE}, kind, mode, created"
_ONE_FILE = f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 'REG', ?, ?)"
# "OR ROLLBACK", because whoever adds undoes all of it if anything fails. Otherwise SQLite keeps a copy of each page that a statement
# touches, in a file, to undo that statement alone: a quarter of the time.
_MANY_FILES = f"INSERT OR ROLLBACK INTO entry ({_COLUMNS}) VALUES " + ", ".join(
    f"({', '.join(f'?{number}' for number in range(first, first + _EACH))}, 'REG', ?1, ?2)"
    for first in range(3, 3 + _EACH * _ROWS, _EACH)
)
_FACTS = attrgetter("name", "size_bytes", "mtime_ns", "ctime_ns", "inode")


class Writer:
    """The statements of one transaction."""

    def __init__(self, db: sqlite3.Connection, rules: ScanRules, now_s: int) -> None:
        self._db = db
        self._rules = rules
        self._now_s = now_s
        self.sums = Sums()
        self.created = 0
        self.modified = 0

    def add(self, new: list[Batch]) -> None:
        """Register what is not registered yet.

        Raises:
            IntegrityError: Some of it is. The transaction may have been rolled back by then.
        """
        by_row: dict[int, list[Files]] = {}
        for batch in new:
            row = batch.visit.row
            plain = [seen for seen in batch.entries if self._is_plain(seen)]
            pieces = by_row.setdefault(row, [])
            pieces += [files for files in (batch.files, _columns(plain)) if files.names]
            if len(plain) < len(batch.entries):
                for seen in batch.entries:
                    if not self._is_plain(seen):
                        self._create(row, seen)
        values: list[object] = []
        for row, pieces in sorted(by_row.items()):
            files = _joined(pieces)
            # In the order of the index, and without a step in Python for each file: there may be a million.
            order = sorted(range(len(files.names)), key=files.names.__getitem__)
            for first in range(0, len(order), _ROWS):
                values += _flat(row, files, order[first : first + _ROWS])
                self._add_whole(values)
            self.sums.add(row, files=len(order), size_bytes=sum(files.sizes_bytes))
            self.created += len(order)
        rest = zip(*(values[position::_EACH] for position in range(_EACH)), strict=True)
        self._db.executemany(_ONE_FILE, [(*one, self._rules.file_mode, self._now_s) for one in rest])

    def settle(self, parent: int, seen: Seen) -> None:
        """Bring one entry in line with what was seen, whatever is registered by now."""
        query = "SELECT id, name, kind, size, mtime_ns, ctime_ns, inode FROM entry WHERE parent = ? AND name = ?"
        row = self._db.execute(query, (parent, seen.name)).fetchone()
        if row is None:
            self._create(parent, seen)
        elif row[2] == seen.kind and not is_same(row, seen):
            query = "UPDATE entry SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, target = ? WHERE id = ?"
            self._db.execute(
                query, (seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode, seen.target, row[0])
            )  # fmt: skip
            self.sums.add(parent, files=0, size_bytes=seen.size_bytes - row[3])
            self.modified += 1

    def apply_sums(self) -> None:
        """Add what came and went to the directories' sums."""
        self.sums.apply(self._db)

    def _add_whole(self, values: list[object]) -> None:
        """Register as many files as fill a statement, and leave the others."""
        if len(values) >= (width := _EACH * _ROWS):
            self._db.execute(_MANY_FILES, (self._rules.file_mode, self._now_s, *values[:width]))
            del values[:width]

    def _is_plain(self, seen: Seen) -> bool:
        return seen.kind is Kind.FILE and self._rules.mode_of(seen) == self._rules.file_mode

    def _create(self, parent: int, seen: Seen) -> None:
        is_directory = seen.kind is Kind.DIRECTORY
        mode = self._rules.mode_of(seen)
        query = f"INSERT INTO entry ({_COLUMNS}, target) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        times = (seen.mtime_ns, seen.ctime_ns, seen.inode)
        values = (parent, seen.name, seen.size_bytes, *times, seen.kind.value, mode, self._now_s, seen.target)
        row = self._db.execute(query, values).lastrowid
        if is_directory:
            self._db.execute("INSERT INTO folder (entry, parent) VALUES (?, ?)", (row, parent))
        self.sums.add_entry(parent, seen.kind, seen.size_bytes)
        self.created += 1


def _columns(files: list[Seen]) -> Files:
    return Files(*map(list, zip(*map(_FACTS, files), strict=True))) if files else NO_FILES


def _joined(pieces: list[Files]) -> Files:
    if len(pieces) < 2:
        return pieces[0] if pieces else NO_FILES
    names, *numbers = zip(*pieces, strict=True)
    return Files(list(chain.from_iterable(names)), *map(_column, numbers))


def _column(parts: Sequence[Sequence[int]]) -> array[int]:
    column = array("q")
    for part in parts:
        column.extend(part)
    return column


def _flat(row: int, files: Files, chosen: Sequence[int]) -> list[object]:
    """Return what the statements want of some files, one after another."""
    values: list[object] = [row] * (len(chosen) * _EACH)
    # The first one twice, because of a single one no tuple is made.
    take = itemgetter(*chosen, chosen[0])
    for position, column in enumerate(files, start=1):
        values[position::_EACH] = take(column)[:-1]
    return values


def is_same(row: Sequence[int | str], seen: Seen) -> bool:
    """Say whether an entry is registered as it was seen. Of a directory only its name counts: its times change with what it holds."""
    return (
        (row[5] == seen.ctime_ns and row[4] == seen.mtime_ns and row[3] == seen.size_bytes and row[6] == seen.inode)
        or seen.kind is Kind.DIRECTORY
        or row[2] != seen.kind
    )
