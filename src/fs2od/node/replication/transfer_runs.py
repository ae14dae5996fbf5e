"""Running transfers: replication by the same pass as requirements, and evictions that never take the last good copy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from fs2od.errors import Fs2odError
from fs2od.node.clock import Clock
from fs2od.node.copy_problems import for_people
from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.index import replicas as book
from fs2od.node.index.replicas import Replica
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.overlaps import SharedPlace
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.sources import HomeTree
from fs2od.node.replication.callbacks import call_back
from fs2od.node.replication.demands import Demands
from fs2od.node.replication.elsewhere import Elsewhere
from fs2od.node.replication.passes import Outcome, Pass, Route
from fs2od.node.replication.transfer_book import TransferBook
from fs2od.onedata.ids import InvalidFileId, ProviderId, SpaceId, StorageId, TransferId, parse_file_id
from fs2od.onedata.wire import SubtaskStatus, TransferDetails
from fs2od.storage import Storage

__all__ = ["Due", "Ran", "TransferRuns", "Turn"]

_PAGE = 200
_GIVES_UP_AFTER_S = 24 * 3600
_log = logging.getLogger(__name__)

_Status = Literal["goes on", "waits", "completed", "failed", "cancelled"]
Ran = Literal["ended", "goes on", "waits"]
"""How a turn of a transfer ended: for ever, so that there is more to do at once, or until what is in the way has gone."""


@dataclass(frozen=True)
class Due:
    """A transfer that may be run now.

    Attributes:
        transfer: Its id.
        storage: Where its present phase copies to or takes away from; None: no storage is lent there.
        evicts: Whether that phase takes away.
        waits: Whether something was in its way the last time.
    """

    transfer: TransferId
    storage: StorageId | None
    evicts: bool
    waits: bool


@dataclass(frozen=True)
class Turn:
    """In what a transfer runs: what copies, whether it goes on at all, and whether another file may be begun."""

    passing: Pass
    goes_on: Callable[[], bool]
    begins: Callable[[], bool]


@dataclass
class _Place:
    """Where the last turn of a transfer ended.

    Attributes:
        after: It goes on after this row.
        failed: So many files could not be evicted.
        troubled_s: Since when something has been in its way, and no file came; 0 if nothing is.
    """

    after: int = 0
    failed: int = 0
    troubled_s: int = 0


class TransferRuns:
    """Runs transfers, turn by turn. Killed at any moment, a run goes on with what is left to do."""

    def __init__(
        self,
        transfers: TransferBook,
        demands: Demands,
        homes: Homes,
        indexes: Indexes,
        clock: Clock,
        *,
        route: Callable[[SpaceIndex, StorageRecord], Route],
        trusted_callbacks: Collection[str],
    ) -> None:
        self._transfers = transfers
        self._demands = demands
        self._homes = homes
        self._indexes = indexes
        self._clock = clock
        self._route = route
        self._trusted = trusted_callbacks
        self._places: dict[TransferId, _Place] = {}
        self._waiting: dict[TransferId, tuple[SpaceId, StorageId | None]] = {}
        self._elsewhere = Elsewhere(demands)

    def due(self, space: SpaceId) -> Iterator[Due]:
        """Yield the transfers that may be run now, oldest first: those about the same storage keep their order.

        Those that wait for something hold up nobody.
        """
        taken: set[ProviderId] = set()
        for transfer in self._transfers.open_ones(space):
            found, _ = self._transfers.get(transfer)
            named = {each for each in (found.replicating_provider_id, found.evicting_provider_id) if each is not None}
            waits = transfer in self._waiting
            if not named & taken:
                evicts = found.replication_status in ("skipped", "completed")
                storage = self._storage(space, found.evicting_provider_id if evicts else found.replicating_provider_id)
                yield Due(transfer, None if storage is None else storage.id, evicts, waits)
            if not waits:
                taken |= named

    def wait_at(self, space: SpaceId, storage: StorageId) -> bool:
        """Say whether transfers of a space wait for a storage."""
        return (space, storage) in list(self._waiting.values())

    def try_again(self, space: SpaceId, storage: StorageId) -> None:
        """Let those that wait for a storage be run again."""
        for transfer, waits_at in list(self._waiting.items()):
            if waits_at == (space, storage):
                self._waiting.pop(transfer, None)

    def end_cancelled(self, space: SpaceId) -> None:
        """End the transfers that were cancelled. One that has its turn just now stops by itself."""
        for transfer in self._transfers.open_ones(space):
            if self._is_cancelled(transfer):
                self._end(self._transfers.get(transfer)[0], transfer, "cancelled")

    def end_without_storage(self, transfer: TransferId) -> None:
        """End a transfer about a site that lends the space no storage any more."""
        found, _ = self._transfers.get(transfer)
        self._transfers.change(transfer, files_failed=found.files_to_process)
        self._end(found, transfer, "failed")

    def run(self, index: SpaceIndex, due: Due, turn: Turn) -> Ran:
        """Do what a transfer asks for, as far as its turn goes, and say how that ended."""
        transfer = due.transfer
        found, _ = self._transfers.get(transfer)
        top = self._top(index, found)
        if top is None:
            return self._end(found, transfer, "failed")
        if not found.start_time:
            files = 1 if top.kind != "DIR" else top.files
            found = self._transfers.change(transfer, start_time=self._clock.now_s(), files_to_process=files)
        act = self._evict if due.evicts else self._replicate
        status = act(index, transfer, found, top, turn)
        if status == "completed" and found.type == "migration" and not due.evicts:
            self._places.pop(transfer, None)
            self._transfers.change(transfer, replication="completed")
            return "goes on"
        if status == "goes on":
            return status
        if status == "waits":
            self._waiting[transfer] = (index.space, due.storage)
            return status
        return self._end(found, transfer, status)

    def _replicate(
        self, index: SpaceIndex, transfer: TransferId, found: TransferDetails, top: Entry, turn: Turn
    ) -> _Status:
        storage = self._storage(index.space, found.replicating_provider_id)
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

        place = self._places.setdefault(transfer, _Place())
        try:
            outcome = turn.passing.run(
                self._route(index, storage),
                top=top.row,
                settle_s=None,
                after=place.after,
                goes_on=lambda: turn.goes_on() and not self._is_cancelled(transfer),
                begins=turn.begins,
                told=_seldom(told, self._clock),
            )
        except SharedPlace as error:
            _log.warning("transfer %s makes no copies: %s", transfer, error)
            self._transfers.change(transfer, files_failed=found.files_to_process)
            return "failed"
        except Fs2odError as error:
            outcome = Outcome(problem=for_people(error))
        told(outcome)
        place.after = outcome.after or 0
        place.troubled_s = 0 if outcome.files else place.troubled_s
        return self._judged(index, transfer, storage, top, outcome, place)

    def _judged(
        self,
        index: SpaceIndex,
        transfer: TransferId,
        storage: StorageRecord,
        top: Entry,
        outcome: Outcome,
        place: _Place,
    ) -> _Status:
        if self._is_cancelled(transfer):
            return "cancelled"
        if outcome.after is not None and outcome.problem is None:
            return "goes on"
        there = book.counts(index, storage.id, top=top.row)
        missing = there.files - there.replicated_files
        if not missing:
            self._transfers.change(transfer, files_processed=there.files)
            return "completed"
        now_s = self._clock.now_s()
        place.troubled_s = place.troubled_s or now_s
        may_pass = outcome.problem is not None or outcome.cut_short
        if may_pass and now_s < place.troubled_s + _GIVES_UP_AFTER_S:
            if outcome.problem is not None:
                # Onedata's record of a transfer has no place for it.
                _log.warning("transfer %s to storage %s waits: %s", transfer, storage.name, outcome.problem)
            return "waits"
        self._transfers.change(transfer, files_processed=there.files, files_failed=missing)
        return "failed"

    def _evict(
        self, index: SpaceIndex, transfer: TransferId, found: TransferDetails, top: Entry, turn: Turn
    ) -> _Status:
        storage, home = self._storage(index.space, found.evicting_provider_id), self._homes.storage(index.space)
        self._transfers.change(transfer, eviction="active")
        if storage is None or home is None or storage.id == home.id:
            # What was imported or written there stays: it is no copy.
            self._transfers.change(transfer, files_failed=found.files_to_process)
            return "failed"
        place, files = self._places.setdefault(transfer, _Place()), found.files_evicted
        tree, target = HomeTree(self._indexes, index.space, home), storage.opened_for(index.space)
        protected = self._protected(index, storage)

        def note() -> None:
            self._transfers.change(transfer, files_evicted=files, files_failed=place.failed)

        while page := book.of_storage(index, storage.id, top=top.row, after=place.after, limit=_PAGE):
            for number, replica in enumerate(page):
                if self._is_cancelled(transfer):
                    return "cancelled"
                if not turn.goes_on() or (number and not turn.begins()):
                    note()
                    return "goes on"
                gone = replica.row not in protected and self._evicted(index, replica, storage, tree, target)
                files += gone
                place.failed += not gone
                place.after = replica.row
            note()
        self._transfers.change(transfer, files_processed=found.files_to_process)
        return "failed" if place.failed else "completed"

    def _evicted(
        self, index: SpaceIndex, replica: Replica, storage: StorageRecord, home: HomeTree, target: Storage
    ) -> bool:
        # First nobody counts on it any more, then it goes: never is there a claim without a copy.
        if not self._elsewhere.lets_go(index, replica, storage, home):
            said = "the copy of %r on storage %s stays: neither its home nor another site has the file now as it is registered"
            _log.warning(said, replica.path, storage.name)
            return False
        try:
            # What is another storage's, too, for both lie in one place, is forgotten and stays.
            if self._demands.twin(index.space, storage, surely=True) is None:
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

    def _storage(self, space: SpaceId, provider: ProviderId | None) -> StorageRecord | None:
        found = self._demands.storages(space)
        return next((storage for storage in found if storage.provider == provider), None)

    def _top(self, index: SpaceIndex, found: TransferDetails) -> Entry | None:
        try:
            return index.find(parse_file_id(found.file_id or "").uuid)
        except InvalidFileId:
            return None

    def _is_cancelled(self, transfer: TransferId) -> bool:
        found, has_ended = self._transfers.get(transfer)
        return has_ended or "aborting" in (found.replication_status, found.eviction_status)

    def _end(self, found: TransferDetails, transfer: TransferId, status: SubtaskStatus) -> Ran:
        """Write down that a transfer has ended; a phase that never began ends as the one before it."""
        self._places.pop(transfer, None)
        self._waiting.pop(transfer, None)
        replication = None if found.replication_status == "completed" else status
        eviction = "failed" if found.type == "migration" and replication == "failed" else status
        is_first = self._transfers.end(transfer, replication=replication, eviction=eviction)
        if found.callback and is_first:
            try:
                call_back(found.callback, transfer, trusted=self._trusted)
            except OSError as error:
                _log.warning("nobody could be told of the end of transfer %s (%s)", transfer, type(error).__name__)
        return "ended"


def _seldom(told: Callable[[Outcome], None], clock: Clock) -> Callable[[Outcome], None]:
    """Return what tells once a second at most: each time it is written down durably."""
    last_s = 0

    def now_and_then(outcome: Outcome) -> None:
        nonlocal last_s
        if clock.now_s() != last_s:
            last_s = clock.now_s()
            told(outcome)

    return now_and_then
