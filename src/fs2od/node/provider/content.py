"""Bytes out: one data path for whole files, ranges and archives, which stops when the access that started it ends.

Each chunk is read in a thread and is large (1 MiB), because under TLS the number of chunks decides the speed; the next one is
read while the last one is sent. Sources: RFC 9110 §14 and §15.3.7, and the REST contract §2.6.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import BinaryIO
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from fs2od.node.provider.attributes import content_type
from fs2od.node.provider.byte_ranges import Part, State, Unsatisfiable, judge, parse_range

__all__ = [
    "AccessEnded",
    "FileResponse",
    "StreamedResponse",
    "Unsatisfiable",
    "archive_answer",
    "content_disposition",
    "file_answer",
    "http_date",
    "parse_range",
    "state_of",
    "streamed",
    "unsatisfiable",
]

_NS = 1_000_000_000
# Threads that wait for slow disks, beside those of the services, which must not wait for them.
_READERS = ThreadPoolExecutor(32, thread_name_prefix="content")


class AccessEnded(Exception):  # it reports what was done on purpose
    """An answer is cut off, because its access ended or its file changed: nobody may take what was sent for the whole."""


def state_of(source: BinaryIO) -> State:
    """Return what an open file has at this moment.

    The entity tag is strong: it moves with the inode, the size, and the times of the last change to bytes or inode.
    """
    facts = os.fstat(source.fileno())
    tag = f'"{facts.st_ino:x}-{facts.st_size:x}-{facts.st_mtime_ns:x}-{facts.st_ctime_ns:x}"'
    return State(facts.st_size, tag, facts.st_mtime_ns // _NS)


def content_disposition(name: str) -> str:
    """Return the header that offers a download under `name`, also where it is not ASCII (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def http_date(seconds: int) -> str:
    """Return a moment as HTTP headers have it (RFC 9110 §5.6.7)."""
    return formatdate(seconds, usegmt=True)


def unsatisfiable(size: int) -> Response:
    """Return 416 with the size of the file and an empty body."""
    return Response(b"", 416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})


