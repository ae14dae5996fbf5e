"""What all parts of one run have in common: where from, where to, how far, and whether to go on."""

from __future__ import annotations

import mmap
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, NamedTuple

from fs2od.errors import Fs2odError, Interrupted
from fs2od.manifests import PIECE_BYTES
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._destination import Destination
from fs2od.transfer._entries import Entry, Names
from fs2od.transfer._errors import Busy
from fs2od.transfer._ledger import Ledger
from fs2od.transfer._pace import Pace, RateLimit
from fs2od.transfer._partials import PartialName
from fs2od.transfer._patience import Patience, Tries
from fs2od.transfer._sidecar import Promise
from fs2od.transfer._tally import Tally
from fs2od.transfer._tar import ROOM_BESIDE

if TYPE_CHECKING:
    from fs2od.transfer._crew import Crew

__all__ = ["Changed", "Ending", "Run", "Wanted"]


class Ending:
    """Says when everything is to end, and why. The first cause counts."""

    def __init__(self, abort: Callable[[], None]) -> None:
        """Begin with no reason to end; `abort` breaks off what waits for the network."""
        self.cause: Fs2odError | None = None
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._abort = abort

    @property
    def has_come(self) -> bool:
        """Whether everything is to end."""
        return self._event.is_set()

    def stop(self, cause: Fs2odError) -> None:
        """Let everything end soon."""
        with self._lock:
            if self.cause is not None:
                return
            self.cause = cause
            self._event.set()
        self._abort()

    def check(self) -> None:
        """Go on, or not.

        Raises:
            Interrupted: Everything is to end.
        """
        if self._event.is_set():
            raise Interrupted("the download is being stopped")

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end.

        Raises:
            Interrupted: Everything is to end.
        """
        self._event.wait(seconds)
        self.check()


class Wanted(NamedTuple):
    """A file to bring, or to check where it stands.

    Attributes:
        folder: Where it goes, below the destination.
        entry: The file as the service lists it.
        partial: What an earlier run left of it.
        promise: What the manifest says of it.
        changes: How often it was another one when it was looked at again.
    """

    folder: Names
    entry: Entry
    partial: PartialName | None = None
    promise: Promise | None = None
    changes: int = 0

    @property
    def path(self) -> Names:
        """Its path below the destination, name by name."""
        return (*self.folder, self.entry.name)


class Changed(Exception):
    """The file is another one now than it was when the folder was listed."""

    def __init__(self, now: Entry) -> None:
        super().__init__(now.name)
        self.now = now


@dataclass
class Run:
    """The surroundings of every part of one run.

    `ledger` remembers files that were found right; `crew` are the processes that fill the folder together, if there are several.
    """

    shared: Dataset
    destination: Destination
    tally: Tally
    pace: Pace
    ending: Ending
    patience: Patience
    sleep: Callable[[float], None]
    limit: RateLimit | None = None
    ledger: Ledger = field(default_factory=Ledger)
    crew: Crew | None = None
    _local: threading.local = field(default_factory=threading.local)

    def tries(self) -> Tries:
        """Return a fresh count of tries."""
        return Tries(self.patience, self.sleep, self.shared.news)

    def missed(self, tries: Tries, error: Fs2odError) -> None:
        """Wait for the next try, and let the pace know.

        Raises:
            Fs2odError: There is no next one.
        """
        self.ending.check()
        if isinstance(error, Busy) or "in time" in str(error):
            self.pace.busy()
        tries.missed(error)

    def arrived(self, size_bytes: int, *, straight: bool = False) -> None:
        """Count bytes that came, perhaps straight from a store, and wait where they come faster than they may.

        Raises:
            Interrupted: Everything is to end.
        """
        self.tally.received(size_bytes, straight=straight)
        if self.limit is not None:
            self.limit.take(size_bytes)
        self.ending.check()

    def landed(self, wanted: Wanted) -> None:
        """Take note that a file was put into its place, with the bytes that were promised."""
        if self.ledger.keeps and wanted.promise is not None:
            facts = self.destination.facts(wanted.path)
            known = (wanted.promise.sha256, facts.st_ino, facts.st_size, facts.st_mtime_ns)
            self.ledger.remember("/".join(wanted.path), known)

    def buffer(self) -> memoryview:
        """Return the calling thread's own room for one piece, and a little more."""
        try:
            found: memoryview = self._local.buffer
        except AttributeError:
            # So the system gives memory only where it is used, and small files use little of it.
            room = mmap.mmap(-1, PIECE_BYTES + ROOM_BESIDE, access=mmap.ACCESS_COPY)
            found = self._local.buffer = memoryview(room)
        return found
