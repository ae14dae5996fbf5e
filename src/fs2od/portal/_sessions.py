"""The operator's sign-in: one key, compared in constant time, and sessions that end with the process at the latest."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["SESSION_LASTS", "Attempts", "Sessions"]

SESSION_LASTS = timedelta(hours=12)
_MOST_ENDED = 1000
_MOST_PEERS = 1000


class Sessions:
    """Opens sessions for whoever has the key. What stands in the cookie is signed with a key of this process."""

    def __init__(self, key: str, clock: Callable[[], datetime]) -> None:
        self._key = hashlib.sha256(key.encode()).digest()
        self._has_key = bool(key)
        self._signing = secrets.token_bytes(32)
        self._clock = clock
        self._lock = threading.Lock()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def open(self, given: str) -> str | None:
        """Return the value of a new session's cookie, or None if it is not the key."""
        digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
        if not (hmac.compare_digest(digest, self._key) and self._has_key):
            return None
        until_s = int((self._clock() + SESSION_LASTS).timestamp())
        said = f"{until_s}.{secrets.token_hex(16)}"
        return f"{said}.{self._signature(said)}"

    def stands(self, cookie: str) -> bool:
        """Say whether a cookie was given out by this process, and its session has not ended."""
        said, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(self._signature(said).encode(), signature.encode("utf-8", "surrogatepass")):
            return False
        with self._lock:
            if said in self._ended:
                return False
        return self._clock().timestamp() < int(said.partition(".")[0])

    def end(self, cookie: str) -> None:
        """End a session before its time."""
        if not self.stands(cookie):
            return
        with self._lock:
            self._ended[cookie.rpartition(".")[0]] = None
            while len(self._ended) > _MOST_ENDED:
                self._ended.popitem(last=False)

    def _signature(self, said: str) -> str:
        return hmac.new(self._signing, said.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


class Attempts:
    """Counts failed sign-ins, so that nobody tries keys by the thousand: so many a minute from one client, and in all.

    Who did not fail lately has one attempt in any case: others, however many, keep nobody out who has the key.
    """

    def __init__(self, clock: Callable[[], datetime], *, each: int = 10, everybody: int = 100) -> None:
        self._clock = clock
        self._each = each
        self._everybody = everybody
        self._window = timedelta(minutes=1)
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._all: deque[datetime] = deque(maxlen=everybody)

    def wait_s(self, peer: str) -> int:
        """Return for how many seconds `peer` has to wait before the next attempt; 0 for not at all."""
        with self._lock:
            own = self._failures.get(peer, deque())
            if not own or not self._left_s(own[-1]):
                return 0
            waits = (
                self._left_s(own[0]) if len(own) >= self._each else 0,
                self._left_s(self._all[0]) if len(self._all) >= self._everybody else 0,
            )
        return max(waits)

    def failed(self, peer: str) -> None:
        """Note a failed attempt."""
        with self._lock:
            failures = self._failures.setdefault(peer, deque(maxlen=self._each))
            self._failures.move_to_end(peer)
            while len(self._failures) > _MOST_PEERS:
                self._failures.popitem(last=False)
            failures.append(self._clock())
            self._all.append(self._clock())

    def _left_s(self, since: datetime) -> int:
        left = since + self._window - self._clock()
        return max(0, -int(-left.total_seconds() // 1))
