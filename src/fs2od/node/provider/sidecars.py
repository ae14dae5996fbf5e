"""Taking in what a dataset's sidecar says: its trustworthy parts, in their order, in steps that keep nobody waiting."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from fs2od.errors import Fs2odError
from fs2od.manifests import MANIFEST, MOST_PART_BYTES, SIDECAR, BrokenPart, ManifestEntry, Part, parse_part, part_number
from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.index.schema import ROOT
from fs2od.node.provider.sources import Sources
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Kind

__all__ = ["Sidecars"]

_STEP = 2000
_MOST_FOLDERS = 10_000
_LEAST_PAUSE_S = 1.0
_IDLE = 10
_FACTS = "size, mtime_ns, sha256, crc32, piece_bytes, pieces"
_PARTS = """
SELECT folder.id, folder.files, (SELECT max(id) FROM entry), EXISTS (SELECT 1 FROM checksum_ahead)
    FROM entry AS sidecar JOIN entry AS folder ON folder.parent = sidecar.id AND folder.name = ?
    WHERE sidecar.parent = ? AND sidecar.name = ?
"""
# What was read here of the state that is registered stands against what is said of an earlier one: nobody else knows it. A later
# one may be about to be registered.
_KNOW = f"""
INSERT INTO checksum (entry, {_FACTS}) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (entry) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = NULL, inode = NULL,
    sha256 = excluded.sha256, crc32 = excluded.crc32, piece_bytes = excluded.piece_bytes, pieces = excluded.pieces
    WHERE excluded.mtime_ns >= checksum.mtime_ns OR NOT EXISTS (
        SELECT 1 FROM entry WHERE id = checksum.entry AND size = checksum.size AND mtime_ns = checksum.mtime_ns
        AND ctime_ns = checksum.ctime_ns AND inode = checksum.inode
    )
"""
# Nor does it end with what the facility no longer sees: somebody may have put it there anew.
_GONE = "DELETE FROM checksum WHERE entry = ? AND ctime_ns IS NULL"
_AHEAD = f"INSERT OR REPLACE INTO checksum_ahead (path, {_FACTS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_log = logging.getLogger(__name__)

_Facts = tuple[int, int, bytes, int, int, bytes]


class _Seen(NamedTuple):
    """What changes when there may be something to take in: the parts' folder, how many it has, the newest entry of all."""

    folder: int
    parts: int
    newest: int
    has_ahead: bool


_NOTHING = _Seen(0, 0, 0, has_ahead=False)


@dataclass
class _Progress:
    """How far one space's sidecar was taken in, and which parts cannot be trusted as they are."""

    seen: _Seen = _NOTHING
    refused: set[tuple[int, int, int]] = field(default_factory=set)
    not_before_s: float = 0.0
    has_failed: bool = False
    running: Future[None] | None = None

    def is_due(self, seen: _Seen, now_s: float) -> bool:
        """Say whether to begin. New parts are taken in at once; what is tried again and again may take a tenth of the time."""
        if seen[:2] != self.seen[:2] and not self.has_failed:
            return True
        return ((seen.has_ahead and seen.newest != self.seen.newest) or self.has_failed) and now_s >= self.not_before_s


class Sidecars:
    """Takes in the sidecars of all spaces, one after the other, in one thread of its own."""

    def __init__(self, indexes: Indexes, sources: Sources) -> None:
        self._indexes = indexes
        self._sources = sources
        self._lock = threading.Lock()
        self._progress: dict[SpaceId, _Progress] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sidecar")
        self._closing = threading.Event()

    def take_in(self, space: SpaceId, *, wait_s: float) -> None:
        """Begin to take in what is new in a space's sidecar, and wait for it up to `wait_s` seconds. Cheap if nothing is."""
        seen = self._look(space)
        if seen is None:
            return
        with self._lock:
            progress = self._progress.setdefault(space, _Progress())
            if progress.running is None or progress.running.done():
                if self._closing.is_set() or not progress.is_due(seen, time.monotonic()):
                    return
                progress.running = self._worker.submit(self._run, space, progress, seen)
            running = progress.running
        try:
            running.result(wait_s)
        except NotYet:
            _log.info("the sidecar of space %s is still being taken in", space)

    def close(self) -> None:
        """Stop; what was taken in so far stays."""
        self._closing.set()
        self._worker.shutdown(cancel_futures=True)

    def _look(self, space: SpaceId) -> _Seen | None:
        """Return what changes when there may be something to take in; None without a sidecar."""
        with self._indexes.using(space) as index:
            return index.kept(_looked, MANIFEST)

    def _run(self, space: SpaceId, progress: _Progress, seen: _Seen) -> None:
        started_s = time.monotonic()
        try:
            with self._indexes.using(space) as index:
                _Taking(index, self._closing).settle_ahead()
                for entry in _parts(index, seen.folder):
                    state = (entry.row, entry.size_bytes, entry.mtime_ns)
                    if state not in progress.refused and not self._closing.is_set():
                        self._take(index, entry, progress, state)
            progress.seen, progress.has_failed = seen, False
        except Fs2odError as error:
            progress.has_failed = True
            _log.warning("the sidecar of space %s cannot be taken in now: %s", space, error)
        ended_s = time.monotonic()
        progress.not_before_s = ended_s + max(_LEAST_PAUSE_S, _IDLE * (ended_s - started_s))

    def _take(self, index: SpaceIndex, entry: Entry, progress: _Progress, state: tuple[int, int, int]) -> None:
        try:
            part = parse_part(self._content(index.space, f"{SIDECAR}/{MANIFEST}/{entry.name}"))
            if part.number != part_number(entry.name):
                raise BrokenPart("the part has another number than its name")
        except (BrokenPart, FileNotFoundError) as error:
            progress.refused.add(state)
            _log.warning("part %r of the manifest of space %s is not trusted: %s", entry.name, index.space, error)
            return
        _Taking(index, self._closing).part(part, entry.row)

    def _content(self, space: SpaceId, path: str) -> bytes:
        try:
            tree = self._sources.tree(space)
        except errors.PosixError as error:
            raise FileNotFoundError(path) from error
        with tree.open(path) as source:
            return b"".join(_pieces(source, MOST_PART_BYTES + 1))


