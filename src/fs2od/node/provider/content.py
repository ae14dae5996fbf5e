"""Bytes out: one data path for whole files, ranges and archives, which stops when the access that started it ends.

Each chunk is read in a thread and is large (1 MiB), because under TLS the number of chunks decides the speed; the next one is
read while the last one is sent. Sources: RFC 9110 §14 and §15.3.7, and the REST contract §2.6.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import BinaryIO
from urllib.parse import quote

from starlette.responses import Response

from fs2od.errors import StorageError
from fs2od.node.cut_off import AccessEnded
from fs2od.node.provider.attributes import content_type
from fs2od.node.provider.byte_ranges import Part, State, judge
from fs2od.node.provider.streaming import StreamedResponse
from fs2od.storage import facts_of

__all__ = [
    "Framed",
    "archive_answer",
    "bodiless",
    "content_disposition",
    "file_answer",
    "http_date",
    "state_of",
    "unsatisfiable",
]

_NS = 1_000_000_000
_MOST_NAMES = 1000


def state_of(source: BinaryIO) -> State:
    """Return what an open file has at this moment.

    The entity tag is strong: it moves with the inode, the size, and the times of the last change to bytes or inode.
    """
    facts = facts_of(source)
    tag = f'"{facts.inode:x}-{facts.size_bytes:x}-{facts.mtime_ns:x}-{facts.ctime_ns:x}"'
    return State(facts.size_bytes, tag, facts.mtime_ns // _NS)


@lru_cache(_MOST_NAMES)
def content_disposition(name: str) -> str:
    """Return the header that offers a download under `name`, also where it is not ASCII (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@lru_cache(_MOST_NAMES)
def http_date(seconds: int) -> str:
    """Return a moment as HTTP headers have it (RFC 9110 §5.6.7)."""
    return formatdate(seconds, usegmt=True)


def unsatisfiable(size: int) -> Response:
    """Return the answer to a request for bytes that are not there."""
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
        request_headers: The request's headers, by their names in lower case.
        source: The file, opened for reading.
        name: What the download is called.
        stands: Says whether the access that started the answer still holds; may block.
        chunk_bytes: How many bytes are read at a time.
        recheck_bytes: After how many bytes `stands` is asked again.
        headers: More headers for the answer.

    Raises:
        StorageError: The file cannot be read, or changes just now.
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
        return unsatisfiable(state.size) if verdict.status == 416 else bodiless(verdict.status, common)
    framed = Framed.of(verdict.status, verdict.parts, state.size, content_type(name))
    common |= {"Content-Disposition": content_disposition(name), **framed.headers}
    if method == "HEAD" or not framed.length:
        source.close()
        return Response(b"", verdict.status, headers=common | {"Content-Length": str(framed.length)})
    chunks = _file_chunks(source, state, framed, stands=stands, chunk_bytes=chunk_bytes, recheck_bytes=recheck_bytes)
    # Read here, in the caller's thread: a range of one chunk, as a mount asks for, then needs no other.
    first = _first_of(chunks, source)
    return StreamedResponse(chunks, source.close, verdict.status, headers=common, length=framed.length, first=first)


def _first_of(chunks: Generator[bytes, None, None], source: BinaryIO) -> bytes | None:
    try:
        return next(chunks, None)
    except (FileNotFoundError, StorageError) as error:
        source.close()
        raise StorageError(f"the file cannot be read any more: {error}") from error
    except AccessEnded as error:
        source.close()
        raise StorageError(f"{error}: ask again") from error


def bodiless(status: int, headers: Mapping[str, str]) -> Response:
    """Return the answer to a client that has it already, or whose condition does not hold."""
    answer = Response(b"", status, headers=headers)
    if status == 304:
        del answer.headers["Content-Length"]  # it would speak of the body that a GET would have got
    return answer


class Framed:
    """The parts of a file with the lines around them: none around one part, those of multipart/byteranges around several."""

    def __init__(self, parts: Sequence[tuple[bytes, Part]], end: bytes, headers: Mapping[str, str]) -> None:
        self.parts = parts
        self.end = end
        self.headers = headers
        self.length = sum(len(before) + count for before, (_, count) in parts) + len(end)

    @classmethod
    def of(cls, status: int, parts: Sequence[Part], size: int, media_type: str) -> Framed:
        """Frame the parts that an answer of this status has of so many bytes."""
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
    framed: Framed,
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


def archive_answer(
    pieces: Generator[bytes, None, None], *, name: str, content_type: str = "application/x-tar"
) -> Response:
    """Return a TAR as a download whose length nobody knows beforehand."""
    headers = {"Content-Disposition": content_disposition(name), "Content-Type": content_type}
    return StreamedResponse(pieces, pieces.close, headers=headers)
