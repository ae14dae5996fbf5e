"""Automatic storage import: which scans are due, under way and done. One scan a space at a time, two in all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from fs2od.errors import Fs2odError, StorageFull
from fs2od.node.clock import Clock, is_awaited
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.index.closing import close_earlier
from fs2od.node.index.scans import ScanEnd, ScanRecord, begin_scan, end_scan, last_scan, undeliverable
from fs2od.node.panel.roots import note_root
from fs2od.node.panel.scanning import Counts, ScanRules, ScanStopped, scan
from fs2od.node.panel.storages import StorageRecord, Storages
from fs2od.node.panel.support import Support, Supports
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.wire import ImportStatus

__all__ = ["ImportInfo", "Imports"]

_AT_ONCE = 2
# With thousands of spaces, each call of `start_due` looks at a part of those that are at rest.
_TURNS = 4
_FIRST_PAUSE_S = 5
_LONGEST_PAUSE_S = 300
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportInfo:
    """How the import of a space stands. Times are seconds since 1970; `problem` says why the last scan failed."""

    status: ImportStatus | None
    started_s: int | None
    stopped_s: int | None
    counts: Counts
    total_scans: int
    next_scan_s: int | None
    problem: str | None = None


@dataclass
class _Running:
    started_s: int
    is_thorough: bool
    """Whether it looks at every file, also where the directory's times stand."""
    counts: Counts = field(default_factory=Counts)
    queued: bool = True
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def status(self) -> ImportStatus:
        if self.stop.is_set():
            return "aborting"
        return "enqueued" if self.queued else "running"


@dataclass(frozen=True)
class _Pause:
    """How long a scan is not begun again by itself that could not even be recorded."""

    until_s: int
    length_s: int


