"""One change of what lies in a space: its note, its lock, and the transaction that registers what came of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from fs2od.errors import DirectoryNotEmpty
from fs2od.node.index import SpaceIndex
from fs2od.node.index.changes import Note, Notes, done
from fs2od.node.provider.access import Located
from fs2od.node.provider.writing.quotas import Claim
from fs2od.onedata import errors

__all__ = ["Change", "stored"]

Result = TypeVar("Result")


class Change:
    """Bytes first, then the index; the note covers the step between, whatever happens in it."""

    def __init__(
        self,
        index: SpaceIndex,
        located: Located,
        claim: Claim,
        settle: Callable[[SpaceIndex, Note], None],
        hold: Callable[[], object],
    ) -> None:
        """Begin one.

        Args:
            index: The space's index.
            located: What the caller has access to.
            claim: The room that it takes.
            settle: Registers what came of a change that failed.
            hold: Keeps other changes of names off, until whoever began this one lets go.
        """
        self.index = index
        self.located = located
        self.claim = claim
        self._settle = settle
        self._hold = hold
        self._is_held = False
        self._note: Note | None = None

    def hold(self) -> None:
        """Keep other changes of names off until the end."""
        if not self._is_held:
            self._hold()
            self._is_held = True

    def note(self, path: str | None = None, *, source: str | None = None, entry: int | None = None) -> None:
        """Write down what is about to happen."""
        self._note = Note(Notes(self.index).add(path, source=source, entry=entry), path, source, entry)

    def begin(self, path: str, *, source: str | None = None) -> None:
        """Keep others off, and write down that something is about to happen at a path."""
        self.hold()
        self.note(path, source=source)

    @contextmanager
    def registering(self) -> Iterator[sqlite3.Connection]:
        """Yield the transaction in which the note goes."""
        with self.index.database.writing() as db:
            yield db
            if self._note is not None:
                done(db, self._note.number)
        self._note = None

    def settle(self) -> None:
        """Register what came of a change that failed."""
        if self._note is not None:
            self.hold()
            self._settle(self.index, self._note)


def stored(act: Callable[[], Result]) -> Result:
    """Do something on the storage, and say in Onedata's words what it said.

    Raises:
        PosixError: enoent, eexist, enotempty.
    """
    try:
        return act()
    except FileNotFoundError as error:
        raise errors.posix("enoent") from error
    except FileExistsError as error:
        raise errors.posix("eexist") from error
    except DirectoryNotEmpty as error:
        raise errors.posix("enotempty") from error
