"""Many files in one TAR stream, in the order in which they were asked for: for our own download."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice

from fs2od.errors import StorageError
from fs2od.node.index import Indexes
from fs2od.node.index.rows import Row, Seeing, row_of
from fs2od.node.provider.access import Located
from fs2od.node.provider.archives.directory import tar_of_file
from fs2od.node.provider.archives.headers import header
from fs2od.node.provider.archives.names import OwnNames
from fs2od.node.provider.archives.reading import gathered
from fs2od.node.provider.archives.selections import Finder
from fs2od.node.provider.archives.tar import TAR_END
from fs2od.onedata import errors
from fs2od.storage import Kind, Storage

__all__ = ["MISSING", "bulk_stream"]

MISSING = ".fs2od-missing"
"""The last member: a JSON list of [path, reason] of the files that could not be given."""
_AT_ONCE = 500


def bulk_stream(
    top: Located,
    storage: Storage,
    indexes: Indexes,
    paths: Sequence[str],
    *,
    stands: Callable[[], bool],
    chunk_bytes: int,
    recheck_bytes: int,
) -> Generator[bytes, None, None]:
    """Yield a TAR of exactly these files below `top`, each as it is when its turn comes and under its path.

    What cannot be given is left out and named in the last member.

    Raises:
        AccessEnded: The access ended, or a file changed while it was read.
    """
    pieces = _pieces(top, storage, indexes, paths, chunk_bytes)
    return gathered(pieces, stands=stands, chunk_bytes=chunk_bytes, recheck_bytes=recheck_bytes)


def _pieces(
    top: Located, storage: Storage, indexes: Indexes, paths: Sequence[str], chunk_bytes: int
) -> Iterator[bytes]:
    above, missing = f"{top.path}/" if top.path else "", list[tuple[str, str]]()
    for path, row in _found(top, indexes, paths):
        if isinstance(row, str):
            missing.append((path, row))
            continue
        try:
            source = storage.open(above + path)
        except (FileNotFoundError, StorageError):
            missing.append((path, "cannot be read"))
            continue
        with source:
            yield from tar_of_file(source, path, path, row.mode, chunk_bytes)
    if missing:
        said = json.dumps(missing, ensure_ascii=False).encode()
        yield header(MISSING, Kind.FILE, mode=0o644, mtime_s=0, size_bytes=len(said))
        yield said + bytes(-len(said) % 512)
    yield TAR_END


def _found(top: Located, indexes: Indexes, paths: Sequence[str]) -> Iterator[tuple[str, Row | str]]:
    """Yield each path with what is registered there, or with the reason why it cannot be given."""
    given = iter(paths)
    with indexes.using(top.space) as index:
        while some := list(islice(given, _AT_ONCE)):
            with index.database.reading() as db:
                row = row_of(db, top.entry.row)
                if row is None:
                    yield from ((path, "does not exist") for path in some)
                    continue
                finder = Finder(db, Seeing(sys.maxsize, *top.read_bits), row, OwnNames(), "")
                found = [(path, _one(finder, path)) for path in some]
            yield from found


def _one(finder: Finder, path: str) -> Row | str:
    try:
        row = finder.root(path).row
    except errors.PosixError:
        return "does not exist or may not be read"
    return row if row.kind == Kind.FILE else "is no file"
