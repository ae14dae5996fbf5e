"""Counting what a download has listed, brought and failed to bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fs2od.errors import Fs2odError
from fs2od.transfer._entries import Entry, Names
from fs2od.transfer._report import Failure, Progress, Report

__all__ = ["Tally"]


class Tally:
    """The numbers of one download. Belongs to one event loop; `show` is called with every change."""

    def __init__(self, show: Callable[[Progress], None] | None) -> None:
        self._show = show
        self._files_total = 0
        self._files_present = 0
        self._files_fetched = 0
        self._bytes_total = 0
        self._bytes_whole = 0
        self._bytes_under_way = 0
        self._bytes_fetched = 0
        self._listed = False
        self._failures: list[Failure] = []

    def listed(self, files: Iterable[Entry], present: Iterable[Entry]) -> None:
        """Count the files of one folder, `present` among them."""
        sizes, there = [entry.size_bytes for entry in files], [entry.size_bytes for entry in present]
        self._files_total += len(sizes)
        self._bytes_total += sum(size for size in sizes if size > 0)
        self._files_present += len(there)
        self._bytes_whole += sum(there)
        self._changed()

    def listing_ended(self) -> None:
        """Say that the totals are final."""
        self._listed = True
        self._changed()

    def received(self, size_bytes: int) -> None:
        """Count bytes that arrived."""
        self._bytes_fetched += size_bytes
        self._changed()

    def moved(self, by_bytes: int) -> None:
        """Count bytes of unfinished files that are on the disk; negative when a file begins anew."""
        self._bytes_under_way += by_bytes

    def resized(self, by_bytes: int) -> None:
        """Take note that a file has another size than was listed."""
        self._bytes_total += by_bytes

    def fetched(self, size_bytes: int) -> None:
        """Count a file that is whole now, and its bytes no longer as under way."""
        self._files_fetched += 1
        self._bytes_under_way -= size_bytes
        self._bytes_whole += size_bytes
        self._changed()

    def failed(self, path: Names, error: Fs2odError) -> None:
        """Take note of something that did not come."""
        self._failures.append(Failure(path, error))

    def report(self, *, elapsed_s: float, stopped_by: Fs2odError | None) -> Report:
        """Return what has become of the download."""
        return Report(
            files_total=self._files_total,
            files_fetched=self._files_fetched,
            files_present=self._files_present,
            bytes_done=self._bytes_whole,
            bytes_fetched=self._bytes_fetched,
            failures=tuple(sorted(self._failures, key=lambda failure: failure.path)),
            elapsed_s=elapsed_s,
            stopped_by=stopped_by,
        )

    def _changed(self) -> None:
        if self._show is None:
            return
        self._show(
            Progress(
                files_done=self._files_present + self._files_fetched,
                files_total=self._files_total,
                bytes_done=self._bytes_whole + self._bytes_under_way,
                bytes_total=self._bytes_total,
                bytes_fetched=self._bytes_fetched,
                listed=self._listed,
            )
        )
