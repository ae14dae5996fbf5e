"""The statements that register entries: many new files to a statement, everything else one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain, repeat
from operator import attrgetter, itemgetter

from fs2od.node.index.sums import Sums
from fs2od.node.index.visits import ScanRules, Visit
from fs2od.storage import Kind, Seen

__all__ = ["Writer", "is_same"]

_ROWS, _EACH = 200, 6
_FILE = "parent, name, size, mtime_ns, ctime_ns, inode"
_COLUMNS = f"{_FILE}, kind, mode, created"
_ONE_FILE = f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 'REG', ?, ?)"
_MANY_FILES = f"INSERT INTO entry ({_COLUMNS}) VALUES " + ", ".join(
    f"({', '.join(f'?{number}' for number in range(first, first + _EACH))}, 'REG', ?1, ?2)"
    for first in range(3, 3 + _EACH * _ROWS, _EACH)
)
_FACTS = attrgetter("name", "size_bytes", "mtime_ns", "ctime_ns", "inode")
_SIZE = itemgetter(1)


class Writer:
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
        by_row: dict[int, list[Seen]] = {}
        for visit, entries in new:
            by_row.setdefault(visit.row, []).extend(entries)
        values: list[object] = []
        for row, entries in sorted(by_row.items()):
            # In the order of the index, and without a step in Python for each file: there may be a million.
            files = sorted(map(_FACTS, [seen for seen in entries if seen.kind is Kind.FILE]))
            values.extend(chain.from_iterable(zip(repeat(row, len(files)), *zip(*files, strict=True), strict=True)))
            self.sums.add(row, files=len(files), size_bytes=sum(map(_SIZE, files)))
            self.created += len(files)
            if len(files) < len(entries):
                for seen in entries:
                    if seen.kind is not Kind.FILE:
                        self._create(row, seen)
        self._add_files(values)

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

    def _add_files(self, values: list[object]) -> None:
        mode, width = self._rules.file_mode, _EACH * _ROWS
        whole = len(values) - len(values) % width
        for first in range(0, whole, width):
            self._db.execute(_MANY_FILES, (mode, self._now_s, *values[first : first + width]))
        rest = [(*values[first : first + _EACH], mode, self._now_s) for first in range(whole, len(values), _EACH)]
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


def is_same(row: Sequence[int | str], seen: Seen) -> bool:
    """Say whether an entry is registered as it was seen. Of a directory only its name counts: its times change with what it holds."""
    return (
        (row[5] == seen.ctime_ns and row[4] == seen.mtime_ns and row[3] == seen.size_bytes and row[6] == seen.inode)
        or seen.kind is Kind.DIRECTORY
        or row[2] != seen.kind
    )
