"""Blocks of files on the node's own disk: each a file under a name that says what it holds, so that no process needs a lock.

Whoever has a block puts it under its final name by a rename; whoever wants one opens it or finds that it is not there.
All jobs of a user on a machine share them, and they outlive every process. A block that the disk has damaged, or that a
power cut left half written, is noticed by its checksum, and is as good as absent.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fs2od.errors import StorageError, StorageMissing

__all__ = ["BlockStore"]

_TAIL = struct.Struct(">4sIQ")
_MAGIC = b"f2b1"
_MOST_OPEN = 256
_REST_S = 30.0
_MARK_EVERY_S = 60.0
_SCAN_SHARE = 32
_KEPT = 0.9
_STALE_S = 3600.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


class BlockStore:
    """A folder of blocks that together take no more than `limit_bytes`, but for what is written between two looks.

    Any number of threads and processes may use one folder. The blocks that were not used for longest go first.
    """

    def __init__(self, folder: Path, *, limit_bytes: int, clock: Callable[[], float] = time.time) -> None:
        """Open the folder; it is made when it is missing.

        Raises:
            StorageMissing: It cannot be made or used.
            StorageError: Others may write into it: what they put there would be taken for the dataset's bytes.
        """
        self._folder = folder
        self._limit = limit_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._open: OrderedDict[str, tuple[int, int, float]] = OrderedDict()
        self._closing: list[int] = []
        self._written = self._limit  # so that the first block that is put looks what is there
        self._rests_until_s = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            facts = folder.stat()
        except OSError as error:
            raise StorageMissing(f"the cache {folder} cannot be made or opened ({error.strerror})") from error
        if facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o022:
            raise StorageError(f"the cache {folder} is open to others: it must be your own, and writable by you alone")

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            handles = [handle for handle, _, _ in self._open.values()]
            self._open.clear()
        for handle in handles:
            os.close(handle)

    def get(self, key: str, start: int, count: int) -> bytes | None:
        """Return a part of a block; None where the block is not here, or is not sound.

        Args:
            key: The block's name.
            start: The first byte in it.
            count: How many.
        """
        with self._lock:
            found = self._open.get(key)
            if found is None:
                found = self._opened(key)
            if found is None:
                return None
            handle, size, marked_s = found
            self._open.move_to_end(key)
            now_s = self._clock()
            if now_s - marked_s > _MARK_EVERY_S:
                self._open[key] = (handle, size, now_s)
                with suppress(OSError):
                    os.utime(handle)
            # Under the lock, so that nobody closes the handle meanwhile; the bytes are mostly in the system's memory.
            with suppress(OSError):
                return os.pread(handle, max(0, min(count, size - start)), start)
        return None

    def has(self, key: str) -> bool:
        """Say whether a block is here, as far as its name tells."""
        return key in self._open or self._path(key).exists()

    def put(self, key: str, data: bytes) -> bool:
        """Keep a block, and say whether that was done. Where the disk is full or fails, nothing is kept for a while."""
        if self._clock() < self._rests_until_s or len(data) > self._limit:
            return False
        self._make_room(len(data))
        path = self._path(key)
        partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
        try:
            path.parent.mkdir(exist_ok=True, mode=0o700)
            with partial.open("wb") as file:
                file.write(data)
                file.write(_TAIL.pack(_MAGIC, zlib.crc32(data), len(data)))
            partial.replace(path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            if error.errno in _FULL:
                self._rests_until_s = self._clock() + _REST_S
            return False
        with self._lock:
            self._written += len(data)
        return True

    def _path(self, key: str) -> Path:
        return self._folder / key[-2:] / key

    def _opened(self, key: str) -> tuple[int, int, float] | None:
        """Open a block and make sure once that it is sound."""
        try:
            handle = os.open(self._path(key), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        size = _sound_size(handle)
        if size is None:
            os.close(handle)
            with suppress(OSError):
                self._path(key).unlink()
            return None
        while len(self._open) >= _MOST_OPEN:
            _, (oldest, _, _) = self._open.popitem(last=False)
            os.close(oldest)
        found = self._open[key] = (handle, size, 0.0)
        return found

    def _make_room(self, size: int) -> None:
        """Look from time to time how much all processes have put here, and remove what was not used for longest."""
        with self._lock:
            if self._written + size < self._limit // _SCAN_SHARE:
                return
            self._written = 0
        blocks = self._blocks()
        total = sum(each[1] for each in blocks) + size
        if total <= self._limit:
            return
        for _, block_bytes, path in sorted(blocks):
            with suppress(OSError):
                path.unlink()
            total -= block_bytes
            if total <= self._limit * _KEPT:
                return

    def _blocks(self) -> list[tuple[float, int, Path]]:
        """Return all blocks: when each was last used, its size, and where it is. What killed processes left is removed."""
        found: list[tuple[float, int, Path]] = []
        for folder in self._folder.iterdir():
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    facts = entry.stat(follow_symlinks=False)
                    if entry.name.endswith(".partial") and self._clock() - facts.st_mtime > _STALE_S:
                        os.unlink(entry.path)  # noqa: PTH108 - a Path for each of a hundred thousand takes its time
                        continue
                    found.append((facts.st_mtime, facts.st_size, Path(entry.path)))
        return found


def _sound_size(handle: int) -> int | None:
    """Return how many bytes of a file are the block's, if they are what was once written."""
    try:
        size = os.fstat(handle).st_size - _TAIL.size
        if size < 0:
            return None
        data = os.pread(handle, size, 0)
        magic, crc32, told = _TAIL.unpack(os.pread(handle, _TAIL.size, size))
    except (OSError, struct.error):
        return None
    return size if (magic, crc32, told) == (_MAGIC, zlib.crc32(data), len(data)) else None
