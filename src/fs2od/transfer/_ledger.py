"""What was found right once: files need not be read again to know what they are, as long as the disk says they are the same."""

from __future__ import annotations

from typing import Tuple

__all__ = ["Known", "Ledger"]

Known = Tuple[str, int, int, int]
"""A file's SHA-256, and its inode, size and time in ns when it was found right."""


class Ledger:
    """Remembers within one process.

    Attributes:
        keeps: Whether to tell it of what was brought, too: somebody will ask again.
    """

    def __init__(self, *, keeps: bool = False) -> None:
        """Begin with nothing found right; see `keeps`."""
        self.keeps = keeps
        self._known: dict[str, Known] = {}

    def get(self, path: str) -> Known | None:
        """Return what is known of a path."""
        return self._known.get(path)

    def remember(self, path: str, known: Known) -> None:
        """Take note that a file was found right."""
        self._known[path] = known

    def doubt(self) -> None:
        """Forget what was found right, before the last look at a dataset that is complete: that one reads the disk."""
        self._known.clear()

    def look(self) -> None:
        """Take in what others found meanwhile."""

    def flush(self) -> None:
        """Let others know what was found."""
