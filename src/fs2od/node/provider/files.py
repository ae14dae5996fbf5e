"""Files as members and guests see them: attributes, listings, modes, paths and metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fs2od.node.index import Entry, Indexes, SpaceIndex, ref_of
from fs2od.node.index.schema import ROOT
from fs2od.node.provider.access import Access, Located, Need
from fs2od.node.provider.attributes import FileView
from fs2od.node.provider.recursion import FilesPage, Wanted, files_below
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.shares import Shares
from fs2od.node.zone.spaces import Spaces
from fs2od.onedata import errors
from fs2od.onedata.ids import FileId, FileRef, ProviderId, ShareId, SpaceId, file_id, space_root_uuid
from fs2od.storage import Kind

__all__ = ["Files"]


class Files:
    """Answers what a caller may know of files."""

    def __init__(
        self, access: Access, indexes: Indexes, shares: Shares, spaces: Spaces, rights: Rights, provider: ProviderId
    ) -> None:
        self._access = access
        self._indexes = indexes
        self._shares = shares
        self._spaces = spaces
        self._rights = rights
        self._provider = provider

    def view(
        self, located: Located, *, with_parent: bool = True, with_shares: bool = True, with_metadata: bool = True
    ) -> FileView:
        """Return a located file, and as asked its parent, its shares and whether it has metadata, looked up."""
        parent = _parent_id(located) if with_parent else None
        shares = self._shares_at(located) if with_shares else ()
        has_metadata = with_metadata and self._has_metadata(located)
        return FileView(located, located.file_id, parent, shares, self._provider, has_metadata)

    def children(
        self, located: Located, *, after: str | None, limit: int, offset: int = 0, inclusive: bool = False
    ) -> list[Located]:
        """Return a page of a directory's children that the caller's token leaves, in name order; a file lists itself.

        Args:
            located: The directory.
            after: The name after which the page begins, or at which with `inclusive`; None for the first one.
            limit: How many children at most.
            offset: How many children further the page begins, or earlier when it is negative.
            inclusive: Whether the child called `after` belongs to the page.
        """
        if located.entry.kind is not Kind.DIRECTORY:
            return [located]
        left = located.names_left()
        row = located.entry.row
        with self._indexes.using(located.space) as index:
            if left is not None:
                found = _page(list(_named(index, row, left)), after, limit, offset, inclusive=inclusive)
            else:
                if offset < 0:
                    after, inclusive = _earlier(index, row, after, -offset, inclusive=inclusive)
                found = index.children(row, after=after, limit=limit, offset=max(0, offset), inclusive=inclusive)
        return [self._access.below(located, entry) for entry in found]

    def below(self, top: Located, wanted: Wanted) -> FilesPage:
        """Return a page of all files below a directory, at any depth."""
        with self._indexes.using(top.space) as index:
            return files_below(index, top, wanted)

    def set_mode(self, caller: Caller, text: str, mode: int) -> None:
        """Change the registered mode; the file on the storage is never touched.

        Raises:
            PosixError: eacces, the caller may not write.
        """
        located = self._access.locate(caller, text, Need.WRITE)
        with self._indexes.using(located.space) as index:
            index.set_mode(located.entry.row, mode)

    def lookup(self, caller: Caller, path: str, need: Need = Need.LOOK) -> Located:
        """Return what lies at `{space name}[@{space id}]/relative/path`.

        Raises:
            PosixError: enoent: no space of that name, or nothing there; enotdir.
            Rejected: spaceNotSupportedBy.
        """
        user = self._rights.require_user(caller)
        first, *names = _resolved(path)
        name, at, wanted = first.partition("@")
        for space in self._spaces.named(name):
            is_meant = caller.sees_space(space) and (not at or space == wanted)
            if is_meant and self._rights.space_privileges(user, space, needed=["space_view"]) is not None:
                return self._access.locate_path(caller, space, names, need)
        raise errors.posix("enoent")

    def json_metadata(self, located: Located, *, inherited: bool = False) -> object:
        """Return the JSON metadata of a file, with `inherited` that of the directories above it, too.

        Raises:
            PosixError: enodata, there is none.
        """
        found = self.inherited_metadata(located, "json") if inherited else self.metadata(located, "json")
        if "" not in found:
            raise errors.posix("enodata")
        return found[""]

    def metadata(self, located: Located, kind: str) -> Mapping[str, Any]:
        """Return the metadata of one kind ("json", "rdf", "xattr") by key; json and rdf use the key ""."""
        query = "SELECT key, value FROM metadata WHERE entry = ? AND kind = ? ORDER BY key"
        with self._indexes.using(located.space) as index, index.database.reading() as db:
            rows = db.execute(query, (located.entry.row, kind)).fetchall()
        return {row["key"]: json.loads(row["value"]) for row in rows}

    def json_metadata_of_space(self, space: SpaceId) -> object:
        """Return the JSON metadata of a space's root, or None; for callers whose right was judged elsewhere."""
        query = "SELECT value FROM metadata WHERE entry = ? AND kind = 'json' AND key = ''"
        with self._indexes.using(space) as index, index.database.reading() as db:
            row = db.execute(query, (ROOT,)).fetchone()
        return None if row is None else json.loads(row[0])

    def inherited_metadata(self, located: Located, kind: str) -> Mapping[str, Any]:
        """Return the metadata of a file and of the directories above it that its reader may know, as one.

        The nearest comes first: key by key, and within JSON objects likewise.
        """
        with self._indexes.using(located.space) as index:
            chain = list(index.ancestry(located.entry))
        share_root = located.share.root.uuid if located.share is not None else None
        merged: dict[str, Any] = {}
        path = located.path
        for entry in chain:
            with self._indexes.using(located.space) as index:
                ref = index.ref(entry.row)
            above = replace(located, entry=entry, path=path, ref=ref.through(located.ref.share))
            if not above.remaining.covers(above.canonical_path) or not above.may_read(entry):
                break
            for key, value in self.metadata(above, kind).items():
                merged[key] = _overlaid(value, merged[key]) if key in merged else value
            if ref.uuid == share_root:
                break
            path = path.rpartition("/")[0]
        return merged

    def put_metadata(self, located: Located, kind: str, values: Mapping[str, Any]) -> None:
        """Set metadata of one kind, key by key; other keys stay."""
        rows = [(located.entry.row, kind, key, json.dumps(value)) for key, value in values.items()]
        with self._indexes.using(located.space) as index, index.database.writing() as db:
            db.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?, ?)", rows)

    def delete_metadata(self, located: Located, kind: str, keys: Sequence[str]) -> None:
        """Remove metadata of one kind by its keys."""
        rows = [(located.entry.row, kind, key) for key in keys]
        with self._indexes.using(located.space) as index, index.database.writing() as db:
            db.executemany("DELETE FROM metadata WHERE entry = ? AND kind = ? AND key = ?", rows)

    def root_id(self, space: SpaceId) -> str:
        """Return the object id of a space's root directory."""
        return file_id(FileRef(space_root_uuid(space), space))

    def _shares_at(self, located: Located) -> tuple[ShareId, ...]:
        if located.share is not None:
            return (located.share.id,) if located.is_share_root else ()
        return tuple(self._shares.rooted_at(located.space, located.ref.uuid))

    def _has_metadata(self, located: Located) -> bool:
        query = "SELECT 1 FROM metadata WHERE entry = ? LIMIT 1"
        with self._indexes.using(located.space) as index, index.database.reading() as db:
            return db.execute(query, (located.entry.row,)).fetchone() is not None


