"""One change of what lies in a space: its note, its lock, and the transaction that registers what came of it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from fs2od.errors import DirectoryNotEmpty, IntegrityFailure
from fs2od.node.index import SpaceIndex
from fs2od.node.index.changes import Note, Notes, done
from fs2od.node.provider.access import Located
from fs2od.node.provider.writing.quotas import Claim
from fs2od.onedata import errors
from fs2od.storage import Chunk, Seen, Storage

__all__ = ["Change", "stored", "written_whole"]

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Change:
    """Bytes first, then the index; the note covers the step between, whatever happens in it."""

    def __init__(
        self,
        index: SpaceIndex,
        located: Located,
        claim: Claim,
        settle: Callable[[Note], object],
        hold: Callable[[], object],
        let_go: Callable[[], object],
    ) -> None:
        """Begin one.

        Args:
            index: The space's index.
            located: What the caller has access to.
            claim: The room that it takes.
            settle: Registers what came of a change that failed.
            hold: Keeps other changes of names off.
            let_go: Ends that.
        """
        self.index = index
        self.located = located
        self.claim = claim
        self._settle = settle
        self._hold = hold
        self._let_go = let_go
        self._is_held = False
        self._note: Note | None = None

    def hold(self) -> None:
        """Keep other changes of names off until the end."""
        if not self._is_held:
            self._hold()
            self._is_held = True

    def let_go(self) -> None:
        """Let others change names while something takes long; what was seen before `hold` comes again may be otherwise then."""
        if self._is_held:
            self._let_go()
            self._is_held = False

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
            self._settle(self._note)


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


def written_whole(storage: Storage, path: str, chunks: Iterable[Chunk], *, replace: bool = True) -> Seen:
    """Write a file on the storage; where that turns out to have other bytes than it was given, nothing of them stays.

    Raises:
        PosixError: enoent, eexist.
        Busy: temporaryFailure, other bytes came to lie there: they are to be sent again.
    """
    try:
        return stored(lambda: storage.write(path, chunks, replace=replace, check=True))
    except IntegrityFailure as error:
        _log.warning("%s; they are removed", error)
        with suppress(FileNotFoundError):
            storage.delete(path)
        said = "The storage has other bytes than it was given. They were removed: send them again."
        raise errors.error_of("temporaryFailure", said) from error