def _pieces(source: BinaryIO, most: int) -> Iterator[bytes]:
    while most and (piece := source.read(most)):
        most -= len(piece)
        yield piece


def _looked(index: SpaceIndex, folder: str) -> _Seen | None:
    with index.database.reading() as db:
        row = db.execute(_PARTS, (folder, ROOT, SIDECAR)).fetchone()
    return None if row is None else _Seen(row[0], row[1], row[2], has_ahead=bool(row[3]))


def _parts(index: SpaceIndex, folder: int) -> list[Entry]:
    """Return the parts that were not taken in yet, in the order of their numbers."""
    with index.database.reading() as db:
        taken = {row[0] for row in db.execute("SELECT entry FROM manifest_part")}
    found: list[tuple[int, Entry]] = []
    after: str | None = None
    while page := index.children(folder, after=after, limit=_STEP):
        after = page[-1].name
        numbered = ((part_number(entry.name), entry) for entry in page if entry.kind is Kind.FILE)
        found += [(number, entry) for number, entry in numbered if number and entry.row not in taken]
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


@dataclass(frozen=True)
class _Taking:
    """Writes down what parts say, some thousand files in a transaction. Cut off in between, a part is taken in once more."""

    index: SpaceIndex
    closing: threading.Event

    def part(self, part: Part, row: int) -> None:
        """Write down one part."""
        for first in range(0, len(part.entries), _STEP):
            if self.closing.is_set():
                return
            with self.index.database.writing() as db:
                self._place(db, [(entry.path, _facts(entry, part)) for entry in part.entries[first : first + _STEP]])
        with self.index.database.writing() as db:
            rows = _Rows(db)
            for gone in part.gone:
                db.execute(_GONE, (rows.of(gone.path),))
                db.execute("DELETE FROM checksum_ahead WHERE path = ?", (gone.path,))
            db.execute("INSERT OR REPLACE INTO manifest_part SELECT id FROM entry WHERE id = ?", (row,))

    def settle_ahead(self) -> None:
        """Give what was said of paths that were not registered then to the files that came since."""
        query = f"SELECT path, {_FACTS} FROM checksum_ahead WHERE path > ? ORDER BY path LIMIT {_STEP}"
        after = ""
        while not self.closing.is_set():
            with self.index.database.reading() as db:
                batch = [(row[0], tuple(row[1:])) for row in db.execute(query, (after,))]
            if not batch:
                return
            after = batch[-1][0]
            with self.index.database.writing() as db:
                self._place(db, batch)

    def _place(self, db: sqlite3.Connection, batch: Sequence[tuple[str, _Facts | tuple[object, ...]]]) -> None:
        rows = _Rows(db)
        located = [(rows.of(path), path, facts) for path, facts in batch]
        db.executemany(_KNOW, [(row, *facts) for row, _, facts in located if row is not None])
        db.executemany("DELETE FROM checksum_ahead WHERE path = ?", [(path,) for row, path, _ in located if row])
        db.executemany(_AHEAD, [(path, *facts) for row, path, facts in located if row is None])


def _facts(entry: ManifestEntry, part: Part) -> _Facts:
    pieces = bytes.fromhex("".join(entry.pieces))
    return entry.size_bytes, entry.mtime_ns, bytes.fromhex(entry.sha256), entry.crc32, part.piece_bytes, pieces


class _Rows:
    """Finds the rows of paths; most lie in the same few folders."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._folders: dict[str, int | None] = {"": ROOT}

    def of(self, path: str) -> int | None:
        """Return the row of a path below the root, or None."""
        above, _, name = path.rpartition("/")
        if above not in self._folders:
            if len(self._folders) > _MOST_FOLDERS:
                self._folders = {"": ROOT}
            self._folders[above] = self.of(above)
        folder = self._folders[above]
        if folder is None:
            return None
        row = self._db.execute("SELECT id FROM entry WHERE parent = ? AND name = ?", (folder, name)).fetchone()
        return None if row is None else int(row[0])
