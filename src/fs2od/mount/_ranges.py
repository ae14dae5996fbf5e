"""Which bytes of a file: a set of ranges that do not touch each other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

__all__ = ["Ranges"]


class Ranges:
    """Bytes of a file, as few ranges in order. Each is its first byte and the one after its last."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(list(self._starts), list(self._ends), strict=True)

    def __bool__(self) -> bool:
        return bool(self._starts)

    @property
    def total(self) -> int:
        """How many bytes they are."""
        return sum(self._ends) - sum(self._starts)

    def add(self, start: int, end: int) -> int:
        """Add a range, and return how many of its bytes are new."""
        if start >= end:
            return 0
        first = bisect_left(self._ends, start)
        last = first
        covered, low, high = 0, start, end
        while last < len(self._starts) and self._starts[last] <= end:
            covered += max(0, min(end, self._ends[last]) - max(start, self._starts[last]))
            low, high = min(low, self._starts[last]), max(high, self._ends[last])
            last += 1
        self._starts[first:last], self._ends[first:last] = [low], [high]
        return end - start - covered

    def cut(self, size: int) -> int:
        """Drop what lies from byte `size` on, and return how many bytes that was."""
        before = self.total
        keep = bisect_left(self._starts, size)
        del self._starts[keep:], self._ends[keep:]
        if self._ends:
            self._ends[-1] = min(self._ends[-1], size)
        return before - self.total

    def parts(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Yield the bytes of a range piece by piece, each with whether it is in here."""
        at = bisect_left(self._ends, start + 1)
        while start < end:
            if at == len(self._starts) or self._starts[at] >= end:
                yield start, end, False
                return
            if start < self._starts[at]:
                yield start, self._starts[at], False
            start = max(start, self._starts[at])
            stop = min(end, self._ends[at])
            yield start, stop, True
            start, at = stop, at + 1
