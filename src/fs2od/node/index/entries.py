"""Entries of one space, and the ways to find them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar, cast

import msgspec

from fs2od.node.index.newest import newest_mtime_ns
from fs2od.node.index.schema import ROOT
from fs2od.node.index.walking import walk
from fs2od.onedata.ids import FileRef, ShareId, SpaceId, space_root_uuid
from fs2od.sqlite import Database, Standing
from fs2od.storage import Kind

__all__ = ["COLUMNS", "Entry", "SpaceIndex", "entry_of", "ref_of"]

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")
_UUID_HALF = 16
_DIGITS = frozenset("0123456789abcdef")
_MOST_LINES = 256
_MOST_SPACES = 1000
COLUMNS = """id, parent, name, kind, size, files, mode, mtime_ns, ctime_ns, target, created,
    EXISTS (SELECT 1 FROM metadata WHERE metadata.entry = entry.id)"""
"""What `entry_of` wants of the table `entry`."""
_ANCESTRY = f"""
WITH RECURSIVE up (row, above, depth) AS (
    SELECT id, parent, 0 FROM entry WHERE id = ?
    UNION ALL SELECT entry.id, entry.parent, depth + 1 FROM up JOIN entry ON entry.id = up.above WHERE depth < 512
)
SELECT {COLUMNS} FROM up JOIN entry ON entry.id = up.row ORDER BY depth
"""
_KINDS = {kind.value: kind for kind in Kind}


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One file, directory or link of a space, as registered. Sizes are bytes; a directory's is the sum below it."""

    row: int
    parent: int | None
    name: str
    kind: Kind
    size_bytes: int
    files: int
    mode: int
    mtime_ns: int
    ctime_ns: int
    target: str | None
    created_s: int
    has_metadata: bool = False


class SpaceIndex:
    """The entries of one space."""

    def __init__(self, space: SpaceId, database: Database) -> None:
        self.space = space
        self.database = database
        self._uuid_prefix = _uuid_prefix(space)
        self._root_uuid = space_root_uuid(space)
        self._lines = Standing(database, self._asked_line, limit=_MOST_LINES)
        self._kept = Standing(database, self._asked, limit=_MOST_LINES)

    def ref(self, row: int) -> FileRef:
        """Return the identity of a row."""
        return ref_of(self.space, row)

    def uuid(self, row: int) -> str:
        """Return the file uuid of a row."""
        return _uuid_of(self.space, row)

    def find(self, uuid: str) -> Entry | None:
        """Return the entry of a file uuid, or None."""
        line = self.line(uuid)
        return line[0] if line else None

    def line(self, uuid: str) -> tuple[Entry, ...]:
        """Return the entry of a file uuid, then its parents up to the root, as one query found them; nothing if there is none."""
        row = self._row(uuid)
        return () if row is None else self._lines.get(row)

    def get(self, row: int) -> Entry | None:
        """Return the entry of a row, or None."""
        return self._one("id = ?", row)

    def child(self, parent: int, name: str) -> Entry | None:
        """Return a directory's child by name, or None."""
        return self.kept(_child, (parent, name))

    def children(
        self, parent: int, *, after: str | None = None, limit: int, offset: int = 0, inclusive: bool = False
    ) -> list[Entry]:
        """Return up to `limit` children in the order of their names' bytes.

        One query whatever the page holds, and as quick at the end of a large directory as at its beginning.

        Args:
            parent: The directory's row.
            after: The name after which the page begins, or at which with `inclusive`; None for the first one.
            limit: How many children at most.
            offset: How many children further the page begins, or earlier when it is negative.
            inclusive: Whether the child called `after` belongs to the page.
        """
        with self.database.reading() as db:
            if offset < 0:
                after, inclusive = _earlier(db, parent, after, -offset, inclusive=inclusive)
            where, given = _from(parent, after, inclusive=inclusive)
            query = f"SELECT {COLUMNS} FROM entry WHERE {where} ORDER BY name LIMIT ? OFFSET ?"
            return [entry_of(row) for row in db.execute(query, (*given, limit, max(0, offset)))]

    def lookup(self, names: Sequence[str]) -> Entry | None:
        """Return what lies at a path, given as names from the root; None if nothing does.

        Raises:
            NotADirectoryError: A name on the way is a file.
        """
        query = "SELECT id, kind FROM entry WHERE parent = ? AND name = ?"
        row, kind = ROOT, Kind.DIRECTORY.value
        with self.database.reading() as db:
            for name in names:
                if kind != Kind.DIRECTORY:
                    raise NotADirectoryError(name)
                found = db.execute(query, (row, name)).fetchone()
                if found is None:
                    return None
                row, kind = found
        return self.get(row)

    def path(self, entry: Entry) -> str:
        """Return the path below the space's root, without a leading slash; "" for the root."""
        names = [above.name for above in self.ancestry(entry)]
        return "/".join(reversed(names[:-1]))

    def ancestry(self, entry: Entry) -> Iterator[Entry]:
        """Yield the entry, then its parents up to the root, as one query found them."""
        return iter(self._lines.get(entry.row))

    def walk(
        self,
        top: Entry,
        *,
        after: str = "",
        prefix: str = "",
        enters: Callable[[str, Entry], bool] = lambda _path, _entry: True,
        page: int = 1000,
    ) -> Iterator[tuple[str, Entry]]:
        """Yield everything below `top` with its path relative to it, in the order of paths, name by name.

        Directories come before what they hold. Pages are read one by one, so memory grows with the depth alone.

        Args:
            top: A directory.
            after: A path that is known already: only what comes after it is yielded. It need not exist any more.
            prefix: Only paths that begin so are yielded.
            enters: Says of each directory whether what it holds is wanted; asked once, after the directory was yielded.
            page: How many entries are read at a time.
        """
        return walk(self, top.row, after=after, prefix=prefix, enters=enters, page=page)

    def files(
        self, top: Entry, *, after: str = "", prefix: str = "", limit: int, with_directories: bool = False
    ) -> list[tuple[str, Entry]]:
        """Return a page of the files and links at any depth below `top`, as `walk` yields them.

        Fewer than `limit` mean that nothing follows.
        """
        found = self.walk(top, after=after, prefix=prefix)
        wanted = (pair for pair in found if with_directories or pair[1].kind is not Kind.DIRECTORY)
        return list(islice(wanted, limit))

    def newest_mtime_ns(self, top: Entry, *, apart: int = 0) -> int | None:
        """Return when the newest file below a directory was modified, without what lies in the folder with the row `apart`.

        A look into an index for each folder, whatever it holds. None: there is no file, or there are too many folders.
        """
        with self.database.reading() as db:
            return newest_mtime_ns(db, top.row, apart=apart)

    def set_mode(self, row: int, mode: int) -> None:
        """Change the registered mode. The file itself is never touched."""
        with self.database.writing() as db:
            db.execute("UPDATE entry SET mode = ? WHERE id = ?", (mode, row))

    def kept(self, ask: Callable[[SpaceIndex, Key], Answer], key: Key) -> Answer:
        """Return what `ask` finds for a key in this index, asked once as long as nothing is committed here."""
        return cast("Answer", self._kept.get((ask, key)))

    def _asked(self, question: tuple[Callable[[SpaceIndex, Any], object], Hashable]) -> object:
        ask, key = question
        return ask(self, key)

    def _row(self, uuid: str) -> int | None:
        if uuid == self._root_uuid:
            return ROOT
        row = uuid.removeprefix(self._uuid_prefix)
        if len(uuid) != 2 * _UUID_HALF or len(row) != _UUID_HALF or not set(row) <= _DIGITS:
            return None
        # SQLite's integers end at 63 bits: nothing lies beyond.
        return None if row > "7" + "f" * (_UUID_HALF - 1) else int(row, 16)

    def _asked_line(self, row: int) -> tuple[Entry, ...]:
        with self.database.reading() as db:
            return tuple(map(entry_of, db.execute(_ANCESTRY, (row,)).fetchall()))

    def _one(self, where: str, *given: object) -> Entry | None:
        with self.database.reading() as db:
            row = db.execute(f"SELECT {COLUMNS} FROM entry WHERE {where}", given).fetchone()
        return None if row is None else entry_of(row)


