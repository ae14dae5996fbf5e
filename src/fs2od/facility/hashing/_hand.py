"""The one thread that works in the datasets' folders; one that gets stuck in a folder is left there, and another one goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

from fs2od.answering import ANSWERS_WITHIN_S, fulfil, require_readable
from fs2od.facility.hashing._reading import be_gentle

__all__ = ["Hand"]

_Task: TypeAlias = tuple[Future[bool], Callable[[], bool]]


class Hand:
    """Does one thing after the other, in a thread for which nobody has to wait. For one user, who gives it one at a time."""

    def __init__(self) -> None:
        self.is_gentle = False
        """Whether it works with the lowest priority; known before the first work."""
        self._tasks: SimpleQueue[_Task | None] | None = None

    def take(self, work: Callable[[], bool]) -> Future[bool]:
        """Begin a work."""
        if self._tasks is None:
            self._tasks = SimpleQueue()
            threading.Thread(
                target=_work, args=(self._tasks,), kwargs={"gently": self.is_gentle}, name="checksums", daemon=True
            ).start()
        working = Future[bool]()
        self._tasks.put((working, work))
        return working

    def has_done(self, working: Future[bool], folder: Path) -> bool:
        """Wait for a work in a folder, however long it takes as long as the folder answers; `False`: it does not.

        What is left under way there goes on when the folder answers again.
        """
        while not wait([working], ANSWERS_WITHIN_S).done:
            try:
                require_readable(folder)
            except TimeoutError:
                self.rest()
                return working.done()
            except OSError:
                continue  # an answer, too: the work says more
        return True

    def rest(self) -> None:
        """Let the thread end once it has nothing more to do."""
        if self._tasks is not None:
            self._tasks.put(None)
            self._tasks = None


def _work(tasks: SimpleQueue[_Task | None], *, gently: bool) -> None:
    if gently:
        be_gentle()
    while (task := tasks.get()) is not None:
        fulfil(*task)
