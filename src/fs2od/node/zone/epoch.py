"""A number that moves whenever anybody's access may have changed: long answers look at it while they run."""

from __future__ import annotations

import itertools

__all__ = ["Epoch"]


class Epoch:
    """Counts changes of access since the process started. Safe to move and read from any thread."""

    def __init__(self) -> None:
        self._next = itertools.count(1).__next__
        self.now = 0

    def move(self) -> None:
        """Say that access may have changed."""
        self.now = self._next()
