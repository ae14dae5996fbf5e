"""What an upload made under its name, compared with what arrived: by what the store says of it, else by reading it back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress

from fs2od.node.index import SpaceIndex, replicas
from fs2od.node.index import arrivals as noted
from fs2od.node.index.arrivals import Arrival, Part
from fs2od.node.index.replicas import Version
from fs2od.storage import Kind, Seen, Storage, Upload, md5_of_parts

__all__ = ["Reading", "discard", "made", "says_right", "stands", "uncompared"]

_BLOCK_BYTES = 8 << 20


def made(index: SpaceIndex, storage: Storage, arrives: Arrival) -> Seen | None:
    """Return the facts of what an upload made, which is no file until it was compared; None if nothing of it stands there.

    Raises:
        StorageError: It cannot be looked at.
    """
    if arrives.replaces is None:
        return None
    try:
        storage.parts_of(arrives.upload)
    except FileNotFoundError:
        return stands(index, storage, arrives)
    return None


def stands(index: SpaceIndex, storage: Storage, arrives: Arrival) -> Seen | None:
    """Return the facts of what stands under the name of an upload that is gone, if nothing else than the upload can have made it.

    Raises:
        StorageError: It cannot be looked at.
    """
    path = arrives.upload.path
    try:
        seen = storage.stat(path)
        known = index.lookup(path.split("/"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    version = None if known is None else replicas.registered(index, known.row)
    facts = Version(seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode)
    is_other = seen.inode == arrives.replaces or (version is not None and version[1] == facts)
    return seen if seen.kind is Kind.FILE and not is_other else None


def uncompared(index: SpaceIndex, storage: Storage, path: str) -> list[Arrival]:
    """Return the uploads that made what stands at a path, and that nobody has compared it with.

    Raises:
        StorageError: It cannot be looked at.
    """
    of_path = [each for each in noted.ending(index) if each.upload.path == path]
    return [each for each in of_path if made(index, storage, each) is not None]


def says_right(index: SpaceIndex, arrives: Arrival, seen: Seen) -> bool:
    """Say whether the store itself says of a file that it has the bytes that arrived."""
    parts = noted.parts(index, arrives.row)
    if len(parts) < arrives.upload.count:
        return False
    return seen.md5 == md5_of_parts([parts[number].md5 for number in sorted(parts)], uploaded=True)


def discard(index: SpaceIndex, storage: Storage, arrives: Arrival) -> None:
    """Remove what an upload made, and note no more that anything arrives. In this order: a crash between leaves nothing uncompared.

    Raises:
        StorageError: It cannot be removed.
    """
    with suppress(FileNotFoundError):
        storage.delete(arrives.upload.path)
    with index.database.writing() as db:
        noted.drop(db, arrives.row)


class Reading:
    """Reads back what an upload made, part by part: a store that encrypts tells something else than an MD5."""

    def __init__(self, upload: Upload, parts: Mapping[int, Part]) -> None:
        self._upload = upload
        self._parts = parts
        self._number = 0
        self.is_right: bool | None = None
        """Whether it is what arrived; None as long as that is not known."""

    def read_part(self, storage: Storage) -> None:
        """Read one more part.

        Raises:
            FileNotFoundError: The file was removed meanwhile.
            StorageError: The storage is away; the same part is read the next time.
        """
        length, part = self._upload.length(self._number), self._parts.get(self._number)
        is_last = self._number == self._upload.count - 1
        with storage.open(self._upload.path) as file:
            file.seek(self._number * self._upload.part_bytes)
            digest, left = hashlib.sha256(), length
            while left and (block := file.read(min(left, _BLOCK_BYTES))):
                digest.update(block)
                left -= len(block)
            is_same = part is not None and digest.digest() == part.sha256 and not (is_last and file.read(1))
        if is_last or not is_same:
            self.is_right = is_same
        self._number += 1
