"""What failed in a run: noted for the report, and judged: does it stand in the way of everything else, too?"""

from __future__ import annotations

import threading
import time
from typing import Final

from fs2od.errors import Fs2odError, Interrupted, StorageError, StorageFull, StorageRefused
from fs2od.transfer._entries import Names
from fs2od.transfer._errors import Forbidden, NotFound, TokenRefused, UntrustedCertificate
from fs2od.transfer._links import LinkEnded, NoSuchDataset
from fs2od.transfer._patience import may_pass
from fs2od.transfer._run import Run

__all__ = ["Setbacks"]

_GIVE_UP_AFTER: Final = 8
_RECHECK_LINK_S: Final = 1.0


class Setbacks:
    """Takes note of failures, and ends the run where going on is no use. Safe for any number of threads."""

    def __init__(self, run: Run, *, jobs: int) -> None:
        self._run = run
        self._jobs = jobs
        self._lock = threading.Lock()
        self._lost_in_a_row = 0
        self._closed: set[Names] = set()
        self._link_stood_s = float("-inf")

    def came(self) -> None:
        """Take note that something arrived: the way is open."""
        self._lost_in_a_row = 0

    def lost(self, error: Fs2odError) -> None:
        """Take note that something did not come which will be asked for once more, and stop if nothing comes any more."""
        self._count(error)

    def failed(self, path: Names, error: Fs2odError) -> None:
        """Take note of a failure, and stop if it stands in the way of everything else, too."""
        if isinstance(error, Interrupted) and self._run.ending.has_come:
            return
        self._run.tally.failed(path, error)
        if isinstance(error, (StorageFull, UntrustedCertificate, TokenRefused)):
            self._run.ending.stop(error)
        elif isinstance(error, StorageError):
            self._judge_disk(path, error)
        elif may_pass(error):
            self._count(error)
        elif isinstance(error, (Forbidden, NotFound)):
            self.check_that_link_stands()

    def _judge_disk(self, path: Names, error: StorageError) -> None:
        """Stop if the disk refuses more than this file: where the destination is gone, or too many fail in a row.

        A folder in which nothing may be written, somebody else's for one, counts once, however many files lie in it.
        """
        folder = path[:-1]
        if isinstance(error, StorageRefused):
            with self._lock:
                is_known = folder in self._closed
                self._closed.add(folder)
            if is_known:
                return
        try:
            self._run.destination.check()
        except StorageError as gone:
            self._run.ending.stop(gone)
        else:
            self._count(error)

    def _count(self, error: Fs2odError) -> None:
        with self._lock:
            self._lost_in_a_row += 1
            is_hopeless = self._lost_in_a_row >= max(_GIVE_UP_AFTER, self._jobs)
        if is_hopeless:
            self._run.ending.stop(error)

    def check_that_link_stands(self) -> None:
        """End the run if the link has ended: then whatever is asked for is not there any more."""
        with self._lock:
            if time.monotonic() - self._link_stood_s < _RECHECK_LINK_S:
                return
            try:
                self._run.shared.name()
                self._link_stood_s = time.monotonic()
            except NoSuchDataset:
                self._run.ending.stop(
                    LinkEnded("the link or the membership was ended while files were fetched; what has arrived stays")
                )
            except Fs2odError as error:
                self._run.ending.stop(error)
