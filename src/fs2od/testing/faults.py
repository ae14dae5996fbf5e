"""A process that dies at its n-th fault point: n = 1, 2, 3 … until a run is untouched shows that nothing is ever lost.

Fault points are every journal write (before and after), every request (before it leaves) and every reply (arrived, but not
yet known to us: to the rest of the process it is lost).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

__all__ = ["KillAt"]


class KillAt:
    """Counts fault points and ends the process without warning at number `at`; 0 only counts.

    The count so far is kept in `counter`, so that a test can see how far an untouched run went.
    """

    def __init__(self, at: int, *, counter: Path | None = None) -> None:
        self._at = at
        self._counter = counter
        self.passed = 0

    def __call__(self, name: str) -> None:
        """Pass a fault point called `name`."""
        self.passed += 1
        if self._counter is not None:
            self._counter.write_text(f"{self.passed} {name}\n")
        if self.passed == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def before_request(self, method: str, operation: str) -> None:
        """Pass the fault point before a request leaves."""
        self(f"before {method} {operation}")

    def after_response(self, method: str, operation: str, status: int) -> None:
        """Pass the fault point after a reply arrived, which nobody hears of if we die here."""
        self(f"after {method} {operation} {status}")
