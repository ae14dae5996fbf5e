"""What an import did over the last minute, hour or day, out of the records of its scans.

Source: Onepanel's GET …/storage-import/auto/stats: twelve samples, the newest last, null where nothing was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from fs2od.node.index import SpaceIndex
from fs2od.onedata import errors, wire

__all__ = ["Metric", "Period", "ScanRecord", "scan_records", "statistics", "statistics_request"]

Period = Literal["minute", "hour", "day"]
Metric = Literal["queueLength", "createdFiles", "modifiedFiles", "deletedFiles"]
_LENGTH_S: dict[Period, int] = {"minute": 60, "hour": 3600, "day": 86400}
_SAMPLES = 12


@dataclass(frozen=True)
class ScanRecord:
    """One ended scan: when, in seconds since 1970, and what it did."""

    stopped_s: int
    created: int
    modified: int
    deleted: int


_COUNT: dict[Metric, Callable[[ScanRecord], int]] = {
    "createdFiles": lambda scan: scan.created,
    "modifiedFiles": lambda scan: scan.modified,
    "deletedFiles": lambda scan: scan.deleted,
}


def statistics_request(period: str | None, metrics: str | None) -> tuple[Period, list[Metric]]:
    """Return what a query asks for.

    Raises:
        Rejected: missingRequiredValue, badValueNotAllowed, badValueListNotAllowed.
    """
    if period is None or metrics is None:
        raise errors.missing("period" if period is None else "metrics")
    found: dict[str, Period] = {word: word for word in get_args(Period)}
    known: dict[str, Metric] = {word: word for word in get_args(Metric)}
    if period not in found:
        raise errors.not_allowed("period", found)
    asked = [word.strip() for word in metrics.split(",")]
    if not known.keys() >= set(asked):
        raise errors.not_allowed("metrics", known, is_list=True)
    return found[period], [known[word] for word in asked]


def scan_records(index: SpaceIndex, *, since_s: int) -> list[ScanRecord]:
    """Return the scans of a space that ended after a moment."""
    query = "SELECT stopped, created_files, modified_files, deleted_files FROM scan WHERE stopped > ? ORDER BY stopped"
    with index.database.reading() as db:
        return [ScanRecord(*row) for row in db.execute(query, (since_s,))]


def statistics(
    index: SpaceIndex, period: Period, metrics: Iterable[Metric], *, now_s: int, queued: int
) -> wire.ImportStatistics:
    """Return the metrics of a space's import. `queued` is how many scans wait or run now; its past is not recorded."""
    step_s = _LENGTH_S[period] // _SAMPLES
    scans = scan_records(index, since_s=now_s - _LENGTH_S[period])
    date = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def series(metric: Metric) -> wire.TimeSeries:
        values: tuple[int | None, ...] = (*[None] * (_SAMPLES - 1), queued)
        if metric in _COUNT:
            values = _sums(scans, _COUNT[metric], now_s=now_s, step_s=step_s)
        return wire.TimeSeries(name=metric, last_value_date=date, values=values)

    wanted = {metric: series(metric) for metric in metrics}
    return wire.from_json({name: wire.as_json(found) for name, found in wanted.items()}, wire.ImportStatistics)


def _sums(
    scans: Iterable[ScanRecord], count: Callable[[ScanRecord], int], *, now_s: int, step_s: int
) -> tuple[int, ...]:
    sums = [0] * _SAMPLES
    for scan in scans:
        sums[_SAMPLES - 1 - min(_SAMPLES - 1, max(0, now_s - scan.stopped_s) // step_s)] += count(scan)
    return tuple(sums)
