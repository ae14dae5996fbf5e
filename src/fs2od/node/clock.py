"""What time it is, as an argument: tests hand in their own. It may be set back, by which nothing is put off."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "is_awaited"]


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def now_s(self) -> int:
        """Return the present moment in whole seconds since 1970."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def now_s(self) -> int:
        """Return the present moment in whole seconds since 1970."""
        return int(time.time())


def is_awaited(moment_s: float, now_s: float, *, at_most_s: float) -> bool:
    """Say whether to wait for a moment, when no wait for it lasts longer than `at_most_s`; pure.

    One that is farther off was reckoned before the clock was set back, so it counts as past.
    """
    return now_s < moment_s <= now_s + at_most_s
