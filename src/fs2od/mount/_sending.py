"""Sending what was written: whole and at one stroke where that can be done, else block by block, several at once."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import NamedTuple

from fs2od.errors import Fs2odError, IntegrityFailure
from fs2od.mount._drafts import Draft, Unsent
from fs2od.mount._remote import Remote, id_at
from fs2od.mount._waiting import Waiting
from fs2od.onedata.errors import NotFound, PosixError, ServiceError
from fs2od.onedata.ids import FileId
from fs2od.onedata.wire.results import FileUpload
from fs2od.results import Target, digest_there
from fs2od.transfer import Entry, EntryKind

__all__ = ["Sender", "Steps"]

SMALL_BYTES = 4 << 20
"""What is sent in one request, whole."""
_BLOCK_BYTES = 8 << 20
_NEAR_BYTES = 64 << 10
_AT_ONCE = 4


class Steps(NamedTuple):
    """How far the sending of a file is: the requests that write into it and have no answer yet, and how many have got one."""

    under_way: int = 0
    answered: int = 0


class Sender:
    """Sends drafts. Memory is bounded by the blocks that are under way."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._blocks = ThreadPoolExecutor(_AT_ONCE, "fs2od-block")
        # What a storage takes is learnt once, not by asking in vain for each file: a bucket takes whole files, and new ones in parts.
        self._takes_blocks = self._takes_uploads = True
        self._lock = threading.Lock()
        self._steps: dict[str, Steps] = {}

    def close(self) -> None:
        """Begin no more blocks."""
        self._blocks.shutdown(wait=False, cancel_futures=True)

    def steps(self, file_id: str) -> Steps:
        """Return how far the sending of a file is that the service has: as long as that changes, so does what the service says of it."""
        return self._steps.get(file_id, Steps())

    def send(self, draft: Draft, unsent: Unsent, folder: FileId, waiting: Waiting) -> Entry:
        """Bring what a draft has into the space, and return what the service has then.

        Args:
            draft: The file.
            unsent: What is to be sent of it.
            folder: The folder that it lies in.
            waiting: How long to be patient.

        Raises:
            IntegrityFailure: What arrived is not what was sent.
            Fs2odError: It could not be sent. Of a file that was sent whole, nothing is there then; it is as it was before.
        """
        name, size = draft.node.path[-1], unsent.size_bytes
        if unsent.base is None:
            try:
                file = (self._made if size <= SMALL_BYTES else self._brought)(draft, unsent, folder, waiting)
            except PosixError as error:
                # It may be ours: of a sending that was broken off, as when a mount ends, nobody heard whether it arrived.
                arrived = self._arrived(draft, size, waiting) if error.errno == "eexist" else None
                if arrived is None:
                    raise
                file = arrived
        else:
            file = FileId(unsent.base.file_id)
            if size <= SMALL_BYTES:
                content = draft.read(0, size)
                with self._step(file):
                    said = self._remote.ask(lambda target: target.provider.files.write(file, content), waiting)
                _require_same(draft, said, hashlib.sha256(content).hexdigest())
            elif unsent.is_whole:
                self._replaced(draft, file, size, waiting)
            else:
                self._changed(draft, file, unsent, waiting)
        with self._lock:
            self._steps.pop(file, None)
        return Entry(name, EntryKind.FILE, file, size, int(time.time()), mode=draft.mode)

    def _arrived(self, draft: Draft, size: int, waiting: Waiting) -> FileId | None:
        """Return the file that has a draft's name and bytes; None if it has others."""
        digest = _digest_of(draft, size)

        async def same(target: Target) -> FileId | None:
            found = await id_at(target, draft.node.path)
            return found if found is not None and await digest_there(target, found, size) == digest else None

        return self._remote.ask(same, waiting)

    def _made(self, draft: Draft, unsent: Unsent, folder: FileId, waiting: Waiting) -> FileId:
        """Make a small file in one request."""
        name, content = draft.node.path[-1], draft.read(0, unsent.size_bytes)
        digest = hashlib.sha256(content).hexdigest()

        async def make(target: Target) -> FileId:
            return (await target.provider.files.create(folder, name, mode=draft.mode, content=content)).file_id

        async def made(target: Target) -> FileId | None:
            found = await id_at(target, draft.node.path)
            # Only what has our bytes can be what we made.
            return found if found is not None and await digest_there(target, found, len(content)) == digest else None

        return self._remote.ask(make, waiting, done=made)

    def _brought(self, draft: Draft, unsent: Unsent, folder: FileId, waiting: Waiting) -> FileId:
        """Bring a large new file under a partial name, check it, and give it its own."""
        partial, size = f".fs2od-{secrets.token_hex(12)}.partial", unsent.size_bytes
        above = draft.node.path[:-1]

        async def make(target: Target) -> FileId:
            return (await target.provider.files.create(folder, partial)).file_id

        async def made(target: Target) -> FileId | None:
            return await id_at(target, (*above, partial))

        async def name(target: Target) -> FileId:
            await target.provider.files.set_permissions(file, draft.mode)
            here = target.full("/".join((*above, partial)))
            await target.provider.files.move(here, target.full("/".join(draft.node.path)), replaces=False)
            return file

        async def named(target: Target) -> FileId | None:
            found = await id_at(target, draft.node.path)
            return found if found == file else None

        file = self._remote.ask(make, waiting, done=made)
        try:
            if not self._uploaded(draft, file, size, waiting):
                self._filled(draft, file, [(0, size)], size, waiting)
                digest = _digest_of(draft, size)
                there = self._remote.ask(lambda target: digest_there(target, file, size), waiting)
                _require_same(draft, there, digest)
            return self._remote.ask(name, waiting, done=named)
        except ServiceError:
            with suppress(Fs2odError):
                self._remote.ask(lambda target: target.provider.files.remove(file), waiting)
            raise

    def _uploaded(self, draft: Draft, file: FileId, size: int, waiting: Waiting) -> bool:
        """Send a new file part by part where that must be announced; return whether it was so, and all of it is there."""
        name = draft.node.path[-1]

        async def begin(target: Target) -> FileUpload | None:
            try:
                return await target.provider.files.begin_upload(file, name, size)
            except NotFound:
                return None
            except PosixError as error:
                if error.errno != "enotsup":
                    raise
                return None

        if not (self._takes_uploads and self._remote.target.is_ours):
            return False
        begun = self._remote.ask(begin, waiting)
        if begun is None:
            self._takes_uploads = False
            return False
        blocks = _blocks([(0, size)], begun.part_bytes)
        self._sent(draft, file, blocks, waiting)
        there = self._remote.ask(begin, waiting)
        digests = [hashlib.sha256(_piece(draft, *block)).hexdigest() for block in blocks]
        _require_same(draft, " ".join(part or "" for part in there.parts) if there else "", " ".join(digests))
        return True

    def _replaced(self, draft: Draft, file: FileId, size: int, waiting: Waiting) -> None:
        """Replace all bytes of a file at one stroke."""
        digest = hashlib.sha256()

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal digest
            digest = hashlib.sha256()
            for start in range(0, size, _BLOCK_BYTES):
                piece = await asyncio.to_thread(_piece, draft, start, min(_BLOCK_BYTES, size - start))
                digest.update(piece)
                yield piece

        said = self._remote.ask(lambda target: target.provider.files.write_whole(file, pieces, size), waiting)
        _require_same(draft, said, digest.hexdigest())

    def _changed(self, draft: Draft, file: FileId, unsent: Unsent, waiting: Waiting) -> None:
        """Write into a large file where it was written."""
        self._filled(draft, file, _joined(unsent.ranges), unsent.size_bytes, waiting)

    def _filled(
        self, draft: Draft, file: FileId, ranges: Iterable[tuple[int, int]], size: int, waiting: Waiting
    ) -> None:
        """Send ranges block by block, several at once; or the whole where a storage takes no parts."""
        if not self._takes_blocks:
            self._replaced(draft, file, size, waiting)
            return

        try:
            self._sent(draft, file, _blocks(ranges, _BLOCK_BYTES), waiting)
        except PosixError as error:
            if error.errno != "enotsup":
                raise
            self._takes_blocks = False
            self._replaced(draft, file, size, waiting)

    def _sent(self, draft: Draft, file: FileId, blocks: Iterable[tuple[int, int]], waiting: Waiting) -> None:
        """Send blocks, several at once."""

        def one(start: int, count: int) -> None:
            piece = _piece(draft, start, count)
            with self._step(file):
                self._remote.ask(lambda target: target.provider.files.write(file, piece, offset=start), waiting)

        under_way: list[Future[None]] = [self._blocks.submit(one, *block) for block in blocks]
        try:
            for each in under_way:
                each.result()
        finally:
            self._ended(under_way)

    @contextmanager
    def _step(self, file: FileId) -> Iterator[None]:
        """Take note of a request that writes into a file. What it sends is at hand before: nobody waits for it to read the file."""
        self._note(file, 1, 0)
        try:
            yield
        finally:
            self._note(file, -1, 1)

    def _note(self, file: FileId, under_way: int, answered: int) -> None:
        with self._lock:
            steps = self._steps.get(file, Steps())
            self._steps[file] = Steps(steps.under_way + under_way, steps.answered + answered)

    def _ended(self, under_way: list[Future[None]]) -> None:
        """Let nothing be written any more once it is known that the whole will not be."""
        for each in under_way:
            each.cancel()
        wait(under_way)


