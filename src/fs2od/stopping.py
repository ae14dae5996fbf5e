"""Being asked to stop, by Ctrl-C or a polite kill: however often a request comes at once, it is one; asked again later, everything ends.

A signal's handler runs between any two steps of the main thread, also within `threading.Event` or a stream that the thread is
just using, and a second signal interrupts the first one's handler. So no handler takes a lock: it writes into a pipe, and a
thread tells the rest.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["SAME_S", "Requests", "answering", "stay_deaf", "stopping"]

SAME_S = 1.0
"""Signals within so long say the same: `timeout`, batch systems and shells signal a process, and then its whole group."""
_POLITE = (signal.SIGINT, signal.SIGTERM)


class Requests:
    """The requests to stop that a process has had, by signals. `may_insist`: whether one that comes later ends it at once."""

    def __init__(self, *, insist: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            insist: The first `may_insist`.
            clock: Tells the time in seconds.
        """
        self.may_insist = insist
        self._clock = clock
        self._first_s: float | None = None

    @property
    def have_come(self) -> bool:
        """Whether there was one."""
        return self._first_s is not None

    def take(self, number: int) -> bool:
        """Return whether this signal is the first request; a later one that is no repetition of it ends the process as by default."""
        now_s = self._clock()
        if self._first_s is None:
            self._first_s = now_s
            return True
        if self.may_insist and now_s - self._first_s > SAME_S:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        return False


@contextlib.contextmanager
def stopping(numbers: Iterable[int] = _POLITE, *, insist: bool = True) -> Iterator[threading.Event]:
    """Yield what is set soon after a signal came, and at the end of the block.

    Once asked to stop, the process takes no repetition for more also behind the block: what it has to say at its end is said.

    Args:
        numbers: The signals; by default Ctrl-C and a polite kill.
        insist: Whether one that comes more than a second after the first ends the process at once, also within the block.
    """
    stop, requests = threading.Event(), Requests(insist=insist)
    reading, writing = os.pipe()

    def told(number: int, _: FrameType | None) -> None:
        if requests.take(number):
            os.write(writing, b"!")

    def pass_on() -> None:
        os.read(reading, 1)
        os.close(reading)
        stop.set()

    threading.Thread(target=pass_on, name="fs2od-signals", daemon=True).start()
    before = [(number, signal.signal(number, told)) for number in numbers]
    try:
        yield stop
    finally:
        requests.may_insist = True
        if requests.have_come:
            stay_deaf(number for number, _ in before)
        else:
            for number, handler in before:
                signal.signal(number, handler)
        os.close(writing)


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Let a signal end the block at once, within one of `stopping`: who waits for a person's answer looks at no event.

    Raises:
        KeyboardInterrupt: Ctrl-C or a polite kill came.
    """
    before = [(number, signal.signal(number, signal.default_int_handler)) for number in _POLITE]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def stay_deaf(numbers: Iterable[int]) -> None:
    """Let no such signal end the process while Python goes down, where it takes the handlers away: the exit code is what was said."""
    for number in numbers:
        atexit.register(signal.signal, number, signal.SIG_IGN)
