"""Large files that arrive in parts where nothing can be written into a file: an upload of the storage has them until all are there.

The file stands empty under the name that its writer gave it. Its upload is begun under the name that it will have, so that a move to that
name ends the upload, and nothing is copied.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from fs2od.errors import StorageBusy
from fs2od.manifests import Digester
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.index import arrivals as noted
from fs2od.node.index.arrivals import Arrival, Part
from fs2od.node.provider.access import Access, Located, Need
from fs2od.node.provider.writing.comparing import Reading, discard, made, says_right, stands
from fs2od.node.provider.writing.places import Places
from fs2od.node.provider.writing.quotas import Claim, Quotas
from fs2od.node.provider.writing.trees import Trees
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Can, Chunk, Kind, Seen, Storage, Upload

__all__ = ["Arrived", "Arriving"]

_PART_BYTES = 8 << 20
# A part is in memory while it arrives, and S3 takes ten thousand of them.
_MOST_BYTES = 10_000 * (64 << 20)
_MOST_KNOWN = 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arrived:
    """How much of a file is there: of the parts of its upload those that are, by their numbers."""

    upload: Upload
    parts: Mapping[int, Part]


@dataclass
class _InOrder:
    """The checksums of a file whose parts came in order, and of each of these parts."""

    digester: Digester = field(default_factory=Digester)
    parts: list[bytes] = field(default_factory=list)

    def take(self, content: bytes | bytearray, sha256: bytes) -> None:
        self.digester.update(content)
        self.parts.append(sha256)

    def are(self, parts: Mapping[int, Part]) -> bool:
        """Say whether these are the very parts that there are: somebody else may have sent one again."""
        return self.parts == [parts[number].sha256 for number in sorted(parts)]


class Arriving:
    """Takes parts in. What it has noted is there whatever ends, the node or its client, and is gone on with from there."""

    def __init__(
        self,
        access: Access,
        places: Places,
        trees: Trees,
        indexes: Indexes,
        quotas: Quotas,
        now_s: Callable[[], int],
    ) -> None:
        self._access = access
        self._places = places
        self._trees = trees
        self._indexes = indexes
        self._quotas = quotas
        self._now_s = now_s
        self._guard = threading.Lock()
        self._in_order: OrderedDict[str, _InOrder] = OrderedDict()

    def begin(self, file: Located, name: str, size_bytes: int) -> Arrived:
        """Begin to take in a file that will have a name beside its own one, or say how much of it is there.

        Args:
            file: The file, as its writer found it; what it has now goes with its name.
            name: The name that it is moved to when it is whole.
            size_bytes: How long it will be; at least 1.

        Raises:
            PosixError: enotsup, its storage takes bytes at any offset; efbig; enospc; eisdir.
            Busy: temporaryFailure, it is being moved to its name, or the storage is away.
        """
        where = self._places.at(file.caller, file.space, [*file.path.split("/")[:-1], name])
        storage = self._trees.opened(file.space)
        if Can.WRITE_AT in storage.can:
            raise errors.posix("enotsup")
        if size_bytes > _MOST_BYTES:
            raise errors.posix("efbig")
        # Not while it is moved to its name: then its upload ends.
        with _busy_said(), self._trees.lock(file.space), self._indexes.using(file.space) as index:
            _require_there(index, file)
            known, home = noted.arrival(index, file.entry.row), self._trees.home(file.space)
            if known is not None:
                self.require_not_ending(file.space, known.upload.path)
                wanted = Upload(where.path, known.upload.id, size_bytes, known.upload.part_bytes)
                there = self._there(index, storage, known) if (known.storage, known.upload) == (home, wanted) else None
                if there is not None:
                    return Arrived(known.upload, there)
                if made(index, storage, known) is not None:
                    discard(index, storage, known)  # nobody goes on with it
                noted.abandon(storage, [known])
                self.forget(index, known)  # before room is asked for: what is lost takes none
            with self._quotas.claiming(file.space) as claim:
                claim.grow_to(size_bytes)  # whether there is room for it is better known now than at its end
            upload = storage.begin_upload(where.path, size_bytes=size_bytes, part_bytes=_PART_BYTES)
            noted.begin(index, Arrival(file.entry.row, home, upload), now_s=self._now_s())
        return Arrived(upload, {})

    def put(self, file: Located, storage: Storage, body: Iterable[Chunk], offset: int) -> str | None:
        """Take in whole parts, each of which is there as soon as it has arrived.

        Returns:
            The SHA-256 of the file if all of it is there now, and was seen arriving in order.

        Raises:
            PosixError: enotsup, nothing arrives in parts there, or these bytes are no parts; efbig; enospc;
                enoent, the upload is gone: begin again.
            Busy: temporaryFailure, the storage is away; what it has stays.
        """
        with self._indexes.using(file.space) as index, self._quotas.claiming(file.space) as claim:
            arrives = noted.arrival(index, file.entry.row)
            if arrives is None or arrives.storage != self._trees.home(file.space):
                raise errors.posix("enotsup")
            upload = arrives.upload
            judge = partial(self._access.locate, file.caller, file.file_id, Need.MODIFY)
            in_order = self._taken(upload, offset)
            is_there = partial(noted.has_part, index, arrives)
            try:
                for number, content in _in_parts(upload, body, offset, claim, is_there):
                    self._access.require_still(file, judge)
                    sha256 = self._put_part(index, storage, arrives, number, content)
                    claim.release()
                    if in_order is not None:
                        in_order.take(content, sha256)
            finally:
                if in_order is not None:
                    self._keep(upload, in_order)
            if in_order is None or len(in_order.parts) < upload.count:
                return None
            return in_order.digester.sha256 if in_order.are(noted.parts(index, arrives.row)) else None

    def require_whole(self, index: SpaceIndex, arrives: Arrival, path: str) -> None:
        """Let only a file be moved all of which is there, and only to the name that it was begun for.

        Raises:
            PosixError: ebusy.
            Busy: temporaryFailure, it is being moved already.
        """
        self.require_not_ending(index.space, arrives.upload.path)
        if arrives.upload.path != path or len(noted.parts(index, arrives.row)) < arrives.upload.count:
            raise errors.posix("ebusy")

    def complete(self, index: SpaceIndex, storage: Storage, arrives: Arrival) -> tuple[Seen, bool]:
        """Let the storage make a file of its parts; return its facts, and whether the storage says itself that it has the right bytes.

        Raises:
            PosixError: enoent, its upload is gone.
            Busy: temporaryFailure, the storage is away, or has other bytes than it was given; these were removed.
        """
        try:
            with _busy_said():
                arrives = noted.end_begins(index, arrives, replaces=_inode(storage, arrives.upload.path))
                seen = _completed(index, storage, arrives)
        except FileNotFoundError as error:
            self.forget(index, arrives)
            raise errors.posix("enoent") from error
        except ValueError as error:
            self.forget(index, arrives)
            noted.abandon(storage, [arrives])
            raise _sent_again() from error
        return seen, says_right(index, arrives, seen)

    def reads(self, storage: Storage, arrives: Arrival, parts: Mapping[int, Part]) -> bool:
        """Say whether the storage gives back what arrived, all of which is read: not while anybody waits for a lock.

        Raises:
            Busy: temporaryFailure, the storage is away.
            PosixError: enoent, the file was removed meanwhile.
        """
        try:
            with _busy_said():
                reading = Reading(arrives.upload, parts)
                while reading.is_right is None:
                    reading.read_part(storage)
                return reading.is_right
        except FileNotFoundError as error:
            raise errors.posix("enoent") from error

    def refuse(self, index: SpaceIndex, storage: Storage, arrives: Arrival) -> errors.ServiceError:
        """Remove a file that is not what arrived, and return what is said of it."""
        _log.warning("%r has other bytes in its storage than arrived; they are removed", arrives.upload.path)
        self.discard(index, storage, arrives)
        return _sent_again()

    def discard(self, index: SpaceIndex, storage: Storage, arrives: Arrival) -> None:
        """Remove what the storage made of a file's parts, and note no more that anything arrives for it.

        Raises:
            StorageError: It cannot be removed now.
        """
        discard(index, storage, arrives)
        self.forget(index, arrives)

    def digester(self, index: SpaceIndex, arrives: Arrival) -> Digester | None:
        """Return the checksums of a file that came in order, once; None of any other."""
        with self._guard:
            in_order = self._in_order.pop(arrives.upload.id, None)
        is_known = in_order is not None and in_order.are(noted.parts(index, arrives.row))
        return in_order.digester if in_order is not None and is_known else None

    def forget(self, index: SpaceIndex, arrives: Arrival) -> None:
        """Note no more that anything arrives for a file."""
        with self._guard:
            self._in_order.pop(arrives.upload.id, None)
        with index.database.writing() as db:
            noted.drop(db, arrives.row)

    def require_not_ending(self, space: SpaceId, path: str) -> None:
        """Let nothing be done with a path where, or below which, a file is read back before it appears.

        Raises:
            Busy: temporaryFailure.
        """
        if self._trees.is_ending(space, path):
            raise _compared_later()

    def _there(self, index: SpaceIndex, storage: Storage, known: Arrival) -> dict[int, Part] | None:
        """Return the parts that are noted and that the storage still has; None if it knows nothing of their upload."""
        try:
            there = storage.parts_of(known.upload)
        except FileNotFoundError:
            return None
        parts = noted.parts(index, known.row)
        lost = parts.keys() - there
        if lost:
            noted.forget_parts(index, known, lost)
        return {number: part for number, part in parts.items() if number in there}

    def _put_part(
        self, index: SpaceIndex, storage: Storage, arrives: Arrival, number: int, content: bytearray
    ) -> bytes:
        try:
            with _busy_said():
                storage.put_part(arrives.upload, number, content)
        except FileNotFoundError as error:
            raise errors.posix("enoent") from error
        part = Part(hashlib.sha256(content).digest(), hashlib.md5(content, usedforsecurity=False).digest())
        if not noted.note_part(index, arrives, number, part, now_s=self._now_s()):
            raise errors.posix("enoent")  # it was begun anew, removed or ended meanwhile
        return part.sha256

    def _taken(self, upload: Upload, offset: int) -> _InOrder | None:
        """Return the checksums of all that came before an offset, for one thread alone; None where they are not known."""
        with self._guard:
            known = self._in_order.pop(upload.id, None)
        if known is not None and known.digester.size_bytes == offset:
            return known
        return None if offset else _InOrder()

    def _keep(self, upload: Upload, in_order: _InOrder) -> None:
        with self._guard:
            self._in_order[upload.id] = in_order
            while len(self._in_order) > _MOST_KNOWN:
                self._in_order.popitem(last=False)


def _require_there(index: SpaceIndex, file: Located) -> None:
    entry = index.get(file.entry.row)
    if entry is None or index.path(entry) != file.path:
        raise errors.posix("enoent")
    if entry.kind is Kind.DIRECTORY:
        raise errors.posix("eisdir")


def _in_parts(
    upload: Upload, body: Iterable[Chunk], offset: int, claim: Claim, is_there: Callable[[int], bool]
) -> Iterator[tuple[int, bytearray]]:
    """Yield the parts that a body has, by their numbers; each that is new takes its room before it is in memory."""
    number, beyond = divmod(offset, upload.part_bytes)
    if beyond:
        raise errors.posix("enotsup")
    content = bytearray()
    for chunk in body:
        ahead = memoryview(chunk).cast("B")
        while ahead:
            if number >= upload.count:
                raise errors.posix("efbig")
            length = upload.length(number)
            if not content and not is_there(number):
                claim.grow_to(length)
            room = length - len(content)
            content += ahead[:room]
            ahead = ahead[room:]
            if len(content) == length:
                yield number, content
                number, content = number + 1, bytearray()
    if content:
        raise errors.posix("enotsup")


def _inode(storage: Storage, path: str) -> int:
    """Return the inode of what stands at a path, 0 for nothing."""
    try:
        return storage.stat(path).inode
    except FileNotFoundError:
        return 0


def _completed(index: SpaceIndex, storage: Storage, arrives: Arrival) -> Seen:
    """Complete an upload; one that is gone may have been completed by a request whose answer was lost."""
    try:
        return storage.complete_upload(arrives.upload)
    except FileNotFoundError:
        seen = stands(index, storage, arrives)
        if seen is None:
            raise
        return seen


@contextmanager
def _busy_said() -> Iterator[None]:
    """Let who sends know that it is worth while to wait."""
    try:
        yield
    except StorageBusy as error:
        raise errors.error_of("temporaryFailure", "The storage does not answer just now: try again later.") from error


def _compared_later() -> errors.ServiceError:
    said = "The storage's copy of this file is being compared with what arrived: try again later."
    return errors.error_of("temporaryFailure", said)


def _sent_again() -> errors.ServiceError:
    said = "The storage has other bytes than it was given. They were removed: send them again."
    return errors.error_of("temporaryFailure", said)
