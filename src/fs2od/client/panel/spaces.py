"""Support: storage that a provider grants to spaces."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.sites import SupportEnding

__all__ = ["SupportedSpaces"]


class SupportedSpaces:
    """The spaces that a provider supports."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def list(self) -> tuple[SpaceId, ...]:
        """Return the supported spaces (GET N/provider/spaces).

        Raises:
            Forbidden: The user is no member of the provider's cluster.
        """
        return (await self._service.read("get_provider_spaces", wire.SupportedSpaceIds)).ids

    async def support(
        self,
        token: Token,
        size_bytes: int,
        storage: StorageId,
        *,
        storage_import: wire.StorageImport | None = None,
        dir_stats: bool = True,
    ) -> SpaceId:
        """Grant storage to the space that a supportSpace token names (POST N/provider/spaces).

        Not repeated when the answer is lost: `list` shows whether it happened.

        Args:
            token: Made with the invite type supportSpace.
            size_bytes: How much, at least what the zone demands (1,000,000).
            storage: On which of the provider's storages.
            storage_import: How an imported storage is scanned; by default automatically, once.
            dir_stats: Whether to keep the sizes of directories.

        Raises:
            Rejected: badValueTooLow: grant more. badValueToken and other token errors: make a new token.
            Conflict: relationAlreadyExists, spaceAlreadySupportedWithImportedStorage: it is supported already.
            Forbidden: The user may not (cluster_update).
        """
        document = wire.SupportRequest(
            token=token,
            size=size_bytes,
            storage_id=storage,
            storage_import=storage_import or UNSET,
            dir_stats_service_enabled=dir_stats,
        )
        return (await self._service.read("support_space", wire.SupportCreated, document=document)).id

    async def get(self, space: SpaceId) -> wire.SupportDetails:
        """Return how a space is supported (GET N/provider/spaces/{id}).

        Raises:
            NotFound: It is not supported here. Some releases answer Forbidden instead.
        """
        return await self._service.read("get_space_details", wire.SupportDetails, ids={"id": space})

    async def change(
        self,
        space: SpaceId,
        *,
        size_bytes: int | UnsetType = UNSET,
        auto_import: wire.AutoImportConfig | UnsetType = UNSET,
        dir_stats: bool | UnsetType = UNSET,
    ) -> None:
        """Change what is given (PATCH N/provider/spaces/{id}); of `auto_import` what is UNSET stays as it is.

        Raises:
            NotFound: It is not supported here.
            Rejected: badValueTooLow: the size is below what is used, or what the zone demands.
                requiresAutoStorageImportMode: its storage is not imported automatically.
        """
        document = wire.SupportChange(
            size=size_bytes, auto_storage_import_config=auto_import, dir_stats_service_enabled=dir_stats
        )
        await self._service.do("modify_space", ids={"id": space}, document=document)

    async def ending(self, space: SpaceId) -> SupportEnding:
        """Return what the end of a support would lose (GET N/fs2od/spaces/{id}/ending). Each file is looked at.

        Raises:
            NotFound: It is not supported here; or the panel is no site's of ours, or a plain one's.
            Forbidden: The user may not end it (cluster_update).
        """
        return await self._service.read("fs2od_get_ending", SupportEnding, ids={"id": space})

    async def end_support(self, space: SpaceId) -> None:
        """Take the storage away from a space; files on imported storages stay (DELETE N/provider/spaces/{id}).

        Raises:
            NotFound: It is not supported here; nothing is left to do.
        """
        await self._service.do("revoke_space_support", ids={"id": space})
