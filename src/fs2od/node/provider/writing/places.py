"""Where something is to be made or moved to: a directory that is there, and the names below it that are not yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fs2od.manifests import SIDECAR
from fs2od.node.index import Entry, Indexes
from fs2od.node.index.schema import ROOT
from fs2od.node.provider.access import Access, Located, Need
from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Kind

__all__ = ["Place", "Places", "names_of", "require_name"]

_LONGEST_NAME, _LONGEST_PATH = 255, 4000


@dataclass(frozen=True)
class Place:
    """A place that its caller may fill: `directory` is there, and all but the last of `names` are to be made."""

    directory: Located
    names: tuple[str, ...]
    existing: Entry | None

    @property
    def space(self) -> SpaceId:
        """The space that it lies in."""
        return self.directory.space

    @property
    def path(self) -> str:
        """Its path below the space's root."""
        return "/".join(filter(None, (self.directory.path, *self.names)))


class Places:
    """Finds places, and judges whether their callers may fill them."""

    def __init__(self, access: Access, indexes: Indexes, *, reserved: Collection[str]) -> None:
        self._access = access
        self._indexes = indexes
        self._reserved = frozenset(reserved)

    def below(self, caller: Caller, top: str, names: Sequence[str], *, with_parents: bool = False) -> Place:
        """Return the place at some names below a directory given by its id.

        Raises:
            PosixError: enoent, enotdir, eacces; eperm, a name is kept for the node's own; enametoolong.
            Unauthorized, Forbidden, Rejected: As for finding a file.
        """
        found = self._access.locate_private(caller, top, Need.LOOK)
        if found.entry.kind is not Kind.DIRECTORY:
            raise errors.posix("enotdir")
        return self.at(caller, found.space, [*_split(found.path), *names], with_parents=with_parents)

    def at(self, caller: Caller, space: SpaceId, names: Sequence[str], *, with_parents: bool = False) -> Place:
        """Return the place at a path of a space.

        Raises:
            PosixError: enoent, enotdir, eacces, eperm, enametoolong.
            Forbidden: The space is not the caller's.
        """
        if not names:
            raise errors.posix("eexist")
        depth = self._depth(caller, space, names[:-1])
        directory = self._access.locate_path(caller, space, list(names[:depth]), Need.ENTER)
        missing = tuple(names[depth:])
        path = "/".join(filter(None, (directory.canonical_path, *missing)))
        if not directory.remaining.covers(path):
            raise errors.posix("eacces")
        if len(missing) > 1 and not with_parents:
            raise errors.posix("enoent")
        for name in missing:
            require_name(name)
            if name in self._reserved:
                raise errors.posix("eperm")
        if len(path.encode()) > _LONGEST_PATH:
            raise errors.posix("enametoolong")
        with self._indexes.using(space) as index:
            existing = index.child(directory.entry.row, missing[0]) if len(missing) == 1 else None
        if existing is None and depth == 0 and missing[0] == SIDECAR:
            raise errors.posix("eperm")  # there it would speak for everything: a facility puts it there, past the node
        return Place(directory, missing, existing)

    def of(self, located: Located) -> Place:
        """Return the place of a file that is there.

        Raises:
            PosixError: eperm, it is the space's root; eacces.
        """
        if located.entry.row == ROOT:
            raise errors.posix("eperm")
        return self.at(located.caller, located.space, _split(located.path))

    def _depth(self, caller: Caller, space: SpaceId, names: Sequence[str]) -> int:
        """Return how many of the names, from the first on, are directories that are there."""
        self._access.locate_path(caller, space, [], Need.LOOK)
        with self._indexes.using(space) as index:
            row = ROOT
            for depth, name in enumerate(names):
                entry = index.child(row, name)
                if entry is None:
                    return depth
                if entry.kind is not Kind.DIRECTORY:
                    # Only who may see it is told what it is.
                    self._access.locate_path(caller, space, list(names[: depth + 1]), Need.LOOK)
                    raise errors.posix("enotdir")
                row = entry.row
        return len(names)


def names_of(path: str) -> list[str]:
    """Return the names of a relative path as it stands in an address.

    Raises:
        Rejected: badValueFilePath, no file can have it.
    """
    names = [name for name in path.split("/") if name not in ("", ".")]
    if not names or ".." in names or "\0" in path or not _is_text(path):
        raise errors.bad_path()
    return names


def require_name(name: str) -> None:
    """Let only names pass that a file can have.

    Raises:
        Rejected: badValueFilePath.
        PosixError: enametoolong.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name or not _is_text(name):
        raise errors.bad_path()
    if len(name.encode()) > _LONGEST_NAME:
        raise errors.posix("enametoolong")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split(path: str) -> list[str]:
    return path.split("/") if path else []
