"""One scan of an imported storage: registers files where they lie, and notices what changed, came and vanished."""

from __future__ import annotations

import heapq
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby, islice, repeat
from operator import attrgetter

from fs2od.errors import StorageError, StorageMissing
from fs2od.manifests import SEAL, SIDECAR
from fs2od.node.clock import Clock
from fs2od.node.index import SpaceIndex
from fs2od.node.index.closing import close_earlier
from fs2od.node.index.registration import Registration
from fs2od.node.index.schema import ROOT
from fs2od.node.index.visits import Batch, Counts, FolderState, ScanRules, Visit
from fs2od.node.panel.lookahead import Lookahead, Looked, Outcome, looking_ahead
from fs2od.storage import Storage

__all__ = ["Counts", "ScanRules", "ScanStopped", "scan"]

# How many rows a transaction has: few, so that listing and registering overlap; more for a directory that is already large,
# because each transaction then touches most of its part of the sorted index. The first ones are smaller: there is nothing to
# register before them.
_FIRST_ROWS, _ROWS, _MOST_ROWS = 1_000, 4_000, 32_000
_MOST_WAITING = 200
_AHEAD = 32
_PAGE = 200
# How much of the index the writer keeps in memory (KiB) and in the write-ahead log (pages): during a scan, and otherwise. A
# scan comes back to the same pages again and again: a longer log (160 MB at most) writes them into the file once, which halves what is written.
_WORKING, _USUAL = (4_000, 40_000), (2_000, 1_000)
_FOLDERS = """
SELECT folder.*, entry.name, NOT EXISTS (SELECT 1 FROM entry AS child WHERE child.parent = folder.entry) AS fresh
FROM folder JOIN entry ON entry.id = folder.entry WHERE"""
# Below so many directories at once: a question for each would take longer than to list a small one.
_GROUP = 100
_BELOW = f"{_FOLDERS} folder.parent IN ({', '.join('?' * _GROUP)}) ORDER BY folder.parent, folder.entry LIMIT {_PAGE}"
_BELOW_ONE = f"{_FOLDERS} folder.parent = ? AND folder.entry > ? ORDER BY folder.entry LIMIT {_PAGE}"
_PLACE = attrgetter("depth", "row")


class ScanStopped(Exception):  # it reports an order that was obeyed, not an error
    """The scan was told to stop."""


def scan(
    index: SpaceIndex,
    storage: Storage,
    *,
    number: int,
    rules: ScanRules,
    counts: Counts,
    stop: threading.Event,
    clock: Clock,
) -> None:
    """Bring `index` in line with `storage`. Interrupted at any moment, the next scan finishes the work.

    `number` is that of `begin_scan`, and `end_scan` follows: in between a power cut may take the last second's work.
    Directories are listed in batches and registered in short transactions, so memory does not grow with the tree and
    readers never wait. A directory whose times stand is passed over as `ScanRules` allow; what lies below it is not.

    Raises:
        ScanStopped: `stop` was set.
        StorageError: The storage's root cannot be read.
        StorageMissing: The root is not there, or another and empty one lies in its place, as when a disk is not mounted.
    """
    one = _Scan(index, storage, number=number, rules=rules, counts=counts, stop=stop, clock=clock)
    close_earlier(index, rules.closed_names)
    with _tuned(index), looking_ahead(storage, rules, clock) as ahead:
        one.run(ahead)


