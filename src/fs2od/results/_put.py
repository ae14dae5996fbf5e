"""One run: folders made, files sent several at once, and what became of each of them written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError
from fs2od.onedata.errors import OnedataError, PosixError
from fs2od.results._decide import Choice, decide
from fs2od.results._errors import NameTaken, TargetFull
from fs2od.results._remote import Remote
from fs2od.results._report import PutFile, PutReport
from fs2od.results._sending import Sending
from fs2od.results._sources import Source, Sources
from fs2od.results._target import Target

__all__ = ["Options", "Progress", "Put"]

# What concerns one file alone; anything else ends the run.
_OF_ONE_FILE = ("eacces", "enametoolong", "einval", "enotdir", "eisdir", "eexist", "eperm", "efbig")


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
        self._target = target
        self._options = options or Options()
        self._show = show
        self._say = say
        self._remote = Remote(target)
        self._done: dict[str, PutFile] = {}
        self._bytes_done = 0
        self._began_s = time.monotonic()

    async def plan(self) -> dict[Choice, list[Source]]:
        """Return what a run would do with each file, without reading or writing any; "compare" may be kept or refused."""
        planned: dict[Choice, list[Source]] = {choice: [] for choice in Choice}
        for source in self._sources.files:
            there = await self._remote.found(source.path)
            planned[decide(source, there, replace=self._options.replace)].append(source)
        return planned

    async def run(self) -> PutReport:
        """Put everything, and return what has become of it. What concerns single files is in the report.

        Raises:
            TargetFull: There is no room; what is whole stays.
            OnedataError: The service, or the way to it, did not do what was asked; run again to go on.
        """
        self._began_s = time.monotonic()
        await self._remote.make("")
        for folder in self._sources.folders:
            await self._make(folder)
        queue: asyncio.Queue[Source] = asyncio.Queue(self._options.jobs)
        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._work(queue)) for _ in range(self._options.jobs)]
                for source in self._sources.files:
                    # Listed here, one folder after the other, so that no two workers ask for the same one.
                    await self._remote.exists(source.path.rpartition("/")[0])
                    await queue.put(source)
                await queue.join()
                for worker in workers:
                    worker.cancel()
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed
        done = tuple(self._done[source.path] for source in self._sources.files)
        return PutReport(str(self._target), done, self._sources.left_out)

    async def _make(self, folder: str) -> None:
        try:
            await self._remote.make(folder)
        except PosixError as error:
            if error.errno not in ("eexist", "enotdir"):
                raise _as_ours(error) from error
            # Its files say so one by one.

    async def _work(self, queue: asyncio.Queue[Source]) -> None:
        sending = Sending(self._remote, replace=self._options.replace, moved=self._count, say=self._say)
        while True:
            source = await queue.get()
            self._done[source.path] = await self._sent(source, sending)
            self._show(self._progress())
            queue.task_done()

    async def _sent(self, source: Source, sending: Sending) -> PutFile:
        try:
            return await sending.send(source)
        except NameTaken as error:
            return PutFile(source.path, "refused", source.size_bytes, problem=error)
        except (IntegrityFailure, StorageError) as error:
            return PutFile(source.path, "failed", source.size_bytes, problem=error)
        except PosixError as error:
            if error.errno in _OF_ONE_FILE:
                return PutFile(source.path, "failed", source.size_bytes, problem=error)
            raise _as_ours(error) from error

    def _count(self, size_bytes: int) -> None:
        self._bytes_done += size_bytes
        self._show(self._progress())

    def _progress(self) -> Progress:
        passed_s = max(time.monotonic() - self._began_s, 1e-3)
        total = len(self._sources.files)
        rate = self._bytes_done / passed_s
        return Progress(len(self._done), total, self._bytes_done, self._sources.size_bytes, rate)


def _as_ours(error: PosixError) -> Fs2odError:
    if error.errno in ("enospc", "edquot"):
        return TargetFull("the space is full: ask for more room, then run the same command again; what is whole stays")
    return error


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
