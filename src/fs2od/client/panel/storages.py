"""Storages of a provider."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from msgspec import UNSET, UnsetType

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.errors import MalformedAnswer
from fs2od.onedata.ids import StorageId
from fs2od.onedata.wire.direct import DirectReading

__all__ = ["Storages"]

QosParameters = Mapping[str, str | int | float]


class Storages:
    """The places where a provider keeps data."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def list(self) -> tuple[StorageId, ...]:
        """Return all storages (GET N/provider/storages).

        Raises:
            Forbidden: The user is no member of the provider's cluster.
        """
        return (await self._service.read("get_storages", wire.StorageIds)).ids

    async def get(self, storage: StorageId) -> wire.StorageDetails:
        """Return a storage, without its secrets (GET N/provider/storages/{id}).

        Raises:
            NotFound: There is no such storage.
        """
        return await self._service.read("get_storage_details", wire.StorageDetails, ids={"id": storage})

    async def add_posix(
        self,
        name: str,
        mount_point: PurePosixPath | str,
        *,
        imported: bool = False,
        readonly: bool = False,
        qos_parameters: QosParameters | None = None,
    ) -> StorageId:
        """Add a directory of the provider's machine (POST N/provider/storages). Two calls make two.

        Args:
            name: What it is called.
            mount_point: Its absolute path there.
            imported: Whether what lies in it becomes the content of the one space that it supports.
            readonly: Whether nothing is ever written to it; only together with `imported`.
            qos_parameters: What QoS expressions can ask for.

        Raises:
            Rejected: storageTestFailed: the directory is missing or cannot be read or written there. badValue…: correct
                the argument in details["key"].
            Forbidden: The user may not (cluster_update).
        """
        request = wire.PosixStorageRequest(
            mount_point=str(mount_point),
            imported_storage=imported,
            readonly=readonly,
            qos_parameters=UNSET if qos_parameters is None else dict(qos_parameters),
        )
        return await self._add(name, request)

    async def add_s3(self, name: str, request: wire.S3StorageRequest) -> StorageId:
        """Add a bucket (POST N/provider/storages). Two calls make two.

        Raises:
            Rejected: storageTestFailed: the bucket cannot be used. badValue…: correct the argument in details["key"].
            Forbidden: The user may not (cluster_update).
        """
        return await self._add(name, request)

    async def change_posix(
        self,
        storage: StorageId,
        *,
        current_name: str,
        name: str | UnsetType = UNSET,
        mount_point: PurePosixPath | str | UnsetType = UNSET,
        imported: bool | UnsetType = UNSET,
        readonly: bool | UnsetType = UNSET,
        qos_parameters: QosParameters | UnsetType = UNSET,
    ) -> wire.StorageDetails:
        """Change what is given of a directory, and return it all (PATCH N/provider/storages/{id}).

        Args:
            storage: Which.
            current_name: What it is called now; the panel wants to be told.
            name: What it is to be called.
            mount_point: Its absolute path.
            imported: As for `add_posix`; cannot change while it supports a space.
            readonly: As for `add_posix`.
            qos_parameters: All of them; those that are not named go away.

        Raises:
            NotFound: There is no such storage.
            Rejected: storageInUse, storageTestFailed, badValue…: it cannot become like this.
        """
        change = wire.PosixStorageChange(
            name=name,
            mount_point=UNSET if mount_point is UNSET else str(mount_point),
            imported_storage=imported,
            readonly=readonly,
            qos_parameters=UNSET if qos_parameters is UNSET else dict(qos_parameters),
        )
        return await self.change(storage, current_name, change)

    async def change(
        self, storage: StorageId, current_name: str, change: wire.PosixStorageChange | wire.S3StorageChange
    ) -> wire.StorageDetails:
        """Change a storage of any kind, and return it all (PATCH N/provider/storages/{id}).

        Raises:
            NotFound: There is no such storage.
            Rejected: storageInUse, storageTestFailed, badValue…: it cannot become like this.
        """
        document: wire.StorageChanges = {current_name: change}
        return await self._service.read("modify_storage", wire.StorageDetails, ids={"id": storage}, document=document)

    async def direct(self, storage: StorageId) -> DirectReading:
        """Return whether clients are led straight to a bucket (GET N/fs2od/storages/{id}/direct).

        Raises:
            NotFound: There is no such storage, or the panel is no site's of ours.
        """
        return await self._service.read("fs2od_get_direct_reading", DirectReading, ids={"id": storage})

    async def set_direct(self, storage: StorageId, reading: DirectReading) -> None:
        """Say whether clients are led straight to a bucket, and where they reach it (PUT N/fs2od/storages/{id}/direct).

        Raises:
            NotFound: There is no such storage, or the panel is no site's of ours.
            Rejected: notSupported: it is no bucket. badValueString: the address is none with https.
        """
        await self._service.do("fs2od_set_direct_reading", ids={"id": storage}, document=reading)

    async def delete(self, storage: StorageId) -> None:
        """Forget a storage; what lies in it stays (DELETE N/provider/storages/{id}).

        Raises:
            NotFound: It is gone already, perhaps by a try whose answer was lost.
            Rejected: storageInUse: end its support of spaces first. Some releases answer Conflict instead.
        """
        await self._service.do("remove_storage", ids={"id": storage})

    async def _add(self, name: str, request: wire.PosixStorageRequest | wire.S3StorageRequest) -> StorageId:
        document: wire.StorageRequests = {name: request}
        results = await self._service.read("add_storage", wire.StorageResults, document=document)
        result = results.get(name)
        if result is None or result.id is UNSET:
            raise MalformedAnswer("the panel does not say which storage it added")
        return result.id
