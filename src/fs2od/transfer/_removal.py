"""Removing what stands in a folder with all that is in it: no link is followed, and nothing of another file system is touched."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Callable, Collection

from fs2od.errors import StorageError
from fs2od.transfer._descent import Descent
from fs2od.transfer._destination import Destination
from fs2od.transfer._disk import told
from fs2od.transfer._entries import Names, shown_path

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
    elsewhere = [(*path[:-1], *each) for each in removal.elsewhere]
    if elsewhere:
        more = f", and {len(elsewhere) - 1:,} more" if len(elsewhere) > 1 else ""
        raise StorageError(
            f"{destination.path}/{shown_path(elsewhere[0])} is another file system: it is left as it is{more}"
        )


class _Removal:
    """Removes what stands in a folder, and notes what is left: that keeps its own folders."""

    def __init__(self, way: Descent, keeps: Keeps, spares: Spares) -> None:
        self._way = way
        self._keeps = keeps
        self._spares = spares
        self.elsewhere: list[Names] = []

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
                with contextlib.suppress(FileNotFoundError):
                    self._way.folder.rmdir(left)

    def _gone_into(self, name: str, rest: _Rest) -> _Rest | None:
        """Remove what is no folder; go into what is one, and return what is in it, unless it is kept."""
        here = self._way.folder
        try:
            facts = here.stat(name)
            if not stat.S_ISDIR(facts.st_mode):
                if self._spares(name, facts):
                    rest.is_kept = True
                else:
                    here.unlink(name)
                return None
            self._way.down(name)
        except FileNotFoundError:
            return None
        inside = self._way.folder
        if inside.identity()[0] == here.identity()[0]:
            names = inside.names()
            if not self._keeps(self._way, names):
                return _Rest(names)
        else:
            self.elsewhere.append(self._way.path())
        self._way.up()
        rest.is_kept = True
        return None


class _Rest:
    """What is still to be removed in a folder, and whether something in it is kept."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.is_kept = False