def _blocks(ranges: Iterable[tuple[int, int]], block_bytes: int) -> list[tuple[int, int]]:
    """Return ranges, each from its first byte up to its last, as blocks of a start and a length."""
    return [
        (start, min(block_bytes, last - start)) for first, last in ranges for start in range(first, last, block_bytes)
    ]


def _piece(draft: Draft, start: int, count: int) -> bytes:
    """Return bytes of a draft, as many as were announced: one that was made shorter meanwhile is sent again."""
    data = draft.read(start, count)
    return data + bytes(count - len(data))


def _digest_of(draft: Draft, size: int) -> str:
    digest = hashlib.sha256()
    for start in range(0, size, _BLOCK_BYTES):
        digest.update(_piece(draft, start, min(_BLOCK_BYTES, size - start)))
    return digest.hexdigest()


def _require_same(draft: Draft, said: str | None, digest: str) -> None:
    # Written to while it was sent, it is sent again anyway.
    if said is not None and said != digest and not draft.is_dirty():
        raise IntegrityFailure(f"{'/'.join(draft.node.path)} did not arrive as it was sent")


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges with those made one that lie close to each other: a request costs more than a few bytes."""
    joined: list[tuple[int, int]] = []
    for first, last in ranges:
        if joined and first - joined[-1][1] <= _NEAR_BYTES:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined
