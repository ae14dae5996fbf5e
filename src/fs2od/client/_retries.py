"""Whether and when a call is tried again. Decided here alone, from facts; `Tries` acts on it, for a call or what consists of several."""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from fs2od.client._failures import UntrustedCertificate
from fs2od.onedata.errors import ConnectionLost, OnedataError, ServiceError

__all__ = ["Retries", "Tries", "is_transient", "next_pause_s", "parse_retry_after"]

_TRANSIENT = frozenset({429, 502, 503, 504})
_MANY_DIGITS = 10
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient the client is with a service that cannot answer now.

    Attributes:
        tries: The most tries of one call, the first one included.
        total: How long all tries and pauses of one call may take, or of what consists of several since it last came on.
        first_pause: The pause after the first failure; it doubles with each further one.
        longest_pause: Where the doubling ends. A service that asks for more is obeyed.
    """

    tries: int = 4
    total: timedelta = timedelta(seconds=60)
    first_pause: timedelta = timedelta(milliseconds=250)
    longest_pause: timedelta = timedelta(seconds=15)

    @classmethod
    def waiting(cls, wait_s: float) -> Retries:
        """Return the patience of who waits so long for a service that is away, however many tries that takes."""
        return cls(tries=sys.maxsize, total=timedelta(seconds=wait_s))


def is_transient(error: OnedataError) -> bool:
    """Tell whether the same call may succeed a little later."""
    if isinstance(error, ServiceError):
        return error.status in _TRANSIENT
    return isinstance(error, ConnectionLost) and not isinstance(error, UntrustedCertificate)


def next_pause_s(policy: Retries, error: OnedataError, *, failed: int, spent_s: float, chance: float) -> float | None:
    """Return how many seconds to wait before the next try, or None to give up.

    Args:
        policy: How patient to be.
        error: What the last try ended with.
        failed: How many tries have failed.
        spent_s: How long the call has taken so far.
        chance: A random number in [0, 1), which spreads the callers of a service that comes back.
    """
    if failed >= policy.tries or not is_transient(error):
        return None
    doubled = 2 ** min(failed - 1, _MOST_DOUBLINGS)
    grown_s = min(policy.first_pause.total_seconds() * doubled, policy.longest_pause.total_seconds())
    asked_s = (error.retry_after_s or 0.0) if isinstance(error, ServiceError) else 0.0
    # Jitter only adds to what the service asked for: to come early would be to disobey.
    pause_s = max(grown_s * (0.5 + chance / 2), asked_s + grown_s * chance / 2 if asked_s else 0.0)
    return pause_s if spent_s + pause_s <= policy.total.total_seconds() else None


class Tries:
    """Counts the failures of one thing in a row, and pauses before it is tried again."""

    def __init__(
        self,
        policy: Retries,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        chance: Callable[[], float],
        pausing: Callable[[OnedataError, float], None],
    ) -> None:
        """Begin to count; the arguments are those of `Connection`."""
        self._policy = policy
        self._monotonic, self._sleep, self._chance = monotonic, sleep, chance
        self._pausing = pausing
        self.progressed()

    def progressed(self) -> None:
        """Take note that something has come on: who waits is as patient as at the beginning."""
        self._since_s, self._failed = self._monotonic(), 0

    async def missed(self, error: OnedataError, *, briefly: bool = False) -> None:
        """Pause until the next try.

        Args:
            error: What went wrong.
            briefly: Whether more than a few tries are of no use, however patient the policy is.

        Raises:
            OnedataError: The failure itself, when it will not pass, or patience has ended.
        """
        self._failed += 1
        spent_s = self._monotonic() - self._since_s
        policy = replace(self._policy, tries=min(self._policy.tries, Retries().tries)) if briefly else self._policy
        pause_s = next_pause_s(policy, error, failed=self._failed, spent_s=spent_s, chance=self._chance())
        if pause_s is None:
            raise error
        if not briefly:
            self._pausing(error, pause_s)
        await self._sleep(pause_s)


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """Return how many seconds a Retry-After header asks for, as a number or a date (RFC 9110 §10.2.3); None without one."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < _MANY_DIGITS else math.inf
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
