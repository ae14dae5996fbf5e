"""Looking again at what was downloaded: every file read and compared with its checksum."""

from __future__ import annotations

import os
import threading
from typing import Callable, Iterable, Iterator

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted
from fs2od.transfer._checking import wrong_ranges
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import NotFound
from fs2od.transfer._run import Run
from fs2od.transfer._selection import Selection
from fs2od.transfer._sidecar import Promise

__all__ = ["Verification"]

_LOOK_S = 0.1
_MOST_RANGES = 5
_NS = 1_000_000_000


class Verification:
    """Checks every file that something is promised of. `run` may be called once.

    The bytes count, not the times: a copy of a file is often newer than the file. One that differs and is newer may have changed
    while the dataset grew, after it was hashed; nobody can tell from what stands here, so it is a failure that says so.
    """

    def __init__(self, run: Run, promises: Iterable[Promise], selection: Selection) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._crashed: list[BaseException] = []
        wanted = [each for each in promises if selection.wants(tuple(each.path.split("/")))]
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
            self._compare(promise)
        except Interrupted:
            raise
        except FileNotFoundError:
            self._run.tally.failed(path, NotFound("it is not here"))
        except Fs2odError as error:
            self._run.tally.failed(path, error)
        else:
            self._run.tally.whole(path, promise.size_bytes, fetched=False, intact=True)

    def _compare(self, promise: Promise) -> None:
        """Compare a file with what the manifest promises.

        Raises:
            FileNotFoundError: It is not here.
            IntegrityFailure: It is something else than promised.
        """
        handle = self._run.destination.open_file(tuple(promise.path.split("/")))
        try:
            facts = os.fstat(handle)
            found = f"{facts.st_size:,} instead of {promise.size_bytes:,} bytes"
            if facts.st_size == promise.size_bytes:
                found = _named(wrong_ranges(self._run, handle, promise, counting=True))
        finally:
            os.close(handle)
        if found:
            is_newer = facts.st_mtime_ns // _NS > promise.mtime_ns // _NS
            raise IntegrityFailure(f"differs from its checksum{' and is newer' if is_newer else ''}: {found}")


def _named(wrong: list[str]) -> str:
    """Return which bytes are wrong; "" where none are."""
    more = f" and {len(wrong) - _MOST_RANGES:,} more" if len(wrong) > _MOST_RANGES else ""
    return f"bytes {'; '.join(wrong[:_MOST_RANGES])}{more}" if wrong else ""
