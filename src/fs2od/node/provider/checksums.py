"""What is known of files' checksums: from the facility's sidecar, and from what was read here anyway.

A checksum holds only for the file as it was when it was computed; one that changed since has none until it is known anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from fs2od.manifests import PIECE_BYTES, Digester
from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.provider.sidecars import Sidecars
from fs2od.node.provider.sources import Sources
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Seen

__all__ = ["Checksum", "Checksums", "Read", "know"]

Read = tuple[int, int, int, int, int]
"""What was read of a file: its size, mtime_ns, ctime_ns and inode then, and the CRC-32 of its bytes."""

_AT_ONCE_S = 0.2
_MOST_WAIT_S = 60.0
_BATCH = 5000
_DIGEST_BYTES = 32
_QUERY = """
SELECT {columns} FROM checksum JOIN entry ON entry.id = checksum.entry
    WHERE checksum.entry IN (SELECT value FROM json_each(?))
    AND checksum.size = entry.size AND checksum.mtime_ns = entry.mtime_ns
    AND ifnull(checksum.ctime_ns, entry.ctime_ns) = entry.ctime_ns AND ifnull(checksum.inode, entry.inode) = entry.inode
"""
_CRC32S = _QUERY.format(columns="checksum.entry, crc32")
_SHA256S = (
    _QUERY.format(columns="checksum.entry, checksum.size, checksum.mtime_ns, sha256, crc32, piece_bytes, pieces")
    + " AND sha256 IS NOT NULL"
)
_COUNT = """
SELECT count(*) FROM checksum CROSS JOIN entry ON entry.id = checksum.entry
    WHERE sha256 IS NOT NULL AND checksum.size = entry.size AND checksum.mtime_ns = entry.mtime_ns
"""
# What the sidecar says of this very state comes before what was read: it knows more.
_REMEMBER = """
INSERT INTO checksum (entry, size, mtime_ns, ctime_ns, inode, crc32)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM entry WHERE id = ?1)
ON CONFLICT (entry) DO UPDATE SET size = ?2, mtime_ns = ?3, ctime_ns = ?4, inode = ?5, crc32 = ?6,
    sha256 = NULL, piece_bytes = 0, pieces = x''
    WHERE sha256 IS NULL OR size != ?2 OR mtime_ns != ?3
"""


_KNOW = """
INSERT OR REPLACE INTO checksum (entry, size, mtime_ns, ctime_ns, inode, sha256, crc32, piece_bytes, pieces)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class Checksum:
    """What the sidecar says of a file in the state that is registered.

    Attributes:
        size_bytes: The file's size then.
        mtime_ns: Its modification time then.
        sha256: Of all bytes.
        crc32: Of all bytes, as ZIP has it.
        piece_bytes: The size of a piece; the last one may be shorter.
        pieces: SHA-256 of each piece; none for a file of one piece.
    """

    size_bytes: int
    mtime_ns: int
    sha256: bytes
    crc32: int
    piece_bytes: int = 0
    pieces: tuple[bytes, ...] = ()


class Checksums:
    """Finds what is known of files' checksums, and takes in what is new in their dataset's sidecar.

    New parts of a sidecar are noticed at each question. They are taken in by a thread of their own: a question waits for
    them a moment, and is then answered by what is known so far.
    """

    def __init__(self, indexes: Indexes, sources: Sources) -> None:
        self._indexes = indexes
        self._sidecars = Sidecars(indexes, sources)

    def of(self, space: SpaceId, entry: Entry) -> Checksum | None:
        """Return what the sidecar says of a file as it is registered now; None if it says nothing."""
        self._sidecars.take_in(space, wait_s=_AT_ONCE_S)
        with self._indexes.using(space) as index:
            return index.kept(_known, entry.row)

    def of_all(self, space: SpaceId, entries: Iterable[Entry]) -> dict[int, Checksum]:
        """Return what the sidecar says of files as they are registered now, by their rows; without those it does not know."""
        rows = self._rows(space, _SHA256S, [entry.row for entry in entries])
        return {row[0]: _checksum(row) for row in rows}

    def crc32(self, space: SpaceId, entry: Entry) -> int | None:
        """Return a file's CRC-32; None if it is not known for the file as it is registered now."""
        return self.crc32s(space, [entry.row]).get(entry.row)

    def crc32s(self, space: SpaceId, rows: Sequence[int]) -> dict[int, int]:
        """Return files' CRC-32 by their rows, without those that are not known."""
        return {row[0]: row[1] for row in self._rows(space, _CRC32S, rows)}

    def remember_crc32(self, space: SpaceId, found: Mapping[int, Read]) -> None:
        """Note what was read of files, by their rows; many at once, in one transaction for some thousand."""
        values = iter([(row, *read) for row, read in found.items()])
        with self._indexes.using(space) as index:
            while batch := list(islice(values, _BATCH)):
                with index.database.writing() as db:
                    db.executemany(_REMEMBER, batch)

    def count(self, space: SpaceId) -> int:
        """Return how many files of a space the sidecar knows as they are registered now. Looks at each: a second for a million."""
        self._sidecars.take_in(space, wait_s=_AT_ONCE_S)
        with self._indexes.using(space) as index, index.database.reading() as db:
            return int(db.execute(_COUNT).fetchone()[0])

    def load(self, space: SpaceId) -> None:
        """Take in all that a space's sidecar says now, and wait for it; what takes longer than a minute goes on behind."""
        self._sidecars.take_in(space, wait_s=_MOST_WAIT_S)

    def close(self) -> None:
        """Stop taking in sidecars; the rest is taken in another time."""
        self._sidecars.close()

    def _rows(self, space: SpaceId, query: str, rows: Sequence[int]) -> list[sqlite3.Row]:
        self._sidecars.take_in(space, wait_s=_AT_ONCE_S)
        with self._indexes.using(space) as index, index.database.reading() as db:
            return db.execute(query, (json.dumps(rows),)).fetchall()


def know(db: sqlite3.Connection, row: int, seen: Seen, digester: Digester) -> None:
    """Note what was computed of a file while it was written, for the state that it has now."""
    pieces = bytes.fromhex("".join(digester.pieces))
    facts = (seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode, bytes.fromhex(digester.sha256), digester.crc32)
    db.execute(_KNOW, (row, *facts, PIECE_BYTES if pieces else 0, pieces))


def _known(index: SpaceIndex, entry: int) -> Checksum | None:
    with index.database.reading() as db:
        row = db.execute(_SHA256S, (f"[{entry}]",)).fetchone()
    return None if row is None else _checksum(row)


def _checksum(row: sqlite3.Row) -> Checksum:
    _, size_bytes, mtime_ns, digest, crc32, piece_bytes, pieces = row
    return Checksum(size_bytes, mtime_ns, digest, crc32, piece_bytes, _pieces(pieces))


def _pieces(joined: bytes) -> tuple[bytes, ...]:
    return tuple(joined[first : first + _DIGEST_BYTES] for first in range(0, len(joined), _DIGEST_BYTES))
