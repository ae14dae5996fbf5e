"""What one connection may ask of the node's memory and patience before anybody knows who is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fs2od.node.http.neighbours import neighbourhood
from fs2od.node.open_files import most_of_one_client

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

__all__ = ["HEAD_BYTES", "WAITING", "BoundedProtocol"]

HEAD_BYTES: Final = 256 * 1024
"""So long may the head of a request be: a token that names a hundred folders takes a tenth of it."""
WAITING: Final = 100
"""So many requests may wait on one connection for the answers before them: programs that send several at once send ten."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which by itself keeps whatever comes: heads without an end, requests by the million, silence for ever.

    Attributes:
        head_s: So long may a client take for the head of a request, from its first byte or from the connection's beginning.
        body_s: So long may it send nothing of a body that is read.
        unread_s: So long, or twice that, may it take nothing of an answer: longer than whoever pauses a download over lunch, and
            what was cut off goes on at any byte.
    """

    head_s = 60.0
    body_s = 600.0
    unread_s = 3600.0

    _held: ClassVar[Counter[str]] = Counter()
    """How many connections each client has, to whichever service of the process."""
    _client = ""
    _times_full = 0
    _unread: asyncio.TimerHandle | None = None

    _is_refused = False
    _in_body = False
    _came_to_something = False
    _for_nothing_bytes = 0
    _heard_s = 0.0
    _patience: asyncio.TimerHandle | None = None
    _running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first head, unless its client has too many connections."""
        super().connection_made(transport)
        self._client = neighbourhood(ip_address(self.client[0])) if self.client else ""
        self._held[self._client] += 1
        if self._held[self._client] > most_of_one_client():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._be_patient(self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who answer that nobody is there."""
        self._held[self._client] -= 1
        if not self._held[self._client]:
            del self._held[self._client]
        self._wait_no_longer()
        if self._unread is not None:
            self._unread.cancel()
        # uvicorn tells the last request alone: an answer before it would be made to its end, for nobody.
        if self._running is not None and self._is_answering:
            self._running.disconnected = True
            self._running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for a client that takes what is written slower than it comes."""
        super().pause_writing()
        self._times_full += 1
        if self._unread is None:
            self._wait_for_reader()

    def data_received(self, data: bytes) -> None:
        """Take what came, if it comes to something."""
        if self._is_refused:
            return
        self._came_to_something = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        # What brings neither the end of a head nor a piece of a body is kept, be it lines of a head or of what follows a body.
        self._for_nothing_bytes = 0 if self._came_to_something else self._for_nothing_bytes + len(data)
        if self._for_nothing_bytes > HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._in_body:
            self._heard_s = self.loop.time()
            self._be_patient(self.body_s)
        elif self._for_nothing_bytes:
            self._be_patient(self.head_s)

    def on_headers_complete(self) -> None:
        """Begin with a request, if it may be one more."""
        self._came_to_something = self._in_body = True
        self._wait_no_longer()
        if self._is_refused:
            return
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif len(self.pipeline) >= WAITING:
            # It is no use to read no more: an answer that waits for its request's end lets reading go on.
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS)
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._came_to_something = True
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note that a request is whole."""
        self._came_to_something, self._in_body = True, False
        self._wait_no_longer()
        if not self._is_refused:
            super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _wait_for_reader(self) -> None:
        self._unread = self.loop.call_later(self.unread_s, self._look_at_reader, self._left_to_read())

    def _look_at_reader(self, before: tuple[int, int]) -> None:
        self._unread = None
        if self.flow.write_paused and self._left_to_read() == before:
            self.transport.abort()
        elif self.flow.write_paused:
            self._wait_for_reader()

    def _left_to_read(self) -> tuple[int, int]:
        """Return what changes whenever anything is taken."""
        return self._times_full, self.transport.get_write_buffer_size()

    def _be_patient(self, for_s: float) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(for_s, self._lose_patience)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        left_s = self._left_s()
        if left_s > 0:
            self._be_patient(left_s)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _left_s(self) -> float:
        """Return for how long to wait on."""
        if self._in_body:
            # Who is not read from cannot be heard.
            return self.body_s if self.flow.read_paused else self._heard_s + self.body_s - self.loop.time()
        # Beside an answer that is under way there is no hurry: old programs send an empty line after a request.
        return self.head_s if self._is_answering else 0

    @property
    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _refuse(self, status: HTTPStatus) -> None:
        """Read no more, and say why, unless that would come into the middle of an answer."""
        self._is_refused = True
        if self._is_answering:
            self.transport.abort()
            return
        said = f"{status.phrase}\n"
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(said)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write((head + said).encode())
        self.transport.close()