class Imports:
    """Starts, stops and reports scans."""

    def __init__(
        self,
        supports: Supports,
        storages: Storages,
        indexes: Indexes,
        clock: Clock,
        rules: Callable[[Support], ScanRules],
    ) -> None:
        self._supports = supports
        self._storages = storages
        self._indexes = indexes
        self._clock = clock
        self._rules = rules
        self._lock = threading.Lock()
        self._running: dict[SpaceId, _Running] = {}
        self._records: dict[SpaceId, ScanRecord] = {}
        self._pauses: dict[SpaceId, _Pause] = {}
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="import")
        self._turn = 0
        self._closed = False

    def start_due(self) -> None:
        """Start the scans whose time has come: first ones, interrupted ones and continuous ones."""
        now_s = self._clock.now_s()
        self._turn += 1
        for position, space in enumerate(self._supports.every()):
            at_rest = space in self._records and (position + self._turn) % _TURNS
            if not at_rest and space not in self._running and self._is_due(space, now_s):
                self._submit(space)

    def start_if_due(self, space: SpaceId) -> None:
        """Start the scan of one space if its time has come, as that of a space that was just supported."""
        if space not in self._running and self._is_due(space, self._clock.now_s()):
            self._submit(space)

    def force_start(self, space: SpaceId) -> None:
        """Start a scan now. It looks at every file, also where scans that begin by themselves pass directories over.

        Raises:
            NotFound: The space is not supported here.
            Conflict: alreadyExists, one is under way.
            Rejected: requiresAutoStorageImportMode.
        """
        self._require_auto(space)
        if not self._submit(space, is_forced=True):
            raise errors.already_exists()

    def force_stop(self, space: SpaceId) -> None:
        """Stop the scan under way; it ends soon after this returns.

        Raises:
            NotFound: None is under way.
        """
        self._require_auto(space)
        running = self._running.get(space)
        if running is None:
            raise errors.not_found()
        running.stop.set()

    def info(self, space: SpaceId) -> ImportInfo:
        """Return how the import stands.

        Raises:
            NotFound: The space is not supported here.
            Rejected: requiresAutoStorageImportMode.
        """
        support = self._require_auto(space)
        record = self._record(space)
        running = self._running.get(space)
        if running is not None:
            return ImportInfo(running.status, running.started_s, None, running.counts, record.total, None)
        return ImportInfo(
            record.status,
            record.started_s,
            record.stopped_s,
            record.counts,
            record.total,
            _next_scan(support, record),
            record.problem,
        )

    def undeliverable(self, space: SpaceId, *, limit: int = 100) -> tuple[int, list[tuple[str, str]]]:
        """Return how many names cannot be delivered, and the first of them with the reason."""
        with self._indexes.using(space) as index:
            return undeliverable(index, limit=limit)

    def forget(self, space: SpaceId, *, wait_s: float = 30) -> None:
        """Stop the scan of a space whose support ends, and wait until it has stopped."""
        running = self._running.get(space)
        if running is not None:
            running.stop.set()
            running.ended.wait(wait_s)
        self._records.pop(space, None)
        self._pauses.pop(space, None)

    def close(self) -> None:
        """Stop all scans; the next start goes on with them."""
        with self._lock:
            self._closed = True
            for running in self._running.values():
                running.stop.set()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _require_auto(self, space: SpaceId) -> Support:
        support = self._supports.get(space)
        if support.config is None:
            said = "The space's files are not imported automatically."
            raise errors.error_of("requiresAutoStorageImportMode", said)
        return support

    def _is_due(self, space: SpaceId, now_s: int) -> bool:
        support, pause = self._supports.find(space), self._pauses.get(space)
        if support is None or support.config is None:
            return False
        if pause is not None and is_awaited(pause.until_s, now_s, at_most_s=_LONGEST_PAUSE_S):
            return False
        record = self._record(space)
        next_scan_s = _next_scan(support, record)
        # A clock that was set back must not put the next scan off.
        passed = next_scan_s is not None and not (record.stopped_s or 0) <= now_s < next_scan_s
        return record.status in (None, "running") or passed

    def _record(self, space: SpaceId) -> ScanRecord:
        known = self._records.get(space)
        if known is None:
            with self._indexes.using(space) as index:
                self._close_earlier(index)
                known = self._records[space] = last_scan(index)
        return known

    def _close_earlier(self, index: SpaceIndex) -> None:
        """Close names also where nobody scans any more, as in complete datasets."""
        support = self._supports.find(index.space)
        if support is not None and support.config is not None:
            with suppress(StorageFull):  # the next start or scan does it
                close_earlier(index, self._rules(support).closed_names)

    def _submit(self, space: SpaceId, *, is_forced: bool = False) -> bool:
        # One that was interrupted may have been forced: whoever waits for it counts on all that it would have seen.
        is_thorough = is_forced or self._record(space).status == "running"
        with self._lock:
            if space in self._running or self._closed:
                return False
            running = self._running[space] = _Running(self._clock.now_s(), is_thorough)
            self._workers.submit(self._run, space, running).add_done_callback(_report)
            return True

    def _run(self, space: SpaceId, running: _Running) -> None:
        try:
            support = self._supports.find(space)
            if support is not None:
                running.queued = False
                self._scan(support, running)
                self._pauses.pop(space, None)
        except Fs2odError as error:
            _log.warning("import of space %s: %s", space, error)
            self._pause(space)
        finally:
            with self._lock:
                del self._running[space]
            running.ended.set()

    def _scan(self, support: Support, running: _Running) -> None:
        with self._indexes.using(support.space) as index:
            number = begin_scan(index, running.started_s)
            status, problem = self._scanned(index, support, running, number)
            if problem is not None:
                _log.warning("import of space %s: %s", support.space, problem)
            end_scan(index, number, status, running.counts, self._clock.now_s(), problem)
            self._records[support.space] = last_scan(index)

    def _scanned(
        self, index: SpaceIndex, support: Support, running: _Running, number: int
    ) -> tuple[ScanEnd, str | None]:
        rules = self._rules(support)
        try:
            scan(
                index,
                self._storage(support).opened(),
                number=number,
                rules=rules.thorough() if running.is_thorough else rules,
                counts=running.counts,
                stop=running.stop,
                clock=self._clock,
            )
        except ScanStopped:
            # Stopped because the node stops: the record stays "running", so that the next start goes on.
            return "running" if self._closed else "aborted", None
        except Fs2odError as error:
            return "failed", str(error)
        return "completed", None

    def _storage(self, support: Support) -> StorageRecord:
        found = self._storages.get(support.storage)
        if found.root is None and found.type == "posix":
            note_root(self._storages, self._indexes, support.storage)
            found = self._storages.get(support.storage)
        return found

    def _pause(self, space: SpaceId) -> None:
        before = self._pauses.get(space)
        length_s = min(2 * before.length_s, _LONGEST_PAUSE_S) if before else _FIRST_PAUSE_S
        self._pauses[space] = _Pause(self._clock.now_s() + length_s, length_s)


def _next_scan(support: Support, record: ScanRecord) -> int | None:
    """Return when the next scan begins by itself: with continuous import, an interval after the last one ended."""
    if support.config is None or not support.config.continuous_scan or record.stopped_s is None:
        return None
    return record.stopped_s + support.config.scan_interval_s


def _report(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("an import ended unexpectedly", exc_info=error)
