"""The one place that tries again: how often, after which pauses, and after which failures."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Callable, Final, TypeVar

from fs2od.errors import Fs2odError
from fs2od.transfer._errors import Busy, ConnectionLost, NeverReached, UntrustedCertificate

__all__ = ["News", "Patience", "Tries", "may_pass", "patiently"]

T = TypeVar("T")
_LONGEST_OBEYED_S: Final = 300.0
_MOST_ALONE: Final = 4


@dataclass(frozen=True)
class Patience:
    """How often a file or a listing is taken up again when the service is away or its bytes break off.

    Attributes:
        tries: The most tries in a row that bring nothing new, while nothing comes on other connections either.
        tries_unmet: The most of them at a service that was never reached: a name that is wrong is told within seconds.
        first_pause_s: The pause after the first of them; it doubles with each further one.
        longest_pause_s: Where the doubling ends.
        jitter: By which part a pause may be shorter, so that many readers do not come back all at once.
    """

    tries: int = 11
    tries_unmet: int = 6
    first_pause_s: float = 0.25
    longest_pause_s: float = 15.0
    jitter: float = 0.3

    def is_enough(self, misses: int, own_misses: int, cause: Fs2odError) -> bool:
        """Say whether to give up after so many misses in a row, `own_misses` of them beside what came on other connections."""
        most = min(self.tries, self.tries_unmet) if isinstance(cause, NeverReached) else self.tries
        return misses >= most or own_misses >= _MOST_ALONE * self.tries

    def pause_s(self, misses: int, cause: Fs2odError | None = None) -> float:
        """Return how long to wait after so many misses in a row, at least as long as the service asked for."""
        grown = min(self.first_pause_s * 2.0 ** (misses - 1), self.longest_pause_s) if misses else 0.0
        asked = (cause.retry_after_s or 0.0) if isinstance(cause, Busy) else 0.0
        return max(grown, min(asked, _LONGEST_OBEYED_S))

    def jittered_s(self, misses: int, cause: Fs2odError | None = None) -> float:
        """Return a pause as `pause_s` has it, at random a little shorter, but never shorter than was asked for."""
        asked = self.pause_s(0, cause)
        whole = self.pause_s(misses, cause)
        return max(asked, whole * (1 - self.jitter * random.random()))  # noqa: S311 - no secret is made of it


class News:
    """Counts what has newly arrived from one service, on whichever connection. Lost counts do not matter, so it has no lock."""

    def __init__(self) -> None:
        self.count = 0


class Tries:
    """Counts the tries of one thing. Progress makes it patient again, its own and that of others at the same service.

    A service that is started again and again is there for moments only, and each connection meets few of them: what comes
    on the others says that it is not gone. What fails by itself, beside others that do not, ends too, but later.
    """

    def __init__(self, patience: Patience, sleep: Callable[[float], None], news: News | None = None) -> None:
        """Begin to count; `news` is what all tries at one service have in common."""
        self._patience = patience
        self._sleep = sleep
        self._news = news or News()
        self._seen = self._news.count
        self._misses = 0
        self._own_misses = 0

    def progressed(self) -> None:
        """Take note that something new has arrived: what came before and is repeated is none."""
        self._news.count += 1
        self._seen = self._news.count
        self._misses = self._own_misses = 0

    def missed(self, error: Fs2odError) -> None:
        """Wait for the next try after a failure.

        Raises:
            Fs2odError: The failure itself, when it will not pass, or too many came in a row.
        """
        if self._news.count != self._seen:
            self._seen, self._misses = self._news.count, 0
            # Only these speak against the thing itself: while nothing comes on any connection, the service is away for all.
            self._own_misses += 1
        self._misses += 1
        if self._patience.is_enough(self._misses, self._own_misses, error) or not may_pass(error):
            raise error
        self._sleep(self._patience.jittered_s(self._misses, error))


def patiently(call: Callable[[], T], patience: Patience, sleep: Callable[[float], None], news: News | None = None) -> T:
    """Return what `call` returns, once it does not fail in a way that may pass.

    Raises:
        Fs2odError: The last failure.
    """
    tries = Tries(patience, sleep, news)
    while True:
        try:
            found = call()
        except Fs2odError as error:
            tries.missed(error)
        else:
            tries.progressed()
            return found


def may_pass(error: Fs2odError) -> bool:
    """Say whether the same request may succeed a little later."""
    return isinstance(error, (ConnectionLost, Busy)) and not isinstance(error, UntrustedCertificate)
