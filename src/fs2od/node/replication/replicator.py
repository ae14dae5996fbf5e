"""Keeps requirements true for ever: looks at a space whenever something in it moved, and makes the copies that are missing."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from fs2od.errors import Fs2odError, StorageMissing
from fs2od.node.clock import Clock
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.index.replicas import Sum, check_again, counts, problem
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.checksums import Checksums
from fs2od.node.provider.sources import HomeTree
from fs2od.node.replication.clearing import Clearing, sweep
from fs2od.node.replication.copying import Copying
from fs2od.node.replication.demands import Demands
from fs2od.node.replication.inheritance import Inheritance
from fs2od.node.replication.pacing import Pace
from fs2od.node.replication.passes import Outcome, Pass, Route, for_people
from fs2od.node.replication.transfer_book import TransferBook
from fs2od.node.replication.transfer_runs import TransferRuns
from fs2od.node.settings import ReplicationSettings
from fs2od.onedata.ids import SpaceId, StorageId, TransferId

__all__ = ["Progress", "Replicator"]

_AT_ONCE = 2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5, 300
_SWEEP_EVERY_S = 24 * 3600
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Pace:
    """How fast copies come to a storage, and how much of large files has."""

    bytes_s: float
    under_way_bytes: int


_STILL = _Pace(0.0, 0)


@dataclass
class _State:
    """When a space is looked at next, and what keeps a storage of it from getting its copies."""

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
    """

    storage: StorageRecord
    sum: Sum
    bytes_s: float
    under_way_bytes: int
    failed: int
    problem: str | None

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
        self._clearing = Clearing(demands, homes)
        self._inheritance = Inheritance(indexes, clock, check_every_s=settings.check_every_s)
        self._pass = Pass(Copying(Pace(settings, clock.now)), clock)
        self.transfers = transfers
        self._runs = TransferRuns(
            transfers, demands, homes, self._pass, clock, route=self._route, trusted_callbacks=settings.callback_hosts
        )
        self._lock = threading.Lock()
        self._states: dict[SpaceId, _State] = {}
        self._moved: set[SpaceId] = set()
        self._gone: set[SpaceId] = set()
        self._paces: dict[tuple[SpaceId, StorageId], _Pace] = {}
        self._swept_s: dict[tuple[SpaceId, StorageId], int] = {}
        self._running: dict[SpaceId, Future[None]] = {}
        self._problems: dict[tuple[SpaceId, StorageId], str] = {}
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="replication")
        self._closed = threading.Event()
        self._listeners: list[Callable[[SpaceId], None]] = []
        indexes.listen(self.wake)

    def listen(self, listener: Callable[[SpaceId], None]) -> None:
        """Have `listener` called after each look at a space, in the thread that looked: copies may have become complete."""
        self._listeners.append(listener)

    def wake(self, space: SpaceId) -> None:
        """Look at a space soon in which something has moved, if copies of it are or were wanted."""
        with self._lock:
            state = self._states.get(space)
            if state is not None and space not in self._running:
                state.due_s = min(state.due_s, self._clock.now_s() + 1)
                self._moved.add(space)

    def forget(self, space: SpaceId, *, wait_s: float = 30) -> None:
        """Stop looking at a space that is gone, and wait until nothing of it is under way."""
        with self._lock:
            self._gone.add(space)
            running = self._running.get(space)
        if running is not None:
            concurrent.futures.wait([running], wait_s)

    def look_now(self, space: SpaceId) -> None:
        """Look at a space at the next `start_due`, whatever was planned."""
        with self._lock:
            self._states[space] = _State()
            self._moved.add(space)

    def start_due(self) -> None:
        """Begin to look at the spaces whose time has come."""
        now_s = self._clock.now_s()
        wanted = self.demands.spaces()
        with self._lock:
            self._moved -= self._gone
            for space in {*wanted, *self._moved}:
                state = self._states.setdefault(space, _State())
                # A clock that was set back must not put anything off.
                is_due = now_s >= state.due_s or state.due_s > now_s + max(
                    _LONGEST_PAUSE_S, self._settings.look_every_s
                )
                if is_due and space not in self._running and not self._closed.is_set():
                    has_moved = space in self._moved
                    self._moved.discard(space)
                    future = self._running[space] = self._workers.submit(self._run, space, has_moved)
                    future.add_done_callback(_report)

    def problem(self, space: SpaceId, storage: StorageId) -> str | None:
        """Return why a storage does not get what it lacks just now, for people; None if nothing is in the way."""
        return self._problems.get((space, storage))

    def rate(self, space: SpaceId, storage: StorageId) -> float:
        """Return how many bytes a second come to a storage just now; 0 when none do."""
        return self._pace(space, storage).bytes_s

    def under_way_bytes(self, space: SpaceId, storage: StorageId) -> int:
        """Return how many bytes have come of large files that are not copied to their end."""
        return self._pace(space, storage).under_way_bytes

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
                    in_the_way = self._problems.get(key) or said
                    under_way = self.under_way_bytes(*key)
                    found[demand.storage.id] = Progress(demand.storage, there, rate, under_way, failed, in_the_way)
        return list(found.values())

    def wait(self, space: SpaceId, limit_s: float) -> None:
        """Wait until a space that is looked at has been. For tests, and for those who end its support."""
        running = self._running.get(space)
        if running is not None:
            running.result(limit_s)

    def close(self) -> None:
        """Stop everything; the next start goes on."""
        self._closed.set()
        self._pass.close()
        self._workers.shutdown(cancel_futures=True)

    def _run(self, space: SpaceId, has_moved: bool) -> None:
        more, troubled = False, True
        try:
            more, troubled = self._look(space)
            for listener in self._listeners:
                listener(space)
        except Fs2odError as error:
            _log.warning("replication of space %s: %s", space, error)
        finally:
            with self._lock:
                del self._running[space]
                state, now_s = self._states.setdefault(space, _State()), self._clock.now_s()
                if troubled:
                    state.due_s = now_s + state.pause_s
                    state.pause_s = min(2 * state.pause_s, _LONGEST_PAUSE_S)
                else:
                    # What has just moved may not have settled yet: it is due as soon as it has.
                    idle_s = self._settings.settle_s + 1 if has_moved else self._settings.look_every_s
                    state.due_s = now_s + (1 if more else min(max(1, idle_s), self._settings.look_every_s))
                    state.pause_s = _FIRST_PAUSE_S

    def _look(self, space: SpaceId) -> tuple[bool, bool]:
        """Do what there is to do in a space; return whether to look again soon, and whether something is in the way."""
        with self._indexes.using(space) as index:
            self._checksums.load(space)
            waiting = self._run_transfers(space, index)
            more = self._clearing.clear(index)
            self._inheritance.check(index, self._homes.storage(space), goes_on=lambda: self._goes_on(space))
            demands = self.demands.of_space(space)
            wanted = {(space, demand.storage.id) for demand in demands}
            for key in [key for key in self._problems if key[0] == space and key not in wanted]:
                del self._problems[key]  # nobody asks for it any more
            for demand in demands:
                top = index.find(demand.file_uuid)
                if top is None or not self._goes_on(space):
                    continue
                more = self._to(space, index, demand.storage, top.row, waiting) or more
        troubled = bool(waiting) or any(key[0] == space for key in self._problems)
        return more or bool(set(self.transfers.open_ones(space)) - waiting), troubled

    def _run_transfers(self, space: SpaceId, index: SpaceIndex) -> set[TransferId]:
        """Run the open transfers of a space; return those that wait for something."""
        waiting = set()
        for transfer in self.transfers.open_ones(space):
            if not self._runs.run(index, transfer, goes_on=lambda: self._goes_on(space)):
                waiting.add(transfer)
        return waiting

    def _to(
        self, space: SpaceId, index: SpaceIndex, storage: StorageRecord, top: int, waiting: set[TransferId]
    ) -> bool:
        key = (space, storage.id)
        try:
            route = self._route(index, storage)
            before_s = self._clock.now_s() - self._settings.check_every_s
            self._sweep(route)
            lost = self._pass.check(route, before_s=before_s, goes_on=lambda: self._goes_on(space))
            if lost:
                _log.warning(
                    "%d copies of space %s on storage %s are gone or others: made anew", lost, space, storage.name
                )
            began_s = time.monotonic()

            def told(so_far: Outcome) -> None:
                come_bytes = so_far.size_bytes + so_far.under_way_bytes
                bytes_s = come_bytes / max(0.1, time.monotonic() - began_s)
                self._paces[key] = _Pace(bytes_s, so_far.under_way_bytes)

            outcome = self._pass.run(
                route,
                told=told,
                top=top,
                settle_s=self._settings.settle_s,
                # A transfer that comes meanwhile is not kept waiting until all is done.
                goes_on=lambda: self._goes_on(space) and set(self.transfers.open_ones(space)) <= waiting,
            )
            in_the_way = outcome.problem
        except Fs2odError as error:
            _log.warning("replication of space %s to storage %s: %s", space, storage.name, error)
            in_the_way, more = for_people(error), False
            if isinstance(error, StorageMissing):
                check_again(index, storage.id)
        else:
            more = outcome.changed > 0 or outcome.cut_short
        if in_the_way is None:
            self._problems.pop(key, None)
        else:
            _log.warning("replication of space %s to storage %s: %s", space, storage.name, in_the_way)
            self._problems[key] = in_the_way
        return more

    def _pace(self, space: SpaceId, storage: StorageId) -> _Pace:
        return self._paces.get((space, storage), _STILL) if space in self._running else _STILL

    def _goes_on(self, space: SpaceId) -> bool:
        return not self._closed.is_set() and space not in self._gone

    def _sweep(self, route: Route) -> None:
        """Once a day, and after each start, look for what uploads left behind."""
        key, now_s = (route.index.space, route.storage), self._clock.now_s()
        if now_s >= self._swept_s.get(key, 0):
            self._swept_s[key] = now_s + _SWEEP_EVERY_S
            sweep(route, now_s=now_s)

    def _route(self, index: SpaceIndex, storage: StorageRecord) -> Route:
        space = index.space
        home = self._homes.storage(space)
        if home is None:
            raise StorageMissing("the space has no storage that holds its files")
        storage.opened().make_directory("" if storage.imported else space)
        return Route(
            index,
            HomeTree(self._indexes, space, home),
            storage.opened_for(space),
            storage.id,
            self.demands.granted_bytes(space, storage),
        )


def _report(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("a replication ended unexpectedly", exc_info=error)
