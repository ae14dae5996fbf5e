"""Transfers on a node with one provider: every file is where it is asked to be, so a replication ends at once."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from msgspec import structs

from fs2od.node.clock import Clock
from fs2od.node.panel.support import Supports
from fs2od.node.provider.access import Located
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import ProviderId, SpaceId, TransferId, UserId, new_entity_id
from fs2od.onedata.wire import TransferDetails, TransferKind
from fs2od.sqlite import Database

__all__ = ["Order", "Transfers"]

_NEEDED: dict[TransferKind, tuple[str, ...]] = {
    "replication": ("space_schedule_replication",),
    "eviction": ("space_schedule_eviction",),
    "migration": ("space_schedule_replication", "space_schedule_eviction"),
}


@dataclass(frozen=True)
class Order:
    """What a transfer is to do."""

    kind: TransferKind
    located: Located
    to: ProviderId | None
    away_from: ProviderId | None
    callback: str | None


class Transfers:
    """Takes, shows and lists transfers."""

    def __init__(self, database: Database, rights: Rights, supports: Supports, clock: Clock) -> None:
        self._database = database
        self._rights = rights
        self._supports = supports
        self._clock = clock

    def create(self, order: Order) -> TransferId:
        """Take a transfer. Replication to the one provider is done already; eviction from it fails: it is the only copy.

        Raises:
            Forbidden: Without space_schedule_replication or space_schedule_eviction.
            Rejected: spaceNotSupportedBy, the named provider does not support the space.
        """
        order.located.caller.require_all_access()
        user = self._rights.require_space(order.located.caller, order.located.space, *_NEEDED[order.kind])
        for provider in (order.to, order.away_from):
            if provider is not None and provider != self._supports.provider:
                details = {"spaceId": order.located.space, "providerId": provider}
                raise errors.error_of("spaceNotSupportedBy", "The space is not supported by that provider.", details)
        transfer = TransferId(new_entity_id())
        document = self._ended(transfer, order, user)
        row = (transfer, order.located.space, wire.write(document).decode(), 1, self._clock.now_s())
        with self._database.writing() as db:
            db.execute("INSERT INTO transfer VALUES (?, ?, ?, ?, ?)", row)
        return transfer

    def get(self, caller: Caller, transfer: TransferId) -> TransferDetails:
        """Return a transfer.

        Raises:
            NotFound: There is none.
            Forbidden: Without space_view_transfers.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        found = self._known(transfer)
        self._rights.require_space(caller, found.space_id, "space_view_transfers")
        return found

    def rerun(self, caller: Caller, transfer: TransferId, located: Located) -> TransferId:
        """Take an ended transfer of `located` once more.

        Raises:
            NotFound: There is none.
            Forbidden: Without the privileges that the first one needed, and space_view_transfers.
        """
        found = self.get(caller, transfer)
        order = Order(found.type, located, found.replicating_provider_id, found.evicting_provider_id, found.callback)
        again = self.create(order)
        document = wire.write(structs.replace(found, rerun_id=again)).decode()
        with self._database.writing() as db:
            db.execute("UPDATE transfer SET document = ? WHERE id = ?", (document, transfer))
        return again

    def cancel(self, caller: Caller, transfer: TransferId) -> None:
        """Refuse to cancel: every transfer has ended when it was taken.

        Raises:
            Rejected: transferAlreadyEnded.
            NotFound: There is none.
        """
        self.get(caller, transfer)
        raise errors.error_of("transferAlreadyEnded", "The transfer has already ended.")

    def of_space(
        self, caller: Caller, space: SpaceId, *, state: str, limit: int, after: str | None
    ) -> list[TransferId]:
        """Return transfers of a space in a state ("waiting", "ongoing", "ended"), oldest first, after the id `after`.

        Raises:
            Forbidden: Without space_view_transfers.
        """
        caller.require_all_access()
        self._rights.require_space(caller, space, "space_view_transfers")
        if state != "ended":
            return []
        query = "SELECT id FROM transfer WHERE space = ? AND (created, id) > (?, ?) ORDER BY created, id LIMIT ?"
        with self._database.reading() as db:
            start = db.execute("SELECT created, id FROM transfer WHERE id = ?", (after,)).fetchone() if after else None
            moment, identity = (start[0], start[1]) if start else (-1, "")
            return [TransferId(row[0]) for row in db.execute(query, (space, moment, identity, limit))]

    def _known(self, transfer: TransferId) -> TransferDetails:
        with self._database.reading() as db:
            row = db.execute("SELECT document FROM transfer WHERE id = ?", (transfer,)).fetchone()
        if row is None:
            raise errors.not_found()
        return msgspec.json.decode(row[0], type=TransferDetails)

    def _ended(self, transfer: TransferId, order: Order, user: UserId) -> TransferDetails:
        now_s, located = self._clock.now_s(), order.located
        evicting = order.kind != "replication"
        files = located.entry.files if located.entry.kind == "DIR" else 1
        state: wire.TransferState = "failed" if evicting else "completed"
        return TransferDetails(
            type=order.kind,
            data_source_type="file",
            user_id=user,
            rerun_id=None,
            space_id=located.space,
            file_id=located.file_id,
            file_path=f"/{located.space}/{located.path}".rstrip("/"),
            callback=order.callback,
            replicating_provider_id=order.to,
            evicting_provider_id=order.away_from,
            transfer_status=state,
            replication_status="skipped" if order.kind == "eviction" else "completed",
            eviction_status="failed" if evicting else "skipped",
            effective_job_status=state,
            effective_job_transfer_id=transfer,
            files_to_process=files,
            files_processed=files,
            files_replicated=0,
            bytes_replicated=0,
            files_evicted=0,
            files_failed=files if evicting else 0,
            schedule_time=now_s,
            start_time=now_s,
            finish_time=now_s,
            last_update=now_s,
            min_hist={},
            hr_hist={},
            dy_hist={},
            mth_hist={},
        )
