"""A large file on its way into a bucket: part by part, gone on with after the last one that arrived, whoever was killed meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import BinaryIO

from fs2od.client import Tries
from fs2od.client.provider import Files
from fs2od.onedata.errors import Busy, ConnectionLost
from fs2od.onedata.ids import FileId
from fs2od.onedata.wire.results import FileUpload
from fs2od.results._errors import broken
from fs2od.results._reading import Hash, changed, has_changed, unreadable
from fs2od.results._sources import Source

__all__ = ["Uploading"]

_PARTS_AT_ONCE = 32
_MOST_ROUNDS = 4


class Uploading:
    """Sends one file, which is empty at our own node until it is moved to its name."""

    def __init__(
        self, files: Files, tries: Tries, source: Source, local: BinaryIO, *, stands_at: Callable[[int], None]
    ) -> None:
        """Prepare.

        Args:
            files: The node's.
            tries: How patient to be with it.
            source: The file.
            local: The same, opened.
            stands_at: Told how many of its bytes, from the first one on, have left or are there.
        """
        self._files = files
        self._tries = tries
        self._source = source
        self._local = local
        self._stands_at = stands_at
        self._whole: Hash = hashlib.sha256()
        self._digests: list[str] = []

    async def send(self, file: FileId) -> str:
        """Send what is not there, and return the SHA-256 of the whole, all of whose parts were compared.

        Raises:
            NotFound, PosixError: enotsup, nothing arrives in parts there: nothing was sent.
            IntegrityFailure: What arrives is not what is sent, again and again.
            StorageError: It cannot be read, or changes just now.
        """
        size, name = self._source.size_bytes, self._source.path.rpartition("/")[2]
        rounds, furthest = 0, 0
        while True:
            upload = await self._files.begin_upload(file, name, size)
            first = await self._arrived(upload)
            if first == len(upload.parts):
                return self._whole.hexdigest()
            if first > furthest:
                self._tries.progressed()
                furthest = first
            try:
                if await self._sent(file, upload, first) == self._whole.hexdigest():
                    return self._whole.hexdigest()
            except (ConnectionLost, Busy) as error:
                await self._tries.missed(error)
            else:
                # A node that was started anew meanwhile says nothing of the whole: its parts are compared then.
                rounds += 1
                if rounds == _MOST_ROUNDS:
                    raise broken(self._source)

    async def _arrived(self, upload: FileUpload) -> int:
        """Return how many parts, from the first one on, are there as they are here."""
        number = 0
        for number, there in enumerate((*upload.parts, None)):
            if there is None:
                break
            if number == len(self._digests):
                await asyncio.to_thread(self._read, upload, number)
            if there != self._digests[number]:
                break
        self._stands_at(min(number * upload.part_bytes, upload.size_bytes))
        return number

    async def _sent(self, file: FileId, upload: FileUpload, first: int) -> str | None:
        """Send everything from a part on, and return what the node says the whole is."""
        said: str | None = None
        for number in range(first, len(upload.parts), _PARTS_AT_ONCE):
            start, end = number * upload.part_bytes, (number + _PARTS_AT_ONCE) * upload.part_bytes
            length = min(end, upload.size_bytes) - start
            pieces = partial(self._pieces, upload, number)
            said = await self._files.write_parts(file, pieces, length, offset=start)
            self._tries.progressed()
        return said

    async def _pieces(self, upload: FileUpload, first: int) -> AsyncIterator[bytes]:
        last = min(first + _PARTS_AT_ONCE, len(upload.parts))
        self._stands_at(first * upload.part_bytes)
        for number in range(first, last):
            yield await asyncio.to_thread(self._read, upload, number)
            self._stands_at(min((number + 1) * upload.part_bytes, upload.size_bytes))

    def _read(self, upload: FileUpload, number: int) -> bytes:
        """Return one part. The first time, each is read after the one before it."""
        start = number * upload.part_bytes
        length = min(upload.part_bytes, upload.size_bytes - start)
        try:
            self._local.seek(start)
            content = self._local.read(length)
        except OSError as error:
            raise unreadable(self._source, error) from error
        digest = hashlib.sha256(content).hexdigest()
        if len(content) != length or (number == len(upload.parts) - 1 and has_changed(self._source, self._local)):
            raise changed(self._source)
        if number == len(self._digests):
            self._whole.update(content)
            self._digests.append(digest)
        elif digest != self._digests[number]:
            raise changed(self._source)
        return content
