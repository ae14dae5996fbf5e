"""Answers that take a while for a large dataset: found in a thread of their own, given once they are there."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from fs2od.errors import Fs2odError

__all__ = ["Background"]

Answer = TypeVar("Answer")

_MOST_KEPT = 256
_WAIT_S = 0.03
_IDLE = 5


@dataclass
class _Known(Generic[Answer]):
    """What was found last, for which state, and what is looked for now."""

    state: Hashable = None
    answer: Answer | None = None
    running: Future[None] | None = None
    not_before_s: float = 0.0

    def is_due(self, state: Hashable, now_s: float) -> bool:
        """Say whether to look again: not while somebody looks, nor for more than a part of the time."""
        return self.state != state and (self.running is None or self.running.done()) and now_s >= self.not_before_s


class Background(Generic[Answer]):
    """Looks things up, one after the other, and remembers them for as long as the state that they belong to stands."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, _Known[Answer]] = OrderedDict()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pages")

    def ask(
        self, key: Hashable, state: Hashable, look: Callable[[], Answer], *, wait_s: float = _WAIT_S
    ) -> Answer | None:
        """Return what `look` found for this state, or what it found last for another one; None if it found nothing yet.

        Args:
            key: What is asked about.
            state: What changes whenever the answer may be another one.
            look: Finds the answer.
            wait_s: How long to wait at most, in seconds, before the last answer is given, or none.
        """
        with self._lock:
            known = self._known.setdefault(key, _Known())
            self._known.move_to_end(key)
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)
            if known.is_due(state, time.monotonic()):
                known.running = self._worker.submit(_look, known, state, look)
            running = known.running
        if running is not None and known.state != state:
            with suppress(NotYet):
                running.result(wait_s)
        return known.answer


def _look(known: _Known[Answer], state: Hashable, look: Callable[[], Answer]) -> None:
    began_s = time.monotonic()
    try:
        answer = look()
    except Fs2odError:
        answer = None  # pages say less while it cannot be found
    ended_s = time.monotonic()
    known.answer, known.state = answer, state
    known.not_before_s = ended_s + _IDLE * (ended_s - began_s)
