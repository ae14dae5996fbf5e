"""Support: storage that a provider grants to a space, and how it imports what lies there."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, structs

from fs2od.onedata.ids import ProviderId, SpaceId, StorageId
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.codec import Document
from fs2od.onedata.wire.spaces import DirStatsStatus

__all__ = [
    "AUTO_IMPORT_DEFAULTS",
    "AutoImportConfig",
    "ImportMode",
    "StorageImport",
    "SupportChange",
    "SupportCreated",
    "SupportDetails",
    "SupportRequest",
    "SupportedSpaceIds",
]

ImportMode = Literal["auto", "manual"]


class AutoImportConfig(Document, frozen=True, kw_only=True):
    """How a storage is scanned. In a change, what is UNSET stays as it is. `scan_interval` in seconds."""

    continuous_scan: bool | UnsetType = UNSET
    scan_interval: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    detect_modifications: bool | UnsetType = UNSET
    detect_deletions: bool | UnsetType = UNSET
    max_depth: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    sync_acl: bool | UnsetType = UNSET

    def over(self, base: AutoImportConfig) -> AutoImportConfig:
        """Return `base` with what is set here in its place."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return structs.replace(base, **{name: value for name, value in values.items() if value is not UNSET})


AUTO_IMPORT_DEFAULTS = AutoImportConfig(
    continuous_scan=False,
    scan_interval=60,
    detect_modifications=True,
    detect_deletions=True,
    max_depth=65535,
    sync_acl=False,
)
"""What Onepanel takes for keys that are not given."""


class StorageImport(Document, frozen=True, kw_only=True):
    """Whether files are found by scanning or registered one by one."""

    mode: ImportMode = "auto"
    auto_storage_import_config: AutoImportConfig | UnsetType = UNSET


class SupportRequest(Document, frozen=True, kw_only=True):
    """POST N/provider/spaces. The token names the space; `size` in bytes."""

    token: Token
    size: int
    storage_id: StorageId
    storage_import: StorageImport | UnsetType = UNSET
    accounting_enabled: bool = False
    dir_stats_service_enabled: bool = True


class SupportCreated(Document, frozen=True, kw_only=True):
    """The answer of POST N/provider/spaces."""

    id: SpaceId


class SupportChange(Document, frozen=True, kw_only=True):
    """PATCH N/provider/spaces/{id}. The import's configuration stands at the top level here, and is merged."""

    size: int | UnsetType = UNSET
    auto_storage_import_config: AutoImportConfig | UnsetType = UNSET
    accounting_enabled: bool | UnsetType = UNSET
    dir_stats_service_enabled: bool | UnsetType = UNSET


class SupportDetails(Document, frozen=True, kw_only=True):
    """GET N/provider/spaces/{id}. Sizes in bytes; `space_occupancy` is what the space uses here now."""

    id: SpaceId
    name: str
    storage_id: StorageId
    local_storages: tuple[StorageId, ...] | UnsetType = UNSET
    supporting_providers: dict[ProviderId, int]
    imported_storage: bool | UnsetType = UNSET
    space_occupancy: int
    accounting_enabled: bool | UnsetType = UNSET
    dir_stats_service_enabled: bool | UnsetType = UNSET
    dir_stats_service_status: DirStatsStatus | UnsetType = UNSET
    storage_import: StorageImport | UnsetType = UNSET


class SupportedSpaceIds(Document, frozen=True, kw_only=True):
    """GET N/provider/spaces."""

    ids: tuple[SpaceId, ...]
