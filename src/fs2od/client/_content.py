"""The content of one file while it arrives: which bytes they are, and that there are neither more nor fewer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import httpx

from fs2od.client._answers import raw_chunks
from fs2od.client._failures import translated
from fs2od.onedata.errors import ConnectionLost, MalformedAnswer

__all__ = ["LARGEST_CONTENT_BYTES", "ByteRange", "Content", "content_of"]

LARGEST_CONTENT_BYTES = 1 << 44
"""What one answer may bring if the caller sets no other limit: 16 TiB."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes of a file from `start` up to, not including, `end`; without `end` all that follow."""

    start: int
    end: int | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ValueError("a byte range starts at 0 or later, and ends after its start")

    @property
    def header(self) -> str:
        """The value of a Range header (RFC 9110 §14.1.2), whose last byte is included."""
        return f"bytes={self.start}-{'' if self.end is None else self.end - 1}"


class Content:
    """A file's bytes, yielded as they arrive; they can be iterated once.

    Attributes:
        start: Which byte of the file comes first. It is 0, whatever was asked for, if the service ignores ranges.
        length_bytes: How many bytes will come, or None if the service does not say.
        size_bytes: The size of the whole file, or None if the service does not say.
        headers: All headers of the answer, names in lower case.
    """

    def __init__(
        self,
        response: httpx.Response,
        *,
        start: int,
        length_bytes: int | None,
        size_bytes: int | None,
        largest_bytes: int,
    ) -> None:
        self._response = response
        self._largest_bytes = largest_bytes if length_bytes is None else min(largest_bytes, length_bytes)
        self.start = start
        self.length_bytes = length_bytes
        self.size_bytes = size_bytes
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes in pieces of the connection's choosing.

        Raises:
            ConnectionLost: Fewer bytes came than were promised: ask for the rest.
            MalformedAnswer: More came than were promised or wanted, or they are compressed: do not keep them.
        """
        arrived = 0
        with translated(self._response.url.host):
            async for chunk in raw_chunks(self._response):
                arrived += len(chunk)
                if arrived > self._largest_bytes:
                    raise MalformedAnswer(f"the content is longer than {self._largest_bytes} bytes")
                yield chunk
        if self.length_bytes is not None and arrived < self.length_bytes:
            raise ConnectionLost(f"the content ended after {arrived} of {self.length_bytes} bytes")

    async def read(self) -> bytes:
        """Return all bytes at once; give a small limit when you ask for the content.

        Raises:
            ConnectionLost: Fewer bytes came than were promised: ask again.
            MalformedAnswer: More came than were promised or wanted.
        """
        return b"".join([chunk async for chunk in self])


def content_of(response: httpx.Response, asked: ByteRange | None, largest_bytes: int) -> Content:
    """Return what an answer of status 200 or 206 brings.

    Raises:
        MalformedAnswer: It brings other bytes than were asked for.
    """
    announced = response.headers.get("Content-Length", "")
    length = int(announced) if _LENGTH.fullmatch(announced) else None
    if response.status_code == 200:
        return Content(response, start=0, length_bytes=length, size_bytes=length, largest_bytes=largest_bytes)
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code != 206 or asked is None or found is None:
        raise MalformedAnswer(f"content cannot come with status {response.status_code}, or not like this")
    first, last = int(found[1]), int(found[2])
    size = None if found[3] == "*" else int(found[3])
    if not _fits(asked, first, last, size) or length not in {None, last - first + 1}:
        raise MalformedAnswer("other bytes came than were asked for")
    return Content(response, start=first, length_bytes=last - first + 1, size_bytes=size, largest_bytes=largest_bytes)


def _fits(asked: ByteRange, first: int, last: int, size: int | None) -> bool:
    within = first == asked.start and first <= last and (asked.end is None or last < asked.end)
    return within and (size is None or last < size)
