"""Folders with very many files that exist in a space's index only: rows written directly, for tests and benchmarks of listings."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from fs2od.node.index import SpaceIndex
from fs2od.node.index.sums import Sums
from fs2od.storage import Kind

__all__ = ["add_files", "add_folder"]

_BATCH = 50_000
_COLUMNS = "parent, name, kind, size, mode, mtime_ns, ctime_ns, inode, created"
_INSERT = f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0)"
_FILE_MODE, _FOLDER_MODE = 0o664, 0o775


def add_folder(index: SpaceIndex, parent: int, name: str) -> int:
    """Register an empty directory in the one with the row `parent`, and return its row."""
    with index.database.writing() as db:
        row = db.execute(_INSERT, (parent, name, Kind.DIRECTORY.value, 0, _FOLDER_MODE, 0)).lastrowid
        assert row is not None
        db.execute("INSERT INTO folder (entry, parent) VALUES (?, ?)", (row, parent))
    return row


def add_files(index: SpaceIndex, parent: int, files: Iterable[tuple[str, int, int]]) -> None:
    """Register files in the directory with the row `parent`: names, sizes in bytes, modification times in nanoseconds."""
    left = iter(files)
    while batch := list(islice(left, _BATCH)):
        with index.database.writing() as db:
            rows = ((parent, name, Kind.FILE.value, size, _FILE_MODE, mtime_ns) for name, size, mtime_ns in batch)
            db.executemany(_INSERT, rows)
            sums = Sums()
            sums.add(parent, files=len(batch), size_bytes=sum(size for _, size, _ in batch))
            sums.apply(db)
