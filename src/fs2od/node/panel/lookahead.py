"""Directories listed ahead in a thread of their own, while what was listed is registered.

Half of a scan's time goes into asking the file system, half into the database; both let other threads run meanwhile. Some
directories are opened before the first of them is read, so that whoever looks at their files never waits for the next.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from fs2od.errors import StorageError, StorageMissing
from fs2od.manifests import SEAL, SIDECAR, resembles
from fs2od.node.clock import Clock
from fs2od.node.index.visits import Batch, FolderState, ScanRules, Stamp, Visit
from fs2od.storage import NO_FILES, Begin, Listed, Seen, Storage

__all__ = ["Lookahead", "Looked", "Outcome", "looking_ahead", "may_pass_over"]

_BATCH = 500
# What is handed over at a time: each time costs both threads a change of Python's lock, as much as listing a small directory.
_TOGETHER, _TOGETHER_ENTRIES = 32, 400
# As much as the largest transaction takes, so that listing goes on while it is written.
_WAITING = 64
# How many directories are opened before the first of them is read: one more than the process beside is asked for at a time. That
# one is listed here, when its turn comes: else this thread would only wait for the process.
_BEGUN = 9
_POLL_S = 0.2


class Outcome(Enum):
    """What became of a visit."""

    LISTED = auto()
    PASSED_OVER = auto()
    GONE = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class _Begun:
    """A visit whose directory is open, or of which it is known what became of it."""

    visit: Visit
    outcome: Outcome
    entries: Iterable[Listed] = ()


@dataclass(frozen=True)
class Looked:
    """A part of a listing; the last one of a visit has its outcome."""

    batch: Batch
    outcome: Outcome | None = None


def may_pass_over(state: FolderState, stamp: Stamp, now_s: int, rules: ScanRules) -> bool:
    """Say whether a directory need not be listed: its times stand, and it was quiet when last listed, not long ago.

    Quiet means that a listing found nothing new a while after something was last new. Both moments are of this machine's
    clock, so that neither coarse time stamps nor another clock on the file server can hide a change between two listings.
    """
    is_quiet = state.listed_s - state.changed_s >= rules.quiet_s
    return stamp == state.stamp and is_quiet and 0 <= now_s - state.listed_s < rules.trust_s


class Lookahead:
    """Takes visits and gives what was seen, in the order of the visits."""

    def __init__(self, storage: Storage, rules: ScanRules, clock: Clock) -> None:
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._visits: queue.SimpleQueue[Visit | None] = queue.SimpleQueue()
        self._together: list[Looked] = []
        self._entries = 0
        self._looked: queue.Queue[list[Looked]] = queue.Queue(_WAITING)
        self._taken: Iterator[Looked] = iter(())
        self._closed = threading.Event()
        self._worker: Future[None] | None = None
        self.in_flight = 0
        """Visits that were handed in and whose outcome was not taken yet."""

    def start(self, workers: ThreadPoolExecutor) -> None:
        """Begin to list what is handed in, in a thread."""
        self._worker = workers.submit(self._run)

    def submit(self, visit: Visit) -> None:
        """Have a directory listed."""
        self.in_flight += 1
        self._visits.put(visit)

    def take(self) -> Looked:
        """Return the next part of what was seen.

        Raises:
            StorageError: The root could not be listed.
        """
        while (looked := next(self._taken, None)) is None:
            try:
                self._taken = iter(self._looked.get(timeout=_POLL_S))
            except queue.Empty:
                if self._worker is not None and self._worker.done() and self._looked.empty():
                    self._worker.result()
        self.in_flight -= looked.outcome is not None
        return looked

    def close(self) -> None:
        """End the thread soon; what was seen and not taken is forgotten. Called again, it does nothing."""
        self._closed.set()
        self._visits.put(None)

    def _run(self) -> None:
        begun: deque[_Begun] = deque()
        with self._storage.listing() as begin:
            while not self._closed.is_set():
                if len(begun) < _BEGUN and not (begun and self._visits.empty()):
                    if self._visits.empty():
                        self._hand_over()
                    visit = self._visits.get()
                    if visit is None:
                        return
                    begun.append(self._begin(visit, begin))
                else:
                    self._list(begun.popleft())

    def _begin(self, visit: Visit, begin: Begin) -> _Begun:
        visit.listed_s = self._clock.now_s()

        def wanted(directory: Seen) -> bool:
            # Before the listing: whatever changes while it is read changes these times, and is looked at again.
            visit.stamp = (directory.mtime_ns, directory.ctime_ns, directory.inode)
            return not may_pass_over(visit.state, visit.stamp, visit.listed_s, self._rules)

        try:
            entries = begin(visit.path, wanted)
        except (FileNotFoundError, StorageError) as error:
            return _Begun(visit, _failed(visit, error))
        return _Begun(visit, Outcome.PASSED_OVER) if entries is None else _Begun(visit, Outcome.LISTED, entries)

    def _list(self, begun: _Begun) -> None:
        last, outcome = Batch(begun.visit), begun.outcome
        try:
            for batch in self._batches(begun):
                self._put(Looked(last))
                last = batch
        except (FileNotFoundError, StorageError) as error:
            outcome = _failed(begun.visit, error)
        self._put(Looked(last, outcome))

    def _batches(self, begun: _Begun) -> Iterator[Batch]:
        is_first = True
        for listed in begun.entries:
            count = len(listed.files.names) + len(listed.others)
            if count:
                yield self._sorted_out(begun.visit, listed, is_all=is_first and count < _BATCH)
                is_first = False

    def _sorted_out(self, visit: Visit, listed: Listed, *, is_all: bool) -> Batch:
        excluded, files, seen = self._rules.excluded_names, listed.files, listed.others
        apart = excluded | {SEAL} if visit.path == SIDECAR else excluded
        # All names at once: that is much quicker than one by one, and nearly always enough.
        if resembles("/".join(files.names), self._rules.closed_names) or any(name in files.names for name in apart):
            files, seen = NO_FILES, [*seen, *files.seen()]
        wanted = [one for one in seen if one.name not in excluded]
        refused = [(one.name, one.refused) for one in wanted if one.refused is not None]
        if refused:
            wanted = [one for one in wanted if one.refused is None]
        return Batch(visit, wanted, refused, files, is_all)

    def _put(self, looked: Looked) -> None:
        if looked.outcome is None and not looked.batch.count and not looked.batch.refused:
            return
        self._together.append(looked)
        self._entries += looked.batch.count
        if self._entries >= _TOGETHER_ENTRIES or len(self._together) >= _TOGETHER:
            self._hand_over()

    def _hand_over(self) -> None:
        together, self._together, self._entries = self._together, [], 0
        while together and not self._closed.is_set():
            try:
                self._looked.put(together, timeout=_POLL_S)
            except queue.Full:
                continue
            return


def _failed(visit: Visit, error: FileNotFoundError | StorageError) -> Outcome:
    """Return what became of a visit that failed.

    Raises:
        StorageError: It was that of the root, or the storage is not there.
    """
    if isinstance(error, FileNotFoundError):
        return Outcome.GONE
    if visit.parent is None or isinstance(error, StorageMissing):
        raise error
    return Outcome.REFUSED


@contextmanager
def looking_ahead(storage: Storage, rules: ScanRules, clock: Clock) -> Iterator[Lookahead]:
    """Yield a running look-ahead; its thread has ended when the block has."""
    with ThreadPoolExecutor(1, thread_name_prefix="listing") as workers:
        ahead = Lookahead(storage, rules, clock)
        ahead.start(workers)
        try:
            yield ahead
        finally:
            ahead.close()
