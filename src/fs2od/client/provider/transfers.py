"""Transfers of data between providers."""

from __future__ import annotations

from msgspec import UNSET

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import FileId, ProviderId, TransferId

__all__ = ["Transfers"]


class Transfers:
    """What moves, or has moved, between providers. `Oneprovider.spaces.transfers` lists them."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def create(
        self,
        kind: wire.TransferKind,
        file: FileId,
        *,
        replicating_provider: ProviderId | None = None,
        evicting_provider: ProviderId | None = None,
    ) -> TransferId:
        """Begin to move a file, or all below a directory (POST P/transfers). Two calls begin two.

        Args:
            kind: "replication" needs the provider that replicates, "eviction" the one that evicts, "migration" both.
            file: What to move.
            replicating_provider: Who gets a copy.
            evicting_provider: Who gives its copy up.

        Raises:
            Rejected: missingRequiredValue: a provider is missing; spaceNotSupportedBy: it does not support the space.
            Forbidden: The user may not (space_schedule_replication, space_schedule_eviction).
        """
        document = wire.TransferRequest(
            type=kind,
            data_source_type="file",
            file_id=file,
            replicating_provider_id=replicating_provider or UNSET,
            evicting_provider_id=evicting_provider or UNSET,
        )
        return (await self._service.read("create_transfer", wire.TransferCreated, document=document)).transfer_id

    async def get(self, transfer: TransferId) -> wire.TransferDetails:
        """Return a transfer and how far it is (GET P/transfers/{tid}).

        Raises:
            NotFound: There is no such transfer, or it ended long ago.
        """
        return await self._service.read("get_transfer_status", wire.TransferDetails, ids={"tid": transfer})

    async def cancel(self, transfer: TransferId) -> None:
        """Stop a transfer (DELETE P/transfers/{tid}).

        Raises:
            Rejected: transferAlreadyEnded: nothing is left to do.
            NotFound: There is no such transfer.
        """
        await self._service.do("cancel_transfer", ids={"tid": transfer})

    async def rerun(self, transfer: TransferId) -> TransferId:
        """Begin an ended transfer again, as a new one (POST P/transfers/{tid}/rerun).

        Raises:
            Rejected: transferNotEnded: wait for its end.
            NotFound: There is no such transfer.
        """
        return (await self._service.read("rerun_transfer", wire.TransferCreated, ids={"tid": transfer})).transfer_id
