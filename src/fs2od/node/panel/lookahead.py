"""Directories listed ahead in a thread of their own, while what was listed is registered.

Half of a scan's time goes into asking the file system, half into the database; both let other threads run meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice

from fs2od.errors import StorageError, StorageMissing
from fs2od.node.clock import Clock
from fs2od.node.index.visits import Batch, FolderState, ScanRules, Stamp, Visit
from fs2od.storage import Seen, Storage

__all__ = ["Lookahead", "Looked", "Outcome", "looking_ahead", "may_pass_over"]

_BATCH = 500
_WAITING = 10
_POLL_S = 0.2


class Outcome(Enum):
    """What became of a visit."""

    LISTED = auto()
    PASSED_OVER = auto()
    GONE = auto()
    REFUSED = auto()


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
        self._looked: queue.Queue[Looked] = queue.Queue(_WAITING)
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
        while True:
            try:
                looked = self._looked.get(timeout=_POLL_S)
            except queue.Empty:
                if self._worker is not None and self._worker.done() and self._looked.empty():
                    self._worker.result()
                continue
            self.in_flight -= looked.outcome is not None
            return looked

    def close(self) -> None:
        """End the thread soon; what was seen and not taken is forgotten."""
        self._closed.set()
        self._visits.put(None)

    def _run(self) -> None:
        while (visit := self._visits.get()) is not None and not self._closed.is_set():
            last = Batch(visit, [], [])
            outcome = Outcome.LISTED
            try:
                for batch in self._batches(visit):
                    self._put(Looked(last))
                    last = batch
            except _PassedOver:
                outcome = Outcome.PASSED_OVER
            except FileNotFoundError:
                outcome = Outcome.GONE
            except StorageError as error:
                if visit.parent is None or isinstance(error, StorageMissing):
                    raise
                outcome = Outcome.REFUSED
            self._put(Looked(last, outcome))

    def _batches(self, visit: Visit) -> Iterator[Batch]:
        visit.listed_s = self._clock.now_s()
        # Before the listing: whatever changes while it is read changes these times, and is looked at again.
        facts = self._storage.stat(visit.path)
        visit.stamp = (facts.mtime_ns, facts.ctime_ns, facts.inode)
        if may_pass_over(visit.state, visit.stamp, visit.listed_s, self._rules):
            raise _PassedOver
        entries = iter(self._storage.list(visit.path))
        is_first = True
        while seen := list(islice(entries, _BATCH)):
            yield self._sorted_out(visit, seen, is_all=is_first and len(seen) < _BATCH)
            is_first = False

    def _sorted_out(self, visit: Visit, seen: list[Seen], *, is_all: bool) -> Batch:
        excluded = self._rules.excluded_names
        wanted = [one for one in seen if one.name not in excluded]
        refused = [(one.name, one.refused) for one in wanted if one.refused is not None]
        if refused:
            wanted = [one for one in wanted if one.refused is None]
        return Batch(visit, wanted, refused, is_all)

    def _put(self, looked: Looked) -> None:
        if looked.outcome is None and not looked.batch.entries and not looked.batch.refused:
            return
        while not self._closed.is_set():
            try:
                self._looked.put(looked, timeout=_POLL_S)
            except queue.Full:
                continue
            return


class _PassedOver(Exception):  # no error: the directory need not be listed
    pass


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
