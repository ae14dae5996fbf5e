"""Storages that do not answer, left alone for a while by everybody who can do without them."""

from __future__ import annotations

import threading

from fs2od.node.clock import Clock, is_awaited
from fs2od.onedata.ids import StorageId

__all__ = ["Silences"]

_LEFT_ALONE_S = 60


class Silences:
    """Remembers who did not answer. After a minute one reader tries again, and the others wait for what that brings."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s: dict[StorageId, int] = {}

    def may_try(self, storage: StorageId) -> bool:
        """Say whether a storage should be asked now. Whoever is told so says afterwards how it went."""
        with self._lock:
            until_s = self._until_s.get(storage)
            if until_s is None:
                return True
            now_s = self._clock.now_s()
            if is_awaited(until_s, now_s, at_most_s=_LEFT_ALONE_S):
                return False
            self._until_s[storage] = now_s + _LEFT_ALONE_S
            return True

    def silent(self, storage: StorageId) -> None:
        """Take note that a storage did not answer."""
        with self._lock:
            self._until_s[storage] = self._clock.now_s() + _LEFT_ALONE_S

    def answered(self, storage: StorageId) -> None:
        """Take note that it did."""
        with self._lock:
            self._until_s.pop(storage, None)
