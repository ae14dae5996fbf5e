"""Why programs were told that something failed: they see a number only, so it is said where the mount says things."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable

from fs2od.errors import Fs2odError, Interrupted
from fs2od.mount._errnos import errno_of
from fs2od.transfer import shown_path

__all__ = ["Complaints"]

_WINDOW_S = 60.0
_MOST = 10
# All else is an answer that programs ask for: there is no such file, it may not be written.
_FAILURES = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT})


class Complaints:
    """Says what failed: each reason once a minute, and no more than a few, however many reads fail. Any number of threads may use it."""

    def __init__(self, say: Callable[[str], None], *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Prepare; `say` is told each sentence, in a thread of its own: nobody's read is to wait for a log."""
        self._say = say
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._began_s = -_WINDOW_S
        self._told: set[tuple[str, str]] = set()
        self._passed_over = 0

    def about(self, path: tuple[str, ...], doing: str, error: Fs2odError) -> None:
        """Say that something could not be done, unless it was said just now or is no failure.

        Args:
            path: The file or folder.
            doing: What was to be done: "read", "written".
            error: Why it failed.
        """
        if isinstance(error, Interrupted) or errno_of(error) not in _FAILURES:
            return
        with self._lock:
            passed_over = self._taken((doing, str(error)))
        if passed_over is None:
            return
        more = f" ({passed_over:,} more failures before were not written down)" if passed_over else ""
        sentence = f"{shown_path(path)} could not be {doing}: {error}{more}"
        threading.Thread(target=self._say, args=(sentence,), name="fs2od-complain", daemon=True).start()

    def _taken(self, reason: tuple[str, str]) -> int | None:
        """Return how many were passed over since the last one, if this is to be said; else None. Under the lock."""
        now_s = self._monotonic_s()
        if now_s - self._began_s >= _WINDOW_S:
            self._began_s = now_s
            self._told.clear()
        if reason in self._told or len(self._told) >= _MOST:
            self._passed_over += 1
            return None
        self._told.add(reason)
        passed_over, self._passed_over = self._passed_over, 0
        return passed_over
