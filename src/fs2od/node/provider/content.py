"""Bytes out: one data path for whole files, ranges and archives, which stops when the access that started it ends.

Each chunk is read off the event loop and is large (1 MiB), because under TLS the number of chunks decides the speed.
Source for ranges: RFC 9110 §14, and the REST contract §2.6.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from typing import BinaryIO
from urllib.parse import quote

import anyio.to_thread
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from fs2od.node.provider.attributes import content_type

__all__ = ["AccessEnded", "FileResponse", "Unsatisfiable", "content_disposition", "parse_range", "unsatisfiable"]

_RANGE = re.compile(r"bytes=\s*(?:(?P<first>\d{1,19})-(?P<last>\d{0,19})|-(?P<suffix>\d{1,19}))\s*")


class Unsatisfiable(ValueError):
    """The range is outside the file, or is no range."""


class AccessEnded(Exception):
    """The access that started an answer has ended; the connection is cut so that nobody takes the rest for the end."""


def parse_range(header: str, size: int) -> tuple[int, int]:
    """Return the first byte and the number of bytes that a Range header with one range asks for.

    Raises:
        Unsatisfiable: Nothing of it lies in a file of `size` bytes, or it cannot be understood.
    """
    found = _RANGE.fullmatch(header)
    if not found:
        raise Unsatisfiable
    if found["suffix"] is not None:
        first, last = max(0, size - int(found["suffix"])), size - 1
    else:
        first = int(found["first"])
        last = min(int(found["last"]), size - 1) if found["last"] else size - 1
    if first >= size or first > last:
        raise Unsatisfiable
    return first, last - first + 1


def content_disposition(name: str) -> str:
    """Return the header that offers a download under `name`, also where it is not ASCII (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def unsatisfiable(size: int) -> Response:
    """Return 416 with the size of the file and an empty body."""
    return Response(b"", 416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})


class FileResponse(Response):
    """Sends a part of an open file, and closes it."""

    def __init__(
        self,
        source: BinaryIO,
        *,
        name: str,
        size: int,
        part: tuple[int, int] | None,
        etag: str,
        mtime_s: int,
        stands: Callable[[], bool],
        chunk_bytes: int,
        recheck_bytes: int,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Prepare the answer.

        Args:
            source: The file, opened for reading.
            name: What the download is called.
            size: Its size in bytes, as registered.
            part: The first byte and the number of bytes, or None for the whole file (status 200).
            etag: What identifies this state of the file, quoted.
            mtime_s: When it was modified, in seconds since 1970.
            stands: Says whether the access that started the answer still holds; may block.
            chunk_bytes: How many bytes are read at a time.
            recheck_bytes: After how many bytes `stands` is asked again.
            headers: More headers.
        """
        super().__init__(b"", 200 if part is None else 206, media_type=content_type(name), headers=headers)
        self._source = source
        self._first, self._count = part or (0, size)
        self._stands = stands
        self._chunk_bytes = chunk_bytes
        self._recheck_bytes = recheck_bytes
        self.headers["Content-Length"] = str(self._count)
        self.headers["Content-Disposition"] = content_disposition(name)
        self.headers["Accept-Ranges"] = "bytes"
        self.headers["ETag"] = etag
        self.headers["Last-Modified"] = http_date(mtime_s)
        if part is not None:
            self.headers["Content-Range"] = f"bytes {self._first}-{self._first + self._count - 1}/{size}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's signature
        """Send headers and bytes; the connection breaks off when the file is shorter than promised or access ends."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            await self._send_bytes(send)
        finally:
            self._source.close()

    async def _send_bytes(self, send: Send) -> None:
        left = self._count
        unchecked = 0
        await anyio.to_thread.run_sync(self._source.seek, self._first)
        while left:
            chunk = await anyio.to_thread.run_sync(self._source.read, min(left, self._chunk_bytes))
            if not chunk:
                raise AccessEnded("the file became shorter while it was read")
            left -= len(chunk)
            unchecked += len(chunk)
            if unchecked >= self._recheck_bytes:
                unchecked = 0
                if not await anyio.to_thread.run_sync(self._stands):
                    raise AccessEnded("the access ended")
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        if not self._count:
            await send({"type": "http.response.body", "body": b""})


def http_date(seconds: int) -> str:
    """Return a moment as HTTP headers have it (RFC 9110 §5.6.7)."""
    return formatdate(seconds, usegmt=True)


def streamed(chunks: AsyncIterator[bytes], *, name: str, media_type: str) -> StreamingResponse:
    """Return a download of unknown length, made while it is sent."""
    headers = {"Content-Disposition": content_disposition(name)}
    return StreamingResponse(chunks, media_type=media_type, headers=headers)
