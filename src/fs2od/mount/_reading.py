"""Bytes of mounted files: from the blocks on this disk, or from the service, read ahead where somebody reads on and on.

Two kinds of block. A *page* is small and comes alone: what a program wants that looks at headers. A *piece* is as large as
the manifest's, and is checked against it where it knows the file: what a program gets that reads a file from front to end.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from fs2od.errors import IntegrityFailure, Interrupted
from fs2od.manifests import PIECE_BYTES
from fs2od.mount._blocks import BlockStore
from fs2od.mount._promises import Promises
from fs2od.mount._waiting import Waiting
from fs2od.transfer import Dataset, Entry

__all__ = ["PAGE_BYTES", "Handle", "Reader"]

PAGE_BYTES = 128 << 10
_SMALL_BYTES = 1 << 20
_NEAR_BYTES = 1 << 20
_STREAK = 3
_MOST_AHEAD = 4
_MOST_WRONG = 3
_IN_MEMORY = 8
_YOUNG_S = 5.0
_HANDLES = itertools.count(1)
_FETCHERS = 64
_FETCHERS_AHEAD = 8


@dataclass(eq=False)
class Handle:
    """An open file: what is read, and how.

    Attributes:
        path: The names from the root.
        entry: The file in the state in which it was opened.
        process: Who opened it; 0 where nobody knows.
        age: "" for a file that has been as it is for a while. One that was just written may change and look the same to the
            second, so that what is read of it holds for this handle alone, and this says which.
    """

    path: tuple[str, ...]
    entry: Entry
    process: int = 0
    age: str = field(init=False, default="")
    _high: int = 0
    _streak: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if time.time() - self.entry.mtime_s < _YOUNG_S:
            self.age = str(next(_HANDLES))

    def follow(self, entry: Entry) -> None:
        """Go on with the same file in another state."""
        if entry is not self.entry:
            self.entry = entry
            self.age = ""
            self.__post_init__()

    def note(self, start: int, count: int) -> int:
        """Take note of a read, and return how many came one after the other."""
        with self._lock:
            follows = abs(start - self._high) <= _NEAR_BYTES
            self._streak = self._streak + 1 if follows else 0
            self._high = max(self._high, start + count) if follows else start + count
            return self._streak


@dataclass(frozen=True)
class _Block:
    """A part of a file. `sha256` is "" where nobody knows it."""

    key: str
    start: int
    count: int
    sha256: str = ""


class Reader:
    """Reads files of a dataset. Any number of threads may read; what several want at once is fetched once."""

    def __init__(
        self, dataset: Dataset, store: BlockStore | None, waiting: Waiting, *, identity: str, promises: Promises
    ) -> None:
        """Prepare to read.

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
        self._coming: dict[str, Future[bytes]] = {}
        self._begun_ahead: set[str] = set()
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._fetchers = ThreadPoolExecutor(_FETCHERS, "fs2od-read")
        self._ahead = ThreadPoolExecutor(_FETCHERS_AHEAD, "fs2od-ahead")

    def close(self) -> None:
        """End what is being read."""
        for fetchers in (self._fetchers, self._ahead):
            fetchers.shutdown(wait=False, cancel_futures=True)

    def cached(self, handle: Handle, start: int, count: int) -> bytes | None:
        """Return bytes of a file if they are all at hand, so that nobody is asked; None otherwise."""
        count = max(0, min(count, handle.entry.size_bytes - start))
        if not count:
            return b""
        if not self._promises.is_read():
            return None
        whole = start // PIECE_BYTES == (start + count - 1) // PIECE_BYTES
        paged = start // PAGE_BYTES == (start + count - 1) // PAGE_BYTES
        for block, fits in ((self._piece(handle, start // PIECE_BYTES), whole), (self._page(handle, start), paged)):
            data = self._at_hand(block, start, count) if fits and block is not None else None
            if data is not None:
                if handle.note(start, count) >= _STREAK:
                    self._read_ahead(handle, start // PIECE_BYTES)
                return data
        return None

    def read(self, handle: Handle, start: int, count: int) -> bytes:
        """Return bytes of a file; fewer where it ends before.

        Raises:
            IntegrityFailure: They are not those that the manifest promises, or the file is another one now.
            Interrupted: The mount ends, or who wants them does.
            ConnectionLost: The service was away for longer than was to be waited.
            ServiceError: The link or the token gives them no more.
        """
        self._promises.wait(self._waiting, handle.process)
        end = min(start + count, handle.entry.size_bytes)
        goes_on = handle.note(start, count) >= _STREAK
        found = bytearray()
        while start < end:
            part = self._part(handle, start, end - start, in_pieces=goes_on)
            found += part
            start += len(part)
        return bytes(found)

    def _part(self, handle: Handle, start: int, count: int, *, in_pieces: bool) -> bytes:
        """Return the bytes from `start` on as far as one block has them."""
        number = start // PIECE_BYTES
        piece, page = self._piece(handle, number), self._page(handle, start)
        for block in (piece, page):
            data = self._at_hand(block, start, count) if block is not None else None
            if data:
                return data
        chosen = piece if in_pieces or page is None else page
        if in_pieces:
            self._read_ahead(handle, number)
        data = self._fetched(handle.entry, chosen, handle.process)
        return data[start - chosen.start : start - chosen.start + count]

    def _piece(self, handle: Handle, number: int) -> _Block:
        entry, start = handle.entry, number * PIECE_BYTES
        count = min(PIECE_BYTES, entry.size_bytes - start)
        known = self._promises.checksums(handle.path, entry)
        sha256 = known[number] if number < len(known) else ""
        # What is alike has one name, in whatever file or dataset it stands.
        key = f"s{sha256}" if sha256 else self._key(handle, f"piece {number}")
        return _Block(key, start, count, sha256)

    def _page(self, handle: Handle, start: int) -> _Block | None:
        entry, number = handle.entry, start // PAGE_BYTES
        if entry.size_bytes <= _SMALL_BYTES:
            return None
        first = number * PAGE_BYTES
        return _Block(self._key(handle, f"page {number}"), first, min(PAGE_BYTES, entry.size_bytes - first))

    def _key(self, handle: Handle, part: str) -> str:
        entry = handle.entry
        age = (f"{os.getpid()} {handle.age}",) if handle.age else ()
        said = "\0".join((self._identity, entry.file_id, str(entry.size_bytes), str(entry.mtime_s), part, *age))
        return f"i{hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()}"

    def _at_hand(self, block: _Block, start: int, count: int) -> bytes | None:
        offset = start - block.start
        with self._lock:
            recent = self._recent.get(block.key)
            if recent is not None:
                self._recent.move_to_end(block.key)
                return recent[offset : offset + count]
        return self._store.get(block.key, offset, min(count, block.count - offset)) if self._store is not None else None

    def _read_ahead(self, handle: Handle, number: int) -> None:
        last = (handle.entry.size_bytes - 1) // PIECE_BYTES
        for following in range(number + 1, min(number + _MOST_AHEAD, last) + 1):
            block = self._piece(handle, following)
            with self._lock:
                known = block.key in self._coming or block.key in self._recent
            if not known and not (self._store is not None and self._store.has(block.key)):
                with suppress(RuntimeError):  # the mount is ending
                    self._begun(handle.entry, block, self._ahead)

    def _begun(self, entry: Entry, block: _Block, fetchers: ThreadPoolExecutor) -> Future[bytes]:
        """Return the block as it will be once it has come; it is asked for once, however many want it."""
        with self._lock:
            coming = self._coming.get(block.key)
            # What waits to be read ahead, for which nobody waits yet, is read at once as soon as somebody wants it.
            is_ahead = block.key in self._begun_ahead
            if coming is None or (fetchers is self._fetchers and is_ahead and coming.cancel()):
                (self._begun_ahead.add if fetchers is self._ahead else self._begun_ahead.discard)(block.key)
                coming = self._coming[block.key] = fetchers.submit(self._bring, entry, block)
        return coming

    def _fetched(self, entry: Entry, block: _Block, process: int) -> bytes:
        try:
            return self._waiting.for_result(self._begun(entry, block, self._fetchers), process)
        except RuntimeError as error:
            raise Interrupted("the mount is ending") from error

    def _bring(self, entry: Entry, block: _Block) -> bytes:
        try:
            data = self._waiting.patiently(lambda: self._asked(entry, block))
            if self._store is not None:
                self._store.put(block.key, data)
            with self._lock:
                self._recent[block.key] = data
                while len(self._recent) > _IN_MEMORY:
                    self._recent.popitem(last=False)
            return data
        finally:
            with self._lock:
                self._coming.pop(block.key, None)
                self._begun_ahead.discard(block.key)

    def _asked(self, entry: Entry, block: _Block) -> bytes:
        """Return a block's bytes as the service sends them, checked where that can be done.

        Raises:
            IntegrityFailure: They were wrong each time.
        """
        for tries in range(_MOST_WRONG):
            # Straight from a store only what is checked, and only once.
            data = self._dataset.read(entry, block.start, block.count, checked=bool(block.sha256) and not tries)
            if not block.sha256 or hashlib.sha256(data).hexdigest() == block.sha256:
                return data
        raise IntegrityFailure("its bytes are not those that the manifest promises")
