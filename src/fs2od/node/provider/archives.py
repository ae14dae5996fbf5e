"""A directory as one TAR stream, made while it is read. Memory stays flat whatever the tree holds.

Source: POSIX.1-2001, ustar and pax interchange formats.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO

from fs2od.errors import StorageError
from fs2od.node.index import Entry, Indexes
from fs2od.node.provider.access import Located
from fs2od.node.provider.content import state_of
from fs2od.node.provider.streaming import AccessEnded
from fs2od.storage import Kind, Storage

__all__ = ["header", "tar_stream"]

_BLOCK = tarfile.BLOCKSIZE
_NS = 1_000_000_000
# What eleven octal digits can say: sizes below 8 GiB and times before the year 2242.
_MOST_OCTAL = 8**11
_NAME, _PREFIX = 100, 155
_END = bytes(2 * _BLOCK)
_CHECKSUM_AT = slice(148, 156)
_TYPES = {Kind.FILE: b"0", Kind.SYMLINK: b"2", Kind.DIRECTORY: b"5"}


def tar_stream(
    top: Located,
    storage: Storage,
    indexes: Indexes,
    *,
    root_name: str,
    stands: Callable[[], bool],
    chunk_bytes: int,
    recheck_bytes: int,
) -> Generator[bytes, None, None]:
    """Yield a TAR of everything below `top` that its caller may read, under one folder called `root_name`.

    Pieces have about `chunk_bytes`. A file is sent as it is when its turn comes; one that changes while it is read, or
    cannot be read any more, breaks the stream off, so that no reader takes the archive for whole.

    Raises:
        AccessEnded: The access ended, or a file changed while it was read.
    """
    pieces: list[bytes] = []
    gathered = unchecked = 0
    for piece in _pieces(top, storage, indexes, root_name, chunk_bytes):
        pieces.append(piece)
        gathered += len(piece)
        if gathered >= chunk_bytes:
            unchecked += gathered
            if unchecked >= recheck_bytes:
                unchecked = 0
                if not stands():
                    raise AccessEnded("the access ended")
            yield b"".join(pieces)
            pieces, gathered = [], 0
    yield b"".join(pieces)


def _pieces(top: Located, storage: Storage, indexes: Indexes, root_name: str, chunk_bytes: int) -> Iterator[bytes]:
    yield _entry_header(top.entry, root_name)
    above = f"{top.path}/" if top.path else ""
    with indexes.using(top.space) as index:
        for path, entry in index.walk(top.entry, enters=lambda path, entry: _is_open(top, path, entry)):
            if not _is_open(top, path, entry):
                continue
            name = f"{root_name}/{path}"
            if entry.kind is Kind.FILE:
                yield from _file(storage, above + path, name, entry.mode, chunk_bytes)
            else:
                yield _entry_header(entry, name)
    yield _END


def _is_open(top: Located, path: str, entry: Entry) -> bool:
    """Say whether modes and the caller's token let them read an entry below the top."""
    return top.may_read(entry) and (
        top.remaining.paths is None or top.remaining.leads_on(f"{top.canonical_path}/{path}")
    )


def _entry_header(entry: Entry, name: str) -> bytes:
    return header(name, entry.kind, mode=entry.mode, mtime_s=entry.mtime_ns // _NS, target=entry.target or "")


def _file(storage: Storage, path: str, name: str, mode: int, chunk_bytes: int) -> Iterator[bytes]:
    try:
        with storage.open(path) as source:
            yield from _opened_file(source, path, name, mode, chunk_bytes)
    except (FileNotFoundError, StorageError, OSError) as error:
        raise AccessEnded(f"{path!r} cannot be read any more") from error


def _opened_file(source: BinaryIO, path: str, name: str, mode: int, chunk_bytes: int) -> Iterator[bytes]:
    state = state_of(source)
    yield header(name, Kind.FILE, mode=mode, mtime_s=state.mtime_s, size_bytes=state.size)
    left = state.size
    while left:
        chunk = source.read(min(left, chunk_bytes))
        if not chunk:
            raise AccessEnded(f"{path!r} became shorter while it was read")
        left -= len(chunk)
        yield chunk
    if state_of(source) != state:
        raise AccessEnded(f"{path!r} changed while it was read")
    if state.size % _BLOCK:
        yield bytes(-state.size % _BLOCK)


def header(name: str, kind: Kind, *, mode: int, mtime_s: int, size_bytes: int = 0, target: str = "") -> bytes:
    """Return the header blocks of one member: ustar where it can say everything, else pax (a twentieth as fast)."""
    if kind is Kind.DIRECTORY:
        name += "/"
    split = _split(name)
    if split is None or not (target.isascii() and len(target) <= _NAME) or not 0 <= mtime_s < _MOST_OCTAL > size_bytes:
        return _pax(name, kind, mode=mode, mtime_s=mtime_s, size_bytes=size_bytes, target=target)
    prefix, rest = split
    block = bytearray(_BLOCK)
    block[0 : len(rest)] = rest
    # mode, user, group, size, mtime, a checksum of blanks while it is computed, type
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0        %s" % (mode & 0o777, 0, 0, size_bytes, mtime_s, _TYPES[kind])
    block[100:157] = numbers
    block[157 : 157 + len(target)] = target.encode()
    block[257:265] = b"ustar\x0000"
    block[345 : 345 + len(prefix)] = prefix
    block[_CHECKSUM_AT] = b"%06o\0 " % sum(block)
    return bytes(block)


def _split(name: str) -> tuple[bytes, bytes] | None:
    """Return what stands in ustar's prefix and name fields, or None where the name does not fit into them."""
    if not name.isascii():
        return None
    raw = name.encode()
    if len(raw) <= _NAME:
        return b"", raw
    at = raw.find(b"/", len(raw) - _NAME - 1, -1)
    return (raw[:at], raw[at + 1 :]) if 0 < at <= _PREFIX else None


def _pax(name: str, kind: Kind, *, mode: int, mtime_s: int, size_bytes: int, target: str) -> bytes:
    member = tarfile.TarInfo(name)
    member.type = _TYPES[kind]
    member.mode, member.mtime, member.size, member.linkname = mode & 0o777, mtime_s, size_bytes, target
    return member.tobuf(tarfile.PAX_FORMAT)
