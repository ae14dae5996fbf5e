"""One file on its way to the disk: received, resumed where it broke off, checked, and only then given its name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted
from fs2od.onedata.errors import Busy, ConnectionLost
from fs2od.transfer._destination import Destination, Partial, PartialGone
from fs2od.transfer._entries import Entry, EntryKind, Names, Present
from fs2od.transfer._partials import PartialName, partial_name
from fs2od.transfer._patience import Patience, may_pass
from fs2od.transfer._plan import Fetch
from fs2od.transfer._share import Bytes, SharedFiles
from fs2od.transfer._tally import Tally
from fs2od.transfer._threads import Threads

__all__ = ["FileFetch"]

_CHUNK_BYTES: Final = 1 << 20
_WORTHWHILE_BYTES: Final = 64 << 10
_MOST_CHANGES: Final = 3


class FileFetch:
    """Brings one file. `run` may be called once."""

    def __init__(
        self,
        files: SharedFiles,
        destination: Destination,
        folder: Names,
        fetch: Fetch,
        *,
        threads: Threads,
        tally: Tally,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]],
        stopping: asyncio.Event,
    ) -> None:
        self._files = files
        self._destination = destination
        self._folder = folder
        self._entry = fetch.entry
        self._name = fetch.partial
        self._threads = threads
        self._tally = tally
        self._patience = patience
        self._sleep = sleep
        self._stopping = stopping
        self._ranges = True
        self._here = 0
        self._furthest = 0
        self._misses = 0
        self._changes = 0

    async def run(self) -> Entry:
        """Return what stands on the disk when the file is whole.

        Raises:
            ConnectionLost: The connection broke off too often: run the same command again later.
            IntegrityFailure: The bytes are not those that the listing announced.
            StorageError: The disk refused.
            OnedataError: The service refused.
            Interrupted: `stopping` was set; what has arrived is kept.
        """
        while True:
            self._check_stopping()
            before = self._furthest
            try:
                await self._bring()
            except (ConnectionLost, Busy, PartialGone) as error:
                if isinstance(error, PartialGone) and await self._threads.run(self._stands):
                    return self._entry
                self._count_miss(error, before)
                await self._sleep(self._patience.pause_s(self._misses, error))
            except IntegrityFailure as error:
                await self._look_again(error)
            else:
                return self._entry

    def _count_miss(self, cause: Fs2odError, before: int) -> None:
        # Progress is what no earlier try had reached: a service that always begins anew must not keep us for ever.
        self._misses = 0 if self._furthest - before >= _WORTHWHILE_BYTES else self._misses + 1
        if self._misses >= self._patience.tries or not (may_pass(cause) or isinstance(cause, PartialGone)):
            raise cause

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise Interrupted("the download is being stopped")

    async def _look_again(self, error: IntegrityFailure) -> None:
        """Go on with the file as it is now if it has changed, else once more from its beginning.

        Raises:
            IntegrityFailure: It has not changed, and was read from the beginning already; or it changes all the time.
        """
        now = await self._files.facts(self._entry.file_id)
        if now.kind is self._entry.kind and now.state() != self._entry.state():
            self._changes += 1
            if self._changes > _MOST_CHANGES:
                raise IntegrityFailure("it is still being written; run the same command again later") from error
            self._tally.resized(now.size_bytes - self._entry.size_bytes)
            self._entry = Entry(self._entry.name, now.kind, now.file_id, now.size_bytes, now.mtime_s)
            await self._forget()
        elif self._ranges:
            self._ranges = False
        else:
            raise error

    async def _bring(self) -> None:
        self._move_to(await self._threads.run(self._size_here))
        if self._here == self._entry.size_bytes:
            await self._threads.run(self._finish_whole)
            return
        start = self._here if self._ranges else 0
        async with self._files.content(self._entry, start=start) as content:
            await self._accept(content)
            await self._receive(content)

    async def _accept(self, content: Bytes) -> None:
        """Make sure that an answer continues what is here.

        Raises:
            ConnectionLost: What is here belongs to another state of the file, and was dropped.
        """
        name = partial_name(self._entry.name, self._entry.state(), etag=content.etag)
        if self._name is not None and self._name != name:
            await self._forget()
            if content.start:
                raise ConnectionLost("the file was replaced while it was read")
        self._name = name
        self._move_to(content.start)

    async def _receive(self, content: Bytes) -> None:
        landing = _Landing(self._destination, self._folder, self._name or partial_name(self._entry.name, ""))
        waiting = bytearray()
        try:
            async for chunk in content.chunks:
                self._check_stopping()
                waiting += chunk
                if self._here + len(waiting) > self._entry.size_bytes:
                    waiting.clear()
                    await self._threads.run(landing.discard)
                    raise IntegrityFailure(
                        f"the service sends more than the {self._entry.size_bytes:,} bytes announced"
                    )
                if len(waiting) >= _CHUNK_BYTES:
                    await self._threads.run(landing.write, self._here, waiting)
                    self._advance(len(waiting))
                    waiting = bytearray()
            if self._here + len(waiting) < self._entry.size_bytes:
                raise ConnectionLost("the answer ended before the file did")
            await self._threads.run(landing.finish, self._here, waiting, self._entry)
            self._advance(len(waiting))
            waiting = bytearray()
        finally:
            # Also when we are told to stop: what has come need not come again.
            await self._threads.run(landing.close, self._here, waiting)
            self._advance(len(waiting))

    async def _forget(self) -> None:
        if self._name is not None:
            await self._threads.run(self._destination.remove, (*self._folder, str(self._name)))
        self._name = None
        self._move_to(0)

    def _size_here(self) -> int:
        if self._name is None:
            return 0
        size = self._destination.size((*self._folder, str(self._name)))
        if size <= self._entry.size_bytes:
            return size
        self._destination.remove((*self._folder, str(self._name)))
        return 0

    def _finish_whole(self) -> None:
        name = self._name or partial_name(self._entry.name, self._entry.state())
        landing = _Landing(self._destination, self._folder, name)
        try:
            landing.finish(self._here, b"", self._entry)
        finally:
            landing.close(0, b"")

    def _stands(self) -> bool:
        """Say whether another download has put the file into its place."""
        there = self._destination.scan(self._folder).get(self._entry.name)
        expected = Present(EntryKind.FILE, self._entry.size_bytes, self._entry.mtime_s)
        return there == expected

    def _advance(self, by_bytes: int) -> None:
        self._tally.received(by_bytes)
        self._move_to(self._here + by_bytes)

    def _move_to(self, position: int) -> None:
        self._tally.moved(position - self._here)
        self._here = position
        self._furthest = max(self._furthest, position)


class _Landing:
    """Where the bytes of one answer go; the partial file is opened with the first of them. Methods block."""

    def __init__(self, destination: Destination, folder: Names, name: PartialName) -> None:
        self._destination = destination
        self._folder = folder
        self._name = name
        self._partial: Partial | None = None

    def write(self, offset: int, data: bytes | bytearray) -> None:
        self._opened().write(offset, data)

    def finish(self, offset: int, data: bytes | bytearray, entry: Entry) -> None:
        partial = self._opened()
        partial.write(offset, data)
        if partial.size_bytes != entry.size_bytes:
            partial.discard()
            raise PartialGone("the partial file was changed by somebody else")
        partial.finish(entry.name, mtime_s=entry.mtime_s)

    def discard(self) -> None:
        self._opened().discard()

    def close(self, offset: int, rest: bytes | bytearray) -> None:
        try:
            if rest:
                self.write(offset, rest)
        finally:
            if self._partial is not None:
                self._partial.close()
                self._partial = None

    def _opened(self) -> Partial:
        if self._partial is None:
            self._partial = self._destination.open_partial(self._folder, self._name)
        return self._partial
