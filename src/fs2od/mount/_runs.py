"""What is on its way: a block alone, or pieces of a file that follow each other and come as one answer.

Between the pieces of such a run lies neither the way there and back nor the service's start of an answer, and its connection stays warm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from fs2od.mount._states import FileState

__all__ = ["Brought", "Coming", "Parts", "Run"]


@dataclass(frozen=True)
class Brought:
    """A block that has come: its name, its first byte, and its bytes unless the store has them."""

    key: str
    start: int
    data: bytes | None


@dataclass(eq=False)
class Coming:
    """A block on its way. `job` is the work in a thread's queue, `result` what everybody waits for.

    `is_ahead` says that nobody waits yet; `run` is what it comes with, if it does not come alone.
    """

    result: Future[Brought] = field(default_factory=Future)
    job: Future[None] | None = None
    is_ahead: bool = False
    run: Run | None = None

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits, unless it has come."""
        if not self.result.done():
            self.result.set_exception(error)


@dataclass(eq=False)
class Run:
    """Pieces of a file that follow each other, from `at` up to before `end`, and come as one answer, in a thread of their own.

    `at` moves on as they come; `end` comes nearer where a part of them is taken away. `goes_on` says whether who asked for them still reads on.
    """

    state: FileState
    at: int
    end: int
    goes_on: Callable[[], bool]
    is_ahead: bool
    job: Future[None] | None = None


class Parts:
    """Bytes as they come, given out for one piece after the other."""

    def __init__(self, parts: Iterator[memoryview]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    def next(self, count: int) -> Iterator[memoryview]:
        """Yield so many bytes. Each view is good until the next one."""
        while count:
            part = self._rest or next(self._parts)
            taken, self._rest = part[:count], part[count:]
            count -= len(taken)
            yield taken
