"""Answers whose bytes are made while they are sent, in threads, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

__all__ = ["StreamedResponse"]

# Threads that wait for slow disks, beside those of the services, which must not wait for them.
_READERS = ThreadPoolExecutor(32, thread_name_prefix="content")


class StreamedResponse(Response):
    """Sends pieces of bytes that are made in threads, the next one while the last one leaves; memory stays flat.

    When the client goes away, nothing more is made. An exception of the pieces' maker cuts the connection, so that nobody
    takes a part for the whole.
    """

    def __init__(
        self,
        pieces: Generator[bytes, None, None],
        close: Callable[[], None],
        status: int = 200,
        *,
        headers: Mapping[str, str],
        length: int | None = None,
        first: bytes | None = None,
    ) -> None:
        """Prepare the answer.

        Args:
            pieces: Makes the body; called by one thread at a time. Nothing that may block is left to do after the last one.
            close: Called once in the end, however it comes.
            status: The status.
            headers: The headers, with Content-Type.
            length: The number of bytes, where it is known.
            first: The first piece, where it was made already.
        """
        said = headers if length is None else {**headers, "Content-Length": str(length)}
        super().__init__(b"", status, headers=said)
        self._first = first
        self._pieces = pieces
        self._close = close
        self._length = length
        if length is None:
            del self.headers["Content-Length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send headers and body.

        Raises:
            AccessEnded: The answer was cut off on purpose. The server closes the connection.
        """
        if scope["method"] == "HEAD":
            await asyncio.to_thread(self._end)
            await send(self._start())
            await send({"type": "http.response.body", "body": b""})
            return
        if self._first is not None and len(self._first) == self._length:
            await self._send_all(self._first, send)
            return
        left = asyncio.create_task(_left(receive))
        making = self._make() if self._first is None else _made(self._first)
        is_sent = False
        try:
            # Before the headers: what cannot be read at all is an error, and no broken answer.
            piece = await asyncio.shield(making)
            await send(self._start())
            sent = 0
            while piece is not None and not left.done():
                sent += len(piece)
                is_sent = sent == self._length
                if not is_sent:
                    making = self._make()
                await send({"type": "http.response.body", "body": piece, "more_body": not is_sent})
                piece = None if is_sent else await asyncio.shield(making)
            if not is_sent and not left.done():
                await send({"type": "http.response.body", "body": b""})
                is_sent = True
        finally:
            left.cancel()
            await self._finish(making, is_sent=is_sent)

    async def _send_all(self, body: bytes, send: Send) -> None:
        """Send what was made whole already: nothing is left to be spared for a client that goes away."""
        try:
            await send(self._start())
            await send({"type": "http.response.body", "body": body})
        finally:
            self._end()

    def _start(self) -> Message:
        return {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}

    def _make(self) -> asyncio.Future[bytes | None]:
        return asyncio.get_running_loop().run_in_executor(_READERS, next, self._pieces, None)

    async def _finish(self, making: asyncio.Future[bytes | None], *, is_sent: bool) -> None:
        if not making.done():
            await asyncio.wait([making])  # a thread still reads from what is about to be closed
        if not making.cancelled():
            making.exception()
        if is_sent:
            self._end()
        else:
            await asyncio.get_running_loop().run_in_executor(_READERS, self._end)

    def _end(self) -> None:
        self._pieces.close()
        self._close()


def _made(piece: bytes) -> asyncio.Future[bytes | None]:
    made: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    made.set_result(piece)
    return made


async def _left(receive: Receive) -> None:
    """Return when the client has gone, or the answer is complete."""
    while (await receive())["type"] != "http.disconnect":
        pass
