"""An open file whose disk may fail while it is read: that is an error of its storage, as with every other storage."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from typing import Protocol

__all__ = ["OpenFile"]


class _Mapped(Protocol):
    """Turns what the kernel says about a path into our errors."""

    def __call__(self, path: str) -> AbstractContextManager[None]: ...


class OpenFile(io.FileIO):
    """Reads a file without a buffer. Raises what its storage's methods raise."""

    def __init__(self, handle: int, path: str, mapped: _Mapped) -> None:
        """Take over a descriptor.

        Args:
            handle: The open file.
            path: What it is called.
            mapped: The storage's own way to say what the kernel says of it.
        """
        super().__init__(handle, "rb")
        self._path = path
        self._mapped = mapped

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes, all that are left by default."""
        try:
            # Typed as of a descriptor that does not wait; ours does.
            return super().read(-1 if size is None else size) or b""
        except OSError as error:
            self._fail(error)
            raise

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's Buffer is Python 3.12's
        """Fill a buffer as far as there is something."""
        try:
            return super().readinto(buffer) or 0
        except OSError as error:
            self._fail(error)
            raise

    def _fail(self, error: OSError) -> None:
        with self._mapped(self._path):
            raise error
