"""What files must be: the manifest, read while folders are listed already, and the node's list for what no manifest promises."""

from __future__ import annotations

import contextlib
import threading
from typing import Callable, Final, Iterator

from fs2od.manifests import SIDECAR
from fs2od.transfer._entries import Entry, Names
from fs2od.transfer._errors import ConnectionLost
from fs2od.transfer._run import Run
from fs2od.transfer._sidecar import Promise, Sidecar
from fs2od.transfer._sums import Sums

__all__ = ["Promises"]

_MOST_WAITING: Final = 20_000
_POLL_S: Final = 0.2
# Beside the manifest's files a facility's own lie in the top folder, such as the metadata file: nobody has checksums of them.
_LARGEST_OWN_BYTES: Final = 1 << 20


class Promises:
    """Holds back what needs the promises of a manifest until they are known. Safe for any number of threads."""

    def __init__(self, run: Run, sidecar: Sidecar, sums: Sums) -> None:
        self._run = run
        self._sums = sums
        self._sidecar = sidecar
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._has_asked = False
        self._is_read = threading.Event()
        self._waiting: list[Callable[[], object]] = []
        self._files = 0

    @contextlib.contextmanager
    def being_read(self, safely: Callable[[Callable[[], None]], None]) -> Iterator[None]:
        """Read the manifest in a thread of its own, which `safely` keeps from failing unnoticed; at the end, all is done."""
        thread = threading.Thread(target=safely, args=(self.read,), name="fs2od-manifest", daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def read(self) -> None:
        """Read what `Sidecar.look` saw, and do what waits for it: without promises where there was `Sidecar.trouble`."""
        with contextlib.suppress(ConnectionLost):
            self._sidecar.read(self._run.shared)
        if not self._sidecar.is_there:
            self._ask_for_the_list()
        if self._sidecar.sealed:
            self._run.ledger.doubt()
        with self._lock:
            self._is_read.set()
            waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    def of(self, path: Names, entry: Entry) -> Promise | None:
        """Return what a file must be; None where nobody knows. The node's list is asked for with the first that needs it."""
        shown = "/".join(path)
        known = self._sidecar.promise(shown, entry)
        if known is None and self._may_be_listed(path, entry):
            self._ask_for_the_list()
        return known or self._sums.promise(shown, entry)

    def _may_be_listed(self, path: Names, entry: Entry) -> bool:
        """Say whether the node's list may know a file that no manifest promises: not while most are still to be hashed."""
        if path[0] == SIDECAR or not (self._sidecar.sealed or self._sidecar.trouble):
            return False
        return len(path) > 1 or entry.size_bytes > _LARGEST_OWN_BYTES

    def _ask_for_the_list(self) -> None:
        with self._asking:
            if not self._has_asked:
                self._sums.read(self._run.shared, self._run.patience, self._run.sleep)
                self._has_asked = True

    def once_read(self, call: Callable[[], object], files: int) -> None:
        """Do something as soon as the manifest was read: now, or by the thread that reads it. `files` is how much that is."""
        with self._lock:
            if not self._is_read.is_set():
                self._files += files
                self._waiting.append(call)
                return
        call()

    def wait_until_read(self) -> None:
        """Wait until the manifest was read, or everything is to end."""
        while not self._run.ending.has_come and not self._is_read.wait(_POLL_S):
            pass

    def wait_for_room(self) -> None:
        """Wait while so much waits for the manifest that more need not be known yet."""
        while self._files > _MOST_WAITING and not self._run.ending.has_come and not self._is_read.wait(_POLL_S):
            pass
