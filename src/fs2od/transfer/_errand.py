"""The walk through a share and the fetches beside it, until everything is there or nothing more can come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from fs2od.client import UntrustedCertificate
from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted, StorageError, StorageFull
from fs2od.onedata.errors import Forbidden, MalformedAnswer, NotFound, OnedataError, PosixError, Unauthorized
from fs2od.onedata.ids import FileId
from fs2od.transfer._destination import Destination
from fs2od.transfer._entries import Entry, EntryKind, Names
from fs2od.transfer._fetch import FileFetch
from fs2od.transfer._links import LinkEnded
from fs2od.transfer._patience import Patience, may_pass
from fs2od.transfer._plan import Fetch, Plan, plan_download
from fs2od.transfer._share import SharedFiles
from fs2od.transfer._tally import Tally
from fs2od.transfer._threads import Threads

__all__ = ["DownloadLimits", "Errand", "Manner"]

_GIVE_UP_AFTER: Final = 8
_LONGEST_PATH_BYTES: Final = 4_000
_GRACE_S: Final = 2.0
_ENDING: Final = (Unauthorized, Forbidden, NotFound, PosixError)


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Manner:
    """How a download goes about it.

    Attributes:
        at_once: How many files are fetched at the same time.
        limits: How much a share may list.
        patience: How often a file is taken up again.
        sleep: Pauses between tries.
    """

    at_once: int = 8
    limits: DownloadLimits = field(default_factory=DownloadLimits)
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Errand:
    """One run of a download over an open destination."""

    def __init__(
        self,
        files: SharedFiles,
        destination: Destination,
        threads: Threads,
        tally: Tally,
        manner: Manner,
        *,
        folds_case: bool,
    ) -> None:
        self._files = files
        self._destination = destination
        self._threads = threads
        self._tally = tally
        self._manner = manner
        self._folds_case = folds_case
        self._queue: asyncio.Queue[tuple[Names, Fetch] | None] = asyncio.Queue(4 * manner.at_once)
        self._entries = 0
        self._lost_in_a_row = 0
        self._touched: set[Names] = set()
        self._stopping = asyncio.Event()
        self._cause: Fs2odError | None = None

    async def run(self, root: Entry) -> Fs2odError | None:
        """Bring everything below `root`, and return why not everything was tried, if so."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._work()) for _ in range(self._manner.at_once)]
            tasks.append(group.create_task(self._walk(root)))
            guard = group.create_task(self._end_stragglers(tasks))
            await asyncio.wait(tasks)
            guard.cancel()
        return self._cause

    def _stop(self, cause: Fs2odError) -> None:
        """Let everything end soon: nothing more can come."""
        self._cause = self._cause or cause
        self._stopping.set()

    async def _end_stragglers(self, tasks: list[asyncio.Task[None]]) -> None:
        # A task that is cancelled while it connects leaves its socket open, so they get the time to end by themselves.
        await self._stopping.wait()
        await asyncio.wait(tasks, timeout=_GRACE_S)
        for task in tasks:
            task.cancel()

    async def settle(self) -> None:
        """Wait until the names of all fetched files are safe against a power cut.

        Raises:
            StorageError: The disk reported a failure.
        """
        for folder in self._touched:
            await self._threads.run(self._destination.settle, folder)

    async def _walk(self, root: Entry) -> None:
        if root.kind is EntryKind.FOLDER:
            await self._walk_folders(root.file_id)
        else:
            await self._carry_out((), await self._planned((), [root]))
        self._tally.listing_ended()
        for _ in range(self._manner.at_once):
            await self._queue.put(None)

    async def _walk_folders(self, root: FileId) -> None:
        ahead: list[tuple[Names, FileId]] = [((), root)]
        while ahead and not self._stopping.is_set():
            folder, file_id = ahead.pop()
            try:
                listing = await self._listed(folder, file_id)
                plan = await self._planned(folder, listing)
            except Fs2odError as error:
                await self._failed(folder, error)
                continue
            below = await self._carry_out(folder, plan)
            ahead += reversed([((*folder, entry.name), entry.file_id) for entry in below])

    async def _listed(self, folder: Names, file_id: FileId) -> list[Entry]:
        limits = self._manner.limits
        if len(folder) > limits.depth or len("/".join(folder).encode()) > _LONGEST_PATH_BYTES:
            raise IntegrityFailure("the folders lie deeper in each other than any dataset's")
        listing = await self._patiently_listed(file_id)
        self._entries += len(listing)
        if self._entries > limits.entries:
            self._stop(MalformedAnswer(f"the share lists more than {limits.entries:,} files and folders"))
            return []
        return listing

    async def _patiently_listed(self, file_id: FileId) -> list[Entry]:
        misses = 0
        while True:
            try:
                return await self._files.listing(file_id, most=self._manner.limits.folder_entries)
            except OnedataError as error:
                misses += 1
                if misses >= self._manner.patience.tries or not may_pass(error):
                    raise
                await self._manner.sleep(self._manner.patience.pause_s(misses, error))

    async def _planned(self, folder: Names, listing: list[Entry]) -> Plan:
        present = await self._threads.run(self._destination.scan, folder)
        return plan_download(listing, present, depth=len(folder), folds_case=self._folds_case)

    async def _carry_out(self, folder: Names, plan: Plan) -> list[Entry]:
        """Do what a plan says, but leave the files to the workers; return the folders to enter."""
        here = [entry for entry in plan.skip if entry.kind is EntryKind.FILE]
        refused = [refusal.entry for refusal in plan.refuse if refusal.entry.kind is EntryKind.FILE]
        self._tally.listed([*here, *refused, *(fetch.entry for fetch in plan.fetch)], here)
        for refusal in plan.refuse:
            self._tally.failed((*folder, refusal.entry.name), IntegrityFailure(refusal.reason))
        for name in plan.remove:
            await self._on_disk((*folder, name), self._destination.remove, (*folder, name))
        for link in plan.links:
            path = (*folder, link.name)
            await self._on_disk(path, self._destination.make_link, path, link.target or "")
        entered = [
            entry
            for entry in plan.folders
            if await self._on_disk((*folder, entry.name), self._destination.make_folder, (*folder, entry.name))
        ]
        for fetch in plan.fetch:
            if self._stopping.is_set():
                break
            await self._queue.put((folder, fetch))
        return entered

    async def _on_disk(self, path: Names, call: Callable[..., object], *arguments: object) -> bool:
        """Do something on the disk, and say whether it was done; if not, it is among the failures."""
        try:
            await self._threads.run(call, *arguments)
        except StorageError as error:
            await self._failed(path, error)
            return False
        return True

    async def _work(self) -> None:
        while (job := await self._queue.get()) is not None:
            if self._stopping.is_set():
                continue
            folder, fetch = job
            errand = FileFetch(
                self._files,
                self._destination,
                folder,
                fetch,
                threads=self._threads,
                tally=self._tally,
                patience=self._manner.patience,
                sleep=self._manner.sleep,
                stopping=self._stopping,
            )
            try:
                whole = await errand.run()
            except Interrupted:
                continue
            except Fs2odError as error:
                await self._failed((*folder, fetch.entry.name), error)
            else:
                self._lost_in_a_row = 0
                self._touched.add(folder)
                self._tally.fetched(whole.size_bytes)

    async def _failed(self, path: Names, error: Fs2odError) -> None:
        """Take note of a failure, and stop if it stands in the way of everything else, too."""
        self._tally.failed(path, error)
        if isinstance(error, StorageFull | UntrustedCertificate):
            self._stop(error)
        elif may_pass(error) or isinstance(error, StorageError):
            self._lost_in_a_row += 1
            if self._lost_in_a_row >= max(_GIVE_UP_AFTER, self._manner.at_once):
                self._stop(error)
        elif isinstance(error, _ENDING):
            await self._check_that_link_stands()

    async def _check_that_link_stands(self) -> None:
        try:
            await self._files.name()
        except NotFound:
            self._stop(LinkEnded("the link was ended while its files were fetched; what has arrived stays"))
        except Fs2odError as error:
            self._stop(error)
