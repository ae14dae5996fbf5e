"""Blocks of files on the node's own disk: each a file under a name that says what it holds, so that no process needs a lock.

Whoever has a block puts it under its final name by a rename; whoever wants one opens it or finds that it is not there.
All jobs of a user on a machine share them, and they outlive every process. A block that the disk has damaged, or that a
power cut left half written, is noticed by its checksum, and is as good as absent.
"""

from __future__ import annotations

import errno
import itertools
import resource
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fs2od.errors import StorageError
from fs2od.mount._block_files import Block, BlockWriter
from fs2od.mount._block_folder import BlockFolder

__all__ = ["Arrival", "BlockStore"]

_MOST_OPEN = 2048
_MOST_OPEN_BYTES = 2 << 30
_REST_S = 30.0
_MARK_EVERY_S = 60.0
_SCAN_SHARE = 32
_KEPT = 0.9
_STALE_S = 3600.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})
_ARRIVALS = itertools.count(1)


class BlockStore:
    """A folder of blocks that together take no more than `limit_bytes`, but for what is written between two looks.

    Any number of threads and processes may use one folder. The blocks that were not used for longest go first. They lie in a
    folder of their own in it, and nothing else is touched.
    """

    def __init__(self, folder: Path, *, limit_bytes: int, clock: Callable[[], float] = time.time) -> None:
        """Open the folder; it is made when it is missing.

        Raises:
            StorageMissing: It cannot be made or used.
            StorageError: Others may write into it: what they put there would be taken for the dataset's bytes. Or it is no cache.
        """
        self._folder = BlockFolder(folder)
        self.limit_bytes = limit_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Block] = OrderedDict()
        self._open_bytes = 0
        self._mine = secrets.token_hex(8)  # numbers of processes come again, and on other machines
        self._most_open = min(_MOST_OPEN, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
        self._written = self.limit_bytes  # so that the first block that is put looks what is there
        self._rests_until_s = 0.0

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            for key in list(self._open):
                self._let_go(key)

    def get(self, key: str, start: int, count: int) -> bytes | None:
        """Return a part of a block; None where the block is not here, or that part is not sound.

        Args:
            key: The block's name.
            start: The first byte in it.
            count: How many.
        """
        # Under the lock, so that nobody closes the block meanwhile; the bytes are mostly in the system's memory.
        with self._lock:
            block = self._open.get(key)
            if block is None:
                block = self._opened(key)
                if block is None:
                    return None
            else:
                self._open.move_to_end(key)
            data = block.read(start, count)
            if data is None:
                self._discard(key)
                return None
            now_s = self._clock()
            if now_s - block.marked_s > _MARK_EVERY_S:
                block.mark(now_s)
            return data

    def has(self, key: str) -> bool:
        """Say whether a block is here, as far as its name tells."""
        return key in self._open or Path(self._folder.path(key)).exists()

    def put(self, key: str, data: bytes) -> bool:
        """Keep a block, and say whether that was done. Where the disk is full or fails, nothing is kept for a while."""
        arrival = self.arrival(len(data))
        try:
            arrival.add(memoryview(data))
            return arrival.keep(key) is None
        except StorageError:
            return False

    def arrival(self, size_bytes: int) -> Arrival:
        """Return a block of that size that is to come."""
        return Arrival(self, self._begun(size_bytes))

    def is_taking(self) -> bool:
        """Say whether blocks are kept just now: where the disk is full, none are for a while."""
        return self._clock() >= self._rests_until_s

    def failed(self, error: OSError) -> None:
        """Take note that the disk does not take a block: where it is full, it is left alone for a while."""
        if error.errno in _FULL:
            self._rests_until_s = self._clock() + _REST_S

    def take(self, key: str, writer: BlockWriter) -> bool:
        """Give a block that was written its name, and say whether that was done."""
        path = self._folder.path(key)
        try:
            block = self._folder.with_drawer(path, lambda: writer.keep(path))
        except OSError as error:
            self.failed(error)
            return False
        with self._lock:
            self._written += block.size_bytes
            self._let_go(key)
            self._add(key, block)
        return True

    def _begun(self, size_bytes: int) -> BlockWriter | None:
        if not self.is_taking() or size_bytes > self.limit_bytes:
            return None
        self._make_room(size_bytes)
        path = self._folder.partial_path(f"{self._mine}-{next(_ARRIVALS)}")
        try:
            return self._folder.with_drawer(path, lambda: BlockWriter(path))
        except OSError as error:
            self.failed(error)
            return None

    def _opened(self, key: str) -> Block | None:
        """Open a block, if it is here and its tail is sound."""
        try:
            block = Block.open(self._folder.path(key))
        except OSError:
            return None
        if block is None:
            self._discard(key)
            return None
        return self._add(key, block)

    def _add(self, key: str, block: Block) -> Block:
        self._open[key] = block
        self._open_bytes += block.size_bytes
        # What is open takes its room also after it was removed.
        while len(self._open) > self._most_open or self._open_bytes > _MOST_OPEN_BYTES:
            self._let_go(next(iter(self._open)))
        return block

    def _let_go(self, key: str) -> None:
        block = self._open.pop(key, None)
        if block is not None:
            self._open_bytes -= block.size_bytes
            block.close()

    def _discard(self, key: str) -> None:
        """Remove a block that is not sound."""
        self._let_go(key)
        with suppress(OSError):
            self._folder.remove(key)

    def _make_room(self, size: int) -> None:
        """Look from time to time how much all processes have put here, and remove what was not used for longest."""
        with self._lock:
            if self._written + size < self.limit_bytes // _SCAN_SHARE:
                return
            self._written = 0
        self._folder.remove_stale(self._clock() - _STALE_S)
        blocks = self._folder.blocks()
        total = sum(each.size_bytes for each in blocks) + size
        if total <= self.limit_bytes:
            return
        for each in sorted(blocks):
            with self._lock, suppress(OSError):
                self._let_go(each.key)
                self._folder.remove(each.key)
            total -= each.size_bytes
            if total <= self.limit_bytes * _KEPT:
                return


class Arrival:
    """A block as it comes: it is written to the disk at once, or is kept in memory where the disk does not take it."""

    def __init__(self, store: BlockStore | None, writer: BlockWriter | None) -> None:
        self._store = store
        self._writer = writer
        self._in_memory = bytearray()

    def add(self, data: memoryview) -> None:
        """Add bytes.

        Raises:
            StorageError: The disk has failed, and does not even give back what it has taken.
        """
        if self._writer is not None and self._store is not None:
            try:
                self._writer.write(data)
            except OSError as error:
                self._store.failed(error)
                self._leave_the_disk(self._writer)
            else:
                return
        self._in_memory += data

    def keep(self, key: str) -> bytes | None:
        """Give the block its name; return its bytes if the store does not have them.

        Raises:
            StorageError: The disk has failed, and does not even give back what it has taken.
        """
        if self._writer is not None and self._store is not None:
            if self._store.take(key, self._writer):
                self._writer = None
                return None
            self._leave_the_disk(self._writer)
        return bytes(self._in_memory)

    def drop(self) -> None:
        """Forget the block."""
        if self._writer is not None:
            self._writer.drop()
            self._writer = None

    def _leave_the_disk(self, writer: BlockWriter) -> None:
        """Go on in memory."""
        try:
            self._in_memory += writer.read_back()
        except OSError as error:
            raise StorageError(f"the cache does not give back what it has taken ({error.strerror})") from error
        finally:
            self.drop()
