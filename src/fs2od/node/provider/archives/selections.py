"""From paths that somebody chose to the roots of an archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from fs2od.manifests import folder_name
from fs2od.node.index.rows import Row, Seeing, row_of
from fs2od.node.provider.archives.members import Root
from fs2od.node.provider.archives.names import Names
from fs2od.node.provider.located import Located
from fs2od.onedata import errors
from fs2od.storage import Kind

__all__ = ["MOST_PATHS", "Finder", "chosen", "root_name", "roots"]

MOST_PATHS = 20_000
"""How many paths one request may name."""
_MOST_DEPTH = 512
_FOLDERS = 1000


def root_name(top: Located) -> str:
    """Return the name of the one folder that an archive holds, or of its one file.

    A link's own folder is called as commands and pages call it, and so is a space's.
    """
    if top.entry.kind is Kind.DIRECTORY and (top.is_share_root or not top.entry.name):
        return (
            folder_name(top.share.name, unnamed=top.share.id)
            if top.share
            else folder_name(top.space_name, unnamed=top.space)
        )
    return top.entry.name or (top.share.name if top.share else top.space_name)


def chosen(paths: Collection[str]) -> tuple[str, ...]:
    """Return paths in the order of their names, without those that lie below others.

    Raises:
        Rejected: badValueFilePath, a path is empty, absolute, or leaves the folder; badValue…, too many.
    """
    if len(paths) > MOST_PATHS:
        raise errors.bad_value("ListOfStrings", "path", f"must be at most {MOST_PATHS} paths")
    kept: list[tuple[str, ...]] = []
    for names in sorted({_names(path) for path in paths}):
        if not kept or names[: len(kept[-1])] != kept[-1]:
            kept.append(names)
    return tuple("/".join(names) for names in kept)


def _names(path: str) -> tuple[str, ...]:
    names = tuple(path.removesuffix("/").split("/"))
    if len(names) > _MOST_DEPTH or any(name in ("", ".", "..") or "\0" in name for name in names) or not _is_text(path):
        raise errors.error_of("badValueFilePath", "Bad value: provided file path is invalid.")
    return names


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def roots(db: sqlite3.Connection, seeing: Seeing, names: Names, top: Located, paths: Sequence[str]) -> list[Root]:
    """Return what an archive of the top, or of what was chosen below it, begins with.

    Raises:
        PosixError: enoent, one of the paths does not exist or may not be read.
    """
    called = root_name(top)
    row = row_of(db, top.entry.row)
    if row is None:
        raise errors.posix("enoent")
    others = {called: names.alone(called)}
    if not paths:
        # A space's root was never registered: its time is the share's.
        own = row.own or (top.share.created_s if top.share else 0)
        return [Root(row._replace(name=called, own=own), "", "", others, "")]
    finder = Finder(db, seeing, row, names, f"{others[called]}/")
    return [finder.root(path) for path in paths]


class Finder:
    """Finds what lies at paths below a folder. What it found on the way to one serves the next."""

    def __init__(self, db: sqlite3.Connection, seeing: Seeing, top: Row, names: Names, named: str) -> None:
        self._db = db
        self._seeing = seeing
        self._search = seeing.directory_bits & ~seeing.file_bits
        self._names = names
        self._folders: dict[str, tuple[int, str]] = {"": (top.id, named)} if top.is_directory else {}

    def root(self, path: str) -> Root:
        """Return what lies at a path.

        Raises:
            PosixError: enoent, nothing lies there, or it may not be read.
        """
        above, slash, name = path.rpartition("/")
        folder, named = self._folder(above)
        row = self._seeing.child(self._db, folder, name)
        if row is None:
            raise errors.posix("enoent")
        others = self._others(folder, name)
        return Root(row, above + slash, named, others, f"{path}/")

    def _folder(self, path: str) -> tuple[int, str]:
        """Return the row of a folder that may be searched, and what the names of what it holds begin with."""
        known = self._folders.get(path)
        if known is not None:
            return known
        walked, found = "", self._folders.get("")
        for name in path.split("/"):
            if found is None:
                raise errors.posix("enoent")
            walked = f"{walked}/{name}" if walked else name
            found = self._folders.get(walked) or self._entered(walked, name, *found)
        if found is None:
            raise errors.posix("enoent")
        return found

    def _entered(self, path: str, name: str, above: int, named: str) -> tuple[int, str] | None:
        row = self._seeing.folder(self._db, above, name, self._search)
        if row is None:
            return None
        if len(self._folders) > _FOLDERS:
            self._folders = {"": self._folders[""]}
        self._folders[path] = (row, f"{named}{self._others(above, name).get(name, name)}/")
        return self._folders[path]

    def _others(self, folder: int, name: str) -> Mapping[str, str]:
        return self._names.others(self._db, self._seeing, folder, [name], is_all=False)
