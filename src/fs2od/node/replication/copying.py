"""One file from one storage to another: whole or in parts, checked at the end, taken up where it was."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from fs2od.errors import IntegrityFailure, Interrupted
from fs2od.node.index.replicas import Version
from fs2od.node.replication.pacing import Pace
from fs2od.storage import Can, Seen, Storage, Upload, md5_of_parts

__all__ = [
    "HELD_OF_LARGE_BYTES",
    "PART_BYTES",
    "WHOLE_BYTES",
    "Copied",
    "Copying",
    "Errand",
    "SourceChanged",
    "sha256_of",
]

PART_BYTES = 16 << 20
"""The size of parts in bytes."""
WHOLE_BYTES = 8 << 20
"""The largest file that is written at once; its bytes are held in memory."""
_PARTS_AT_ONCE = 4
HELD_OF_LARGE_BYTES = (_PARTS_AT_ONCE + 2) * PART_BYTES
"""How much of a larger file is in memory at most: parts that leave, one that waits, one that is read."""
_BLOCK_BYTES = 4 << 20


class Readable(Protocol):
    """Where a file is read from."""

    def open(self, path: str) -> BinaryIO:
        """Return a file, opened for reading."""
        ...

    def stat(self, path: str) -> Seen:
        """Return the state of a file."""
        ...


class SourceChanged(Exception):  # no failure: the file is looked at again once it has settled
    """The file is not in the state any more that was to be copied."""


@dataclass(frozen=True)
class Errand:
    """What is to be copied.

    Attributes:
        path: The file's path, on both storages.
        version: Its state as registered.
        expected: Its SHA-256 where the manifest says it.
        known: The SHA-256 of what stands at the target already, checked for this state or an earlier one.
        is_same: Whether that was checked for this very state.
        upload: An upload of this state that is under way.
    """

    path: str
    version: Version
    expected: bytes | None = None
    known: bytes | None = None
    is_same: bool = False
    upload: Upload | None = None


@dataclass(frozen=True)
class Copied:
    """What was copied: its SHA-256, how the copy was checked, what was sent for it, and what the store said of it before that."""

    sha256: bytes
    method: str
    sent_bytes: int
    seen: Seen


class Copying:
    """Copies files, several at once; memory is bounded by a few parts for each thread that copies."""

    def __init__(self, pace: Pace, *, part_bytes: int = PART_BYTES) -> None:
        self._pace = pace
        self._part_bytes = part_bytes
        self._sending = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="replica-part")
        self.stop = threading.Event()

    def close(self) -> None:
        """Stop what is under way; uploads stay and are taken up another time."""
        self.stop.set()
        self._sending.shutdown(cancel_futures=True)

    def copy(
        self,
        source: Readable,
        target: Storage,
        errand: Errand,
        *,
        began: Callable[[Upload], None] = lambda _: None,
        goes_on: Callable[[], bool] = lambda: True,
        sent: Callable[[int], None] = lambda _: None,
    ) -> Copied:
        """Copy one file and check the copy.

        Args:
            source: Where the file is.
            target: Where its copy goes.
            errand: What is to be copied.
            began: Told of an upload before its first part leaves.
            goes_on: Asked at every part of a large file and of what is read back.
            sent: Told by any thread how many bytes more of a large file are there.

        Raises:
            SourceChanged: The file is another one by now; nothing of the copy stays but what stood there before.
            IntegrityFailure: The file is not what the manifest says, or the copy is not what was sent.
            FileNotFoundError: The file, or its upload, vanished meanwhile.
            Interrupted: It was told to stop; an upload stays.
            StorageError: A storage refused; an upload stays, and is taken up when the errand is done again.
        """

        def check_stop() -> None:
            if self.stop.is_set() or not goes_on():
                raise Interrupted("the copy was told to stop")

        if errand.known is not None:
            seen = _kept(source, target, errand, errand.known, check_stop)
            if seen is not None:
                return Copied(errand.known, "read", 0, seen)
        _require(source, errand)
        above, _, _ = errand.path.rpartition("/")
        if above and Can.KEEP_DIRECTORIES in target.can:
            target.make_directory(above)
        if errand.version.size_bytes <= WHOLE_BYTES:
            return self._whole(source, target, errand, check_stop)
        return self._in_parts(source, target, errand, began, check_stop, sent)

    def _whole(self, source: Readable, target: Storage, errand: Errand, check_stop: Callable[[], None]) -> Copied:
        with source.open(errand.path) as file:
            content = _exactly(file, errand.version.size_bytes)
            if content is None or file.read(1):
                raise SourceChanged
        sha256 = hashlib.sha256(content).digest()
        _require(source, errand)
        _compare(errand, sha256)
        self._wait(len(content))
        seen = target.write(errand.path, [content])
        md5 = md5_of_parts([_md5(content)], uploaded=False) if Can.TELL_MD5 in target.can else None
        return Copied(sha256, self._checked(target, errand, seen, sha256, md5, check_stop), len(content), seen)

    def _in_parts(
        self,
        source: Readable,
        target: Storage,
        errand: Errand,
        began: Callable[[Upload], None],
        check_stop: Callable[[], None],
        told: Callable[[int], None],
    ) -> Copied:
        upload, there = self._taken_up(target, errand)
        is_finished = errand.upload is not None and upload is None and self._may_be_there(target, errand)
        if upload is None:
            upload = errand.upload if is_finished else None
        if upload is None:
            size = errand.version.size_bytes
            upload = target.begin_upload(errand.path, size_bytes=size, part_bytes=self._part_bytes)
            began(upload)
        skip = frozenset(range(upload.count)) if is_finished else there
        sha256, digests, sent = self._sent(source, target, errand, upload, skip, check_stop, told)
        md5 = md5_of_parts(digests, uploaded=True) if Can.TELL_MD5 in target.can else None
        seen = target.stat(errand.path) if is_finished else _completed(target, upload)
        return Copied(sha256, self._checked(target, errand, seen, sha256, md5, check_stop), sent, seen)

    def _taken_up(self, target: Storage, errand: Errand) -> tuple[Upload | None, frozenset[int]]:
        if errand.upload is None:
            return None, frozenset()
        try:
            return errand.upload, target.parts_of(errand.upload)
        except FileNotFoundError:
            return None, frozenset()

    def _may_be_there(self, target: Storage, errand: Errand) -> bool:
        """Say whether an upload that is gone may have been completed: the check will tell."""
        try:
            return target.stat(errand.path).size_bytes == errand.version.size_bytes
        except FileNotFoundError:
            return False

    def _sent(
        self,
        source: Readable,
        target: Storage,
        errand: Errand,
        upload: Upload,
        skip: frozenset[int],
        check_stop: Callable[[], None],
        told: Callable[[int], None],
    ) -> tuple[bytes, list[bytes], int]:
        """Read the file once from its beginning, and send the parts that are not there yet, several at once."""
        tells_md5 = Can.TELL_MD5 in target.can
        sha256, sent = hashlib.sha256(), 0
        waiting: list[Future[bytes]] = []
        digests: list[bytes] = []

        def send(number: int, content: bytes) -> bytes:
            check_stop()
            if number not in skip:
                self._wait(len(content))
                target.put_part(upload, number, content)
            told(len(content))
            return _md5(content) if tells_md5 else b""

        try:
            with source.open(errand.path) as file:
                for number in range(upload.count):
                    check_stop()
                    content = _exactly(file, upload.length(number))
                    if content is None:
                        raise SourceChanged
                    sha256.update(content)
                    sent += 0 if number in skip else len(content)
                    waiting.append(self._sending.submit(send, number, content))
                    if len(waiting) > _PARTS_AT_ONCE:
                        digests.append(waiting.pop(0).result())
                digests += [each.result() for each in waiting]
            _require(source, errand)
            _compare(errand, sha256.digest())
        except (SourceChanged, IntegrityFailure):
            _settle(waiting)
            target.abort_upload(upload)
            raise
        except BaseException:
            _settle(waiting)
            raise
        return sha256.digest(), digests, sent

    def _checked(
        self,
        target: Storage,
        errand: Errand,
        seen: Seen,
        sha256: bytes,
        md5: str | None,
        check_stop: Callable[[], None],
    ) -> str:
        """Return how a copy was found to be right: by what the store itself computed, else by reading it back."""
        if seen.size_bytes == errand.version.size_bytes and seen.md5 is not None and seen.md5 == md5:
            return "md5"
        _read_back(target, errand, sha256, check_stop)
        return "read"

    def _wait(self, size_bytes: int) -> None:
        if self.stop.wait(self._pace.take(size_bytes)):
            raise Interrupted("the copy was told to stop")


def _completed(target: Storage, upload: Upload) -> Seen:
    try:
        return target.complete_upload(upload)
    except ValueError as error:
        target.abort_upload(upload)
        raise IntegrityFailure(
            f"the storage has not all parts of {upload.path!r} that it was given: {error}"
        ) from error


def _require(source: Readable, errand: Errand) -> None:
    """Make sure that a file is in the state that is to be copied."""
    try:
        seen = source.stat(errand.path)
    except FileNotFoundError as error:
        raise SourceChanged from error
    if Version(seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode) != errand.version:
        raise SourceChanged


def _compare(errand: Errand, sha256: bytes) -> None:
    if errand.expected is not None and errand.expected != sha256:
        raise IntegrityFailure(f"{errand.path!r} is not what its manifest says: it is not replicated")


def _kept(
    source: Readable, target: Storage, errand: Errand, known: bytes, check_stop: Callable[[], None]
) -> Seen | None:
    """Read a copy that stands there already; return what the store says of it if it is right, None if it is to be made anew."""
    # Where it was checked for this very state, the file itself need not be asked, which may be away.
    if not errand.is_same or errand.expected not in (None, known):
        _require(source, errand)
        if sha256_of(source, errand.path, check_stop) != known:
            return None
        _require(source, errand)
        _compare(errand, known)
    try:
        # Before it is read: whatever changes it meanwhile is seen at the next look.
        seen = target.stat(errand.path)
        return seen if sha256_of(target, errand.path, check_stop) == known else None
    except FileNotFoundError:
        return None


def _read_back(target: Storage, errand: Errand, sha256: bytes, check_stop: Callable[[], None]) -> None:
    try:
        found = sha256_of(target, errand.path, check_stop)
    except FileNotFoundError as error:
        raise IntegrityFailure(f"the copy of {errand.path!r} has vanished") from error
    if found != sha256:
        raise IntegrityFailure(f"the copy of {errand.path!r} has other bytes than were sent")


def sha256_of(storage: Readable, path: str, check_stop: Callable[[], None]) -> bytes:
    """Read a file and return its SHA-256; `check_stop` is called at every block, and may raise.

    Raises:
        FileNotFoundError: It is not there.
        StorageError: It cannot be read.
    """
    digest = hashlib.sha256()
    with storage.open(path) as file:
        for block in _blocks(file):
            check_stop()
            digest.update(block)
    return digest.digest()


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _exactly(file: BinaryIO, length: int) -> bytes | None:
    """Return so many bytes, or None if there are fewer."""
    pieces, left = [], length
    while left and (piece := file.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return None if left else b"".join(pieces)


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _settle(waiting: list[Future[bytes]]) -> None:
    """Wait for parts that are under way, so that none arrives later; how they end does not matter any more."""
    for each in waiting:
        each.cancel()
    for each in waiting:
        if not each.cancelled():
            each.exception()
