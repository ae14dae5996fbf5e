"""Many files in one TAR stream, in the order in which they were asked for: for our own download."""

from __future__ import annotations

import json
import sqlite3
import sys
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from fs2od.errors import StorageError
from fs2od.node.cut_off import AccessEnded
from fs2od.node.index import Indexes
from fs2od.node.index.rows import Row, Seeing, row_of
from fs2od.node.provider.access import Located
from fs2od.node.provider.archives.directory import tar_of_file
from fs2od.node.provider.archives.headers import BLOCK, header
from fs2od.node.provider.archives.names import OwnNames
from fs2od.node.provider.archives.reading import gathered
from fs2od.node.provider.archives.selections import Finder
from fs2od.node.provider.archives.tar import TAR_END
from fs2od.node.provider.sources import Files
from fs2od.onedata import errors
from fs2od.storage import Kind

__all__ = ["MISSING", "bulk_stream", "gzipped"]

MISSING = ".fs2od-missing"
"""The last member: a JSON list of [path, reason] of the files that could not be given."""
_AT_ONCE = 500
_GZIP = 31


class _Source(NamedTuple):
    path: str
    mode: int


_Found = _Source | str
"""A file, or why there is none."""


def bulk_stream(
    top: Located,
    storage: Files,
    indexes: Indexes,
    paths: Sequence[str],
    *,
    follow: Callable[[str, int], str | None],
    stands: Callable[[], bool],
    chunk_bytes: int,
    recheck_bytes: int,
) -> Generator[bytes, None, None]:
    """Yield a TAR of exactly these files below `top`, each as it is when its turn comes and under its path.

    What cannot be given is left out and named in the last member.

    Args:
        top: A directory, or the only file.
        storage: Where the files lie.
        indexes: Where they are registered.
        paths: Which files, in order; a link stands for the file that it leads to.
        follow: Returns the path in the storage of the file that a link leads to, given the link's path below the top and its row; None
            if it leads to none.
        stands: Says whether the access still holds; may block.
        chunk_bytes: The size of a piece.
        recheck_bytes: After how many bytes `stands` is asked again.

    Raises:
        AccessEnded: The access ended, or a file changed while it was read.
    """
    pieces = _pieces(storage, _found(top, indexes, paths, follow), chunk_bytes)
    return gathered(pieces, stands=stands, chunk_bytes=chunk_bytes, recheck_bytes=recheck_bytes)


def gzipped(pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """Yield a stream compressed: lists of checksums, as manifests are, are sent in half of the bytes."""
    packing = zlib.compressobj(wbits=_GZIP)
    with closing(pieces):
        for piece in pieces:
            if packed := packing.compress(piece):
                yield packed
    yield packing.flush()


def _pieces(storage: Files, found: Iterator[tuple[str, _Found]], chunk_bytes: int) -> Iterator[bytes]:
    missing: list[tuple[str, str]] = []
    for path, given in found:
        if isinstance(given, str):
            missing.append((path, given))
            continue
        try:
            source = storage.open(given.path)
        except (FileNotFoundError, StorageError):
            missing.append((path, "cannot be read"))
            continue
        with source:
            try:
                yield from tar_of_file(source, path, path, given.mode, chunk_bytes)
            except (FileNotFoundError, StorageError) as error:
                raise AccessEnded(f"{path!r} cannot be read any more") from error
    if missing:
        said = json.dumps(missing, ensure_ascii=False).encode()
        yield header(MISSING, Kind.FILE, mode=0o644, mtime_s=0, size_bytes=len(said))
        yield said + bytes(-len(said) % BLOCK)
    yield TAR_END


def _found(
    top: Located, indexes: Indexes, paths: Sequence[str], follow: Callable[[str, int], str | None]
) -> Iterator[tuple[str, _Found]]:
    """Yield each path with the file that lies there, or with the reason why it cannot be given."""
    given = iter(paths)
    with indexes.using(top.space) as index:
        while some := list(islice(given, _AT_ONCE)):
            with index.database.reading() as db:
                finder = _finder(db, top)
                rows = [(path, _row(finder, path)) for path in some]
            for path, row in rows:
                yield path, _source(top, path, row, follow)


def _finder(db: sqlite3.Connection, top: Located) -> Finder | None:
    row = row_of(db, top.entry.row)
    return None if row is None else Finder(db, Seeing(sys.maxsize, *top.read_bits), row, OwnNames(), "")


def _row(finder: Finder | None, path: str) -> Row | None:
    try:
        return None if finder is None else finder.root(path).row
    except errors.PosixError:
        return None


def _source(top: Located, path: str, row: Row | None, follow: Callable[[str, int], str | None]) -> _Found:
    if row is None:
        return "does not exist or may not be read"
    above = f"{top.path}/" if top.path and top.entry.kind is Kind.DIRECTORY else ""
    if row.kind == Kind.FILE:
        return _Source(top.path if top.entry.kind is Kind.FILE else above + path, row.mode)
    target = follow(path, row.id) if row.kind == Kind.SYMLINK else None
    return "is no file" if target is None else _Source(target, row.mode)
