"""Blocks of files brought from the service: each once, however many want it, checked where the manifest knows it, and kept."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted, StorageError
from fs2od.manifests import PIECE_BYTES
from fs2od.mount._blocks import Arrival, BlockStore
from fs2od.mount._promises import Promises
from fs2od.mount._runs import Brought, Coming, Parts, Run
from fs2od.mount._states import FileState
from fs2od.mount._waiting import Waiting
from fs2od.transfer import Dataset

__all__ = ["Brought", "Fetching"]

_MOST_WRONG = 3
_IN_MEMORY_BYTES = 64 << 20
_PAGES_AT_ONCE = 64
_PIECES_AT_ONCE = 8
_PIECES_AHEAD = 2
_MOST_COMING = 48
_MOST_COMING_TO_MEMORY = 6
_NEXT = 2
_LITTLE = 2
_MOST_BEHIND = 2
_SHARE = 0.25
_FIRST_RATE = 100e6
_SHORTEST_S = 1e-3


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
        self._coming: dict[str, Coming] = {}
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
                coming = self._coming[key] = Coming()
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
        if self._most_coming() > self._pieces and not self._is_here(state, number):
            self._piece(state, number, is_ahead=True)

    def read_on(self, state: FileState, first: int, end: int, goes_on: Callable[[], bool], *, is_ahead: bool) -> int:
        """Bring those of the pieces that are not here, what follows each other as one answer; return the piece up to which that was done.

        Args:
            state: The file.
            first: The first piece.
            end: The one after the last; not so far, if enough is under way.
            goes_on: Says whether what nobody waits for should still come.
            is_ahead: Whether nobody waits for the first of them.

        Raises:
            Interrupted: The mount is ending.
        """
        end = min(end, first + max(self._most_coming() - self._pieces, 0 if is_ahead else 1))
        missing = [number for number in range(first, end) if not self._is_here(state, number)]
        with self._lock:
            run: Run | None = None
            for number in missing:
                key = self._own_key(state, number)
                if key in self._coming:
                    continue
                if run is None or run.end != number:
                    self._begin_run(run)
                    run = Run(state, number, number, goes_on, is_ahead or number > first)
                run.end = number + 1
                self._coming[key] = Coming(is_ahead=is_ahead or number > first, run=run)
                self._pieces += 1
            self._begin_run(run)
        return end

    def _most_coming(self) -> int:
        """Return how many pieces may be under way: what is read ahead must not drive out what was read ahead before."""
        if self._store is None or not self._store.is_taking():
            return _MOST_COMING_TO_MEMORY
        return min(_MOST_COMING, max(1, int(self._store.limit_bytes * _SHARE) // PIECE_BYTES))

    def _is_here(self, state: FileState, number: int) -> bool:
        key = self.piece_key(state, number)
        return bool(key) and (key in self._recent or (self._store is not None and self._store.has(key)))

    def _own_key(self, state: FileState, number: int) -> str:
        return state.key(self._identity, f"{number:x}")

    def _piece(self, state: FileState, number: int, *, is_ahead: bool) -> Future[Brought]:
        key = self._own_key(state, number)
        with self._lock:
            coming = self._coming.get(key)
            if coming is None:
                coming = self._coming[key] = Coming(is_ahead=is_ahead)
                self._pieces += 1
            elif coming.run is not None:
                if not is_ahead:
                    coming.is_ahead = False
                    self._hasten(coming.run, number)
                return coming.result
            elif is_ahead or not coming.is_ahead or coming.job is None or not coming.job.cancel():
                return coming.result
            # What waits to be read ahead, for which nobody waits yet, is read at once as soon as somebody wants it.
            coming.is_ahead = is_ahead
            # Small files are many, and take as long as the way there and back.
            fetchers = self._ahead if is_ahead else self._wanted if state.has_pages else self._pages
            found = coming
            self._begin(found, fetchers, lambda: self._bring_piece(found, key, state, number))
            return coming.result

    def _hasten(self, run: Run, number: int) -> None:
        """Let a piece of a run come soon, as somebody wants it. Under the lock."""
        if number >= run.at + _NEXT:
            # It would come late: another connection brings it, and what follows it.
            rest = Run(run.state, number, run.end, run.goes_on, is_ahead=False)
            run.end = number
            for each in range(rest.at, rest.end):
                self._coming[self._own_key(rest.state, each)].run = rest
            self._begin_run(rest)
        elif run.is_ahead and run.job is not None and run.job.cancel():
            run.is_ahead = False
            self._begin_run(run)

    def _begin_run(self, run: Run | None) -> None:
        if run is not None:
            self._begin(run, self._ahead if run.is_ahead else self._wanted, lambda: self._bring_run(run))

    def _begin(self, coming: Coming | Run, fetchers: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        try:
            coming.job = fetchers.submit(work)
        except RuntimeError as error:
            raise Interrupted("the mount is ending") from error

    def _bring_page(self, coming: Coming, key: str, state: FileState, number: int) -> None:
        start, count = state.page(number)
        try:
            data = self._waiting.patiently(lambda: self._dataset.read(state.entry, start, count))
            # Whoever waits for it does not wait for the disk, too.
            coming.result.set_result(Brought(key, start, data))
            if self._store is None or not self._store.put(key, data):
                self._remember(key, data)
        except BaseException as error:  # noqa: BLE001 - nobody sees it in this thread, and whoever waits would wait for ever
            coming.fail(error)
        finally:
            with self._lock:
                self._coming.pop(key, None)

    def _bring_run(self, run: Run) -> None:
        try:
            # As with a piece: see `_checked`.
            self._promises.want()
            if run.is_ahead or run.state.age:
                self._promises.wait(self._waiting, 0)
            while (coming := self._next_of(run)) is not None and self._is_here(run.state, run.at):
                self._bring_alone(run, coming)
            with suppress(Fs2odError):
                self._stream(run)
        finally:
            # What did not come this way comes piece by piece, or tells why it does not.
            while (coming := self._next_of(run)) is not None:
                self._bring_alone(run, coming)

    def _bring_alone(self, run: Run, coming: Coming) -> None:
        self._bring_piece(coming, self._own_key(run.state, run.at), run.state, run.at)
        run.at += 1

    def _next_of(self, run: Run) -> Coming | None:
        """Return the piece of a run that is to come next; None if no more is to come."""
        with self._lock:
            # Whoever has gone elsewhere may come back, so that a little comes all the same.
            while run.end - run.at > _LITTLE and not run.goes_on():
                key = self._own_key(run.state, run.end - 1)
                if not self._coming[key].is_ahead:
                    break
                del self._coming[key]
                self._pieces -= 1
                run.end -= 1
            return self._coming[self._own_key(run.state, run.at)] if run.at < run.end else None

    def _stream(self, run: Run) -> None:
        """Bring pieces of a run as one answer, as long as they are right."""
        if self._next_of(run) is None:
            return
        state, (start, _) = run.state, run.state.piece(run.at)
        end = sum(state.piece(run.end - 1))
        checked = all(self._sum(state, number) for number in range(run.at, run.end))
        with closing(self._dataset.stream(state.entry, start, end - start, checked=checked)) as parts:
            came = Parts(parts)
            while (coming := self._next_of(run)) is not None:
                number, began_s = run.at, time.monotonic()
                key, (_, size_bytes) = self._own_key(state, number), state.piece(number)
                arrival = self._arrival(size_bytes)
                try:
                    found = self._taken(arrival, came.next(size_bytes))
                    brought = self._kept(arrival, key, state, number, found)
                finally:
                    arrival.drop()
                if brought is None:
                    return
                self._rate = size_bytes / max(time.monotonic() - began_s, _SHORTEST_S)
                self._came(coming, key, brought)
                run.at += 1

    def _bring_piece(self, coming: Coming, key: str, state: FileState, number: int) -> None:
        try:
            brought = self._waiting.patiently(lambda: self._checked(coming, key, state, number))
        except BaseException as error:  # noqa: BLE001 - nobody sees it in this thread, and whoever waits would wait for ever
            coming.fail(error)
            self._forget(key)
        else:
            self._came(coming, key, brought)

    def _came(self, coming: Coming, key: str, brought: Brought) -> None:
        if brought.data is not None:
            self._remember(brought.key, brought.data)
        coming.result.set_result(brought)
        self._forget(key)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._coming.pop(key, None)
            self._pieces -= 1

    def _checked(self, coming: Coming, key: str, state: FileState, number: int) -> Brought:
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
            arrival = self._arrival(state.piece(number)[1])
            try:
                # Straight from a store only what is checked, and only once.
                found = self._arrived(arrival, state, number, checked=bool(sha256) and not tries)
                brought = self._kept(arrival, key, state, number, found)
                if brought is not None:
                    return brought
            except StorageError:
                continue  # the cache's disk has failed: once more, past it
            finally:
                arrival.drop()
        raise IntegrityFailure("its bytes are not those that the manifest promises")

    def _arrived(self, arrival: Arrival, state: FileState, number: int, *, checked: bool) -> str:
        """Bring a piece and return its SHA-256."""
        began_s = time.monotonic()
        with closing(self._dataset.stream(state.entry, *state.piece(number), checked=checked)) as parts:
            found = self._taken(arrival, parts)
        if state.has_pages:
            self._rate = state.piece(number)[1] / max(time.monotonic() - began_s, _SHORTEST_S)
        return found

    def _arrival(self, size_bytes: int) -> Arrival:
        return self._store.arrival(size_bytes) if self._store is not None else Arrival(None, None)

    def _taken(self, arrival: Arrival, parts: Iterable[memoryview]) -> str:
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
            arrival.add(part)
        return digest.hexdigest()

    def _kept(self, arrival: Arrival, key: str, state: FileState, number: int, found: str) -> Brought | None:
        """Keep a piece that has come; None where its SHA-256 is not what the manifest has."""
        self._promises.wait(self._waiting, 0)
        sha256 = self._sum(state, number)
        if sha256 not in {"", found}:
            return None
        named = f"s{sha256}" if sha256 else key
        data = arrival.keep(named)
        if sha256 and data is None:
            self._note_sums(state)
        return Brought(named, state.piece(number)[0], data)

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
