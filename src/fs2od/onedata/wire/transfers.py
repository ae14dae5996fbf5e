"""Transfers of data between providers, and where a file's data lies."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.ids import FileId, ProviderId, SpaceId, StorageId, TransferId, UserId
from fs2od.onedata.wire.codec import Document, JsonObject

__all__ = [
    "Distribution",
    "ProviderDistribution",
    "StorageDistribution",
    "SubtaskStatus",
    "TransferCreated",
    "TransferDetails",
    "TransferIds",
    "TransferKind",
    "TransferRequest",
    "TransferState",
]

TransferKind = Literal["replication", "eviction", "migration"]
SubtaskStatus = Literal["scheduled", "enqueued", "active", "completed", "aborting", "failed", "cancelled", "skipped"]
TransferState = Literal[
    "scheduled", "enqueued", "replicating", "evicting", "completed", "aborting", "failed", "cancelled", "skipped"
]
Histogram = dict[ProviderId, tuple[int, ...]]


class TransferRequest(Document, frozen=True, kw_only=True):
    """POST P/transfers."""

    type: TransferKind
    data_source_type: Literal["file", "view"]
    file_id: FileId | UnsetType = UNSET
    replicating_provider_id: ProviderId | UnsetType = UNSET
    evicting_provider_id: ProviderId | UnsetType = UNSET
    callback: str | UnsetType = UNSET


class TransferCreated(Document, frozen=True, kw_only=True):
    """The answer of POST P/transfers and of …/rerun."""

    transfer_id: TransferId


class TransferDetails(Document, frozen=True, kw_only=True):
    """GET P/transfers/{id}. Times in seconds since the epoch, 0 for what has not happened; histograms per provider."""

    type: TransferKind
    data_source_type: Literal["file", "view"] | UnsetType = UNSET
    user_id: UserId | UnsetType = UNSET
    rerun_id: TransferId | UnsetType | None = UNSET
    space_id: SpaceId
    file_id: FileId | None
    file_path: str | UnsetType | None = UNSET
    callback: str | None = None
    replicating_provider_id: ProviderId | None
    evicting_provider_id: ProviderId | None
    transfer_status: TransferState
    replication_status: SubtaskStatus
    eviction_status: SubtaskStatus
    effective_job_status: TransferState | UnsetType = UNSET
    effective_job_transfer_id: TransferId | UnsetType = UNSET
    files_to_process: int
    files_processed: int
    files_replicated: int
    bytes_replicated: int
    files_evicted: int
    files_failed: int
    schedule_time: int
    start_time: int
    finish_time: int
    last_update: int | dict[ProviderId, int] | UnsetType = UNSET
    min_hist: Histogram | UnsetType = UNSET
    hr_hist: Histogram | UnsetType = UNSET
    dy_hist: Histogram | UnsetType = UNSET
    mth_hist: Histogram | UnsetType = UNSET


class TransferIds(Document, frozen=True, kw_only=True):
    """GET P/spaces/{id}/transfers. `next_page_token` is None unless the page is full."""

    transfers: tuple[TransferId, ...]
    next_page_token: str | None = None


class StorageDistribution(Document, frozen=True, kw_only=True):
    """What one storage holds of a file: blocks are (offset, length) in bytes."""

    physical_size: int | UnsetType | None = UNSET
    blocks: tuple[tuple[int, int], ...] | UnsetType = UNSET
    error: JsonObject | UnsetType = UNSET


class ProviderDistribution(Document, frozen=True, kw_only=True):
    """What one provider holds of a file or a directory, or that it could not say. Sizes in bytes."""

    success: bool
    virtual_size: int | UnsetType | None = UNSET
    logical_size: int | UnsetType | None = UNSET
    distribution_per_storage: dict[StorageId, StorageDistribution] | UnsetType = UNSET
    locations_per_storage: dict[StorageId, str | None] | UnsetType = UNSET


class Distribution(Document, frozen=True, kw_only=True):
    """GET P/data/{id}/distribution."""

    type: Literal["REG", "DIR", "SYMLNK", "LNK"]
    distribution_per_provider: dict[ProviderId, ProviderDistribution]
