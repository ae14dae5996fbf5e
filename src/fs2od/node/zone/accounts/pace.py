"""How often somebody may do something: so many times within a while, counted for each by itself."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from datetime import timedelta

from fs2od.node.clock import Clock, is_awaited

__all__ = ["Pace"]

_MOST_KEPT = 10_000


class Pace:
    """Remembers when each did something last. Safe from any thread; beyond ten thousand the longest idle are forgotten."""

    def __init__(self, clock: Clock, *, most: int, within: timedelta) -> None:
        self._clock = clock
        self._most = most
        self._within_s = within.total_seconds()
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, who: str) -> int:
        """Return for how many whole seconds `who` has to wait; 0 for not at all."""
        with self._lock:
            return self._left_s(self._times.get(who))

    def note(self, who: str) -> None:
        """Note that `who` did it once more."""
        with self._lock:
            times = self._times.setdefault(who, deque(maxlen=self._most))
            self._times.move_to_end(who)
            while len(self._times) > _MOST_KEPT:
                self._times.popitem(last=False)
            times.append(self._clock.now().timestamp())

    def _left_s(self, times: deque[float] | None) -> int:
        if times is None or len(times) < self._most:
            return 0
        now_s, until_s = self._clock.now().timestamp(), times[0] + self._within_s
        return math.ceil(until_s - now_s) if is_awaited(until_s, now_s, at_most_s=self._within_s) else 0
