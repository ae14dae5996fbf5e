"""The way through a share's folders: several are listed at once, and none twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Callable, Final

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._entries import Entry, Names
from fs2od.transfer._errors import MalformedAnswer
from fs2od.transfer._run import Ending

__all__ = ["DownloadLimits", "Walk"]

_LISTERS: Final = 4
_LISTERS_FAR: Final = 8
_LONGEST_PATH_BYTES: Final = 4_000
_POLL_S: Final = 0.2


@dataclass(frozen=True)
class DownloadLimits:
    """What no honest share exceeds, and a hostile one must not.

    Attributes:
        folder_entries: Entries in one folder.
        entries: Entries altogether.
        depth: Folders within folders.
    """

    folder_entries: int = 1_000_000
    entries: int = 20_000_000
    depth: int = 100


class Walk:
    """Lists a folder and all below it.

    For each folder `visit` gets its path, its entry and its entries, and returns the folders below it to enter; what
    fails goes to `failed`, and the rest is listed all the same. From a service that `is_far`, more folders are listed at once.
    """

    def __init__(
        self,
        shared: Dataset,
        ending: Ending,
        limits: DownloadLimits,
        *,
        visit: Callable[[Names, Entry, list[Entry]], list[Entry]],
        failed: Callable[[Names, Entry, Fs2odError], None],
        known: dict[str, list[Entry]] | None = None,
        is_far: bool = False,
    ) -> None:
        self._listers = _LISTERS_FAR if is_far else _LISTERS
        self._shared = shared
        self._ending = ending
        self._limits = limits
        self._visit = visit
        self._failed = failed
        self._known = known or {}
        self._changed = threading.Condition()
        self._ahead: list[tuple[Names, Entry]] = []
        self._at_work = 0
        self._entries = 0
        self._crashed: list[BaseException] = []

    def run(self, root: Entry, *, at: Names = ()) -> None:
        """List everything below `root`, which stands at a path below the destination, and return when that has ended.

        What nobody foresaw in any of the threads is raised here, once all have ended.
        """
        self._ahead.append((at, root))
        threads = [
            threading.Thread(target=self._safely, name="fs2od-list", daemon=True) for _ in range(self._listers - 1)
        ]
        for thread in threads:
            thread.start()
        self._safely()
        for thread in threads:
            thread.join()
        if self._crashed:
            raise self._crashed[0]

    def _safely(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - else the others would wait for this thread for ever
            self._crashed.append(error)
            self._ending.stop(Interrupted("the listing was broken off"))

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._ahead and self._at_work and not self._ending.has_come:
                    self._changed.wait(_POLL_S)
                if self._ending.has_come or not self._ahead:
                    self._changed.notify_all()
                    return
                path, folder = self._ahead.pop()
                self._at_work += 1
            below = self._listed(path, folder)
            with self._changed:
                self._ahead += reversed([((*path, entry.name), entry) for entry in below])
                self._at_work -= 1
                self._changed.notify_all()

    def _listed(self, path: Names, folder: Entry) -> list[Entry]:
        try:
            if len(path) > self._limits.depth or len("/".join(path).encode()) > _LONGEST_PATH_BYTES:
                raise IntegrityFailure("the folders lie deeper in each other than any dataset's")
            known = self._known.pop(folder.file_id, None)
            entries = self._shared.children(folder, most=self._limits.folder_entries) if known is None else known
            with self._changed:
                self._entries += len(entries)
                too_many = self._entries > self._limits.entries
            if too_many:
                self._ending.stop(
                    MalformedAnswer(f"the share lists more than {self._limits.entries:,} files and folders")
                )
                return []
            return self._visit(path, folder, entries)
        except Interrupted:
            return []
        except Fs2odError as error:
            self._failed(path, folder, error)
            return []
