"""How many connections at once, and how fast: found out from the line itself, within what the user allows."""

from __future__ import annotations

import threading
from typing import Callable, Final

__all__ = ["Pace", "RateLimit"]

_WINDOW_S: Final = 0.5
_SHORT_WINDOW_S: Final = 0.2
# A connection without losses has several times as much on its way as soon as it has come up to speed.
_HELD_BYTES: Final = 64 << 10
_GAIN: Final = 1.1
_FIRST: Final = 4
_REST_WINDOWS: Final = 20
_MOST_GROWING: Final = 6


class Pace:
    """Decides how many connections work at once. It grows while that brings more, and halves when the service is busy.

    Belongs to one thread but for `allowed`, which any may read, and `busy`, which any may call.
    """

    def __init__(self, most: int, *, round_trip_s: float = 0.0) -> None:
        """Begin with four connections, if `most` allows so many.

        Args:
            most: The most of them.
            round_trip_s: How long a service takes to answer that is far away; else 0.
        """
        self._most = most
        self._round_trip_s = round_trip_s
        self.allowed = min(most, _FIRST)
        self._best = 0.0
        self._before = self.allowed
        self._began_s: float | None = None
        self._began_bytes = 0
        self._resting = 0
        self._last = 0.0
        self._growing = 0
        self._was_busy = False

    def busy(self) -> None:
        """Take note that the service had no time, or did not answer in time."""
        self._was_busy = True

    def observe(self, now_s: float, moved_bytes: int) -> None:
        """Look at what has arrived altogether by now; to be called several times a second."""
        if self._began_s is None:
            self._began_s, self._began_bytes = now_s, moved_bytes
            return
        passed_s = now_s - self._began_s
        rate = (moved_bytes - self._began_bytes) / passed_s if passed_s > 0 else 0.0
        if passed_s < (_SHORT_WINDOW_S if rate and self._is_held(rate) else _WINDOW_S):
            return
        self._began_s, self._began_bytes = now_s, moved_bytes
        self._judge(rate)

    def _judge(self, rate: float) -> None:
        if self._was_busy:
            self._was_busy = False
            self.allowed = self._before = max(1, self.allowed // 2)
            self._best, self._resting = 0.0, _REST_WINDOWS
        elif self._resting:
            self._resting -= 1
            # The line may have become another one meanwhile: try again from time to time.
            self._best = rate if not self._resting else self._best
        elif self._is_growing(rate):
            return
        elif rate > self._best * _GAIN:
            self._best = rate
            self._before = self.allowed
            self.allowed = min(self._most, self.allowed * 2)
            self._resting = 0 if self.allowed > self._before else _REST_WINDOWS
        else:
            # Files come whole and one by one: where little is on its way, a look does not tell whether it has become more.
            self.allowed = self.allowed if self._is_held(rate) else self._before
            self._resting = _REST_WINDOWS

    def _is_held(self, rate: float) -> bool:
        """Say whether losses hold the connections back, and not the line: little is on its way in each. Then a short look is enough."""
        return self._round_trip_s > 0 and rate * self._round_trip_s < _HELD_BYTES * self.allowed

    def _is_growing(self, rate: float) -> bool:
        """Say whether these connections are still coming up to speed: what they will bring is not known before."""
        if rate > self._last * _GAIN and self._growing < _MOST_GROWING:
            self._last, self._growing = rate, self._growing + 1
            return True
        self._last, self._growing = 0.0, 0
        return False


class RateLimit:
    """Lets so many bytes per second through, from all threads together, with at most half a second's worth at once."""

    def __init__(self, bytes_per_s: float, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.bytes_per_s = bytes_per_s
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_s = clock()

    def take(self, size_bytes: int) -> None:
        """Wait until so many more bytes may come."""
        with self._lock:
            now = self._clock()
            self._free_s = max(self._free_s, now - 0.5) + size_bytes / self.bytes_per_s
            wait = self._free_s - now
        if wait > 0:
            self._sleep(wait)
