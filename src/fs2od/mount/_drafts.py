"""A file that is being written: its bytes as programs see them, and what of them the service does not have yet."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from fs2od.errors import Fs2odError
from fs2od.mount._ranges import Ranges
from fs2od.mount._spool import SpoolFile
from fs2od.mount._tree import Node
from fs2od.transfer import Entry

__all__ = ["Draft", "Unsent"]

ReadBase = Callable[[Entry, int, int], bytes]


@dataclass(frozen=True)
class Unsent:
    """What a draft has to send.

    Attributes:
        size_bytes: The file's size.
        ranges: Which of its bytes the service lacks.
        is_whole: Whether all of it is to be sent at one stroke: it is new, or was made shorter.
        base: What the service has; None for a new file.
    """

    size_bytes: int
    ranges: tuple[tuple[int, int], ...]
    is_whole: bool
    base: Entry | None


class Draft:
    """A file that is open for writing. Any number of threads may use it; one sends it at a time, holding `sending`.

    Attributes:
        node: The file in the tree.
        mode: The permission bits of a new file.
        openers: How many have it open.
        is_gone: Whether it was removed, and nothing of it is to be sent any more.
        failed: Why the last sending failed, as long as nothing was written after it.
    """

    def __init__(self, node: Node, spooled: SpoolFile, base: Entry | None, *, mode: int, read_base: ReadBase) -> None:
        self.node = node
        self.mode = mode
        self.openers = 0
        self.is_gone = False
        self.failed: Fs2odError | None = None
        self.sending = threading.Lock()
        self.spooled = spooled
        self._read_base = read_base
        self._lock = threading.Lock()
        self._base = base
        self._base_bytes = self._size = base.size_bytes if base is not None else 0
        self._held, self._dirty = Ranges(), Ranges()
        self._is_whole = base is None
        self._cut_to: float = math.inf
        self.mtime_ns = time.time_ns() if base is None else base.mtime_s * 1_000_000_000

    @property
    def size_bytes(self) -> int:
        """The size that programs see."""
        return self._size

    def is_dirty(self) -> bool:
        """Say whether there is something to send."""
        return not self.is_gone and (self._is_whole or bool(self._dirty))

    def read(self, start: int, count: int) -> bytes:
        """Return bytes as they were written last; fewer where the file ends before.

        Raises:
            Fs2odError: Those that were never written here cannot be read where they are.
        """
        with self._lock:
            base, base_bytes = self._base, self._base_bytes
            end = min(start + count, self._size)
            parts = list(self._held.parts(start, end)) if start < end else []
            found = {first: self.spooled.read(first, last - first) for first, last, is_here in parts if is_here}
        data = bytearray()
        for first, last, is_here in parts:
            if is_here:
                data += found[first]
                continue
            known = max(first, min(last, base_bytes)) if base is not None else first
            if base is not None and first < known:
                data += self._read_base(base, first, known - first)
            data += bytes(last - known)
        return bytes(data)

    def write(self, start: int | None, data: bytes) -> None:
        """Write bytes from `start` on; at the end for None.

        Raises:
            StorageFull: There is no room for them on this machine.
        """
        with self._lock:
            start = self._size if start is None else start
            end = start + len(data)
            new = sum(last - first for first, last, is_here in self._held.parts(start, end) if not is_here)
            self.spooled.write(start, data, new=new)
            self._held.add(start, end)
            self._dirty.add(start, end)
            self._size = max(self._size, end)
            self._changed()

    def truncate(self, size: int) -> None:
        """Give the file a size.

        Raises:
            StorageFull: See `write`.
        """
        with self._lock:
            if size < self._size:
                self.spooled.cut(size, dropped=self._held.cut(size))
                self._dirty.cut(size)
                self._is_whole = self._is_whole or size < self._base_bytes
                self._base_bytes = min(self._base_bytes, size)
                self._cut_to = min(self._cut_to, size)
            if size > self._base_bytes:
                # The service makes holes before what is written: the last byte is enough to make it as long.
                if self._held.add(size - 1, size):
                    self.spooled.write(size - 1, b"\0", new=1)
                self._dirty.add(size - 1, size)
            self._size = size
            self._changed()

    def fill(self) -> None:
        """Bring here what was not written here, so that it can be read when the service has it no more.

        Raises:
            Fs2odError: It cannot be read, or there is no room for it.
        """
        with self._lock:
            parts = [(first, last) for first, last, is_here in self._held.parts(0, self._size) if not is_here]
        for first, last in parts:
            data = self.read(first, last - first)
            with self._lock:
                # What was written meanwhile is newer.
                lacking = [(at, end) for at, end, is_here in self._held.parts(first, first + len(data)) if not is_here]
                for at, end in lacking:
                    self.spooled.write(at, data[at - first : end - first], new=end - at)
                    self._held.add(at, end)

    def take_unsent(self) -> Unsent:
        """Return what is to be sent. Whoever takes it says `sent` or `not_sent` afterwards."""
        with self._lock:
            unsent = Unsent(self._size, tuple(self._dirty), self._is_whole, self._base)
            self._dirty, self._is_whole, self._cut_to = Ranges(), False, math.inf
            return unsent

    def sent(self, unsent: Unsent, entry: Entry) -> None:
        """Take note that the service has it, as `entry` says."""
        with self._lock:
            self._base = entry
            self._base_bytes = int(min(unsent.size_bytes, self._cut_to))
            self._is_whole = self._is_whole or self._cut_to < unsent.size_bytes
            self.failed = None

    def not_sent(self, unsent: Unsent, error: Fs2odError | None) -> None:
        """Take note that it does not; `error` says why, unless it was only interrupted."""
        with self._lock:
            for first, last in unsent.ranges:
                self._dirty.add(first, min(last, self._size))
            self._is_whole = self._is_whole or unsent.is_whole
            self.failed = error

    def close(self, *, keep: str | None = None) -> None:
        """Let go of the bytes here; with a reason they are kept."""
        if keep is not None:
            is_whole = self._base is None or self._base_bytes == 0
            self.spooled.describe(
                replace(self.spooled.kept, path="/".join(self.node.path), is_whole=is_whole, reason=keep)
            )
        self.spooled.close(keep=keep is not None)

    def _changed(self) -> None:
        self.failed = None
        self.mtime_ns = time.time_ns()
