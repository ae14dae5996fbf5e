"""One run: folders made, files sent several at once, and what became of each of them written down."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError
from fs2od.onedata.errors import NotFound, OnedataError, PosixError, Rejected, ServiceError, ServiceFault
from fs2od.results._decide import Choice, decide, fits
from fs2od.results._errors import NameTaken, TargetFull, is_of_one_file, not_taken
from fs2od.results._remote import Remote
from fs2od.results._report import PutFile, PutReport
from fs2od.results._sending import Sending
from fs2od.results._sources import Source, Sources
from fs2od.results._target import Target

__all__ = ["Options", "Progress", "Put"]

# What a service may say because of one file; whatever else it says ends the run.
_REFUSALS = (Rejected, NotFound, ServiceFault)
_MOST_DOUBTS = 10


@dataclass(frozen=True)
class Options:
    """How files are put. `jobs` are sent at once; `replace` lets a file of the same name and other content give way."""

    jobs: int = 4
    replace: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a run has come. `rate` is in bytes per second since it began; what is put was `listed` before."""

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    rate: float
    listed: bool = True

    @property
    def left_s(self) -> float | None:
        """The seconds that the rest takes at this rate; None while nobody knows."""
        return max(0, self.bytes_total - self.bytes_done) / self.rate if self.rate else None


class Put:
    """Puts what was gathered into a target. Run again after an interruption, it goes on where it was."""

    def __init__(
        self,
        sources: Sources,
        target: Target,
        options: Options | None = None,
        show: Callable[[Progress], None] = lambda _: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; `show` is told how far it has come, and `say` sentences that a person should know meanwhile."""
        self._sources = sources
        # Added up once: how far it has come is told at every file.
        self._bytes_total = sources.size_bytes
        self._target = target
        self._options = options or Options()
        self._show = show
        self._say = say
        self._remote = Remote(target)
        self._done: dict[str, PutFile] = {}
        self._unmade: dict[str, ServiceError] = {}
        self._doubts = 0
        self._bytes_done = 0
        self._began_s = time.monotonic()

    async def plan(self) -> dict[Choice, list[Source]]:
        """Return what a run would do with each file, without reading or writing any; "compare" may be kept or refused."""
        planned: dict[Choice, list[Source]] = {choice: [] for choice in Choice}
        for source in self._sources.files:
            planned[await self._choice(source)].append(source)
        return planned

    async def _choice(self, source: Source) -> Choice:
        if not fits(self._target.path_of(source.path)):
            return Choice.UNFIT
        try:
            there = await self._remote.found(source.path)
        except _REFUSALS as error:
            self._judged(source.path, error)
            return Choice.UNFIT
        return decide(source, there, replace=self._options.replace)

    async def run(self) -> PutReport:
        """Put everything, and return what has become of it. What concerns single files is in the report.

        Raises:
            TargetFull: There is no room; what is whole stays.
            NotTaken, NotWritable: There can be no such folder, or nothing may be written there.
            OnedataError: The service, or the way to it, did not do what was asked; run again to go on.
        """
        self._began_s = time.monotonic()
        try:
            await self._remote.make("")
        except _REFUSALS as error:
            raise self._judged("", error) from error
        for folder in self._sources.folders:
            await self._make(folder)
        queue: asyncio.Queue[Source] = asyncio.Queue(self._options.jobs)
        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._work(queue)) for _ in range(self._options.jobs)]
                for source in self._sources.files:
                    # Listed here, one folder after the other, so that no two workers ask for the same one.
                    with contextlib.suppress(*_REFUSALS):  # they say so themselves
                        await self._remote.exists(source.path.rpartition("/")[0])
                    await queue.put(source)
                await queue.join()
                for worker in workers:
                    worker.cancel()
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed
        done = [*self._empty_unmade(), *(self._done[source.path] for source in self._sources.files)]
        return PutReport(str(self._target), tuple(done), self._sources.left_out)

    async def _make(self, folder: str) -> None:
        if self._barred(folder) is not None:
            return
        try:
            await self._remote.make(folder)
        except _REFUSALS as error:
            self._judged(folder, error)
            self._unmade[folder] = error  # its files say so one by one

    def _barred(self, path: str) -> ServiceError | None:
        """Return why a folder above a path could not be made, if that is so."""
        if not self._unmade:
            return None
        above = accumulate(path.split("/")[:-1], "{}/{}".format)
        return next((self._unmade[folder] for folder in above if folder in self._unmade), None)

    def _empty_unmade(self) -> Iterator[PutFile]:
        for folder, error in self._unmade.items():
            if not any(source.path.startswith(f"{folder}/") for source in self._sources.files):
                yield PutFile(folder, "failed", 0, problem=not_taken(self._target.path_of(folder), error))

    async def _work(self, queue: asyncio.Queue[Source]) -> None:
        sending = Sending(self._remote, replace=self._options.replace, moved=self._count, say=self._say)
        while True:
            source = await queue.get()
            self._done[source.path] = await self._sent(source, sending)
            self._show(self._progress())
            queue.task_done()

    async def _sent(self, source: Source, sending: Sending) -> PutFile:
        barred = self._barred(source.path)
        if barred is not None:
            problem = not_taken(self._target.path_of(source.path), barred)
            return PutFile(source.path, "failed", source.size_bytes, problem=problem)
        try:
            done = await sending.send(source)
        except NameTaken as error:
            return PutFile(source.path, "refused", source.size_bytes, problem=error)
        except (IntegrityFailure, StorageError) as error:
            return PutFile(source.path, "failed", source.size_bytes, problem=error)
        except _REFUSALS as error:
            return PutFile(source.path, "failed", source.size_bytes, problem=self._judged(source.path, error))
        self._doubts = 0
        return done

    def _judged(self, path: str, error: ServiceError) -> Fs2odError:
        """Return what is said of one file or folder; what may be the service's own trouble ends the run once it stays."""
        if isinstance(error, PosixError) and error.errno in ("enospc", "edquot"):
            raise TargetFull(
                "the space is full: ask for more room, then run the same command again; what is whole stays"
            ) from error
        self._doubts += not is_of_one_file(error)
        if self._doubts > _MOST_DOUBTS:
            raise error
        return not_taken(self._target.path_of(path), error)

    def _count(self, size_bytes: int) -> None:
        self._bytes_done += size_bytes
        self._show(self._progress())

    def _progress(self) -> Progress:
        passed_s = max(time.monotonic() - self._began_s, 1e-3)
        total = len(self._sources.files)
        rate = self._bytes_done / passed_s
        return Progress(len(self._done), total, self._bytes_done, self._bytes_total, rate)


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one failure that says most: ours before any other."""
    flat: list[BaseException] = []
    waiting: list[BaseException] = [failed]
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseExceptionGroup):
            waiting += error.exceptions
        else:
            flat.append(error)
    ours = [error for error in flat if isinstance(error, Fs2odError | OnedataError)]
    return (ours or flat)[0]
