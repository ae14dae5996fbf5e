"""Looking again at what was downloaded: every file read and compared with the manifest, without the network."""

from __future__ import annotations

import os
import threading
from typing import Callable, Iterator

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted
from fs2od.transfer._checking import wrong_ranges
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import NotFound
from fs2od.transfer._run import Run
from fs2od.transfer._selection import Selection
from fs2od.transfer._sidecar import Promise, Sidecar

__all__ = ["Verification"]

_LOOK_S = 0.1
_MOST_RANGES = 5
_NS = 1_000_000_000


class Verification:
    """Checks every file that the manifest names. `run` may be called once.

    While a dataset still grows, a file may be newer than what the manifest says of it: such a one is checked by size only.
    """

    def __init__(self, run: Run, sidecar: Sidecar, selection: Selection) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._crashed: list[BaseException] = []
        self._sealed = sidecar.sealed
        wanted = [each for path, each in sidecar.manifest.items() if selection.wants(tuple(path.split("/")))]
        files = [Entry(each.path, EntryKind.FILE, "", each.size_bytes) for each in wanted]
        self._left: Iterator[Promise] = iter(wanted)
        run.tally.listed(files)
        run.tally.listing_ended()

    def run(self, threads: int, look: Callable[[], None]) -> None:
        """Check everything, and return when that has ended; `look` is called several times a second."""
        workers = [threading.Thread(target=self._work, name="fs2od-check", daemon=True) for _ in range(threads)]
        for worker in workers:
            worker.start()
        try:
            while any(worker.is_alive() for worker in workers):
                look()
                next((worker for worker in workers if worker.is_alive()), workers[0]).join(_LOOK_S)
        except BaseException:
            self._run.ending.stop(Interrupted("the check was broken off"))
            raise
        finally:
            for worker in workers:
                worker.join()
        if self._crashed:
            raise self._crashed[0]
        look()

    def _work(self) -> None:
        try:
            while not self._run.ending.has_come:
                with self._lock:
                    promise = next(self._left, None)
                if promise is None:
                    return
                self._check(promise)
        except Interrupted:
            return
        except BaseException as error:  # noqa: BLE001 - a fault of ours must end the run, not one thread of it
            self._crashed.append(error)
            self._run.ending.stop(Interrupted("the check was broken off"))

    def _check(self, promise: Promise) -> None:
        path = tuple(promise.path.split("/"))
        try:
            size_bytes = self._vouched_size(promise)
        except Interrupted:
            raise
        except FileNotFoundError:
            self._run.tally.failed(path, NotFound("it is not here"))
        except Fs2odError as error:
            self._run.tally.failed(path, error)
        else:
            if size_bytes is None:
                self._run.tally.whole(path, promise.size_bytes, fetched=False, intact=True)
            else:
                self._run.tally.resized(size_bytes - promise.size_bytes)
                self._run.tally.whole(path, size_bytes, fetched=False, intact=False, under_way=False)

    def _vouched_size(self, promise: Promise) -> int | None:
        """Return None for a file that is what the manifest promises; or the size of one that nobody vouches for now.

        Raises:
            FileNotFoundError: It is not here.
            IntegrityFailure: It is something else than promised.
        """
        handle = self._run.destination.open_file(tuple(promise.path.split("/")))
        try:
            facts = os.fstat(handle)
            size = facts.st_size
            if not self._sealed and facts.st_mtime_ns // _NS != promise.mtime_ns // _NS:
                # It was written again after it was hashed, and the part of the manifest that says how is not out yet.
                return size
            if size != promise.size_bytes:
                raise IntegrityFailure(f"it has {size:,} bytes instead of {promise.size_bytes:,}")
            wrong = wrong_ranges(self._run, handle, promise, counting=True)
        finally:
            os.close(handle)
        if wrong:
            more = f" and {len(wrong) - _MOST_RANGES:,} more" if len(wrong) > _MOST_RANGES else ""
            raise IntegrityFailure(f"its bytes are wrong: {'; '.join(wrong[:_MOST_RANGES])}{more}")
        return None
