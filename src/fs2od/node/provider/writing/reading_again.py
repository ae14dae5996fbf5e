"""Checksums of files that were written in pieces, in any order: computed when somebody asks, by reading what lies there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from functools import partial

from fs2od.errors import StorageError
from fs2od.manifests import Digester
from fs2od.node.index import Indexes
from fs2od.node.provider.access import Located
from fs2od.node.provider.checksums import know
from fs2od.node.provider.writing.digests import Digests
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Seen, Storage

__all__ = ["Reading", "ReadingAgain"]

_PIECE = 1 << 20
_THREADS, _MOST = 2, 64


@dataclass
class Reading:
    """How far a file was read. `sha256` is there in the end, and None if the file changed meanwhile."""

    size_bytes: int
    read_bytes: int = 0
    sha256: str | None = None
    has_ended: bool = field(default=False)


class ReadingAgain:
    """Reads two files at a time; who asks waits a moment, and asks again if that was too short."""

    def __init__(self, indexes: Indexes, digests: Digests) -> None:
        self._indexes = indexes
        self._digests = digests
        self._lock = threading.Lock()
        self._under_way: dict[tuple[SpaceId, int], tuple[Reading, Future[None]]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="reading again")
        self._closing = threading.Event()

    def of(self, located: Located, storage: Callable[[], Storage], *, wait_s: float) -> Reading | None:
        """Return how far a file was read by now; reading begins with the first question. None: too much is being read.

        Raises:
            StorageError: It cannot be read.
        """
        key = located.space, located.entry.row
        with self._lock:
            self._under_way = {
                known: pair for known, pair in self._under_way.items() if known == key or not pair[1].done()
            }
            if key not in self._under_way:
                if len(self._under_way) >= _MOST or self._closing.is_set():
                    return None
                reading = Reading(located.entry.size_bytes)
                work = partial(self._read, located, storage(), reading)
                self._under_way[key] = reading, self._threads.submit(work)
            reading, running = self._under_way[key]
        try:
            running.result(wait_s)
        except NotYet:
            return reading
        except FileNotFoundError as error:
            raise StorageError("the file was removed while it was read") from error
        finally:
            if running.done():
                with self._lock:
                    self._under_way.pop(key, None)
        return reading

    def close(self) -> None:
        """Stop reading."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)

    def _read(self, located: Located, storage: Storage, reading: Reading) -> None:
        digester, row = Digester(), located.entry.row
        before = storage.stat(located.path)
        with storage.open(located.path) as source:
            while piece := source.read(_PIECE):
                if self._closing.is_set():
                    return
                digester.update(piece)
                reading.read_bytes = digester.size_bytes
        if _stamp(storage.stat(located.path)) == _stamp(before) and digester.size_bytes == before.size_bytes:
            with self._indexes.using(located.space) as index, index.database.writing() as db:
                # Bound to this very state: where another one is registered by now, nothing is known of it.
                if db.execute("SELECT 1 FROM entry WHERE id = ?", (row,)).fetchone() is not None:
                    know(db, row, before, digester)
            self._digests.keep(located.space, row, before, digester)
            reading.sha256 = digester.sha256
        reading.has_ended = True


def _stamp(seen: Seen) -> tuple[int, int, int, int]:
    return seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode
