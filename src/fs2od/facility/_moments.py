"""Moments that are waited for, by a clock that may be set back."""

from __future__ import annotations

from datetime import datetime, timedelta

__all__ = ["is_awaited"]


def is_awaited(moment: datetime, now: datetime, *, at_most: timedelta) -> bool:
    """Say whether to wait for a moment, when no wait for it lasts longer than `at_most`; pure.

    One that is farther off was reckoned before the clock was set back: that must put nothing off, so it counts as past.
    """
    return now < moment <= now + at_most
