"""Counting what a download has listed, brought and failed to bring."""

from __future__ import annotations

import threading
from typing import Final, Iterable

from fs2od.errors import Fs2odError
from fs2od.manifests import SIDECAR
from fs2od.transfer._entries import Entry, Names, shown_path
from fs2od.transfer._report import Failure, FileReport, Progress, Report

__all__ = ["Tally"]

_WINDOW_S: Final = 5.0
_NAMED: Final = 3


class Tally:
    """The numbers of one run, from any number of threads."""

    def __init__(self, *, with_files: bool = False, with_paths: bool = False) -> None:
        """Begin at zero; with `with_files` each file is reported, with `with_paths` the paths of those that are whole are kept."""
        self._paths: set[str] | None = set() if with_paths else None
        self._lock = threading.Lock()
        self._files_total = 0
        self._files_present = 0
        self._files_fetched = 0
        self._files_intact = 0
        self._files_beside = 0
        self._unchecked: list[str] = []
        self._bytes_total = 0
        self._bytes_whole = 0
        self._bytes_under_way = 0
        self._bytes_fetched = 0
        self._bytes_straight = 0
        self._listed = False
        self._failures: list[Failure] = []
        self._gone: list[str] = []
        self._leftovers: set[str] = set()
        self._settled: set[Names] = set()
        self._files: dict[str, FileReport] | None = {} if with_files else None
        self._marks: list[tuple[float, int]] = []
        self.moved_bytes = 0

    @property
    def files_fetched(self) -> int:
        """How many files were brought."""
        return self._files_fetched

    @property
    def paths(self) -> frozenset[str]:
        """The paths of all files that are whole, if they are kept."""
        with self._lock:
            return frozenset(self._paths or ())

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What did not come, and why."""
        with self._lock:
            return tuple(self._failures)

    def following(self, *, with_files: bool = False) -> Tally:
        """Return the numbers that the next look at the same share begins with: what has arrived has."""
        following = Tally(with_files=with_files, with_paths=self._paths is not None)
        following._bytes_fetched, following._bytes_straight = self._bytes_fetched, self._bytes_straight
        return following

    def listed(self, files: Iterable[Entry]) -> None:
        """Count the files of one folder."""
        sizes = [entry.size_bytes for entry in files]
        with self._lock:
            self._files_total += len(sizes)
            self._bytes_total += sum(size for size in sizes if size > 0)

    def unlisted(self, file: Entry) -> None:
        """Count a file no more: it is listed no longer, or will be counted again."""
        with self._lock:
            self._files_total -= 1
            self._bytes_total -= max(0, file.size_bytes)

    def listing_ended(self) -> None:
        """Say that the totals are final."""
        self._listed = True

    def received(self, size_bytes: int, *, straight: bool = False) -> None:
        """Count bytes that arrived, perhaps straight from a store."""
        with self._lock:
            self._bytes_fetched += size_bytes
            self._bytes_straight += size_bytes if straight else 0
            self.moved_bytes += size_bytes

    def moved(self, by_bytes: int) -> None:
        """Count bytes of unfinished files that are on the disk or on their way to it; negative when some were wrong."""
        with self._lock:
            self._bytes_under_way += by_bytes

    def checked(self, size_bytes: int) -> None:
        """Count bytes that were read from the disk to check them."""
        with self._lock:
            self.moved_bytes += size_bytes

    def resized(self, by_bytes: int) -> None:
        """Take note that a file has another size than was listed."""
        with self._lock:
            self._bytes_total += by_bytes

    def whole(self, path: Names, size_bytes: int, *, fetched: bool, intact: bool, under_way: bool = True) -> None:
        """Count a file that is whole now; with `under_way`, its bytes were counted by `moved` before."""
        with self._lock:
            self._files_fetched += fetched
            self._files_present += not fetched
            if path[0] == SIDECAR:
                self._files_beside += 1
            else:
                self._files_intact += intact
            if not intact and path[0] != SIDECAR and len(self._unchecked) < _NAMED:
                self._unchecked.append(shown_path(path))
            if self._paths is not None:
                self._paths.add("/".join(path))
            self._bytes_under_way -= size_bytes if under_way else 0
            self._bytes_whole += size_bytes
            if self._files is not None:
                shown = "/".join(path)
                self._files[shown] = FileReport(shown, "intact" if intact else "size", size_bytes, fetched)

    def failed(self, path: Names, error: Fs2odError) -> None:
        """Take note of something that did not come."""
        failure = Failure(path, error)
        with self._lock:
            self._settled.add(path)
            self._failures.append(failure)
            if self._files is not None:
                shown = "/".join(path) or shown_path(path)
                state = "withheld" if failure.is_withheld else "left out" if failure.is_left_out else "failed"
                self._files[shown] = FileReport(shown, state, 0, fetched=False, reason=failure.reason)

    def gone(self, path: Names, *, is_folder: bool) -> None:
        """Take note of a file or folder that was renamed or removed after it was listed, as files of a growing dataset are."""
        shown = "/".join(path)
        with self._lock:
            self._settled.add(path)
            self._gone.append(f"{shown}/" if is_folder else shown)
            if self._files is not None and not is_folder:
                self._files[shown] = FileReport(shown, "gone", 0, fetched=False)

    def left_over(self, path: Names) -> None:
        """Take note of a partial file of nothing that is listed any more, or of its notes."""
        with self._lock:
            self._leftovers.add("/".join(path))

    def is_settled(self, path: Names) -> bool:
        """Say whether something failed or is gone."""
        with self._lock:
            return path in self._settled

    def failure_of(self, path: Names) -> Fs2odError | None:
        """Return why something did not come; None if that is not known to have failed."""
        with self._lock:
            return next((failure.error for failure in self._failures if failure.path == path), None)

    def progress(self, now_s: float) -> Progress:
        """Return how far everything is; the rate is that of the last few seconds."""
        with self._lock:
            self._marks.append((now_s, self.moved_bytes))
            while len(self._marks) > 2 and now_s - self._marks[0][0] > _WINDOW_S:
                self._marks.pop(0)
            since_s, before = self._marks[0]
            rate = (self.moved_bytes - before) / (now_s - since_s) if now_s > since_s else 0.0
            done = self._bytes_whole + self._bytes_under_way
            left = self._bytes_total - done
            return Progress(
                files_done=self._files_present + self._files_fetched,
                files_total=self._files_total,
                bytes_done=done,
                bytes_total=self._bytes_total,
                bytes_fetched=self._bytes_fetched,
                listed=self._listed,
                rate=rate,
                left_s=left / rate if self._listed and rate > 0 and left >= 0 else None,
            )

    def report(
        self,
        *,
        elapsed_s: float,
        stopped_by: Fs2odError | None,
        manifest_error: Fs2odError | None = None,
        sealed: bool = False,
    ) -> Report:
        """Return what has become of the download."""
        with self._lock:
            files = sorted((self._files or {}).values(), key=lambda file: file.path)
            return Report(
                files_total=self._files_total,
                files_fetched=self._files_fetched,
                files_present=self._files_present,
                bytes_done=self._bytes_whole,
                bytes_fetched=self._bytes_fetched,
                bytes_straight=self._bytes_straight,
                failures=tuple(sorted(self._failures, key=lambda failure: failure.path)),
                elapsed_s=elapsed_s,
                stopped_by=stopped_by,
                manifest_error=manifest_error,
                files_intact=self._files_intact,
                files_beside=self._files_beside,
                gone=tuple(sorted(self._gone)),
                leftovers=tuple(sorted(self._leftovers)),
                unchecked=tuple(sorted(self._unchecked)),
                sealed=sealed,
                files=tuple(files),
            )
