"""Transfers, as members order and see them. What runs them is `fs2od.node.replication`."""

from __future__ import annotations

from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.panel.homes import Homes
from fs2od.node.provider.access import Located
from fs2od.node.replication import Replicator
from fs2od.node.replication.callbacks import require_callable
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, TransferId, UserId, new_entity_id
from fs2od.onedata.wire import SubtaskStatus, TransferDetails, TransferKind, TransferState

__all__ = ["Order", "Transfers"]

_NEEDED: dict[TransferKind, tuple[str, ...]] = {
    "replication": ("space_schedule_replication",),
    "eviction": ("space_schedule_eviction",),
    "migration": ("space_schedule_replication", "space_schedule_eviction"),
}
_TO_CANCEL: dict[TransferKind, tuple[str, ...]] = {
    "replication": ("space_cancel_replication",),
    "eviction": ("space_cancel_eviction",),
    "migration": ("space_cancel_replication", "space_cancel_eviction"),
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
    """Takes, shows, lists and cancels transfers."""

    def __init__(self, rights: Rights, replicator: Replicator, homes: Homes, clock: Clock) -> None:
        self._rights = rights
        self._replicator = replicator
        self._book = replicator.transfers
        self._homes = homes
        self._clock = clock

    def create(self, order: Order) -> TransferId:
        """Take a transfer, to be run soon. One to or away from where the data is at home ends at once.

        Raises:
            Forbidden: Without space_schedule_replication or space_schedule_eviction.
            Rejected: spaceNotSupportedBy, a named provider does not support the space; badData, the callback is no address.
        """
        space = order.located.space
        order.located.caller.require_all_access()
        user = self._rights.require_space(order.located.caller, space, *_NEEDED[order.kind])
        supporting = {storage.provider for storage in self._replicator.demands.storages(space)}
        for provider in (order.to, order.away_from):
            if provider is not None and provider not in supporting:
                details = {"spaceId": space, "providerId": provider}
                raise errors.error_of("spaceNotSupportedBy", "The space is not supported by that provider.", details)
        if order.callback is not None:
            require_callable(order.callback)
        transfer = TransferId(new_entity_id())
        home = self._homes.storage(space)
        at_home = home is not None and home.provider == (order.to if order.kind == "replication" else order.away_from)
        self._book.add(transfer, self._document(transfer, order, user, ended=at_home), ended=at_home)
        if not at_home:
            self._replicator.look_now(space)
        return transfer

    def get(self, caller: Caller, transfer: TransferId) -> TransferDetails:
        """Return a transfer.

        Raises:
            NotFound: There is none.
            Forbidden: Without space_view_transfers.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        found, _ = self._book.get(transfer)
        self._rights.require_space(caller, found.space_id, "space_view_transfers")
        return found

    def rerun(self, caller: Caller, transfer: TransferId, located: Located) -> TransferId:
        """Take an ended transfer of `located` once more.

        Raises:
            NotFound: There is none.
            Forbidden: Without the privileges that the first one needed, and space_view_transfers.
            Rejected: transferNotEnded.
        """
        found = self.get(caller, transfer)
        order = Order(found.type, located, found.replicating_provider_id, found.evicting_provider_id, found.callback)
        if not self._book.get(transfer)[1]:
            raise errors.error_of("transferNotEnded", "The transfer has not ended yet.")
        again = self.create(order)
        self._book.note_rerun(transfer, again)
        return again

    def cancel(self, caller: Caller, transfer: TransferId) -> None:
        """Order a transfer to end. What it did so far stays; whoever runs it stops at the next file.

        Raises:
            Rejected: transferAlreadyEnded.
            NotFound: There is none.
            Forbidden: It is somebody else's, and the caller lacks space_cancel_replication or space_cancel_eviction.
        """
        found = self.get(caller, transfer)
        if self._book.get(transfer)[1]:
            raise errors.error_of("transferAlreadyEnded", "The transfer has already ended.")
        if caller.user != found.user_id:
            self._rights.require_space(caller, found.space_id, *_TO_CANCEL[found.type])
        self._book.change(transfer, replication="aborting", eviction="aborting")
        self._replicator.look_now(found.space_id)

    def of_space(
        self, caller: Caller, space: SpaceId, *, state: str, limit: int, after: str | None
    ) -> list[TransferId]:
        """Return transfers of a space in a state ("waiting", "ongoing", "ended"), oldest first, after the id `after`.

        Raises:
            Forbidden: Without space_view_transfers.
        """
        caller.require_all_access()
        self._rights.require_space(caller, space, "space_view_transfers")
        return self._book.of_space(space, state=state, limit=limit, after=after)

    def _document(self, transfer: TransferId, order: Order, user: UserId, *, ended: bool) -> TransferDetails:
        """Return a transfer as it begins; `ended` where there is nothing to do, or nothing may be."""
        now_s, located = self._clock.now_s(), order.located
        may_not = ended and order.kind != "replication"
        files = located.entry.files if located.entry.kind == "DIR" else 1
        begun: SubtaskStatus = "scheduled"
        if ended:
            begun = "failed" if may_not else "completed"
        state: TransferState = "failed" if may_not else "completed" if ended else "scheduled"
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
            replication_status="skipped" if order.kind == "eviction" else begun,
            eviction_status="skipped" if order.kind == "replication" else begun,
            effective_job_status=state,
            effective_job_transfer_id=transfer,
            files_to_process=files,
            files_processed=files if ended else 0,
            files_replicated=0,
            bytes_replicated=0,
            files_evicted=0,
            files_failed=files if may_not else 0,
            schedule_time=now_s,
            start_time=now_s if ended else 0,
            finish_time=now_s if ended else 0,
            last_update=now_s,
            min_hist={},
            hr_hist={},
            dy_hist={},
            mth_hist={},
        )
