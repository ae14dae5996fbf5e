"""A directory as one TAR stream, made while it is read. Memory stays flat whatever the tree holds.

Source: POSIX.1-2001 pax interchange format, as the standard library's tarfile writes headers.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator

from fs2od.errors import StorageError
from fs2od.node.index import Entry, Indexes
from fs2od.node.provider.access import Located
from fs2od.node.provider.content import AccessEnded
from fs2od.storage import Kind, Storage

__all__ = ["tar_stream"]

_BLOCK = tarfile.BLOCKSIZE


def tar_stream(
    top: Located,
    storage: Storage,
    indexes: Indexes,
    *,
    root_name: str,
    stands: Callable[[], bool],
    chunk_bytes: int,
    recheck_bytes: int,
) -> Iterator[bytes]:
    """Yield a TAR of everything below `top`, under one folder called `root_name`, in pieces of about `chunk_bytes`.

    A file that changed since it was registered is cut off or filled with zero bytes at its registered size, and then the
    stream breaks off, so that no reader takes it for whole.

    Raises:
        AccessEnded: The access ended, or a file changed while it was read.
    """
    buffer = bytearray()
    since_check = 0
    for piece in _pieces(top, storage, indexes, root_name, chunk_bytes):
        buffer += piece
        since_check += len(piece)
        if since_check >= recheck_bytes:
            since_check = 0
            if not stands():
                raise AccessEnded("the access ended")
        if len(buffer) >= chunk_bytes:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


def _pieces(top: Located, storage: Storage, indexes: Indexes, root_name: str, chunk_bytes: int) -> Iterator[bytes]:
    yield _header(top.entry, root_name)
    with indexes.using(top.space) as index:
        for path, entry in index.walk(top.entry):
            yield _header(entry, f"{root_name}/{path}")
            if entry.kind is Kind.FILE:
                yield from _content(storage, f"{top.path}/{path}" if top.path else path, entry.size_bytes, chunk_bytes)
    yield bytes(2 * _BLOCK)


def _header(entry: Entry, name: str) -> bytes:
    member = tarfile.TarInfo(name)
    member.mode = entry.mode & 0o777
    member.mtime = entry.mtime_ns // 1_000_000_000
    match entry.kind:
        case Kind.DIRECTORY:
            member.type = tarfile.DIRTYPE
        case Kind.SYMLINK:
            member.type = tarfile.SYMTYPE
            member.linkname = entry.target or ""
        case _:
            member.size = entry.size_bytes
    return member.tobuf(tarfile.PAX_FORMAT)


def _content(storage: Storage, path: str, size: int, chunk_bytes: int) -> Iterator[bytes]:
    left = size
    try:
        with storage.open(path) as source:
            while left:
                chunk = source.read(min(left, chunk_bytes))
                if not chunk:
                    raise AccessEnded(f"{path!r} became shorter while it was read")
                left -= len(chunk)
                yield chunk
    except (FileNotFoundError, StorageError) as error:
        raise AccessEnded(f"{path!r} cannot be read any more") from error
    yield bytes(-size % _BLOCK)
