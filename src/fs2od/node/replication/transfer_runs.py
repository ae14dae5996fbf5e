"""Running transfers: replication by the same pass as requirements, and evictions that never take the last good copy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from fs2od.errors import Fs2odError
from fs2od.node.clock import Clock
from fs2od.node.index import Entry, SpaceIndex
from fs2od.node.index import replicas as book
from fs2od.node.index.replicas import Replica, Version
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.replication.callbacks import call_back
from fs2od.node.replication.demands import Demands
from fs2od.node.replication.passes import Outcome, Pass, Route, for_people
from fs2od.node.replication.transfer_book import TransferBook
from fs2od.onedata.ids import InvalidFileId, ProviderId, TransferId, parse_file_id
from fs2od.onedata.wire import SubtaskStatus, TransferDetails
from fs2od.storage import Storage

__all__ = ["TransferRuns"]

_PAGE = 200
_GIVES_UP_AFTER_S = 24 * 3600
_log = logging.getLogger(__name__)


@dataclass
class _Evicted:
    files: int = 0
    failed: int = 0


class TransferRuns:
    """Runs transfers, one of a space at a time. Killed at any moment, a run goes on with what is left to do."""

    def __init__(
        self,
        transfers: TransferBook,
        demands: Demands,
        homes: Homes,
        passing: Pass,
        clock: Clock,
        *,
        route: Callable[[SpaceIndex, StorageRecord], Route],
        trusted_callbacks: Collection[str],
    ) -> None:
        self._transfers = transfers
        self._demands = demands
        self._homes = homes
        self._pass = passing
        self._clock = clock
        self._route = route
        self._trusted = trusted_callbacks

    def run(self, index: SpaceIndex, transfer: TransferId, *, goes_on: Callable[[], bool]) -> bool:
        """Do what a transfer asks for; return False if it is to be taken up again later."""
        found, _ = self._transfers.get(transfer)
        if "aborting" in (found.replication_status, found.eviction_status):
            return self._end(found, transfer, "cancelled")
        top = self._top(index, found)
        if top is None:
            return self._end(found, transfer, "failed")
        if not found.start_time:
            files = 1 if top.kind != "DIR" else top.files
            self._transfers.change(transfer, start_time=self._clock.now_s(), files_to_process=files)
        if found.replication_status in ("scheduled", "enqueued", "active"):
            status = self._replicate(index, transfer, found, top, goes_on)
            if status is None:
                return False
            if status != "completed" or found.type == "replication":
                return self._end(found, transfer, status)
            found = self._transfers.change(transfer, replication="completed")
        status = self._evict(index, transfer, found, top, goes_on)
        return False if status is None else self._end(found, transfer, status)

    def _replicate(
        self, index: SpaceIndex, transfer: TransferId, found: TransferDetails, top: Entry, goes_on: Callable[[], bool]
    ) -> SubtaskStatus | None:
        storage = self._storage(index, found.replicating_provider_id)
        if storage is None:
            return "failed"
        found = self._transfers.change(transfer, replication="active")
        home = self._homes.storage(index.space)
        if home is not None and home.id == storage.id:
            self._transfers.change(transfer, files_processed=found.files_to_process)
            return "completed"

        def told(outcome: Outcome) -> None:
            self._transfers.change(
                transfer,
                files_processed=found.files_processed + outcome.files + outcome.failed,
                files_replicated=found.files_replicated + outcome.files,
                bytes_replicated=found.bytes_replicated + outcome.size_bytes,
            )

        try:
            outcome = self._pass.run(
                self._route(index, storage),
                top=top.row,
                settle_s=0,
                goes_on=lambda: goes_on() and not self._is_cancelled(transfer),
                told=_seldom(told, self._clock),
            )
        except Fs2odError as error:
            outcome = Outcome(problem=for_people(error))
        told(outcome)
        return self._judged(index, transfer, storage, top, outcome)

    def _judged(
        self, index: SpaceIndex, transfer: TransferId, storage: StorageRecord, top: Entry, outcome: Outcome
    ) -> SubtaskStatus | None:
        if self._is_cancelled(transfer):
            return "cancelled"
        there = book.counts(index, storage.id, top=top.row)
        missing = there.files - there.replicated_files
        if not missing:
            self._transfers.change(transfer, files_processed=there.files)
            return "completed"
        started_s = self._transfers.get(transfer)[0].start_time
        may_pass = outcome.problem is not None or outcome.cut_short
        if may_pass and self._clock.now_s() < started_s + _GIVES_UP_AFTER_S:
            _log.info("transfer %s waits: %s", transfer, outcome.problem)
            return None
        self._transfers.change(transfer, files_processed=there.files, files_failed=missing)
        return "failed"

    def _evict(
        self, index: SpaceIndex, transfer: TransferId, found: TransferDetails, top: Entry, goes_on: Callable[[], bool]
    ) -> SubtaskStatus | None:
        storage, home = self._storage(index, found.evicting_provider_id), self._homes.storage(index.space)
        self._transfers.change(transfer, eviction="active")
        if storage is None or home is None or storage.id == home.id:
            # What was imported or written there stays: it is no copy.
            self._transfers.change(transfer, files_failed=found.files_to_process)
            return "failed"
        evicted, after = _Evicted(found.files_evicted, 0), 0
        source, target = home.opened_for(index.space), storage.opened_for(index.space)
        protected = self._protected(index, storage)
        while page := book.of_storage(index, storage.id, top=top.row, after=after, limit=_PAGE):
            after = page[-1].row
            for replica in page:
                if self._is_cancelled(transfer):
                    return "cancelled"
                if not goes_on():
                    return None
                is_safe = replica.row not in protected and self._is_elsewhere(index, replica, source, storage)
                gone = is_safe and self._removed(index, replica, storage, target)
                evicted.files += gone
                evicted.failed += not gone
            self._transfers.change(transfer, files_evicted=evicted.files, files_failed=evicted.failed)
        self._transfers.change(transfer, files_processed=found.files_to_process)
        return "failed" if evicted.failed else "completed"

    def _is_elsewhere(self, index: SpaceIndex, replica: Replica, source: Storage, storage: StorageRecord) -> bool:
        """Say whether a file is still there in another place: as registered at its home, or as a checked copy."""
        if any(held.storage != storage.id for held in book.holders(index, replica.row)):
            return True
        registered = book.registered(index, replica.row)
        if registered is None:
            return False
        path, version = registered
        try:
            seen = source.stat(path)
        except (FileNotFoundError, Fs2odError):
            return False
        return Version(seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode) == version

    def _removed(self, index: SpaceIndex, replica: Replica, storage: StorageRecord, target: Storage) -> bool:
        # First nobody counts on it any more, then it goes: never is there a claim without a copy.
        book.doubt(index, storage.id, [replica.row])
        try:
            target.delete(replica.path)
        except FileNotFoundError:
            pass
        except Fs2odError as error:
            _log.warning("a copy of %r on storage %s cannot be removed: %s", replica.path, storage.name, error)
            return False
        book.drop(index, storage.id, replica)
        return True

    def _protected(self, index: SpaceIndex, storage: StorageRecord) -> Collection[int]:
        """Return the rows whose copies on a storage a requirement asks for."""
        found: set[int] = set()
        for demand in self._demands.of_space(index.space):
            top = index.find(demand.file_uuid) if demand.storage.id == storage.id else None
            if top is not None:
                found |= book.rows_below(index, top.row)
        return found

    def _storage(self, index: SpaceIndex, provider: ProviderId | None) -> StorageRecord | None:
        found = self._demands.storages(index.space)
        return next((storage for storage in found if storage.provider == provider), None)

    def _top(self, index: SpaceIndex, found: TransferDetails) -> Entry | None:
        try:
            return index.find(parse_file_id(found.file_id or "").uuid)
        except InvalidFileId:
            return None

    def _is_cancelled(self, transfer: TransferId) -> bool:
        found, _ = self._transfers.get(transfer)
        return "aborting" in (found.replication_status, found.eviction_status)

    def _end(self, found: TransferDetails, transfer: TransferId, status: SubtaskStatus) -> bool:
        """Write down that a transfer has ended; a phase that never began ends as the one before it."""
        replication = None if found.replication_status == "completed" else status
        eviction = "failed" if found.type == "migration" and replication == "failed" else status
        self._transfers.change(transfer, replication=replication, eviction=eviction, ended=True)
        if found.callback:
            try:
                call_back(found.callback, transfer, trusted=self._trusted)
            except OSError as error:
                _log.warning("nobody could be told of the end of transfer %s (%s)", transfer, type(error).__name__)
        return True


def _seldom(told: Callable[[Outcome], None], clock: Clock) -> Callable[[Outcome], None]:
    """Return what tells once a second at most: each time it is written down durably."""
    last_s = 0

    def now_and_then(outcome: Outcome) -> None:
        nonlocal last_s
        if clock.now_s() != last_s:
            last_s = clock.now_s()
            told(outcome)

    return now_and_then
