"""Counting what a download has listed, brought and failed to bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from fs2od.errors import Fs2odError
from fs2od.transfer._entries import Entry, Names
from fs2od.transfer._report import Failure, Progress, Report

__all__ = ["Tally"]


class Tally:
    """The numbers of one download. Belongs to one event loop."""

    def __init__(self, show: Callable[[Progress], None] | None) -> None:
        self._show = show
        self._progress = Progress()
        self._present = 0
        self._failures: list[Failure] = []

    @property
    def files_fetched(self) -> int:
        """Files that this run brought."""
        return self._progress.files_done - self._present

    def listed(self, files: Iterable[Entry], present: Iterable[Entry]) -> None:
        """Count the files of one folder, `present` among them."""
        sizes, there = [entry.size_bytes for entry in files], [entry.size_bytes for entry in present]
        self._present += len(there)
        self._set(
            files_total=self._progress.files_total + len(sizes),
            bytes_total=self._progress.bytes_total + sum(sizes),
            files_done=self._progress.files_done + len(there),
            bytes_done=self._progress.bytes_done + sum(there),
        )

    def listing_ended(self) -> None:
        """Say that the totals are final."""
        self._set(listed=True)

    def received(self, size_bytes: int) -> None:
        """Count bytes that arrived."""
        self._set(bytes_fetched=self._progress.bytes_fetched + size_bytes)

    def moved(self, by_bytes: int) -> None:
        """Count bytes of unfinished files that are on the disk; negative when a file begins anew."""
        if by_bytes:
            self._set(bytes_done=self._progress.bytes_done + by_bytes)

    def resized(self, by_bytes: int) -> None:
        """Take note that a file has another size than was listed."""
        self._set(bytes_total=self._progress.bytes_total + by_bytes)

    def fetched(self) -> None:
        """Count a file that is whole now."""
        self._set(files_done=self._progress.files_done + 1)

    def failed(self, path: Names, error: Fs2odError) -> None:
        """Take note of something that did not come."""
        self._failures.append(Failure(path, error))

    def report(self, *, elapsed_s: float, stopped_by: Fs2odError | None) -> Report:
        """Return what has become of the download."""
        progress = self._progress
        return Report(
            files_total=progress.files_total,
            files_fetched=self.files_fetched,
            files_present=self._present,
            bytes_done=progress.bytes_done,
            bytes_fetched=progress.bytes_fetched,
            failures=tuple(sorted(self._failures, key=lambda failure: failure.path)),
            elapsed_s=elapsed_s,
            stopped_by=stopped_by,
        )

    def _set(self, **changes: int) -> None:
        self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]  # a bool among the ints
        if self._show is not None:
            self._show(self._progress)
