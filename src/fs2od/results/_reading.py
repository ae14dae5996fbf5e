"""Reading what is to be put: whole, by its checksum, or as the body of one request."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO, Protocol

from fs2od.errors import StorageError
from fs2od.results._sources import Source

__all__ = [
    "SMALL_BYTES",
    "Body",
    "Hash",
    "changed",
    "content_of",
    "digest_of",
    "has_changed",
    "opened",
    "take_in",
    "unreadable",
]

SMALL_BYTES = 4 << 20
"""What is sent in one request."""


class Hash(Protocol):
    """What takes bytes in and says their checksum."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class Body:
    """A file as the body of one request.

    Attributes:
        digest: The SHA-256 of what the latest try has sent.
    """

    def __init__(self, source: Source, local: BinaryIO, moved: Callable[[int], None]) -> None:
        """Prepare; `moved` is told how many bytes more were sent, or fewer when a try begins anew."""
        self.digest: Hash = hashlib.sha256()
        self._source = source
        self._local = local
        self._moved = moved
        self._sent_bytes = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file from its first byte on, anew for every try.

        Raises:
            StorageError: It cannot be read, or has changed: the body is not ended then, so nothing of it is kept.
        """
        self._moved(-self._sent_bytes)
        self._sent_bytes, self.digest = 0, hashlib.sha256()
        for start in range(0, self._source.size_bytes, SMALL_BYTES):
            piece = await asyncio.to_thread(self._read, start)
            yield piece
            self._sent_bytes += len(piece)
            self._moved(len(piece))

    def _read(self, start: int) -> bytes:
        length = min(SMALL_BYTES, self._source.size_bytes - start)
        try:
            self._local.seek(start)
            piece = self._local.read(length)
        except OSError as error:
            raise unreadable(self._source, error) from error
        is_last = start + length == self._source.size_bytes
        if len(piece) != length or (is_last and has_changed(self._source, self._local)):
            raise changed(self._source)
        self.digest.update(piece)
        return piece


def opened(source: Source) -> BinaryIO:
    """Return a file opened for reading.

    Raises:
        StorageError: It cannot be read.
    """
    try:
        return source.file.open("rb")
    except OSError as error:
        raise unreadable(source, error) from error


def content_of(source: Source) -> bytes:
    """Return all bytes of a small file.

    Raises:
        StorageError: It cannot be read, or changes just now.
    """
    try:
        with source.file.open("rb") as local:
            content = local.read(SMALL_BYTES + 1)
    except OSError as error:
        raise unreadable(source, error) from error
    if len(content) != source.size_bytes:
        raise changed(source)
    return content


def digest_of(source: Source) -> str:
    """Return the SHA-256 of a file.

    Raises:
        StorageError: It cannot be read.
    """
    digest = hashlib.sha256()
    with opened(source) as local:
        take_in(digest, local, source.size_bytes)
    return digest.hexdigest()


def take_in(digest: Hash, local: BinaryIO, size_bytes: int) -> None:
    """Let a checksum have the next so many bytes, or as many as there are."""
    while size_bytes and (piece := local.read(min(size_bytes, 1 << 20))):
        digest.update(piece)
        size_bytes -= len(piece)


def has_changed(source: Source, local: BinaryIO) -> bool:
    """Say whether an open file is another one than it was when it was looked at."""
    facts = os.fstat(local.fileno())
    return (facts.st_size, facts.st_mtime_ns) != (source.size_bytes, source.mtime_ns)


def changed(source: Source) -> StorageError:
    """Return what is said of a file that changes while it is sent."""
    return StorageError(f"{source.file} changed while it was sent: run the same command again when it is finished")


def unreadable(source: Source, error: OSError) -> StorageError:
    """Return what is said of a file that cannot be read."""
    return StorageError(f"{source.file} cannot be read ({error.strerror})")
