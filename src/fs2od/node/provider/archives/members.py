"""The members of an archive, in an order that stays, from any of them on.

Depth first; in a folder by name. The way so far is a position of a few hundred bytes, so that a reader can go on there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fs2od.node.index.rows import DIRECTORY, Registered, Row, Seeing, as_row
from fs2od.node.provider.archives.names import Names

__all__ = ["Position", "Root", "Run", "Walk"]

_PAGE = 1000
_NAME: Final = 1
_KIND: Final = 2


class Root(NamedTuple):
    """One thing that was chosen, and what is below it.

    Attributes:
        row: Itself, under the name that it has in the archive (before Windows' rules).
        path: The folder that it lies in, relative to the top; empty or with a slash at its end.
        named: The same as the archive calls it.
        others: What itself is called otherwise.
        below: What paths of what it holds begin with.
    """

    row: Row
    path: str
    named: str
    others: Mapping[str, str]
    below: str


class Run(NamedTuple):
    """Members of one folder, one after the other."""

    path: str
    named: str
    rows: Sequence[Registered]
    others: Mapping[str, str]

    @property
    def members(self) -> Iterator[Row]:
        """The rows, with names for their columns."""
        return map(as_row, self.rows)

    @property
    def last(self) -> Row:
        """The last member. Only this one may be a folder."""
        return as_row(self.rows[-1])


class _Step(NamedTuple):
    folder: int
    path: str
    named: str
    after: str


class Position(NamedTuple):
    """Where a walk goes on: at which root, and in which folders after which name."""

    root: int
    steps: tuple[_Step, ...]


@dataclass
class _Level:
    folder: int
    path: str
    named: str
    after: str = ""
    is_new: bool = True
    is_read: bool = False
    rows: list[Registered] = field(default_factory=list)
    folders: list[int] = field(default_factory=list)
    at: int = 0
    others: Mapping[str, str] = field(default_factory=dict)

    def read(self, db: sqlite3.Connection, seeing: Seeing, names: Names, page: int) -> bool:
        """Read the next page if there is nothing left of the last one; say whether there is anything."""
        if self.at == len(self.rows) and not self.is_read:
            self.rows, self.at = seeing.page(db, self.folder, self.after, page), 0
            self.is_read = len(self.rows) < page
            is_all = self.is_read and self.is_new and not self.after
            self.is_new = False
            self.folders = [at for at, row in enumerate(self.rows) if row[_KIND] == DIRECTORY]
            if self.rows:
                found = [row[_NAME] for row in self.rows]
                self.others = names.others(db, seeing, self.folder, found, is_all=is_all)
        return self.at < len(self.rows)

    def take(self, most: int) -> Run:
        """Return the next members, up to and with the first folder."""
        end = min(len(self.rows), self.at + most)
        first = next((at for at in self.folders if self.at <= at < end), end - 1)
        rows = self.rows[self.at : first + 1]
        self.at, self.after = first + 1, rows[-1][_NAME]
        return Run(self.path, self.named, rows, self.others)


class Walk:
    """Goes through everything that was chosen; `admits` says of each path below the top whether it is wanted."""

    def __init__(
        self,
        roots: Sequence[Root],
        seeing: Seeing,
        names: Names,
        position: Position | None = None,
        *,
        admits: Callable[[str], bool] | None = None,
        page: int = _PAGE,
    ) -> None:
        self._page = page
        self._roots = roots
        self._seeing = seeing
        self._names = names
        self._admits = admits
        self._root = position.root if position else 0
        self._levels = [_Level(*step) for step in position.steps] if position else []

    @property
    def position(self) -> Position:
        """Where it goes on."""
        steps = (_Step(level.folder, level.path, level.named, level.after) for level in self._levels)
        return Position(self._root, tuple(steps))

    def take(self, db: sqlite3.Connection, most: int) -> list[Run]:
        """Return the next `most` members; fewer at the end."""
        runs: list[Run] = []
        while most and (run := self._next(db, most)) is not None:
            if run.rows:
                most -= len(run.rows)
                runs.append(run)
        return runs

    def _next(self, db: sqlite3.Connection, most: int) -> Run | None:
        while self._levels:
            level = self._levels[-1]
            if level.read(db, self._seeing, self._names, self._page):
                run = level.take(most)
                last = run.last
                if last.is_directory:
                    named = f"{run.named}{run.others.get(last.name, last.name)}/"
                    self._levels.append(_Level(last.id, f"{run.path}{last.name}/", named))
                return run if self._admits is None else self._admitted(run, self._admits)
            self._levels.pop()
        if self._root == len(self._roots):
            return None
        root = self._roots[self._root]
        self._root += 1
        if root.row.is_directory:
            named = f"{root.named}{root.others.get(root.row.name, root.row.name)}/"
            self._levels.append(_Level(root.row.id, root.below, named))
        return Run(root.path, root.named, [root.row], root.others)

    def _admitted(self, run: Run, admits: Callable[[str], bool]) -> Run:
        rows = [row for row in run.rows if admits(run.path + row[_NAME])]
        if run.last.is_directory and run.rows[-1] not in rows[-1:]:
            self._levels.pop()
        return run._replace(rows=rows)