def ref_of(space: SpaceId, row: int, share: ShareId | None = None) -> FileRef:
    """Return the identity of a row of a space's index, as seen through `share`; the index itself need not be open."""
    return FileRef(_uuid_of(space, row), space, share)


def _uuid_of(space: SpaceId, row: int) -> str:
    # The upper half ties a uuid to its space, the lower half is the row: an id says where to look without a look-up.
    return space_root_uuid(space) if row == ROOT else f"{_uuid_prefix(space)}{row:0{_UUID_HALF}x}"


@lru_cache(_MOST_SPACES)
def _uuid_prefix(space: SpaceId) -> str:
    return sha256(space.encode()).hexdigest()[:_UUID_HALF]


def _child(index: SpaceIndex, key: tuple[int, str]) -> Entry | None:
    return index._one("parent = ? AND name = ?", *key)  # noqa: SLF001 - a part of it


def _from(parent: int, after: str | None, *, inclusive: bool) -> tuple[str, tuple[int | str, ...]]:
    if after is None:
        return "parent = ?", (parent,)
    return f"parent = ? AND name {'>=' if inclusive else '>'} ?", (parent, after)


def _earlier(
    db: sqlite3.Connection, parent: int, after: str | None, steps: int, *, inclusive: bool
) -> tuple[str | None, bool]:
    """Return where a page begins (a name, and whether it belongs to the page) that starts `steps` children earlier."""
    if after is None:
        return None, False
    query = f"""SELECT name FROM entry WHERE parent = ? AND name {"<" if inclusive else "<="} ?
        ORDER BY name DESC LIMIT 1 OFFSET ?"""
    row = db.execute(query, (parent, after, steps - 1)).fetchone()
    return (None, False) if row is None else (row[0], True)


def entry_of(row: Sequence[Any]) -> Entry:
    """Return the entry of a row that was read as `COLUMNS`."""
    number, parent, name, kind, size, files, mode, mtime_ns, ctime_ns, target, created, has_metadata = row
    known = _KINDS[kind]
    return Entry(
        number, parent, name, known, size, files, mode, mtime_ns, ctime_ns, target, created, bool(has_metadata)
    )
