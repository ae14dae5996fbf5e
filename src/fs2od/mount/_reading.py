"""Bytes of mounted files: from the blocks on this disk, or from the service, read ahead where somebody reads on and on.

Two kinds of block. A *page* is small and comes alone: what a program wants that looks at headers. A *piece* is as large as
the manifest's, and is checked against it where it knows the file: what a program gets that reads a file from front to end.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import suppress

from fs2od.errors import Interrupted
from fs2od.manifests import PIECE_BYTES
from fs2od.mount._fetching import Brought, Fetching
from fs2od.mount._states import PAGE_BYTES, FileState, Handle
from fs2od.mount._waiting import Waiting

__all__ = ["Handle", "Reader", "Steps"]

Steps = Generator["Future[Brought]", None, bytes]
"""A read: yields what has to be waited for, whenever something has, and returns the bytes."""

_MOST_AHEAD = 8
_LEFT_AHEAD = 3
_MOST_TRIES = 3
_MANY = 8
_WAITED_SHARE = 0.25


class Reader:
    """Reads files of a dataset. Any number of threads may read; what several want at once is fetched once."""

    def __init__(self, fetching: Fetching, waiting: Waiting) -> None:
        """Prepare to read what `fetching` brings; `waiting` says how long to wait where the service is away."""
        self._waiting = waiting
        self._fetching = fetching

    def close(self) -> None:
        """End what is being read."""
        self._fetching.close()

    def read(self, handle: Handle, start: int, count: int) -> bytes:
        """Return bytes of a file; fewer where it ends before.

        Raises:
            IntegrityFailure: They are not those that the manifest promises, or the file is another one now.
            Interrupted: The mount ends, or who wants them does.
            ConnectionLost: The service was away for longer than was to be waited.
            ServiceError: The link or the token gives them no more.
        """
        steps = self.steps(handle, start, count)
        try:
            while True:
                self._waiting.for_end(next(steps), handle.process)
        except StopIteration as done:
            found: bytes = done.value
            return found

    def steps(self, handle: Handle, start: int, count: int) -> Steps:
        """Yield what to wait for before the next step, and return the bytes; without a step, if all are at hand.

        Raises:
            Fs2odError: See `read`.
        """
        state, goes_on = handle.state, handle.note(start, count)
        end = min(start + count, state.entry.size_bytes)
        if goes_on:
            self._read_ahead(handle, start // PIECE_BYTES)
        found: list[bytes] = []
        while start < end:
            part = self._at_hand(state, start, end - start)
            if not part:
                if not goes_on:
                    self._begin_pages(state, start, end)
                    self._bring_the_whole(handle, start // PIECE_BYTES)
                part = yield from self._waited(handle, start, end - start, in_pieces=goes_on)
            found.append(part)
            start += len(part)
        return found[0] if len(found) == 1 else b"".join(found)

    def _at_hand(self, state: FileState, start: int, count: int) -> bytes | None:
        """Return the bytes from `start` on, as far as one block has them that is here."""
        number = start // PIECE_BYTES
        key = self._fetching.piece_key(state, number)
        data = self._fetching.at_hand(key, start - number * PIECE_BYTES, count) if key else None
        if data or not state.has_pages:
            return data
        number = start // PAGE_BYTES
        return self._fetching.at_hand(self._fetching.page_key(state, number), start - number * PAGE_BYTES, count)

    def _waited(
        self, handle: Handle, start: int, count: int, *, in_pieces: bool
    ) -> Generator[Future[Brought], None, bytes]:
        """Return the bytes from `start` on, as far as one block has them that has to come."""
        state = handle.state
        for _ in range(_MOST_TRIES):
            coming = (
                self._fetching.piece(state, start // PIECE_BYTES)
                if in_pieces or not state.has_pages
                else self._fetching.page(state, start // PAGE_BYTES)
            )
            began_s = time.monotonic()
            yield coming
            handle.waits += 1
            handle.waited_s += time.monotonic() - began_s
            brought = coming.result()
            at = start - brought.start
            data = brought.data[at : at + count] if brought.data is not None else None
            data = data or self._fetching.at_hand(brought.key, at, count)
            if data:
                return data
        raise Interrupted("the cache loses what it was given")

    def _begin_pages(self, state: FileState, start: int, end: int) -> None:
        """Ask at once for all pages of a read, beyond the one that is waited for first."""
        if state.has_pages:
            for number in range(start // PAGE_BYTES + 1, (end - 1) // PAGE_BYTES + 1):
                if self._at_hand(state, number * PAGE_BYTES, 1) is None:
                    self._fetching.page(state, number)

    def _bring_the_whole(self, handle: Handle, number: int) -> None:
        """Bring a file behind somebody who jumps about in it, once this is not much beside the time that was waited for its pages."""
        state = handle.state
        if handle.waits < _MANY or state.age or not state.has_pages:
            return
        if handle.waited_s < _WAITED_SHARE * self._fetching.time_for(state.entry.size_bytes):
            return
        count = -(-state.entry.size_bytes // PIECE_BYTES)
        with suppress(Interrupted):
            while handle.behind < count and self._fetching.has_room_behind():
                # From where it is read just now, to the end, and round.
                if not handle.behind:
                    handle.behind_from = number
                self._fetching.read_ahead(state, (handle.behind_from + handle.behind) % count)
                handle.behind += 1

    def _read_ahead(self, handle: Handle, number: int) -> None:
        """Ask for what follows, as long runs of pieces, before the last of those that were asked for is read."""
        state = handle.state
        if handle.ahead_of == number or not state.has_pages:
            return
        # The kernel asks for what lies a little ahead, and now and then a little behind.
        if not handle.ahead_of - 1 <= number <= handle.until:
            handle.leave()
            handle.until, handle.ahead = number, 1
        handle.ahead_of = number
        count = -(-state.entry.size_bytes // PIECE_BYTES)
        if handle.until - number > _LEFT_AHEAD or handle.until >= count:
            return
        # The longer somebody has read on, the longer that will go on.
        handle.ahead = min(2 * handle.ahead, _MOST_AHEAD)
        first, end, way = handle.until, min(handle.until + handle.ahead, count), handle.way
        with suppress(Interrupted):
            handle.until = self._fetching.read_on(state, first, end, lambda: handle.way == way, is_ahead=first > number)
