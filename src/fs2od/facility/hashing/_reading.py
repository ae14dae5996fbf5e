"""Reading a file once for all its checksums, without getting into anybody's way."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from fs2od.errors import Interrupted, StorageError
from fs2od.facility.hashing._walking import Version
from fs2od.manifests import PIECE_BYTES, Digester, ManifestEntry
from fs2od.storage import Storage, facts_of

__all__ = ["Budget", "Changed", "be_gentle", "read_once"]

_CHUNK_BYTES = 1 << 20
_PROBE_BYTES = 4096

# ioprio_set(2): the number of the call, "this thread", and the class that gets what nobody else wants.
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "ppc64le": 273}
_WHO_THREAD = 1
_CLASS_IDLE = 3 << 13


class Changed(Exception):
    """The file is not, or no longer, the version that was listed."""


def be_gentle() -> None:
    """Give the calling thread the lowest priority for processor and disk, where the system allows it."""
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, 19)
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None, use_errno=True).syscall(number, _WHO_THREAD, thread, _CLASS_IDLE)


@dataclass
class Budget:
    """How much may be read: so many bytes a second on average, 0 for no limit. `stop` ends every wait.

    `spent_s` is the time that went into reading and waiting.
    """

    bytes_per_second: int
    stop: threading.Event
    clock_s: Callable[[], float] = time.monotonic
    spent_s: float = 0.0
    _free_at_s: float = field(default=0.0)

    def spend(self, size_bytes: int) -> None:
        """Wait until this much may have been read.

        Raises:
            Interrupted: We were told to stop.
        """
        wait_s = 0.0
        if self.bytes_per_second:
            now_s = self.clock_s()
            # What was not used in the last second is lost: after a rest there is no rush.
            self._free_at_s = max(self._free_at_s, now_s - 1.0) + size_bytes / self.bytes_per_second
            wait_s = max(self._free_at_s - now_s, 0.0)
        if self.stop.wait(wait_s) if wait_s else self.stop.is_set():
            raise Interrupted("stopped while reading")


def read_once(storage: Storage, path: str, version: Version, budget: Budget) -> ManifestEntry:
    """Read a file and return its entry, if it is that very version before and after.

    Raises:
        Changed: It is not; or it is gone.
        Interrupted: We were told to stop.
        StorageError: It cannot be read.
    """
    began_s = budget.clock_s()
    try:
        with storage.open(path) as file:
            _require(file, version)
            digester = _digest(file, version[1], budget)
            _require(file, version)
        seen = storage.stat(path)
    except FileNotFoundError as error:
        raise Changed from error
    except OSError as error:
        raise StorageError(f"{path!r} cannot be read ({error.strerror})") from error
    finally:
        budget.spent_s += budget.clock_s() - began_s
    if seen.inode != version[0] or digester.size_bytes != version[1]:
        raise Changed
    return digester.entry(path, version[2])


def _require(file: BinaryIO, version: Version) -> None:
    facts = facts_of(file)
    if (facts.inode, facts.size_bytes, facts.mtime_ns, facts.ctime_ns) != version:
        raise Changed


def _digest(file: BinaryIO, size_bytes: int, budget: Budget) -> Digester:
    digester, buffer = Digester(), memoryview(bytearray(min(_CHUNK_BYTES, size_bytes + 1)))
    handle, first, cold = file.fileno(), 0, False
    while True:
        if digester.size_bytes % PIECE_BYTES < _CHUNK_BYTES:
            cold = _is_cold(handle, digester.size_bytes)
            first = digester.size_bytes
        count = os.readv(handle, [buffer])
        if not count:
            return digester
        digester.update(buffer[:count])
        if digester.size_bytes > size_bytes:
            # It grows, perhaps faster than we read.
            raise Changed
        budget.spend(count)
        if cold:
            # Nobody had it in memory before us: leave the room to what others read.
            with suppress(OSError):
                os.posix_fadvise(handle, first, digester.size_bytes - first, os.POSIX_FADV_DONTNEED)


def _is_cold(handle: int, offset: int) -> bool:
    """Say whether the file's bytes from here on would come from the disk; where the system cannot tell, they would not."""
    try:
        os.preadv(handle, [bytearray(_PROBE_BYTES)], offset, os.RWF_NOWAIT)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False
