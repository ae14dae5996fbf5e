"""What the threads of a run do: they take jobs, and bring or check the files that these name."""

from __future__ import annotations

import contextlib
from typing import Final

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted, StorageError, StorageRefused
from fs2od.manifests import PIECE_BYTES
from fs2od.transfer._answers import DataAddress
from fs2od.transfer._checking import is_promised
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import NotFound
from fs2od.transfer._large import Dropped, LargeFile
from fs2od.transfer._mates import Mates
from fs2od.transfer._partial_files import PartialGone
from fs2od.transfer._partials import partial_name
from fs2od.transfer._promises import Promises
from fs2od.transfer._run import Changed, Run, Wanted
from fs2od.transfer._setbacks import Setbacks
from fs2od.transfer._sidecar import pieces_of
from fs2od.transfer._small import SmallFile
from fs2od.transfer._streams import bring_bulk, bring_folder
from fs2od.transfer._vanished import Vanished
from fs2od.transfer._work import Job, Work

__all__ = ["Labour"]

_MOST_CHANGES: Final = 3


class Labour:
    """Does the jobs of one queue. Any number of threads may `run` it at once."""

    def __init__(
        self,
        run: Run,
        work: Work,
        promises: Promises,
        mates: Mates,
        setbacks: Setbacks,
        vanished: Vanished,
        *,
        address: DataAddress | None,
    ) -> None:
        self._run = run
        self._work = work
        self._promises = promises
        self._mates = mates
        self._setbacks = setbacks
        self._vanished = vanished
        self._address = address

    def run(self) -> None:
        """Take jobs until none is left."""
        while True:
            job = self._work.next()
            if job is None:
                return
            try:
                self._do(job)
            except Interrupted:
                continue
            finally:
                self._work.done(job)

    def _do(self, job: Job) -> None:
        if job.large is not None:
            if job.large.is_untouched and not self._mates.own((job.large.wanted,)):
                self._work.leave(job.large)
                job.large.drop()
                return
            self._bring_large(job.large, job)
            return
        job = job._replace(batch=self._mates.own(job.batch))
        if not job.batch:
            return
        if job.kind == "check":
            self._check(job.batch[0])
        elif job.kind == "single":
            self._bring_single(job.batch[0])
        else:
            self._bring_stream(job)

    def _bring_stream(self, job: Job) -> None:
        if job.folder is not None:
            rest = bring_folder(self._run, self._setbacks, job.folder, job.batch)
        else:
            assert self._address is not None
            rest = bring_bulk(self._run, self._setbacks, self._address, job.batch)
        if job.folder is None and len(rest) == len(job.batch):
            # It does not work here and now: then file by file, which also tells the reason.
            self._work.in_bulk = False
        self._work.put(singles=rest)

    def _bring_single(self, wanted: Wanted) -> None:
        try:
            SmallFile(self._run, wanted).bring()
            self._setbacks.came()
        except Changed as changed:
            self._take_up_again(wanted, changed.now)
        except Interrupted:
            raise
        except Fs2odError as error:
            self._vanished.failed(wanted, error)

    def _bring_large(self, large: LargeFile, job: Job) -> None:
        wanted = large.wanted
        try:
            is_whole = large.bring(job.stretch)
            self._setbacks.came()
            if is_whole:
                self._work.leave(large)
                self._run.landed(wanted)
                self._run.tally.whole(
                    wanted.path, wanted.entry.size_bytes, fetched=True, intact=wanted.promise is not None
                )
                large.close()
        except Dropped:
            large.close()
        except Changed as changed:
            self._work.leave(large)
            if large.drop():
                large.forget()
                self._take_up_again(wanted, changed.now)
            large.close()
        except PartialGone as error:
            self._work.leave(large)
            if large.drop():
                self._vanished.failed(wanted, error)
            large.close()
        except Interrupted:
            large.close()
            raise
        except Fs2odError as error:
            self._work.leave(large)
            if large.drop():
                self._vanished.failed(wanted, error)
            large.close()

    def _check(self, wanted: Wanted) -> None:
        try:
            if is_promised(self._run, wanted, counting=True):
                # Somebody else's file keeps its time; its bytes are right.
                with contextlib.suppress(StorageRefused):
                    self._run.destination.set_time(wanted.path, mtime_s=wanted.entry.mtime_s)
                self._setbacks.came()
                self._run.tally.whole(wanted.path, wanted.entry.size_bytes, fetched=False, intact=True)
                return
            # Where only the whole has a checksum, no piece of another state can be kept: that one stands until this one is whole.
            self._fetch(wanted, demote=bool(pieces_of(wanted.promise)))
        except StorageError as error:
            self._vanished.failed(wanted, error)

    def _fetch(self, wanted: Wanted, *, demote: bool = False) -> None:
        if wanted.entry.size_bytes <= PIECE_BYTES:
            self._work.put(singles=[wanted])
            return
        name = partial_name(wanted.entry.name, wanted.entry.state())
        if demote and wanted.partial is None and self._run.destination.demote(wanted.path, name):
            wanted = Wanted(wanted.folder, wanted.entry, name, wanted.promise, wanted.changes)
        self._work.put(large=[LargeFile(self._run, wanted)])

    def _take_up_again(self, wanted: Wanted, now: Entry) -> None:
        """Bring the file as it is now; but not for ever."""
        if wanted.changes >= _MOST_CHANGES:
            self._setbacks.failed(
                wanted.path, IntegrityFailure("it is still being written; run the same command again later")
            )
            return
        if now.kind is not EntryKind.FILE or now.size_bytes < 0:
            self._vanished.failed(wanted, NotFound("it is not there any more"))
            return
        self._run.tally.resized(now.size_bytes - wanted.entry.size_bytes)
        entry = Entry(wanted.entry.name, now.kind, now.file_id, now.size_bytes, now.mtime_s)
        promise = self._promises.of(wanted.path, entry)
        self._fetch(Wanted(wanted.folder, entry, None, promise, wanted.changes + 1))
