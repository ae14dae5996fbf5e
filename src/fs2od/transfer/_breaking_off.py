"""Breaking off what one thread does by itself with a dataset, soon after it is told to stop."""

from __future__ import annotations

import contextlib
import threading
from typing import Callable, Iterator

from fs2od.errors import Interrupted
from fs2od.transfer._run import Ending

__all__ = ["BreakingOff", "breaking_off"]

_LOOK_S = 0.1


class BreakingOff(Ending):
    """An ending that learns later what there is to break off."""

    def __init__(self) -> None:
        """Begin with nothing to break off."""
        super().__init__(self._break_off)
        self._abort_it: Callable[[], None] | None = None

    def of(self, abort: Callable[[], None]) -> None:
        """Let `abort` be called at the end.

        Raises:
            Interrupted: It has come already.
        """
        self._abort_it = abort
        self.check()

    def _break_off(self) -> None:
        if self._abort_it is not None:
            self._abort_it()


@contextlib.contextmanager
def breaking_off(stop: threading.Event | None) -> Iterator[BreakingOff]:
    """Yield an ending that comes soon after `stop` is set."""
    ending, over = BreakingOff(), threading.Event()

    def watch(told: threading.Event) -> None:
        while not over.is_set():
            if told.wait(_LOOK_S):
                ending.stop(Interrupted("stopped"))
                return

    if stop is not None:
        threading.Thread(target=watch, args=(stop,), name="fs2od-stop", daemon=True).start()
    try:
        yield ending
    finally:
        over.set()