def file_answer(
    method: str,
    request_headers: Mapping[str, str],
    source: BinaryIO,
    *,
    name: str,
    stands: Callable[[], bool],
    chunk_bytes: int,
    recheck_bytes: int,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return what a GET or HEAD request for an open file gets: all of it, parts of it, or that it has them already.

    The file is sent as it is at this moment, whatever is registered, and closed in the end. A client that says what it has
    (If-Range, If-None-Match, …) is answered by the state of the file itself. May block; call it in a thread.

    Args:
        method: GET or HEAD.
        request_headers: The request's headers, looked up without regard to case.
        source: The file, opened for reading.
        name: What the download is called.
        stands: Says whether the access that started the answer still holds; may block.
        chunk_bytes: How many bytes are read at a time.
        recheck_bytes: After how many bytes `stands` is asked again.
        headers: More headers for the answer.
    """
    state = state_of(source)
    verdict = judge(method, request_headers, state)
    common = {
        **(headers or {}),
        "Accept-Ranges": "bytes",
        "ETag": state.etag,
        "Last-Modified": http_date(state.mtime_s),
    }
    if verdict.status == 416 or not verdict.parts:
        source.close()
        return unsatisfiable(state.size) if verdict.status == 416 else _bodiless(verdict.status, common)
    framed = _Framed.of(verdict.status, verdict.parts, state.size, content_type(name))
    common |= {"Content-Disposition": content_disposition(name), **framed.headers}
    if method == "HEAD" or not framed.length:
        source.close()
        return Response(b"", verdict.status, headers=common | {"Content-Length": str(framed.length)})
    chunks = _file_chunks(source, state, framed, stands=stands, chunk_bytes=chunk_bytes, recheck_bytes=recheck_bytes)
    return StreamedResponse(chunks, source.close, verdict.status, headers=common, length=framed.length)


def _bodiless(status: int, headers: Mapping[str, str]) -> Response:
    answer = Response(b"", status, headers=headers)
    if status == 304:
        del answer.headers["Content-Length"]  # it would speak of the body that a GET would have got
    return answer


class _Framed:
    """The parts of a file with the lines around them: none around one part, those of multipart/byteranges around several."""

    def __init__(self, parts: Sequence[tuple[bytes, Part]], end: bytes, headers: Mapping[str, str]) -> None:
        self.parts = parts
        self.end = end
        self.headers = headers
        self.length = sum(len(before) + count for before, (_, count) in parts) + len(end)

    @classmethod
    def of(cls, status: int, parts: Sequence[Part], size: int, media_type: str) -> _Framed:
        if status == 200:
            return cls([(b"", parts[0])], b"", {"Content-Type": media_type})
        if len(parts) == 1:
            return cls(
                [(b"", parts[0])], b"", {"Content-Type": media_type, "Content-Range": _content_range(parts[0], size)}
            )
        boundary = secrets.token_hex(16)
        framed = [
            (
                f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {_content_range(part, size)}\r\n\r\n".encode(),
                part,
            )
            for part in parts
        ]
        end = f"\r\n--{boundary}--\r\n".encode()
        return cls(framed, end, {"Content-Type": f"multipart/byteranges; boundary={boundary}"})


def _content_range(part: Part, size: int) -> str:
    first, count = part
    return f"bytes {first}-{first + count - 1}/{size}"


def _file_chunks(
    source: BinaryIO,
    state: State,
    framed: _Framed,
    *,
    stands: Callable[[], bool],
    chunk_bytes: int,
    recheck_bytes: int,
) -> Generator[bytes, None, None]:
    """Yield the framed parts, each piece after the next one was read. The last piece leaves only after the file was found to be what it was at the beginning."""
    held, unchecked = b"", 0
    for before, (first, count) in framed.parts:
        source.seek(first)
        held += before
        left = count
        while left:
            chunk = source.read(min(left, chunk_bytes))
            if not chunk:
                raise AccessEnded("the file became shorter while it was read")
            left -= len(chunk)
            unchecked += len(chunk)
            if unchecked >= recheck_bytes:
                unchecked = 0
                if not stands():
                    raise AccessEnded("the access ended")
            if held:
                yield held
            held = chunk
    if state_of(source) != state:
        raise AccessEnded("the file changed while it was read")
    source.close()
    yield held + framed.end if framed.end else held


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
    ) -> None:
        """Prepare the answer.

        Args:
            pieces: Makes the body; called by one thread at a time. Nothing that may block is left to do after the last one.
            close: Called once in the end, however it comes.
            status: The status.
            headers: The headers, with Content-Type.
            length: The number of bytes, where it is known.
        """
        super().__init__(b"", status, headers=headers)
        self._pieces = pieces
        self._close = close
        self._length = length
        if length is None:
            del self.headers["Content-Length"]
        else:
            self.headers["Content-Length"] = str(length)

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
        left = asyncio.create_task(_left(receive))
        making = self._make()
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


async def _left(receive: Receive) -> None:
    """Return when the client has gone, or the answer is complete."""
    while (await receive())["type"] != "http.disconnect":
        pass


def archive_answer(pieces: Generator[bytes, None, None], *, name: str) -> Response:
    """Return a TAR as a download whose length nobody knows beforehand."""
    headers = {"Content-Disposition": content_disposition(f"{name}.tar"), "Content-Type": "application/x-tar"}
    return StreamedResponse(pieces, pieces.close, headers=headers)


class FileResponse(StreamedResponse):
    """Sends a part of an open file as the caller understood the request, and closes it; `file_answer` understands more."""

    def __init__(
        self,
        source: BinaryIO,
        *,
        name: str,
        size: int,
        part: Part | None,
        etag: str,
        mtime_s: int,
        stands: Callable[[], bool],
        chunk_bytes: int,
        recheck_bytes: int,
    ) -> None:
        status = 200 if part is None else 206
        framed = _Framed.of(status, [part or (0, size)], size, content_type(name))
        chunks = _file_chunks(
            source, state_of(source), framed, stands=stands, chunk_bytes=chunk_bytes, recheck_bytes=recheck_bytes
        )
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Disposition": content_disposition(name),
            "ETag": etag,
            "Last-Modified": http_date(mtime_s),
            **framed.headers,
        }
        super().__init__(chunks, source.close, status, headers=headers, length=framed.length)


def streamed(chunks: AsyncIterator[bytes], *, name: str, media_type: str) -> StreamingResponse:
    """Return a download of unknown length, made while it is sent."""
    headers = {"Content-Disposition": content_disposition(name)}
    return StreamingResponse(chunks, media_type=media_type, headers=headers)
