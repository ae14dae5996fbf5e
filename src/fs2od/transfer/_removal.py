"""Removing what stands in a folder with all that is in it: no link is followed, and nothing of another file system is touched."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Callable, Collection, Final, Iterator

from fs2od.errors import StorageError
from fs2od.transfer._descent import Descent
from fs2od.transfer._destination import Destination
from fs2od.transfer._disk import storage_error, told
from fs2od.transfer._entries import Names, shown_path
from fs2od.transfer._folders import Folder

__all__ = ["Keeps", "Spares", "remove_all"]

Keeps = Callable[[Descent, Collection[str]], bool]
"""Says of the folder where one stands, by the names in it, whether it is kept."""
Spares = Callable[[str, os.stat_result], bool]
"""Says of what is no folder, by its name and facts, whether it is kept."""


def remove_all(destination: Destination, path: Names, keeps: Keeps | None = None, spares: Spares | None = None) -> None:
    """Remove a file, a link, or a folder with all that is in it, however deep; no link is followed.

    A folder of another file system is somebody's mount, and what is in it lies elsewhere: it is left as it is. So is one
    that `keeps` wants, and what is no folder and `spares` wants.

    Raises:
        StorageError: Something cannot be removed, or was left.
    """
    with told(), destination.opened(path[:-1]) as parent, contextlib.closing(Descent(parent.again())) as way:
        removal = _Removal(way, keeps or (lambda _, __: False), spares or (lambda _, __: False))
        removal.remove(path[-1])
    if removal.refused:
        first, error = removal.refused[0]
        said = storage_error(error)
        left = _left(destination, (*path[:-1], *first))
        raise type(said)(f"{left} cannot be removed: {said}{_more(len(removal.refused))}")
    if removal.elsewhere:
        left = _left(destination, (*path[:-1], *removal.elsewhere[0]))
        raise StorageError(f"{left} is another file system: it is left as it is{_more(len(removal.elsewhere))}")


def _left(destination: Destination, path: Names) -> str:
    return f"{destination.path}/{shown_path(path)}"


def _more(count: int) -> str:
    return f", and {count - 1:,} more" if count > 1 else ""


_MOST_REFUSED: Final = 1000


class _Removal:
    """Removes what stands in a folder, and notes what is left: that keeps its own folders."""

    def __init__(self, way: Descent, keeps: Keeps, spares: Spares) -> None:
        self._way = way
        self._keeps = keeps
        self._spares = spares
        self.elsewhere: list[Names] = []
        self.refused: list[tuple[Names, OSError]] = []

    def remove(self, name: str) -> None:
        """Remove what has a name in the folder, unless it is gone already."""
        rests = [_Rest([name])]
        while True:
            rest = rests[-1]
            if rest.names:
                inside = self._gone_into(rest.names.pop(), rest)
                if inside is not None:
                    rests.append(inside)
                continue
            rests.pop()
            if not rests:
                return
            left = self._way.up()
            if rest.is_kept:
                rests[-1].is_kept = True
            else:
                with self._going_on(left, rests[-1]):
                    self._way.folder.rmdir(left)

    def _gone_into(self, name: str, rest: _Rest) -> _Rest | None:
        """Remove what is no folder; go into what is one, and return what is in it, unless it is kept."""
        here = self._way.folder
        with self._going_on(name, rest):
            facts = here.stat(name)
            if stat.S_ISDIR(facts.st_mode):
                self._way.down(name)
            elif self._spares(name, facts):
                rest.is_kept = True
            else:
                here.unlink(name)
        return None if self._way.folder is here else self._inside(here, rest)

    def _inside(self, above: Folder, rest: _Rest) -> _Rest | None:
        inside = self._way.folder
        if inside.identity()[0] == above.identity()[0]:
            try:
                names = inside.names()
            except OSError as error:
                self._note(self._way.path(), error, rest)
            else:
                if not self._keeps(self._way, names):
                    return _Rest(names)
        else:
            self.elsewhere.append(self._way.path())
        self._way.up()
        rest.is_kept = True
        return None

    @contextlib.contextmanager
    def _going_on(self, name: str, rest: _Rest) -> Iterator[None]:
        """Note what the disk refuses of something here, and that its folder is kept: all else can go."""
        try:
            yield
        except FileNotFoundError:
            pass
        except OSError as error:
            self._note((*self._way.path(), name), error, rest)

    def _note(self, path: Names, error: OSError, rest: _Rest) -> None:
        rest.is_kept = True
        if len(self.refused) < _MOST_REFUSED:
            self.refused.append((path, error))


class _Rest:
    """What is still to be removed in a folder, and whether something in it is kept."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.is_kept = False
