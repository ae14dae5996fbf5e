"""Storages of a provider, as its panel makes and describes them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from fs2od.onedata.ids import StorageId
from fs2od.onedata.wire.codec import Document, JsonObject, Secret

__all__ = [
    "PathType",
    "PosixStorageChange",
    "PosixStorageRequest",
    "S3StorageChange",
    "S3StorageRequest",
    "StorageChanges",
    "StorageDetails",
    "StorageIds",
    "StorageRequests",
    "StorageResult",
    "StorageResults",
]

PathType = Literal["canonical", "flat"]
LumaFeed = Literal["auto", "local", "external"]
_Certificates = Annotated[str, Meta(max_length=65_536)]


class _StorageRequest(Document, tag_field="type", frozen=True, kw_only=True):
    imported_storage: bool = False
    readonly: bool = False
    qos_parameters: dict[str, str | int | float] | UnsetType = UNSET
    timeout: int | UnsetType = UNSET
    luma_feed: LumaFeed | UnsetType = UNSET


class PosixStorageRequest(_StorageRequest, tag="posix", frozen=True, kw_only=True):
    """A directory, in POST N/provider/storages. `mount_point` is an absolute path on the provider's machine."""

    mount_point: str
    storage_path_type: Literal["canonical"] | UnsetType = UNSET
    root_uid: int | UnsetType = UNSET
    root_gid: int | UnsetType = UNSET


class S3StorageRequest(_StorageRequest, tag="s3", frozen=True, kw_only=True):
    """A bucket, in POST N/provider/storages. Importing wants `block_size` 0 and canonical paths.

    `ca_certificates` (PEM) are beyond Onedata: who may have signed the store's certificate.
    """

    hostname: str
    bucket_name: str
    access_key: Secret | UnsetType = UNSET
    secret_key: Secret | UnsetType = UNSET
    region: str | UnsetType = UNSET
    block_size: int | UnsetType = UNSET
    storage_path_type: PathType | UnsetType = UNSET
    file_mode: str | UnsetType = UNSET
    dir_mode: str | UnsetType = UNSET
    maximum_canonical_object_size: int | UnsetType = UNSET
    signature_version: int | UnsetType = UNSET
    verify_server_certificate: bool | UnsetType = UNSET
    ca_certificates: _Certificates | UnsetType = UNSET


StorageRequests = dict[str, PosixStorageRequest | S3StorageRequest]
"""POST N/provider/storages: requests by the storages' names."""


class StorageResult(Document, frozen=True, kw_only=True):
    """What became of one storage: its id, or the error."""

    id: StorageId | UnsetType = UNSET
    error: JsonObject | UnsetType = UNSET


StorageResults = dict[str, StorageResult]
"""The answer of POST N/provider/storages: 200, or 400 with the same map when any of them failed."""


class _StorageChange(Document, tag_field="type", frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    imported_storage: bool | UnsetType = UNSET
    readonly: bool | UnsetType = UNSET
    qos_parameters: dict[str, str | int | float] | UnsetType = UNSET
    timeout: int | UnsetType = UNSET
    luma_feed: LumaFeed | UnsetType = UNSET


class PosixStorageChange(_StorageChange, tag="posix", frozen=True, kw_only=True):
    """Changes of a directory, in PATCH N/provider/storages/{id}."""

    mount_point: str | UnsetType = UNSET
    root_uid: int | UnsetType = UNSET
    root_gid: int | UnsetType = UNSET


class S3StorageChange(_StorageChange, tag="s3", frozen=True, kw_only=True):
    """Changes of a bucket, in PATCH N/provider/storages/{id}."""

    hostname: str | UnsetType = UNSET
    bucket_name: str | UnsetType = UNSET
    access_key: Secret | UnsetType = UNSET
    secret_key: Secret | UnsetType = UNSET
    region: str | UnsetType = UNSET
    block_size: int | UnsetType = UNSET
    verify_server_certificate: bool | UnsetType = UNSET
    ca_certificates: _Certificates | UnsetType = UNSET


StorageChanges = dict[str, PosixStorageChange | S3StorageChange]
"""PATCH N/provider/storages/{id}: the one change by the storage's current name."""


class StorageDetails(Document, frozen=True, kw_only=True):
    """GET N/provider/storages/{id}. The second half depends on `type`; `qos_parameters` holds the ids as well, keys are masked.

    `keeps_versions` is an fs2od node's own: true where a bucket was found to keep what is removed.
    """

    id: StorageId
    name: str
    type: str
    imported_storage: bool | UnsetType = UNSET
    readonly: bool | UnsetType = UNSET
    qos_parameters: dict[str, str | int | float] = field(default_factory=dict)
    luma_feed: str | UnsetType = UNSET
    storage_path_type: PathType | UnsetType = UNSET
    timeout: int | UnsetType = UNSET
    verification_passed: bool | UnsetType = UNSET
    mount_point: str | UnsetType = UNSET
    root_uid: int | UnsetType = UNSET
    root_gid: int | UnsetType = UNSET
    hostname: str | UnsetType = UNSET
    bucket_name: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    block_size: int | UnsetType = UNSET
    access_key: str | UnsetType = UNSET
    secret_key: str | UnsetType = UNSET
    verify_server_certificate: bool | UnsetType = UNSET
    ca_certificates: str | UnsetType = UNSET
    keeps_versions: bool | UnsetType = UNSET


class StorageIds(Document, frozen=True, kw_only=True):
    """GET N/provider/storages."""

    ids: tuple[StorageId, ...]
