"""An object opened for reading: seekable, fetched in windows that grow while it is read on."""

from __future__ import annotations

import io
from collections.abc import Callable

from fs2od.storage._contract import Facts

_FIRST_WINDOW = 256 << 10
_LARGEST_WINDOW = 8 << 20


class ObjectReader(io.RawIOBase):
    """Reads an object's bytes by ranges. Memory is bounded by one window."""

    def __init__(self, fetch: Callable[[int, int], bytes], facts: Facts) -> None:
        """Open it.

        Args:
            fetch: Returns the bytes from an offset on, of a length; only lengths above 0 within the object are asked for.
            facts: The object's state.
        """
        super().__init__()
        self._fetch = fetch
        self.facts = facts
        self._size = facts.size_bytes
        self._at = 0
        self._window = memoryview(b"")
        self._window_at = 0
        self._next_window = _FIRST_WINDOW

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"position {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer is Python 3.12's
        """Fill the buffer, less only at the end."""
        ahead = memoryview(buffer).cast("B")
        done = 0
        while done < len(ahead) and self._at < self._size:
            piece = self._ready(len(ahead) - done)
            ahead[done : done + len(piece)] = piece
            done += len(piece)
            self._at += len(piece)
        return done

    def readall(self) -> bytes:
        """Return the rest."""
        content = bytearray(max(0, self._size - self._at))
        return bytes(content[: self.readinto(content)])

    def _ready(self, wanted: int) -> memoryview:
        """Return bytes at the position, at most `wanted`, fetched if they are not there."""
        inside = self._at - self._window_at
        if not 0 <= inside < len(self._window):
            sequential = inside == len(self._window) > 0
            self._next_window = min(2 * self._next_window, _LARGEST_WINDOW) if sequential else _FIRST_WINDOW
            length = min(max(min(wanted, _LARGEST_WINDOW), self._next_window), self._size - self._at)
            self._window, self._window_at, inside = memoryview(self._fetch(self._at, length)), self._at, 0
            if not self._window:
                raise EOFError("the store sent no bytes where there are some")
        return self._window[inside : inside + wanted]
