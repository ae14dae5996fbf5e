"""One pass: what lacks a copy on one storage is copied, many small files and a few large ones at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from fs2od.errors import (
    Fs2odError,
    IntegrityFailure,
    Interrupted,
    StorageBusy,
    StorageFull,
    StorageMissing,
    StorageRefused,
)
from fs2od.node.clock import Clock
from fs2od.node.copy_problems import USED_UP, for_people
from fs2od.node.index import SpaceIndex
from fs2od.node.index import replicas as book
from fs2od.node.index.checked import own_of
from fs2od.node.index.replicas import Failure, Lacking, Replica
from fs2od.node.index.schema import ROOT
from fs2od.node.provider.sources import HomeTree
from fs2od.node.replication.copying import HELD_OF_LARGE_BYTES, WHOLE_BYTES, Copied, Copying, Errand, SourceChanged
from fs2od.onedata.ids import StorageId
from fs2od.storage import Seen, Storage, Upload

__all__ = ["Outcome", "Pass", "Route"]

_SMALL_AT_ONCE, _LARGE_AT_ONCE, _IN_FLIGHT = 16, 2, 64
# What the files under way may hold in memory together: two large ones, or small ones, or some of each.
_HELD_BYTES = 2 * HELD_OF_LARGE_BYTES + 32 * 1024 * 1024
_PAGE = 200
_NOTED_AT_ONCE, _NOTED_WITHIN_S = 64, 5.0
# What says nothing about a file, but about a whole storage or the way to it.
_OF_ALL = (StorageBusy, StorageFull, StorageMissing, StorageRefused)
_FIRST_PAUSE_S = 30
_TOLD_EVERY_S = 1.0
_NEVER_NS = 2**63 - 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """From where to where one space's files are copied.

    Attributes:
        index: The space's index.
        source: Its home.
        target: The storage that gets copies.
        storage: The target's id.
        granted_bytes: What may lie on it of this space in all.
    """

    index: SpaceIndex
    source: HomeTree
    target: Storage
    storage: StorageId
    granted_bytes: int


@dataclass
class Outcome:
    """What a pass did. `problem` ended it early, for it concerns the whole storage.

    `size_bytes` are those of files that are copied, `under_way_bytes` those of large ones that are not yet. A pass that
    stopped because its turn was over goes on after the row `after`.
    """

    files: int = 0
    size_bytes: int = 0
    under_way_bytes: int = 0
    failed: int = 0
    changed: int = 0
    problem: str | None = None
    cut_short: bool = False
    after: int | None = None


@dataclass
class _Noting:
    """Results that wait to be written down together: each transaction costs as much as a small file."""

    done: list[Replica] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    written_s: float = field(default_factory=time.monotonic)


class _Flight:
    """A file that is being copied. `there_bytes` are at the target already; any thread may add."""

    def __init__(self, lacks: Lacking) -> None:
        self.lacks = lacks
        self.there_bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """How much of it is in memory at most."""
        return min(self.lacks.version.size_bytes, HELD_OF_LARGE_BYTES)

    def add(self, size_bytes: int) -> None:
        with self._lock:
            self.there_bytes += size_bytes


class Pass:
    """Makes the copies that are missing on one storage at a time; its threads and what it holds are bounded."""

    def __init__(self, copying: Copying, clock: Clock) -> None:
        self._copying = copying
        self._clock = clock
        self._small = ThreadPoolExecutor(_SMALL_AT_ONCE, thread_name_prefix="replica")
        self._large = ThreadPoolExecutor(_LARGE_AT_ONCE, thread_name_prefix="replica-large")

    def stop(self) -> None:
        """Stop what is under way, and begin nothing."""
        self._copying.stop.set()

    def close(self) -> None:
        """Stop what is under way, and wait for it."""
        self._copying.close()
        for pool in (self._small, self._large):
            pool.shutdown(cancel_futures=True)

    def run(
        self,
        route: Route,
        *,
        top: int = ROOT,
        settle_s: int | None,
        after: int = 0,
        goes_on: Callable[[], bool] = lambda: True,
        begins: Callable[[], bool] = lambda: True,
        told: Callable[[Outcome], None] = lambda _: None,
    ) -> Outcome:
        """Copy what at or below `top` lacks a copy, in the order of rows, as long as `goes_on`.

        Args:
            route: From where to where.
            top: The row of a file or directory.
            settle_s: How long a file must have stood unchanged, unless the manifest names it; None: it need not have.
            after: The row after which to begin: where the last turn ended.
            goes_on: Asked for each file, and for each part of a large one.
            begins: Asked before each file but the first; files that have begun are copied to their end.
            told: Told now and then how far it is.
        """
        outcome, noting = Outcome(), _Noting()
        flying: dict[Future[Copied], _Flight] = {}

        def land() -> None:
            self._land(route, flying, outcome, noting)
            outcome.under_way_bytes = sum(flight.there_bytes for flight in flying.values())
            told(outcome)

        room = route.granted_bytes - book.occupied_bytes(route.index, route.storage)
        try:
            begun = None
            for lacks in self._lacking(route, top, settle_s, after):
                flight = _Flight(lacks)
                while flying and (len(flying) >= _IN_FLIGHT or _held_bytes(flight, *flying.values()) > _HELD_BYTES):
                    land()
                if outcome.problem or self._copying.stop.is_set() or not goes_on():
                    outcome.cut_short = True
                    break
                if begun is not None and not begins():
                    outcome.cut_short, outcome.after = True, begun
                    break
                room -= lacks.version.size_bytes if lacks.known is None else 0
                if room < 0:
                    outcome.problem = USED_UP
                    break
                pool = self._large if lacks.version.size_bytes > WHOLE_BYTES else self._small
                flying[pool.submit(self._one, route, flight, goes_on)] = flight
                begun = lacks.row
            while flying:
                land()
        finally:
            wait(flying)
            self._write_down(route, noting, at_least=1)
        outcome.under_way_bytes = 0
        told(outcome)
        return outcome

    def check(self, route: Route, *, before_s: int, goes_on: Callable[[], bool] = lambda: True) -> int:
        """Look whether copies that were last checked before a moment are still there as they were; return how many are not.

        Those are counted on no more, so that the next pass makes them anew, or reads them back where they may be right. What
        the store itself says decides: nothing is read here. `goes_on` is asked after every 200; what is left is looked at the next time.

        Raises:
            StorageError: The storage refused, and nothing more is known.
        """
        lost, after = 0, 0
        while page := book.to_be_checked(route.index, route.storage, before_s=before_s, after=after, limit=_PAGE):
            if after and not goes_on():
                break
            after = page[-1].row
            found = dict(
                zip(page, self._small.map(lambda replica: _seen(route.target, replica.path), page), strict=True)
            )
            right = [
                (each.row, own_of(seen))
                for each, seen in found.items()
                if seen is not None and each.checked.is_still(seen)
            ]
            gone = [each.row for each, seen in found.items() if seen is None or not each.checked.has_size_of(seen)]
            wrong = {replica.row for replica in page}.difference(row for row, _ in right)
            book.note_checked(route.index, route.storage, right, now_s=self._clock.now_s())
            if gone:
                book.doubt(route.index, route.storage, gone)
            if len(wrong) > len(gone):
                book.suspect(route.index, route.storage, sorted(wrong.difference(gone)))
            lost += len(wrong)
        return lost

    def _lacking(self, route: Route, top: int, settle_s: int | None, after: int) -> Iterator[Lacking]:
        while True:
            now_s = self._clock.now_s()
            # Not even by the time of day: a file may be of this second, or of a clock that is ahead.
            settled_ns = _NEVER_NS if settle_s is None else (now_s - settle_s) * 1_000_000_000
            page = book.lacking(
                route.index, route.storage, top=top, after=after, settled_ns=settled_ns, now_s=now_s, limit=_PAGE
            )
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].row

    def _one(self, route: Route, flight: _Flight, goes_on: Callable[[], bool]) -> Copied:
        lacks = flight.lacks
        errand = Errand(lacks.path, lacks.version, lacks.expected, lacks.known, lacks.is_same, lacks.upload)

        def began(upload: Upload) -> None:
            book.note_upload(route.index, route.storage, lacks, upload)

        return self._copying.copy(route.source, route.target, errand, began=began, goes_on=goes_on, sent=flight.add)

    def _land(self, route: Route, flying: dict[Future[Copied], _Flight], outcome: Outcome, noting: _Noting) -> None:
        """Take note of what has ended; after a second at most, so that it can be told how far large files are."""
        landed, _ = wait(flying, timeout=_TOLD_EVERY_S, return_when=FIRST_COMPLETED)
        for future in landed:
            lacks = flying.pop(future).lacks
            try:
                copied = future.result()
            except SourceChanged:
                outcome.changed += 1
            except Interrupted:
                outcome.cut_short = True
            except _OF_ALL as error:
                _log.warning("replication to storage %s: %s", route.storage, error)
                outcome.problem = for_people(error)
            except Fs2odError as error:
                outcome.failed += 1
                noting.failed.append(self._failure(lacks, error))
            except FileNotFoundError:
                outcome.changed += 1  # it vanished, or its copy was cleared away meanwhile
            else:
                outcome.files += 1
                outcome.size_bytes += lacks.version.size_bytes
                noting.done.append(_replica(lacks, copied))
        is_late = time.monotonic() - noting.written_s > _NOTED_WITHIN_S
        self._write_down(route, noting, at_least=1 if is_late else _NOTED_AT_ONCE)

    @staticmethod
    def _failure(lacks: Lacking, error: Fs2odError) -> Failure:
        _log.warning("%r cannot be replicated now: %s", lacks.path, error)
        pause_s = _FIRST_PAUSE_S if isinstance(error, IntegrityFailure) else 2 * _FIRST_PAUSE_S
        return Failure(lacks.row, lacks.path, lacks.version, for_people(error), pause_s)

    def _write_down(self, route: Route, noting: _Noting, *, at_least: int) -> None:
        if len(noting.done) >= at_least:
            book.note(route.index, route.storage, noting.done, now_s=self._clock.now_s())
            noting.done.clear()
        if len(noting.failed) >= at_least:
            book.note_failure(route.index, route.storage, noting.failed, now_s=self._clock.now_s())
            noting.failed.clear()
        if not noting.done and not noting.failed:
            noting.written_s = time.monotonic()


def _held_bytes(*flying: _Flight) -> int:
    return sum(flight.held_bytes for flight in flying)


def _seen(storage: Storage, path: str) -> Seen | None:
    try:
        return storage.stat(path)
    except FileNotFoundError:
        return None


def _replica(lacks: Lacking, copied: Copied) -> Replica:
    seen = copied.seen
    return Replica(lacks.row, lacks.path, lacks.version, copied.sha256, copied.method, md5=seen.md5, own=own_of(seen))
