"""Sending one file: in one request where that is whole or nothing, else under a partial name until every byte was checked."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import BinaryIO, TypeVar

from fs2od.errors import IntegrityFailure, StorageError
from fs2od.onedata.errors import Busy, ConnectionLost, NotFound, PosixError
from fs2od.onedata.ids import FileId
from fs2od.results._checking import digest_there
from fs2od.results._decide import Choice, Found, decide, partial_name
from fs2od.results._errors import NameTaken, broken, too_large
from fs2od.results._reading import SMALL_BYTES, Body, Hash, changed, content_of, digest_of, has_changed, opened, take_in
from fs2od.results._remote import Remote
from fs2od.results._report import PutFile
from fs2od.results._sources import Source
from fs2od.results._uploading import Uploading

__all__ = ["Sending"]

Result = TypeVar("Result")
_LARGEST_CHUNK = 16 << 20
_QUICK_S = 0.5
_MOST_SURPRISES = 4
_LARGE_BYTES = 4 << 30
_MEDIUM_BYTES = 64 << 20


class Sending:
    """Sends files into a target, one after the other."""

    def __init__(
        self, remote: Remote, *, replace: bool, moved: Callable[[int], None], say: Callable[[str], None]
    ) -> None:
        """Prepare.

        Args:
            remote: The target.
            replace: Whether a file of the same name and other content gives way.
            moved: Told how many bytes more are where they belong; fewer, when a file is begun again.
            say: Told, in a sentence, what a person should know of a file before it is sent.
        """
        self._remote = remote
        self._files = remote.target.provider.files
        self._replace = replace
        self._tell_moved = moved
        self._say = say
        self._counted = 0
        self._cut_bodies = 0
        # Our own node says of its buckets that files arrive there in parts; both are learnt with the first large file.
        self._takes_uploads = remote.target.is_ours
        self._is_bucket = False
        self._tries = remote.target.connection.tries()

    async def send(self, source: Source) -> PutFile:
        """Bring one file into the space, and return what has become of it.

        Raises:
            NameTaken: Something else has its name.
            IntegrityFailure: What arrived is not what was sent; nothing is left of it.
            StorageError: It cannot be read, or changes just now.
            OnedataError: The service, or the way to it, did not do what was asked.
        """
        there = await self._remote.found(source.path)
        self._tries.progressed()
        self._counted, self._cut_bodies, surprises = 0, 0, 0
        while True:
            try:
                return await self._settled(source, there)
            except (ConnectionLost, Busy) as error:
                # It may have happened all the same: what stands there now says so.
                await self._tries.missed(error)
            except PosixError as error:
                # Somebody else was quicker, or an answer of ours was lost.
                surprises += 1
                if error.errno not in ("eexist", "enoent", "ebusy") or surprises == _MOST_SURPRISES:
                    raise
            self._moved(-self._counted)
            there = await self._remote.look_again(source.path)

    def _moved(self, size_bytes: int) -> None:
        self._counted += size_bytes
        self._tell_moved(size_bytes)

    def _stands_at(self, size_bytes: int) -> None:
        self._moved(size_bytes - self._counted)

    async def _settled(self, source: Source, there: Found | None) -> PutFile:
        choice = decide(source, there, replace=self._replace)
        if choice is Choice.COMPARE and there is not None:
            digest = await asyncio.to_thread(digest_of, source)
            if await digest_there(self._remote.target, there.file_id, source.size_bytes) == digest:
                self._moved(source.size_bytes)
                return PutFile(source.path, "kept", source.size_bytes, digest)
            choice = Choice.REPLACE if self._replace else Choice.REFUSE
        if choice is Choice.REFUSE:
            raise NameTaken(
                f"{self._remote.target.path_of(source.path)} is there already and is another one: "
                "choose another name, or give --replace"
            )
        gives_way = there if choice is Choice.REPLACE else None
        if source.size_bytes <= SMALL_BYTES and self._remote.target.is_ours:
            digest = await self._at_once(source, gives_way)
        elif self._is_bucket and source.size_bytes <= _MEDIUM_BYTES and not await self._remote.found(_partial(source)):
            digest = await self._in_one_body(source, gives_way)
        else:
            digest = await self._by_parts(source, gives_way)
        return PutFile(source.path, "replaced" if gives_way else "put", source.size_bytes, digest)

    async def _at_once(self, source: Source, gives_way: Found | None) -> str:
        content = await asyncio.to_thread(content_of, source)
        digest = hashlib.sha256(content).hexdigest()
        if gives_way is not None:
            file, said = gives_way.file_id, await self._files.write(gives_way.file_id, content)
        else:
            path = self._remote.target.path_of(source.path)
            made = await self._files.create_at(self._remote.target.root, path, content=content)
            file, said = made.file_id, made.sha256
        if (said or await digest_there(self._remote.target, file, len(content))) != digest:
            await self._files.remove(file)
            raise broken(source)
        self._moved(len(content))
        return digest

    async def _by_parts(self, source: Source, gives_way: Found | None) -> str:
        partial = _partial(source)
        begun = await self._remote.look_again(partial)
        file = begun.file_id if begun else await self._begun(partial)
        with await asyncio.to_thread(opened, source) as local:
            digest = await self._uploaded(source, local, file)
            if digest is None:
                digest = await self._written(source, local, file, begun.size_bytes if begun else 0)
            await self._require_unchanged(source, local, file)
        await self._moved_into_place(source, partial, file, gives_way)
        return digest

    async def _uploaded(self, source: Source, local: BinaryIO, file: FileId) -> str | None:
        """Send a file in parts, and return its SHA-256; None where it is to be written at offsets instead."""
        if not self._takes_uploads:
            return None
        uploading = Uploading(self._files, self._tries, source, local, stands_at=self._stands_at)
        try:
            digest = await uploading.send(file)
        except (NotFound, PosixError) as error:
            if isinstance(error, PosixError) and error.errno in ("efbig", "enametoolong"):
                await self._files.remove(file)
                raise (too_large(source) if error.errno == "efbig" else error) from error
            if isinstance(error, PosixError) and error.errno != "enotsup":
                raise
            self._takes_uploads = False
            return None
        except (IntegrityFailure, StorageError):
            await self._files.remove(file)
            raise
        self._is_bucket = True
        return digest

    async def _written(self, source: Source, local: BinaryIO, file: FileId, size_there: int) -> str:
        """Send a file at offsets, and return its SHA-256 once it was compared with what is there."""
        digest, offset = await self._taken_up(source, local, file, size_there)
        try:
            said = await self._sent(source, local, file, digest, offset)
        except PosixError as error:
            if error.errno != "enotsup" or offset:
                raise
            # A bucket takes whole files only.
            said, digest = await self._filled(source, local, file)
        if (said or await digest_there(self._remote.target, file, source.size_bytes)) != digest.hexdigest():
            await self._files.remove(file)
            raise broken(source)
        return digest.hexdigest()

    async def _in_one_body(self, source: Source, gives_way: Found | None) -> str:
        """Send a file under its own name: our node lets it appear there whole or not at all, and nothing need be moved."""
        size = source.size_bytes
        with await asyncio.to_thread(opened, source) as local:
            body = Body(source, local, self._moved)
            if gives_way is not None:
                file = gives_way.file_id
                said = await self._taken(source, self._files.write_whole(file, body.pieces, size))
            else:
                target = self._remote.target
                making = self._files.create_whole_at(target.root, target.path_of(source.path), body.pieces, size)
                made = await self._taken(source, making)
                file, said = made.file_id, made.sha256
        digest = body.digest.hexdigest()
        if (said or await digest_there(self._remote.target, file, size)) != digest:
            await self._files.remove(file)
            raise broken(source)
        return digest

    async def _filled(self, source: Source, local: BinaryIO, file: FileId) -> tuple[str | None, Hash]:
        """Send a file whole under its partial name, to a provider of whom nobody knows that it keeps all or nothing."""
        if source.size_bytes > _LARGE_BYTES:
            self._say(
                f"{source.path} goes in one piece, for its space lies in a bucket: interrupted, it begins again from its first byte"
            )
        body = Body(source, local, self._moved)
        try:
            said = await self._taken(source, self._files.write_whole(file, body.pieces, source.size_bytes))
        except StorageError:
            await self._files.remove(file)
            raise
        return said, body.digest

    async def _taken(self, source: Source, sending: Awaitable[Result]) -> Result:
        try:
            return await sending
        except PosixError as error:
            raise (too_large(source) if error.errno == "efbig" else error) from error
        except (ConnectionLost, Busy):
            # The service may have been there for hours till now; but what begins from its first byte again does not do so for ever.
            self._cut_bodies += 1
            if self._cut_bodies < _MOST_SURPRISES:
                self._tries.progressed()
            raise

    async def _begun(self, partial: str) -> FileId:
        path = self._remote.target.path_of(partial)
        return (await self._files.create_at(self._remote.target.root, path)).file_id

    async def _taken_up(self, source: Source, local: BinaryIO, file: FileId, size_there: int) -> tuple[Hash, int]:
        """Return where to go on: after what is there, if those are the file's first bytes; else from the beginning."""
        digest = hashlib.sha256()
        if 0 < size_there <= source.size_bytes:
            await asyncio.to_thread(take_in, digest, local, size_there)
            if await digest_there(self._remote.target, file, size_there) == digest.hexdigest():
                self._moved(size_there)
                return digest, size_there
        if size_there:
            await self._files.write(file, b"")
        local.seek(0)
        return hashlib.sha256(), 0

    async def _sent(self, source: Source, local: BinaryIO, file: FileId, digest: Hash, offset: int) -> str | None:
        """Send what is missing, and return what the provider says the whole is."""
        said: str | None = None
        chunk_bytes = SMALL_BYTES
        while offset < source.size_bytes:
            chunk = await asyncio.to_thread(local.read, min(chunk_bytes, source.size_bytes - offset))
            if not chunk:
                break
            await asyncio.to_thread(digest.update, chunk)
            began_s = time.monotonic()
            said = await self._files.write(file, chunk, offset=offset)
            if time.monotonic() - began_s < _QUICK_S:
                chunk_bytes = min(2 * chunk_bytes, _LARGEST_CHUNK)
            offset += len(chunk)
            self._tries.progressed()
            self._moved(len(chunk))
        return said

    async def _require_unchanged(self, source: Source, local: BinaryIO, file: FileId) -> None:
        if has_changed(source, local):
            await self._files.remove(file)
            raise changed(source)

    async def _moved_into_place(self, source: Source, partial: str, file: FileId, gives_way: Found | None) -> None:
        target = self._remote.target
        here, there = target.full(partial), target.full(source.path)
        try:
            await self._files.move(here, there, replaces=gives_way is not None)
        except PosixError as error:
            if error.errno != "eexist":
                raise
            if gives_way is None:
                await self._files.remove(file)  # somebody else was quicker
                raise
            # A provider whose moves replace nothing.
            await self._files.remove(gives_way.file_id)
            await self._files.move(here, there, replaces=False)


def _partial(source: Source) -> str:
    folder, _, _ = source.path.rpartition("/")
    return "/".join(filter(None, (folder, partial_name(source))))
