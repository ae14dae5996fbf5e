"""Answers to clients of HTTP/1.0, which know no chunks: what has no length ends with its connection (RFC 9112, section 6)."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGISendEvent

__all__ = ["UnframedCycle"]

_NO_FAREWELL = struct.pack("ii", 1, 0)


class UnframedCycle(RequestResponseCycle):
    """uvicorn's request and answer where the client speaks HTTP/1.0: left alone, it sends chunks to whoever asks."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer, as it is where nobody said how long it will be."""
        if message["type"] == "http.response.start":
            if not any(name.lower() == b"content-length" for name, _ in message.get("headers", ())):
                self.chunked_encoding = False
                self.transport = cast("asyncio.Transport", _Closing(self.transport, self))
        elif message["type"] == "http.response.body" and isinstance(self.transport, _Closing):
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


class _Closing:
    """A connection whose orderly end says that the answer is whole: one that is not is cut off."""

    def __init__(self, transport: asyncio.Transport, cycle: UnframedCycle) -> None:
        self._transport = transport
        self._cycle = cycle

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def close(self) -> None:
        """Close after what was written has left, if it was all."""
        if self._cycle.response_complete:
            self._transport.close()
            return
        # Without TLS, whose own end is missing then, only a reset tells that there should be more.
        plain: socket.socket | None = self._transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_FAREWELL)
        self._transport.abort()
