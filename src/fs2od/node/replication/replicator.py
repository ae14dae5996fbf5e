"""Keeps requirements true for ever: looks at a space whenever something in it moved, and makes the copies that are missing."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from fs2od.errors import Fs2odError
from fs2od.node.clock import Clock, is_awaited
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.index.replicas import Sum, counts, problem
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.checksums import Checksums
from fs2od.node.replication.copying import Copying
from fs2od.node.replication.demands import Demands
from fs2od.node.replication.lanes import Key, Lanes
from fs2od.node.replication.pacing import Pace
from fs2od.node.replication.passes import Pass, Route
from fs2od.node.replication.targets import LONGEST_PAUSE_S, Rate, Taken, Target, Turns, route_to
from fs2od.node.replication.transfer_book import TransferBook
from fs2od.node.replication.transfer_runs import TransferRuns, Turn
from fs2od.node.settings import ReplicationSettings
from fs2od.onedata.ids import SpaceId, StorageId

__all__ = ["Progress", "Replicator"]

_LOOKS_AT_ONCE = 4
_FIRST_PAUSE_S = 5
_log = logging.getLogger(__name__)


@dataclass
class _State:
    """When a space is looked at next, and how long after a look that failed."""

    due_s: int = 0
    pause_s: int = _FIRST_PAUSE_S


@dataclass(frozen=True)
class Progress:
    """How the copies of a space on one storage stand, for people.

    Attributes:
        storage: The storage.
        sum: How many files and bytes there are, and how many of them have a checked copy.
        bytes_s: How fast they come just now; 0 when none do.
        under_way_bytes: How much has come of large files that are not copied to their end.
        failed: How many files could not be copied so far.
        problem: What is in the way: of the whole storage, or else of one of those files; None if nothing is.
        waits: Whether they wait for their turn, as other copies come to that storage or to others.
    """

    storage: StorageRecord
    sum: Sum
    bytes_s: float
    under_way_bytes: int
    failed: int
    problem: str | None
    waits: bool

    @property
    def left_s(self) -> float | None:
        """In how many seconds all will be there at this rate; None if nobody can say."""
        missing = max(0, self.sum.size_bytes - self.sum.replicated_bytes - self.under_way_bytes)
        return missing / self.bytes_s if self.bytes_s else None


class Replicator:
    """Looks at spaces of which copies are wanted. Safe to use from any thread."""

    def __init__(
        self,
        demands: Demands,
        transfers: TransferBook,
        homes: Homes,
        indexes: Indexes,
        checksums: Checksums,
        clock: Clock,
        settings: ReplicationSettings,
    ) -> None:
        self.demands = demands
        self._homes = homes
        self._indexes = indexes
        self._checksums = checksums
        self._clock = clock
        self._settings = settings
        self.transfers = transfers

        def route(index: SpaceIndex, storage: StorageRecord) -> Route:
            return route_to(index, storage, homes, indexes, demands)

        self._runs = TransferRuns(
            transfers, demands, homes, indexes, clock, route=route, trusted_callbacks=settings.callback_hosts
        )
        self._turns = Turns(demands, homes, indexes, self._runs, clock, settings)
        pace = Pace(settings, clock.now)
        self._passes = [Pass(Copying(pace), clock) for _ in range(settings.storages_at_once)]
        self._lanes = Lanes(self._take_turn, self._passes)
        self._lock = threading.Lock()
        self._states: dict[SpaceId, _State] = {}
        self._moved: set[SpaceId] = set()
        self._gone: set[SpaceId] = set()
        self._targets: dict[Key, Target] = {}
        self._looking: dict[SpaceId, Future[None]] = {}
        self._lookers = ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="replication-look")
        self._own_threads: set[int] = set()
        self._closed = threading.Event()
        self._listeners: list[Callable[[SpaceId], None]] = []
        indexes.listen(self.wake)

    def listen(self, listener: Callable[[SpaceId], None]) -> None:
        """Have `listener` called after each look at a space and when its copies on a storage have come, in any thread."""
        self._listeners.append(listener)

    def wake(self, space: SpaceId) -> None:
        """Look at a space soon in which something has moved, if copies of it are or were wanted."""
        if threading.get_ident() in self._own_threads:
            return  # we moved it
        # While copies come, something moves all the time.
        soon_s = self._clock.now_s() + (self._settings.turn_s if self._lanes.has(space) else 1)
        with self._lock:
            state = self._states.get(space)
            if state is not None:
                state.due_s = min(state.due_s, soon_s)
                self._moved.add(space)

    def forget(self, space: SpaceId, *, wait_s: float = 30) -> None:
        """Stop looking at a space that is gone, and wait until nothing of it is under way."""
        with self._lock:
            self._gone.add(space)
            looking = self._looking.get(space)
        if looking is not None:
            concurrent.futures.wait([looking], wait_s)
        self._lanes.drop(space)
        self._lanes.wait(space, wait_s)
        with self._lock:
            self._targets = {key: target for key, target in self._targets.items() if key[0] != space}

    def look_now(self, space: SpaceId) -> None:
        """Look at a space at the next `start_due`, whatever was planned."""
        with self._lock:
            self._states[space] = _State()
            self._moved.add(space)
            for key, target in self._targets.items():
                if key[0] == space:
                    target.leave_alone_no_more()

    def start_due(self) -> None:
        """Begin to look at the spaces whose time has come."""
        now_s = self._clock.now_s()
        wanted = self.demands.spaces()
        with self._lock:
            self._moved -= self._gone
            for space in {*wanted, *self._moved} - self._gone:
                state = self._states.setdefault(space, _State())
                longest_s = max(LONGEST_PAUSE_S, self._settings.look_every_s)
                is_due = not is_awaited(state.due_s, now_s, at_most_s=longest_s)
                if is_due and space not in self._looking and not self._closed.is_set():
                    has_moved = space in self._moved
                    self._moved.discard(space)
                    # What has just moved may not have settled yet: it is due as soon as it has.
                    idle_s = self._settings.settle_s + 1 if has_moved else self._settings.look_every_s
                    state.due_s = now_s + min(max(1, idle_s), self._settings.look_every_s)
                    future = self._looking[space] = self._lookers.submit(self._look, space, has_moved)
                    future.add_done_callback(_report)

    def problem(self, space: SpaceId, storage: StorageId) -> str | None:
        """Return why a storage does not get what it lacks just now, for people; None if nothing is in the way."""
        target = self._targets.get((space, storage))
        return None if target is None else target.problem

    def rate(self, space: SpaceId, storage: StorageId) -> float:
        """Return how many bytes a second come to a storage just now; 0 when none do."""
        return self._rate(space, storage).bytes_s

    def under_way_bytes(self, space: SpaceId, storage: StorageId) -> int:
        """Return how many bytes have come of large files that are not copied to their end."""
        return self._rate(space, storage).under_way_bytes

    def waits(self, space: SpaceId, storage: StorageId) -> bool:
        """Say whether copies to a storage wait for their turn."""
        return self._lanes.waits((space, storage))

    def has_turn(self, space: SpaceId, storage: StorageId) -> bool:
        """Say whether a space has a turn at a storage, or waits for one."""
        return self._lanes.has_turn((space, storage))

    def home(self, space: SpaceId) -> StorageRecord | None:
        """Return the storage that is a space's home; None if nobody supports it."""
        return self._homes.storage(space)

    def progress(self, space: SpaceId) -> list[Progress]:
        """Return how the copies of a space stand on each storage for which a requirement asks. Looks at every file."""
        found: dict[StorageId, Progress] = {}
        with self._indexes.using(space) as index:
            for demand in self.demands.of_space(space):
                key, top = (space, demand.storage.id), index.find(demand.file_uuid)
                if top is None:
                    continue
                there = counts(index, demand.storage.id, top=top.row)
                known = found.get(demand.storage.id)
                if known is None or there.files > known.sum.files:
                    failed, said = problem(index, demand.storage.id)
                    rate = self.rate(*key)
                    in_the_way = self.problem(*key) or said
                    under_way = self.under_way_bytes(*key)
                    found[demand.storage.id] = Progress(
                        demand.storage, there, rate, under_way, failed, in_the_way, self.waits(*key)
                    )
        return list(found.values())

    def wait(self, space: SpaceId, limit_s: float) -> None:
        """Wait until a space that is looked at has been, and its copies have come as far as they can. For tests.

        Raises:
            TimeoutError: They have not within `limit_s` seconds.
        """
        looking = self._looking.get(space)
        if looking is not None:
            looking.result(limit_s)
        if not self._lanes.wait(space, limit_s):
            raise TimeoutError(f"waited for {limit_s} s")

    def close(self) -> None:
        """Stop everything; the next start goes on."""
        self._closed.set()
        for passing in self._passes:
            passing.stop()
        self._lookers.shutdown(cancel_futures=True)
        self._lanes.close()
        for passing in self._passes:
            passing.close()

    def _look(self, space: SpaceId, has_moved: bool) -> None:
        """Find out what is wanted of a space, and let it wait for turns. Copies nothing, so that it is soon over."""
        failed = True
        try:
            with self._using(space) as index:
                self._checksums.load(space)
                self._runs.end_cancelled(space)
                self._deal(index, has_moved=has_moved)
            self._tell(space)
            failed = False
        except Fs2odError as error:
            _log.warning("replication of space %s: %s", space, error)
        finally:
            with self._lock:
                del self._looking[space]
                state = self._states.setdefault(space, _State())
                if failed:
                    state.due_s = min(state.due_s, self._clock.now_s() + state.pause_s)
                state.pause_s = min(2 * state.pause_s, LONGEST_PAUSE_S) if failed else _FIRST_PAUSE_S

    def _deal(self, index: SpaceIndex, *, has_moved: bool = False) -> None:
        """Let a space wait for turns at the storages where there may be something to do for it."""
        space, now_s = index.space, self._clock.now_s()
        wanted, ordered, evicts = self._turns.storages(index), set(), set()
        for due in self._runs.due(space):
            if due.storage is None:
                self._runs.end_without_storage(due.transfer)
            elif not due.waits and due.transfer != self._target((space, due.storage)).running:
                ordered.add(due.storage)
                evicts |= {due.storage} if due.evicts else set()
            else:
                wanted.add(due.storage)
        wanted |= ordered
        for storage in wanted:
            key = (space, storage)
            target, is_idle = self._target(key), not self._lanes.has_turn(key)
            if is_idle and target.is_left_alone(now_s) and storage not in ordered:
                continue
            if is_idle:
                self._runs.try_again(space, storage)
            target.has_order = storage in ordered
            if is_idle or has_moved or target.has_order:
                self._lanes.add(key, is_urgent=storage in evicts)
        for key in [key for key in list(self._targets) if key[0] == space and key[1] not in wanted]:
            self._target(key).problem = None  # nobody asks for it any more

    def _take_turn(self, key: Key, passing: Pass) -> None:
        """Do what there is to do for a space at a storage until the turn is over, and another one waits."""
        (space, storage), target = key, self._target(key)
        if not self._goes_on(space):
            return
        over_s = time.monotonic() + self._settings.turn_s
        target.has_order = False

        def begins() -> bool:
            is_over = time.monotonic() >= over_s
            return not (target.has_order or self._lanes.is_pressed(key, urgently=not is_over))

        taken, troubled = Taken(), True
        try:
            with self._using(space) as index:
                taken = self._turns.take(index, storage, target, Turn(passing, lambda: self._goes_on(space), begins))
                troubled = taken.problem is not None or self._runs.wait_at(space, storage)
                if taken.moved:
                    self._deal(index)
            target.problem = taken.problem
        except Fs2odError as error:
            _log.warning("replication of space %s: %s", space, error)
        finally:
            target.running, target.rate = None, Rate()
            self._plan(key, target, taken, troubled=troubled)
        if not taken.goes_on:
            self._tell(space)

    def _plan(self, key: Key, target: Target, taken: Taken, *, troubled: bool) -> None:
        """Say when it goes on after a turn."""
        space, now_s = key[0], self._clock.now_s()
        if not self._goes_on(space):
            return
        if taken.goes_on:
            self._lanes.add(key)
            return
        with self._lock:
            state = self._states.setdefault(space, _State())
            if troubled:
                target.leave_alone(now_s)
                state.due_s = min(state.due_s, target.not_before_s)
            else:
                target.leave_alone_no_more()
                state.due_s = min(state.due_s, now_s + 1) if taken.soon else state.due_s

    def _tell(self, space: SpaceId) -> None:
        for listener in self._listeners:
            listener(space)

    def _target(self, key: Key) -> Target:
        with self._lock:
            return self._targets.setdefault(key, Target())

    def _rate(self, space: SpaceId, storage: StorageId) -> Rate:
        target = self._targets.get((space, storage))
        return Rate() if target is None else target.rate

    def _goes_on(self, space: SpaceId) -> bool:
        return not self._closed.is_set() and space not in self._gone

    @contextmanager
    def _using(self, space: SpaceId) -> Iterator[SpaceIndex]:
        """Yield a space's index without being woken by what is done with it in this thread."""
        thread = threading.get_ident()
        self._own_threads.add(thread)
        try:
            with self._indexes.using(space) as index:
                yield index
        finally:
            self._own_threads.discard(thread)


def _report(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("a replication ended unexpectedly", exc_info=error)
