"""Imports: scans of imported storages, which find what lies there."""

from __future__ import annotations

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import SpaceId

__all__ = ["Imports"]


class Imports:
    """The automatic imports of a provider's spaces. The way below `N/provider/spaces/{id}` is `storage-import/auto`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def info(self, space: SpaceId) -> wire.ImportInfo:
        """Return how far the scan is, or how the last one ended (GET N/provider/spaces/{id}/storage-import/auto/info).

        Raises:
            NotFound: The space is not supported here.
            Rejected: requiresAutoStorageImportMode, requiresImportedStorage: nothing is scanned for it.
        """
        return await self._service.read("get_auto_storage_import_info", wire.ImportInfo, ids={"id": space})

    async def force_start(self, space: SpaceId) -> None:
        """Begin a scan now (POST N/provider/spaces/{id}/storage-import/auto/force-start).

        Raises:
            Conflict: One is under way; it may have passed the newest files already.
            Rejected: requiresAutoStorageImportMode, requiresImportedStorage: nothing is scanned for this space.
            NotFound: The space is not supported here.
        """
        await self._service.do("force_start_auto_storage_import_scan", ids={"id": space})

    async def force_stop(self, space: SpaceId) -> None:
        """Stop the scan soon (POST N/provider/spaces/{id}/storage-import/auto/force-stop); `info` tells when it has.

        Raises:
            NotFound: None is under way; nothing is left to do.
        """
        await self._service.do("force_stop_auto_storage_import_scan", ids={"id": space})
