"""Bodies of requests as they arrive: taken over piece by piece by the thread that writes them, never held as a whole."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from fs2od.onedata import errors

__all__ = ["Bodies", "Body"]

Result = TypeVar("Result")
_LOOK_S = 0.5


class Body:
    """The body of one request. Iterate it once, in a thread.

    Attributes:
        length: How many bytes were announced, or None.
    """

    def __init__(
        self,
        request: Request,
        *,
        loop: asyncio.AbstractEventLoop,
        closing: threading.Event,
        piece_bytes: int,
        silence_s: float,
        most_bytes: int,
    ) -> None:
        self._stream: AsyncIterator[bytes] = request.stream()
        self._loop = loop
        self._closing = closing
        self._piece_bytes = piece_bytes
        self._silence_s = silence_s
        self._most_bytes = most_bytes
        announced = request.headers.get("Content-Length", "")
        self.length = int(announced) if announced.isascii() and announced.isdigit() else None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body in pieces of about one size, as they arrive.

        Raises:
            PosixError: efbig, it is longer than bodies may be.
            Busy: timeout, nothing came for too long.
            Rejected: malformedData, the client went away.
        """
        size = self.length or 0
        arrived = 0
        while True:
            if max(size, arrived) > self._most_bytes:
                raise errors.posix("efbig")
            piece = self._next()
            if not piece:
                return
            arrived += len(piece)
            yield piece

    def _next(self) -> bytes:
        gathering = asyncio.run_coroutine_threadsafe(self._gather(), self._loop)
        try:
            # Looked at now and then: a loop that ends with the node never finishes what it was asked for.
            while not wait([gathering], timeout=_LOOK_S).done:
                if self._closing.is_set():
                    gathering.cancel()
                    raise errors.error_of("serviceUnavailable", "The node stops.")
            return gathering.result()
        except (TimeoutError, CancelledError) as error:
            raise errors.error_of("timeout", "Nothing arrived for too long.") from error
        except ClientDisconnect as error:
            raise errors.malformed_data() from error

    async def _gather(self) -> bytes:
        """Return some bytes, as many as make a piece where they come quickly enough; none at the end."""
        pieces: list[bytes] = []
        size = 0
        async with asyncio.timeout(self._silence_s):
            while size < self._piece_bytes:
                try:
                    # Without a default: CPython 3.11 crashes where the awaitable of anext() with one is cancelled.
                    piece = await anext(self._stream)
                except StopAsyncIteration:
                    break
                pieces.append(piece)
                size += len(piece)
        return b"".join(pieces)


class Bodies:
    """Takes bodies in: so many at once, in threads of their own, because who sends slowly must keep nobody else waiting."""

    def __init__(
        self, *, piece_bytes: int, most_bytes: int, silence_s: float, at_once: int = 32, waiting: int = 256
    ) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="upload")
        self._piece_bytes = piece_bytes
        self._most_bytes = most_bytes
        self._silence_s = silence_s
        self._room = at_once + waiting
        self._taken = 0
        self._closing = threading.Event()

    async def taken_in(self, request: Request, write: Callable[[Body], Result]) -> Result:
        """Return what `write` does with the body of a request, in a thread.

        Raises:
            Busy: Too many bodies arrive already; try again later.
        """
        if self._taken >= self._room:
            raise errors.error_of("temporaryFailure", "Too much is being written just now: try again later.")
        loop = asyncio.get_running_loop()
        body = Body(
            request,
            loop=loop,
            closing=self._closing,
            piece_bytes=self._piece_bytes,
            silence_s=self._silence_s,
            most_bytes=self._most_bytes,
        )
        self._taken += 1
        try:
            # Shielded: a thread cannot be stopped, and goes on where nobody waits for its answer any more.
            writing = loop.run_in_executor(self._threads, write, body)
            writing.add_done_callback(_heard)
            return await asyncio.shield(writing)
        finally:
            self._taken -= 1

    def close(self) -> None:
        """Take nothing in any more; what is under way ends as if its sender had left."""
        self._closing.set()
        self._threads.shutdown(wait=True, cancel_futures=True)


def _heard(writing: asyncio.Future[Result]) -> None:
    """Take note of how writing ended where its request was given up: it has done what a sender's leaving does."""
    if not writing.cancelled():
        writing.exception()
