"""Entries of one space, and the ways to find them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from fs2od.node.index.schema import ROOT
from fs2od.onedata.ids import FileRef, SpaceId, space_root_uuid
from fs2od.sqlite import Database
from fs2od.storage import Kind

__all__ = ["Entry", "SpaceIndex"]

_UUID_HALF = 16
_COLUMNS = "id, parent, name, kind, size, files, mode, mtime_ns, ctime_ns, target, created"
_DEEPEST = 512


@dataclass(frozen=True, slots=True)
class Entry:
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


class SpaceIndex:
    """The entries of one space."""

    def __init__(self, space: SpaceId, database: Database) -> None:
        self.space = space
        self.database = database
        # The upper half ties a uuid to its space, the lower half is the row: an id says where to look without a look-up.
        self._uuid_prefix = sha256(space.encode()).hexdigest()[:_UUID_HALF]

    def ref(self, row: int) -> FileRef:
        """Return the identity of a row."""
        uuid = space_root_uuid(self.space) if row == ROOT else f"{self._uuid_prefix}{row:0{_UUID_HALF}x}"
        return FileRef(uuid, self.space)

    def find(self, uuid: str) -> Entry | None:
        """Return the entry of a file uuid, or None."""
        if uuid == space_root_uuid(self.space):
            return self.get(ROOT)
        if len(uuid) != 2 * _UUID_HALF or not uuid.startswith(self._uuid_prefix):
            return None
        try:
            return self.get(int(uuid[_UUID_HALF:], 16))
        except ValueError:
            return None

    def get(self, row: int) -> Entry | None:
        """Return the entry of a row, or None."""
        return self._one("id = ?", row)

    def child(self, parent: int, name: str) -> Entry | None:
        """Return a directory's child by name, or None."""
        return self._one("parent = ? AND name = ?", parent, name)

    def children(
        self, parent: int, *, after: str | None = None, limit: int, offset: int = 0, inclusive: bool = False
    ) -> list[Entry]:
        """Return up to `limit` children in the order of their names' bytes, from after the name `after` (or at it)."""
        comparison = ">=" if inclusive else ">"
        where = f"parent = ? AND name {comparison} ?" if after is not None else "parent = ?"
        given = (parent, after) if after is not None else (parent,)
        query = f"SELECT {_COLUMNS} FROM entry WHERE {where} ORDER BY name LIMIT ? OFFSET ?"
        with self.database.reading() as db:
            return [_entry(row) for row in db.execute(query, (*given, limit, offset))]

    def lookup(self, names: Sequence[str]) -> Entry | None:
        """Return what lies at a path, given as names from the root; None if nothing does.

        Raises:
            NotADirectoryError: A name on the way is a file.
        """
        found = self.get(ROOT)
        for name in names:
            if found is None:
                return None
            if found.kind is not Kind.DIRECTORY:
                raise NotADirectoryError(name)
            found = self.child(found.row, name)
        return found

    def path(self, entry: Entry) -> str:
        """Return the path below the space's root, without a leading slash; "" for the root."""
        names = [above.name for above in self.ancestry(entry)]
        return "/".join(reversed(names[:-1]))

    def ancestry(self, entry: Entry) -> Iterator[Entry]:
        """Yield the entry, then its parents up to the root."""
        found: Entry | None = entry
        for _ in range(_DEEPEST):
            if found is None:
                return
            yield found
            if found.parent is None:
                return
            found = self.get(found.parent)

    def walk(self, top: Entry, *, page: int = 1000) -> Iterator[tuple[str, Entry]]:
        """Yield everything below `top` with its path relative to it, directories before what they hold, in name order.

        Pages are read one by one, so memory does not grow with the tree.
        """
        stack: list[tuple[str, int, str | None]] = [("", top.row, None)]
        while stack:
            prefix, parent, after = stack.pop()
            entries = self.children(parent, after=after, limit=page)
            for position, entry in enumerate(entries):
                path = prefix + entry.name
                yield path, entry
                if entry.kind is Kind.DIRECTORY:
                    stack.append((prefix, parent, entry.name))
                    stack.append((path + "/", entry.row, None))
                    break
                if position == page - 1:
                    stack.append((prefix, parent, entry.name))

    def set_mode(self, row: int, mode: int) -> None:
        """Change the registered mode. The file itself is never touched."""
        with self.database.writing() as db:
            db.execute("UPDATE entry SET mode = ? WHERE id = ?", (mode, row))

    def _one(self, where: str, *given: object) -> Entry | None:
        with self.database.reading() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM entry WHERE {where}", given).fetchone()
        return None if row is None else _entry(row)


def _entry(row: sqlite3.Row) -> Entry:
    values = tuple(row)
    return Entry(values[0], values[1], values[2], Kind(values[3]), *values[4:])
