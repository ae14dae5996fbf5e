"""One-time addresses for downloads: random, short-lived, and bound to the access that made them."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.provider.access import Located
from fs2od.onedata import errors

__all__ = ["Tickets"]

_VALID_S = 600
_MOST = 10_000


@dataclass(frozen=True)
class _Ticket:
    located: Located
    until_s: int


class Tickets:
    """Issues and redeems tickets. They live in memory: a restart ends them, and the link that made them makes new ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tickets: OrderedDict[str, _Ticket] = OrderedDict()

    def issue(self, located: Located) -> str:
        """Return a new secret that stands for a located directory for ten minutes."""
        secret = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[secret] = _Ticket(located, self._clock.now_s() + _VALID_S)
            while len(self._tickets) > _MOST:
                self._tickets.popitem(last=False)
        return secret

    def redeem(self, secret: str) -> Located:
        """Return what a ticket stands for.

        Raises:
            NotFound: It is unknown or has ended.
        """
        with self._lock:
            ticket = self._tickets.get(secret)
        if ticket is None or ticket.until_s < self._clock.now_s():
            raise errors.not_found()
        return ticket.located