def _parent_id(located: Located) -> FileId | None:
    """Return the object id of the directory above, as the same caller sees it; None above what a share points at."""
    parent = located.entry.parent
    if parent is None or located.is_share_root:
        return None
    return file_id(ref_of(located.space, parent, located.ref.share))


def _overlaid(below: object, above: object) -> object:
    """Return JSON with what comes first laid over what comes after it, object by object."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    merged = {key: value for key, value in below.items() if key not in above}
    return {**merged, **{key: _overlaid(below[key], value) if key in below else value for key, value in above.items()}}


def _named(index: SpaceIndex, parent: int, names: Sequence[str]) -> Iterator[Entry]:
    for name in names:
        entry = index.child(parent, name)
        if entry is not None:
            yield entry


def _page(entries: list[Entry], after: str | None, limit: int, offset: int, *, inclusive: bool) -> list[Entry]:
    """Do with a few entries what the index does with many."""
    passed = sum(
        after is not None and (entry.name < after or (entry.name == after and not inclusive)) for entry in entries
    )
    start = max(0, passed + offset)
    return entries[start : start + limit]


def _earlier(
    index: SpaceIndex, parent: int, after: str | None, steps: int, *, inclusive: bool
) -> tuple[str | None, bool]:
    """Return where a page begins (a name, and whether it belongs to the page) that starts `steps` children earlier."""
    if after is None:
        return None, False
    comparison = "<" if inclusive else "<="
    query = f"SELECT name FROM entry WHERE parent = ? AND name {comparison} ? ORDER BY name DESC LIMIT 1 OFFSET ?"
    with index.database.reading() as db:
        row = db.execute(query, (parent, after, steps - 1)).fetchone()
    return (None, False) if row is None else (row[0], True)


def _resolved(path: str) -> list[str]:
    """Return the names of a path with dots resolved; never above its first name."""
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            names = names[:-1]
        elif name not in ("", "."):
            names.append(name)
    if not names:
        raise errors.posix("enoent")
    return names
