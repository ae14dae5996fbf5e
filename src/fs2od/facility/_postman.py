"""Letters from the outbox into the world."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from fs2od.errors import Fs2odError
from fs2od.facility._waiting import wait_at_most
from fs2od.mail import DeliveryPass, Outbox, Transport

__all__ = ["Postman"]

_LONGEST_REST = timedelta(minutes=1)

_log = logging.getLogger(__name__)


class Postman:
    """Delivers what is due."""

    def __init__(self, outbox: Outbox, transport: Transport, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._transport = transport
        self._clock = clock
        self._something_new = asyncio.Event()
        self._said = ""

    async def deliver(self) -> None:
        """Try every letter that is due once.

        Raises:
            StorageFull: What became of a letter could not be written down; it is sent again.
        """
        try:
            done = await asyncio.to_thread(self._outbox.deliver, self._transport, self._clock())
        except asyncio.CancelledError:
            # A mail server that says nothing would hold up the end of the process.
            self._transport.stop()
            raise
        # A pass with nothing due says nothing about the way; the same reason is not said again at each try.
        if done.hindrance and done.hindrance != self._said:
            _log.warning("mail waits: %s; it is tried again by itself", done.hindrance)
        if done != DeliveryPass():
            self._said = done.hindrance

    async def keep_delivering(self) -> None:
        """Deliver what comes due, for ever."""
        while True:
            try:
                await self.deliver()
            except Fs2odError as error:
                _log.warning("mail waits: %s", error)
            await wait_at_most(self._something_new, self._rest_s())
            self._something_new.clear()

    def look_again(self) -> None:
        """Look for letters now."""
        self._something_new.set()

    def _rest_s(self) -> float:
        due = self._outbox.next_attempt_at()
        rest = _LONGEST_REST if due is None else min(due - self._clock(), _LONGEST_REST)
        return max(rest.total_seconds(), 0.2)
