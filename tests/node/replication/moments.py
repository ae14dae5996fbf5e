"""A clock that runs with the machine's, ahead of it by as much as a test says: files have the machine's times."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Moments:
    """The time of day, some seconds ahead."""

    def __init__(self) -> None:
        self.ahead_s = 0

    def forward(self, seconds: int) -> None:
        """Let so many seconds pass."""
        self.ahead_s += seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s(), UTC)

    def now_s(self) -> int:
        return int(time.time()) + self.ahead_s
