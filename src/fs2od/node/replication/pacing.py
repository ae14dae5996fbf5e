"""How fast copies may leave: a limit, and hours of the day in which another one holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from fs2od.node.settings import ReplicationSettings

__all__ = ["Pace", "allowed_bytes_s"]


def allowed_bytes_s(settings: ReplicationSettings, moment: datetime) -> int:
    """Return how many bytes a second may leave at a moment, given in local time; 0 is no limit."""
    hour, first, last = moment.hour, settings.from_hour, settings.until_hour
    is_other = first <= hour < last if first <= last else hour >= first or hour < last
    return settings.other_bytes_s if is_other else settings.bytes_s


class Pace:
    """Keeps all copies together to what is allowed. Safe in threads."""

    def __init__(
        self,
        settings: ReplicationSettings,
        now: Callable[[], datetime],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._free_at_s = 0.0

    def take(self, size_bytes: int) -> float:
        """Take so many bytes, and return how many seconds to wait before they may leave."""
        allowed = allowed_bytes_s(self._settings, self._now().astimezone())
        with self._lock:
            now_s = self._monotonic()
            begins_s = max(now_s, self._free_at_s)
            self._free_at_s = begins_s + (size_bytes / allowed if allowed else 0.0)
            return begins_s - now_s
