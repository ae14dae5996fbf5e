"""The progress of importing a storage."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.wire.codec import Document

__all__ = ["ImportInfo", "ImportStatistics", "ImportStatus", "ManualImportExample", "TimeSeries"]

ImportStatus = Literal["enqueued", "running", "aborting", "completed", "failed", "aborted"]


class ImportInfo(Document, frozen=True, kw_only=True):
    """GET N/provider/spaces/{id}/storage-import/auto/info.

    Times in seconds since the epoch. `status` is None before the first scan, `stop` is absent during one, and
    `next_scan` is only there when scans continue and none runs. Counters begin again with each scan.
    """

    status: ImportStatus | None
    created_files: int | UnsetType = UNSET
    modified_files: int | UnsetType = UNSET
    deleted_files: int | UnsetType = UNSET
    unmodified_files: int | UnsetType = UNSET
    failed_files: int | UnsetType = UNSET
    total_scans: int
    start: int | UnsetType = UNSET
    stop: int | UnsetType = UNSET
    next_scan: int | UnsetType = UNSET


class TimeSeries(Document, frozen=True, kw_only=True):
    """One metric over time, in `ImportStatistics`; None where nothing was measured."""

    name: str
    last_value_date: str
    values: tuple[int | None, ...]


class ImportStatistics(Document, frozen=True, kw_only=True):
    """GET N/provider/spaces/{id}/storage-import/auto/stats: the metrics that were asked for."""

    queue_length: TimeSeries | UnsetType = UNSET
    created_files: TimeSeries | UnsetType = UNSET
    modified_files: TimeSeries | UnsetType = UNSET
    deleted_files: TimeSeries | UnsetType = UNSET


class ManualImportExample(Document, frozen=True, kw_only=True):
    """GET N/provider/spaces/{id}/storage-import/manual/example."""

    curl: str
