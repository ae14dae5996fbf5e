"""Files of at most one piece: held in memory until they are whole and checked, then written in one go."""

from __future__ import annotations

import hashlib
from typing import Final

from fs2od.errors import Fs2odError, IntegrityFailure
from fs2od.transfer._checking import is_promised
from fs2od.transfer._errors import Busy, ConnectionLost, MalformedAnswer, RangeRefused
from fs2od.transfer._partial_files import Landing, PartialGone
from fs2od.transfer._partials import partial_name
from fs2od.transfer._patience import Tries
from fs2od.transfer._run import Changed, Run, Wanted

__all__ = ["SmallFile", "put_in_place"]

_MOST_WRONG: Final = 3


class SmallFile:
    """Brings one file by itself."""

    def __init__(self, run: Run, wanted: Wanted) -> None:
        self._run = run
        self._wanted = wanted
        self._view = run.buffer()[: wanted.entry.size_bytes]
        self._filled = 0
        self._furthest = 0
        self._etag: str | None = None
        self._in_parts = True
        self._wrong = 0

    def bring(self) -> None:
        """Put the file in its place.

        Raises:
            Changed: It is another file now.
            Fs2odError: It cannot be brought.
        """
        tries = self._run.tries()
        while True:
            self._run.ending.check()
            try:
                if self._filled < len(self._view):
                    self._ask(tries)
                self._check()
                break
            except (ConnectionLost, Busy) as error:
                self._run.missed(tries, error)
            except (MalformedAnswer, IntegrityFailure, RangeRefused) as error:
                self._doubt(error)
        with Landing(self._run.destination) as landing:
            put_in_place(self._run, landing, self._wanted, self._view)

    def _ask(self, tries: Tries) -> None:
        entry, start = self._wanted.entry, self._filled if self._in_parts else 0
        count = entry.size_bytes - start
        with self._run.shared.opened(entry, start, count, etag=self._etag) as content:
            if start and self._etag and content.etag not in {None, self._etag}:
                raise Changed(self._run.shared.facts(entry.file_id))
            self._etag, self._filled = content.etag, content.start
            while self._filled < entry.size_bytes:
                got = content.read_into(self._view[self._filled :])
                if not got:
                    raise ConnectionLost("the answer ended before the file did")
                self._filled += got
                if self._filled > self._furthest:
                    self._furthest = self._filled
                    tries.progressed()
                self._run.arrived(got)
            # A service that does not say how long its answer is may send more than the file.
            if content.read_into(memoryview(bytearray(1))):
                raise IntegrityFailure(f"the service sends more than the {entry.size_bytes:,} bytes announced")

    def _check(self) -> None:
        promise = self._wanted.promise
        if promise is not None and hashlib.sha256(self._view).hexdigest() != promise.sha256:
            raise IntegrityFailure("its bytes are not those that the manifest promises")

    def _doubt(self, error: Fs2odError) -> None:
        """Begin anew, unless the file is another one now, or it was answered wrongly too often."""
        now = self._run.shared.facts(self._wanted.entry.file_id)
        if now.state() != self._wanted.entry.state():
            raise Changed(now)
        self._wrong += 1
        if self._wrong >= _MOST_WRONG:
            raise IntegrityFailure(str(error)) from error
        self._in_parts, self._filled = False, 0


def put_in_place(run: Run, landing: Landing, wanted: Wanted, data: memoryview) -> None:
    """Write a file that was checked, and count it.

    Raises:
        StorageError: The disk refused.
    """
    entry = wanted.entry
    try:
        landing.land(wanted.folder, entry.name, partial_name(entry.name, entry.state()), data, mtime_s=entry.mtime_s)
    except PartialGone:
        if not is_promised(run, wanted):
            raise
    run.landed(wanted)
    intact = wanted.promise is not None
    run.tally.whole(wanted.path, entry.size_bytes, fetched=True, intact=intact, under_way=False)
