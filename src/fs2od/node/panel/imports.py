"""Automatic storage import: which scans are due, under way and done. One scan a space at a time, two in all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fs2od.errors import Fs2odError
from fs2od.node.clock import Clock
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.panel.scanning import Counts, ScanRules, ScanStopped, scan
from fs2od.node.panel.storages import Storages
from fs2od.node.panel.support import Support, Supports
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.wire import ImportStatus

__all__ = ["ImportInfo", "Imports"]

_AT_ONCE = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportInfo:
    """How the import of a space stands. Times are seconds since 1970."""

    status: ImportStatus | None
    started_s: int | None
    stopped_s: int | None
    counts: Counts
    total_scans: int
    next_scan_s: int | None


@dataclass
class _Running:
    stop: threading.Event
    counts: Counts
    started_s: int
    queued: bool = True


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
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="import")
        self._closed = False

    def start_due(self) -> None:
        """Start the scans whose time has come: first ones, interrupted ones and continuous ones."""
        now_s = self._clock.now_s()
        for space in self._supports.every():
            support = self._supports.find(space)
            if support is None or support.config is None or space in self._running:
                continue
            info = self.info(space)
            if info.status in (None, "enqueued", "running") or (
                info.next_scan_s is not None and now_s >= info.next_scan_s
            ):
                self._submit(space)

    def force_start(self, space: SpaceId) -> None:
        """Start a scan now.

        Raises:
            NotFound: The space is not supported here.
            Conflict: alreadyExists, one is under way.
            Rejected: requiresAutoStorageImportMode.
        """
        self._require_auto(space)
        if not self._submit(space):
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
        with self._indexes.using(space) as index:
            total, last = _history(index)
        running = self._running.get(space)
        if running is not None:
            status: ImportStatus = "enqueued" if running.queued else "aborting" if running.stop.is_set() else "running"
            return ImportInfo(status, running.started_s, None, running.counts, total, None)
        if last is None:
            return ImportInfo(None, None, None, Counts(), 0, None)
        next_scan_s = None
        if support.config is not None and support.config.continuous_scan and last.stopped_s is not None:
            next_scan_s = last.stopped_s + support.config.scan_interval_s
        return ImportInfo(last.status, last.started_s, last.stopped_s, last.counts, total, next_scan_s)

    def undeliverable(self, space: SpaceId, *, limit: int = 100) -> tuple[int, list[tuple[str, str]]]:
        """Return how many names cannot be delivered, and the first of them with the reason."""
        with self._indexes.using(space) as index, index.database.reading() as db:
            count = int(db.execute("SELECT count(*) FROM undeliverable").fetchone()[0])
            rows = db.execute("SELECT path, reason FROM undeliverable ORDER BY path LIMIT ?", (limit,)).fetchall()
        return count, [(row[0], row[1]) for row in rows]

    def forget(self, space: SpaceId, *, wait_s: float = 30) -> None:
        """Stop the scan of a space whose support ends, and wait until it has stopped."""
        running = self._running.get(space)
        if running is None:
            return
        running.stop.set()
        ended = threading.Event()
        self._workers.submit(ended.set)
        ended.wait(wait_s)

    def close(self) -> None:
        """Stop all scans; the next start goes on with them."""
        self._closed = True
        for running in list(self._running.values()):
            running.stop.set()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _require_auto(self, space: SpaceId) -> Support:
        support = self._supports.get(space)
        if support.config is None:
            said = "The space's files are not imported automatically."
            raise errors.error_of("requiresAutoStorageImportMode", said)
        return support

    def _submit(self, space: SpaceId) -> bool:
        with self._lock:
            if space in self._running or self._closed:
                return False
            running = _Running(threading.Event(), Counts(), self._clock.now_s())
            self._running[space] = running
            self._workers.submit(self._run, space, running)
            return True

    def _run(self, space: SpaceId, running: _Running) -> None:
        try:
            support = self._supports.find(space)
            if support is not None and not running.stop.is_set():
                running.queued = False
                self._scan(support, running)
        except Fs2odError as error:
            _log.warning("import of space %s: %s", space, error)
        finally:
            with self._lock:
                del self._running[space]

    def _scan(self, support: Support, running: _Running) -> None:
        storage = self._storages.get(support.storage).opened()
        with self._indexes.using(support.space) as index:
            number = _begin(index, running.started_s)
            status = "failed"
            try:
                scan(
                    index,
                    storage,
                    number=number,
                    rules=self._rules(support),
                    counts=running.counts,
                    stop=running.stop,
                    now_s=running.started_s,
                )
                status = "completed"
            except ScanStopped:
                # Stopped because the node stops: the record stays "running", so that the next start goes on.
                status = "running" if self._closed else "aborted"
            finally:
                _end(index, number, status, running.counts, self._clock.now_s())


@dataclass(frozen=True)
class _LastScan:
    status: ImportStatus
    started_s: int
    stopped_s: int | None
    counts: Counts


def _history(index: SpaceIndex) -> tuple[int, _LastScan | None]:
    with index.database.reading() as db:
        total = int(db.execute("SELECT count(*) FROM scan WHERE status <> 'running'").fetchone()[0])
        row = db.execute("SELECT * FROM scan ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return 0, None
    names = ("created_files", "modified_files", "deleted_files", "unmodified_files", "failed_files")
    return total, _LastScan(row["status"], row["started"], row["stopped"], Counts(*(row[name] for name in names)))


def _begin(index: SpaceIndex, now_s: int) -> int:
    with index.database.writing() as db:
        # One that was cut off by a kill never reported its end: this one takes its place.
        db.execute("DELETE FROM scan WHERE status = 'running'")
        cursor = db.execute("INSERT INTO scan (status, started) VALUES ('running', ?)", (now_s,))
        return int(cursor.lastrowid or 0)


def _end(index: SpaceIndex, number: int, status: str, counts: Counts, now_s: int) -> None:
    query = """UPDATE scan SET status = ?, stopped = ?, created_files = ?, modified_files = ?, deleted_files = ?,
        unmodified_files = ?, failed_files = ? WHERE id = ?"""
    values = (
        status, None if status == "running" else now_s, counts.created, counts.modified, counts.deleted, counts.unmodified, counts.failed, number,
    )  # fmt: skip
    with index.database.writing() as db:
        db.execute(query, values)
