"""A directory as one TAR stream, as it is at the moment: Onedata's way, of a length that nobody knows beforehand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO

from fs2od.errors import StorageError
from fs2od.node.cut_off import AccessEnded
from fs2od.node.index import Indexes
from fs2od.node.index.rows import Row, Seeing, row_of
from fs2od.node.provider.access import Located
from fs2od.node.provider.archives.headers import BLOCK, header
from fs2od.node.provider.archives.layouts import NS
from fs2od.node.provider.archives.members import Root, Walk
from fs2od.node.provider.archives.names import OwnNames
from fs2od.node.provider.archives.plans import SEGMENT, name_in
from fs2od.node.provider.archives.reading import gathered
from fs2od.node.provider.archives.tar import TAR_END, TarLayout
from fs2od.node.provider.sources import Files
from fs2od.storage import Kind, facts_of

__all__ = ["tar_of_file", "tar_stream"]


def tar_stream(
    top: Located,
    storage: Files,
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
    pieces = _pieces(top, storage, indexes, root_name, chunk_bytes)
    return gathered(pieces, stands=stands, chunk_bytes=chunk_bytes, recheck_bytes=recheck_bytes)


def _pieces(top: Located, storage: Files, indexes: Indexes, root_name: str, chunk_bytes: int) -> Iterator[bytes]:
    layout, above = TarLayout(), f"{top.path}/" if top.path else ""
    for name, path, row in _members(top, indexes, root_name):
        if row.kind == Kind.FILE:
            yield from _file(storage, above + path, name, row.mode, chunk_bytes)
        else:
            yield layout.head(name, row)
    yield TAR_END


def _members(top: Located, indexes: Indexes, root_name: str) -> Iterator[tuple[str, str, Row]]:
    """Yield name, path below the top, and what is registered."""
    with indexes.using(top.space) as index:
        with index.database.reading() as db:
            row = row_of(db, top.entry.row)
        if row is None:
            raise AccessEnded("the directory is gone")
        root = Root(row._replace(name=root_name), "", "", {}, "")
        walk = Walk([root], Seeing(sys.maxsize, *top.read_bits), OwnNames(), admits=_admits(top))
        while True:
            with index.database.reading() as db:
                runs = walk.take(db, SEGMENT)
            if not runs:
                return
            for run in runs:
                yield from ((name_in(run, row), run.path + row.name, row) for row in run.members)


def _admits(top: Located) -> Callable[[str], bool] | None:
    """Return what says of a path below the top whether the caller's token leads on to it; None if it leaves all."""
    remaining, above = top.remaining, top.canonical_path
    return None if remaining.paths is None else lambda path: remaining.leads_on(f"{above}/{path}")


def _file(storage: Files, path: str, name: str, mode: int, chunk_bytes: int) -> Iterator[bytes]:
    try:
        with storage.open(path) as source:
            yield from tar_of_file(source, path, name, mode, chunk_bytes)
    except (FileNotFoundError, StorageError) as error:
        raise AccessEnded(f"{path!r} cannot be read any more") from error


def tar_of_file(source: BinaryIO, path: str, name: str, mode: int, chunk_bytes: int) -> Iterator[bytes]:
    """Yield an open file as a member of a TAR, as it is now.

    Raises:
        AccessEnded: It changed while it was read.
        OSError: It cannot be read.
    """
    facts = facts_of(source)
    yield header(name, Kind.FILE, mode=mode, mtime_s=facts.mtime_ns // NS, size_bytes=facts.size_bytes)
    left = facts.size_bytes
    while left:
        chunk = source.read(min(left, chunk_bytes))
        if not chunk:
            raise AccessEnded(f"{path!r} became shorter while it was read")
        left -= len(chunk)
        yield chunk
    if facts_of(source) != facts:
        raise AccessEnded(f"{path!r} changed while it was read")
    if facts.size_bytes % BLOCK:
        yield bytes(-facts.size_bytes % BLOCK)
