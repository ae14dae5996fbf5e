"""Blocks of files brought from the service: each once, however many want it, checked where the manifest knows it, and kept."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from fs2od.errors import IntegrityFailure, Interrupted, StorageError
from fs2od.mount._blocks import Arrival, BlockStore
from fs2od.mount._promises import Promises
from fs2od.mount._states import FileState
from fs2od.mount._waiting import Waiting
from fs2od.transfer import Dataset

__all__ = ["Brought", "Fetching"]

_MOST_WRONG = 3
_IN_MEMORY_BYTES = 64 << 20
_PAGES_AT_ONCE = 64
_PIECES_AT_ONCE = 8
_PIECES_AHEAD = 2
_MOST_COMING = 12
_MOST_BEHIND = 2
_SHARE = 0.25
_FIRST_RATE = 100e6
_SHORTEST_S = 1e-3


@dataclass(frozen=True)
class Brought:
    """A block that has come: its name, its first byte, and its bytes unless the store has them."""

    key: str
    start: int
    data: bytes | None


@dataclass(eq=False)
class _Coming:
    """A block on its way. `job` is the work in a thread's queue, `result` what everybody waits for."""

    result: Future[Brought] = field(default_factory=Future)
    job: Future[None] | None = None
    is_ahead: bool = False


class Fetching:
    """Brings blocks. Any number of threads may ask; what several want at once is fetched once."""

    def __init__(
        self, dataset: Dataset, store: BlockStore | None, waiting: Waiting, *, identity: str, promises: Promises
    ) -> None:
        """Prepare.

        Args:
            dataset: Where bytes come from.
            store: Where blocks are kept; None to keep none.
            waiting: How long to wait where the service is away.
            identity: What tells this dataset from all others, in the names of blocks.
            promises: What the manifest knows.
        """
        self._dataset = dataset
        self._store = store
        self._waiting = waiting
        self._identity = identity
        self._promises = promises
        self._lock = threading.Lock()
        self._coming: dict[str, _Coming] = {}
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._recent_bytes = 0
        self._noted: set[str] = set()
        self._pages = ThreadPoolExecutor(_PAGES_AT_ONCE, "fs2od-page")
        self._wanted = ThreadPoolExecutor(_PIECES_AT_ONCE, "fs2od-piece")
        self._ahead = ThreadPoolExecutor(_PIECES_AHEAD, "fs2od-ahead")
        self._pieces = 0
        self._rate = _FIRST_RATE

    def close(self) -> None:
        """End what is being brought."""
        for fetchers in (self._pages, self._wanted, self._ahead):
            fetchers.shutdown(wait=False, cancel_futures=True)

    def at_hand(self, key: str, start: int, count: int) -> bytes | None:
        """Return bytes of a block if it is here; None where it is not."""
        if self._recent:
            with self._lock:
                recent = self._recent.get(key)
                if recent is not None:
                    self._recent.move_to_end(key)
                    return recent[start : start + count]
        return self._store.get(key, start, count) if self._store is not None else None

    def time_for(self, size_bytes: int) -> float:
        """Return how many seconds it takes to bring so much, as far as is known; for ever, if the cache is not made for that."""
        if self._store is None or size_bytes > self._store.limit_bytes * _SHARE:
            return float("inf")
        return size_bytes / self._rate

    def has_room_behind(self) -> bool:
        """Say whether so little is under way that something may be brought for which nobody waits."""
        return self._pieces < _MOST_BEHIND

    def page_key(self, state: FileState, number: int) -> str:
        """Return a page's name."""
        return state.key(self._identity, f"p{number:x}")

    def piece_key(self, state: FileState, number: int) -> str:
        """Return a piece's name, as far as that can be known without waiting; "" where it cannot."""
        sha256 = self._sum(state, number)
        if sha256:
            # What is alike has one name, in whatever file or dataset it stands.
            return f"s{sha256}"
        if self._promises.is_read():
            return state.key(self._identity, f"{number:x}")
        if state.remembered is None:
            key = state.key(self._identity, "sums")
            state.remembered = (self._store.get(key, 0, 1 << 62) if self._store is not None else None) or b""
        return f"s{state.remembered_sum(number)}" if state.remembered else ""

    def page(self, state: FileState, number: int) -> Future[Brought]:
        """Return a page as it will be once it has come.

        Raises:
            Interrupted: The mount is ending.
        """
        key = self.page_key(state, number)
        with self._lock:
            coming = self._coming.get(key)
            if coming is None:
                coming = self._coming[key] = _Coming()
                self._begin(coming, self._pages, lambda: self._bring_page(coming, key, state, number))
            return coming.result

    def piece(self, state: FileState, number: int) -> Future[Brought]:
        """Return a piece as it will be once it has come.

        Raises:
            Interrupted: The mount is ending.
        """
        return self._piece(state, number, is_ahead=False)

    def read_ahead(self, state: FileState, number: int) -> None:
        """Bring a piece that somebody may want soon, unless it is here or enough is under way."""
        if self._pieces >= _MOST_COMING:
            return
        key = self.piece_key(state, number)
        if key and (key in self._recent or (self._store is not None and self._store.has(key))):
            return
        self._piece(state, number, is_ahead=True)

    def _piece(self, state: FileState, number: int, *, is_ahead: bool) -> Future[Brought]:
        key = state.key(self._identity, f"{number:x}")
        with self._lock:
            coming = self._coming.get(key)
            if coming is None:
                coming = self._coming[key] = _Coming(is_ahead=is_ahead)
                self._pieces += 1
            elif is_ahead or not coming.is_ahead or coming.job is None or not coming.job.cancel():
                return coming.result
            # What waits to be read ahead, for which nobody waits yet, is read at once as soon as somebody wants it.
            coming.is_ahead = is_ahead
            # Small files are many, and take as long as the way there and back.
            fetchers = self._ahead if is_ahead else self._wanted if state.has_pages else self._pages
            found = coming
            self._begin(found, fetchers, lambda: self._bring_piece(found, key, state, number))
            return coming.result

    def _begin(self, coming: _Coming, fetchers: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        try:
            coming.job = fetchers.submit(work)
        except RuntimeError as error:
            raise Interrupted("the mount is ending") from error

    def _bring_page(self, coming: _Coming, key: str, state: FileState, number: int) -> None:
        start, count = state.page(number)
        try:
            data = self._waiting.patiently(lambda: self._dataset.read(state.entry, start, count))
            # Whoever waits for it does not wait for the disk, too.
            coming.result.set_result(Brought(key, start, data))
            if self._store is None or not self._store.put(key, data):
                self._remember(key, data)
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            _fail(coming, error)
        finally:
            with self._lock:
                self._coming.pop(key, None)

    def _bring_piece(self, coming: _Coming, key: str, state: FileState, number: int) -> None:
        try:
            brought = self._waiting.patiently(lambda: self._checked(coming, key, state, number))
            if brought.data is not None:
                self._remember(brought.key, brought.data)
            coming.result.set_result(brought)
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            _fail(coming, error)
        finally:
            with self._lock:
                self._coming.pop(key, None)
                self._pieces -= 1

    def _checked(self, coming: _Coming, key: str, state: FileState, number: int) -> Brought:
        """Return a piece that is as the manifest has it, where that knows the file.

        Raises:
            IntegrityFailure: It was wrong each time.
        """
        # A large file that somebody waits for comes while the manifest is still read. What is small, or was just written, may be here
        # already, under a name that only the manifest knows; and what is read ahead can wait.
        self._promises.want()
        if coming.is_ahead or not state.has_pages or state.age:
            self._promises.wait(self._waiting, 0)
        start, _ = state.piece(number)
        sha256 = self._sum(state, number)
        if sha256 and self._store is not None and self._store.has(f"s{sha256}"):
            return Brought(f"s{sha256}", start, None)
        for tries in range(_MOST_WRONG):
            arrival = self._store.arrival(state.piece(number)[1]) if self._store is not None else Arrival(None, None)
            try:
                # Straight from a store only what is checked, and only once.
                found = self._arrived(arrival, state, number, checked=bool(sha256) and not tries)
                self._promises.wait(self._waiting, 0)
                sha256 = self._sum(state, number)
                if sha256 in {"", found}:
                    named = f"s{sha256}" if sha256 else key
                    data = arrival.keep(named)
                    if sha256 and data is None:
                        self._note_sums(state)
                    return Brought(named, start, data)
            except StorageError:
                continue  # the cache's disk has failed: once more, past it
            finally:
                arrival.drop()
        raise IntegrityFailure("its bytes are not those that the manifest promises")

    def _arrived(self, arrival: Arrival, state: FileState, number: int, *, checked: bool) -> str:
        """Bring a piece and return its SHA-256."""
        digest, began_s = hashlib.sha256(), time.monotonic()
        with closing(self._dataset.stream(state.entry, *state.piece(number), checked=checked)) as parts:
            for part in parts:
                digest.update(part)
                arrival.add(part)
        if state.has_pages:
            self._rate = state.piece(number)[1] / max(time.monotonic() - began_s, _SHORTEST_S)
        return digest.hexdigest()

    def _sum(self, state: FileState, number: int) -> str:
        """Return what the manifest says that a piece is; "" where it says nothing, or was not read yet."""
        if not state.sums and self._promises.is_read():
            state.sums = self._promises.checksums(state.path, state.entry)
        return state.sums[number] if number < len(state.sums) else ""

    def _note_sums(self, state: FileState) -> None:
        """Let the next mount know what the manifest said of a file, so that what is here need not wait until it is read again."""
        key = state.key(self._identity, "sums")
        if self._store is None or state.age or not state.has_pages or key in self._noted:
            return
        self._noted.add(key)
        self._store.put(key, bytes.fromhex("".join(state.sums)))

    def _remember(self, key: str, data: bytes) -> None:
        """Keep in memory for a while what the store does not take."""
        with self._lock:
            self._recent_bytes += len(data) - len(self._recent.pop(key, b""))
            self._recent[key] = data
            while self._recent_bytes > _IN_MEMORY_BYTES:
                self._recent_bytes -= len(self._recent.popitem(last=False)[1])


def _fail(coming: _Coming, error: BaseException) -> None:
    if not coming.result.done():
        coming.result.set_exception(error)
