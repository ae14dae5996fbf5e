"""What a download would bring, and how long it would take: listed, compared and measured, but nothing written."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Callable, Final, Mapping

from fs2od.errors import Fs2odError
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._destination import Destination
from fs2od.transfer._entries import Entry, EntryKind, Names, Present
from fs2od.transfer._errors import NotFound
from fs2od.transfer._folders import is_folder
from fs2od.transfer._other_names import as_listed
from fs2od.transfer._pace import RateLimit
from fs2od.transfer._plan import Fetch, Folding, are_alike, other_form, plan_download
from fs2od.transfer._report import Estimate, Failure
from fs2od.transfer._run import Ending
from fs2od.transfer._selection import Selection
from fs2od.transfer._undeliverable import undeliverable_in
from fs2od.transfer._walk import DownloadLimits, Walk

__all__ = ["Rehearsal", "folding_of"]

_MEASURED_S: Final = 2.0
_MEASURED_BYTES: Final = 64 << 20
_STEP_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 512
_MOST_NAMES: Final = 1000
# Where disks do so, for most.
_FOLDING: Final = {"win32", "darwin"}


class Rehearsal:
    """Goes through a share as a download would. `run` may be called once."""

    def __init__(
        self,
        shared: Dataset,
        path: Path,
        selection: Selection,
        limits: DownloadLimits,
        *,
        limit: RateLimit | None = None,
        on_windows: bool = os.name == "nt",
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            shared: The share.
            path: The folder that a download would fill; it need not be there.
            selection: What is wanted.
            limits: How much a share may list.
            limit: How fast bytes may come.
            on_windows: Whether names must be such as Windows knows.
        """
        self._limit = limit
        self._on_windows = on_windows
        self._shared = shared
        self._path = path
        self._selection = selection
        self._limits = limits
        self._lock = threading.Lock()
        self._files = self._size_bytes = self._files_present = self._bytes_present = 0
        self._failures: list[Failure] = []
        self._largest: Entry | None = None
        self._destination: Destination | None = None

    def run(self, ending: Ending) -> Estimate:
        """Return what would come.

        Raises:
            StorageError: The destination cannot be read.
            ConnectionLost, ServiceError, MalformedAnswer: The share cannot be read at all.
        """
        root = self._shared.root()
        with contextlib.ExitStack() as stack:
            if is_folder(self._path):
                self._destination = stack.enter_context(Destination(self._path))
            if root.kind is EntryKind.FOLDER:
                Walk(self._shared, ending, self._limits, visit=self._visit, failed=self._failed).run(root)
            else:
                self._visit((), root, [root])
        self._failures += [
            Failure(path, NotFound("it was asked for, and the dataset does not show it"))
            for path in self._selection.unmet
            if not ending.has_come
        ]
        rate = self._measured(self._largest) if self._largest is not None and not ending.has_come else 0.0
        failures = tuple(sorted(self._failures, key=lambda failure: failure.path))
        lacking = undeliverable_in(self._shared, root, is_wanted=self._selection.is_everything)
        return Estimate(
            self._files,
            self._size_bytes,
            self._files_present,
            self._bytes_present,
            rate,
            failures,
            lacking,
            () if failures or ending.has_come else self._selection.unmatched,
        )

    def _visit(self, folder: Names, _: Entry, listing: list[Entry]) -> list[Entry]:
        wanted = [each for each in listing if self._wants((*folder, each.name), each)]
        present: Mapping[str, Present] = {}
        if self._destination is not None:
            present = as_listed(self._destination, folder, self._destination.scan(folder), wanted)
        folding = folding_of(self._path.joinpath(*folder)) if are_alike(wanted) else Folding()
        plan = plan_download(wanted, present, depth=len(folder), folding=folding, on_windows=self._on_windows)
        lacking_bytes = sum(fetch.entry.size_bytes - self._begun(folder, fetch) for fetch in plan.fetch)
        with self._lock:
            self._files += len(plan.fetch)
            self._size_bytes += lacking_bytes
            here = [each for each in plan.skip if each.kind is EntryKind.FILE]
            self._files_present += len(here)
            self._bytes_present += sum(each.size_bytes for each in here)
            self._failures += [Failure((*folder, refusal.entry.name), refusal.error) for refusal in plan.refuse]
            candidates = [*(fetch.entry for fetch in plan.fetch), *([self._largest] if self._largest else [])]
            self._largest = max(candidates, key=lambda each: each.size_bytes, default=None)
        return list(plan.folders)

    def _begun(self, folder: Names, fetch: Fetch) -> int:
        """Return about how many bytes of a file are here already: of its partial file only what was written takes room."""
        if fetch.partial is None or self._destination is None:
            return 0
        with contextlib.suppress(Fs2odError, OSError):
            blocks: int = getattr(self._destination.facts((*folder, str(fetch.partial))), "st_blocks", 0)
            return min(blocks * _BLOCK_BYTES, fetch.entry.size_bytes)
        return 0

    def _wants(self, path: Names, entry: Entry) -> bool:
        return self._selection.enters(path) if entry.kind is EntryKind.FOLDER else self._selection.wants(path)

    def _failed(self, path: Names, _: Entry, error: Fs2odError) -> None:
        with self._lock:
            self._failures.append(Failure(path, error))

    def _measured(self, file: Entry) -> float:
        """Return the bytes per second of a short reading; 0 where it fails, for an estimate is no place to complain."""
        view = memoryview(bytearray(_STEP_BYTES))
        count = min(file.size_bytes, _MEASURED_BYTES)
        if not count:
            return 0.0
        began_s, got = time.monotonic(), 0
        with contextlib.suppress(Fs2odError), self._shared.opened(file, 0, count) as content:
            while got < count and time.monotonic() - began_s < _MEASURED_S:
                read = content.read_into(view)
                if not read:
                    break
                got += read
                if self._limit is not None:
                    self._limit.take(read)
        rate = got / max(time.monotonic() - began_s, 1e-6)
        return rate if self._limit is None else min(rate, self._limit.bytes_per_s)


def folding_of(path: Path) -> Folding:
    """Say which names a disk takes for the same, as far as what stands there shows.

    Args:
        path: A folder on it, or one that is to be made there.
    """
    return Folding(_takes_for_one(path, _other_case), _takes_for_one(path, other_form))


def _takes_for_one(path: Path, other: Callable[[str], str]) -> bool:
    for folder in (path.absolute(), *path.absolute().parents):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            names = (entry.name for entry in islice(entries, _MOST_NAMES))
            name = next((each for each in names if each != other(each)), None)
            if name is not None:
                return _is_same(folder / name, folder / other(name))
    return sys.platform in _FOLDING


def _other_case(name: str) -> str:
    swapped = name.swapcase()
    return swapped if swapped.swapcase() == name else name


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(one.lstat(), other.lstat())
    except (OSError, ValueError):
        return False