class _Scan:
    def __init__(
        self,
        index: SpaceIndex,
        storage: Storage,
        *,
        number: int,
        rules: ScanRules,
        counts: Counts,
        stop: threading.Event,
        clock: Clock,
    ) -> None:
        self._index = index
        self._storage = storage
        self._rules = rules
        self._counts = counts
        self._stop = stop
        self._registration = Registration(index, number=number, rules=rules, counts=counts, now_s=clock.now_s())
        # The deepest first, so few are in memory; of one depth in the order of their rows: then nearly all new rows come at the
        # end of the sorted index, where SQLite takes them without a search.
        self._ways: list[tuple[int, int, Iterator[Visit]]] = [(1, 0, self._root())]
        self._waiting: list[Looked] = []
        self._ended: list[Visit] = []
        self._seal: Batch | None = None
        """The seal of a dataset's checksums, until everything else is registered."""
        self._rows = 0
        self._registered = 0

    def run(self, ahead: Lookahead) -> None:
        while True:
            self._feed(ahead)
            if not ahead.in_flight:
                self._flush()
                self._feed(ahead)
                if not ahead.in_flight:
                    break
            if self._stop.is_set():
                raise ScanStopped
            looked = self._without_seal(ahead.take())
            self._waiting.append(looked)
            self._rows += looked.batch.count
            if self._rows >= self._enough(looked.batch.visit) or len(self._waiting) >= _MOST_WAITING:
                self._flush()
        ahead.close()  # its end goes on while the disk is waited for
        self._register_seal()
        self._registration.finish(self._ended, durable=True)
        with self._index.database.reading() as db:
            self._counts.failed = int(db.execute("SELECT count(*) FROM undeliverable").fetchone()[0])

    def _without_seal(self, looked: Looked) -> Looked:
        """Keep the seal back: it was published after the parts that it speaks of, which lie deeper and are registered later.

        Its folder counts as not listed until then, so that the next scan finds it if this one is cut off.
        """
        batch = looked.batch
        seal = [seen for seen in batch.entries if seen.name == SEAL] if batch.visit.path == SIDECAR else []
        if not seal:
            return looked
        self._seal = Batch(batch.visit, seal)
        return replace(looked, batch=replace(batch, entries=[seen for seen in batch.entries if seen not in seal]))

    def _register_seal(self) -> None:
        if self._seal is not None:
            self._registration.register([self._seal])
            self._note_ended([self._seal.visit])

    def _enough(self, visit: Visit) -> int:
        usual = min(_ROWS, max(_FIRST_ROWS, self._registered))
        return min(_MOST_ROWS, max(usual, visit.registered // 2))

    def _feed(self, ahead: Lookahead) -> None:
        while self._ways and ahead.in_flight < _AHEAD:
            visit = next(self._ways[0][-1], None)
            if visit is None:
                heapq.heappop(self._ways)
            else:
                ahead.submit(visit)

    def _flush(self) -> None:
        """Register what is waiting, then what ended with it: what vanished, the times, and the way further down."""
        self._registered += self._rows
        waiting, self._waiting, self._rows = self._waiting, [], 0
        if not waiting:
            return
        # What ended before is written down now: one transaction less to wait for.
        self._registration.register([looked.batch for looked in waiting], self._ended)
        self._ended = []
        self._note_ended(
            [looked.batch.visit for looked in waiting if looked.outcome is Outcome.LISTED and not self._is_kept(looked)]
        )
        for looked in waiting:
            self._end(looked.batch.visit, looked.outcome)
        self._go_deeper([looked.batch.visit for looked in waiting if self._has_more(looked)])

    def _is_kept(self, looked: Looked) -> bool:
        return self._seal is not None and looked.batch.visit is self._seal.visit

    def _note_ended(self, visits: list[Visit]) -> None:
        self._ended += visits
        if self._rules.detect_deletions:
            for visit in visits:
                self._remove_vanished(visit)

    def _end(self, visit: Visit, outcome: Outcome | None) -> None:
        if outcome is Outcome.REFUSED:
            self._registration.refuse(visit, "may not be read")
            self._counts.failed += 1
        if outcome is Outcome.PASSED_OVER:
            self._registration.pass_over(visit)

    def _has_more(self, looked: Looked) -> bool:
        visit, outcome = looked.batch.visit, looked.outcome
        may = outcome is Outcome.PASSED_OVER or (outcome is Outcome.LISTED and (visit.deeper or not visit.fresh))
        return may and visit.depth + 1 < self._rules.max_depth

    def _go_deeper(self, visits: list[Visit]) -> None:
        for depth, same in groupby(sorted(visits, key=_PLACE), key=attrgetter("depth")):
            while group := list(islice(same, _GROUP)):
                below = self._below({visit.row: visit.path for visit in group}, depth + 1)
                heapq.heappush(self._ways, (-depth, group[0].row, below))

    def _remove_vanished(self, visit: Visit) -> None:
        missing = list(self._registration.not_seen(visit))
        # Which folder it was is known once a listing of it has ended (0 before).
        is_another = visit.state.stamp[2] not in {0, visit.stamp[2]}
        if visit.row == ROOT and missing and not visit.seen and is_another:
            raise StorageMissing("the storage's folder is empty and not the one that it was: is its disk mounted?")
        # Listings may leave out what is renamed while they are read: nothing is forgotten on their word alone.
        gone = [row for row, name in missing if not self._is_there(visit, name)]
        visit.changed |= bool(missing)
        if gone:
            self._registration.remove(visit, gone)

    def _is_there(self, visit: Visit, name: str) -> bool:
        if name in self._rules.excluded_names:
            return False
        try:
            return self._storage.stat(_joined(visit.path, name)).refused is None
        except FileNotFoundError:
            return False
        except StorageError:
            return True  # nobody can tell: the next scan may

    def _root(self) -> Iterator[Visit]:
        if self._rules.max_depth > 0:
            yield from (_visit(row, "", 0) for row in self._folders(f"{_FOLDERS} folder.entry = ?", ROOT))

    def _below(self, paths: dict[int, str], depth: int) -> Iterator[Visit]:
        """Yield what lies in directories, page by page: it is looked up when its turn comes, so little is in memory."""
        left = sorted(paths)
        while left:
            page = self._folders(_BELOW, *left, *repeat(None, _GROUP - len(left)))
            last = page[-1]["parent"] if len(page) == _PAGE else left[-1]
            left = [row for row in left if row > last]
            while page:
                yield from (_visit(row, paths[row["parent"]], depth) for row in page)
                page = self._folders(_BELOW_ONE, last, page[-1]["entry"]) if len(page) == _PAGE else []

    def _folders(self, query: str, *given: int | None) -> list[sqlite3.Row]:
        with self._index.database.reading() as db:
            return db.execute(query, given).fetchall()


def _visit(row: sqlite3.Row, above: str, depth: int) -> Visit:
    stamp = (row["mtime_ns"], row["ctime_ns"], row["inode"])
    return Visit(
        row=row["entry"],
        parent=row["parent"],
        name=row["name"],
        path=_joined(above, row["name"]),
        depth=depth,
        state=FolderState(stamp, row["listed"], row["changed"]),
        fresh=bool(row["fresh"]),
    )


def _joined(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


@contextmanager
def _tuned(index: SpaceIndex) -> Iterator[None]:
    def tune(cache_kib: int, log_pages: int) -> None:
        with index.database.writing() as db:
            db.execute(f"PRAGMA cache_size = -{cache_kib}")
            db.execute(f"PRAGMA wal_autocheckpoint = {log_pages}")

    tune(*_WORKING)
    try:
        yield
    finally:
        tune(*_USUAL)
