"""What a node does by itself, kept going: a part that fails by a mistake of ours is started again, after growing pauses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["Clockwork"]

_log = logging.getLogger(__name__)


@dataclass
class _Part:
    """How one part fares. `began_s` is None while it waits to be started again."""

    pause_s: float
    began_s: float | None = None
    failures: int = 0
    said: str = ""


class Clockwork:
    """Starts the parts of a node, and starts them again. `troubled` may be asked from any thread."""

    def __init__(
        self,
        *,
        first_pause_s: float = 1.0,
        longest_pause_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin with no part.

        Args:
            first_pause_s: The pause after a failure; it doubles with each further one, until a part has run well.
            longest_pause_s: Where the doubling ends.
            clock: Seconds that only grow.
            sleep: Waits.
        """
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._clock = clock
        self._sleep = sleep
        self._parts: dict[str, _Part] = {}

    async def keep_going(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do a part's work until that ends by itself, or this is cancelled.

        Args:
            name: What the part is called, for people who read the log.
            work: What it does, from the beginning.
        """
        part = self._parts[name] = _Part(self._first_pause_s)
        while True:
            part.began_s = self._clock()
            try:
                await work()
                return
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end what nobody would start again
                self._note(name, part, error)
            await self._sleep(part.pause_s)
            part.pause_s = min(2 * part.pause_s, self._longest_pause_s)

    def troubled(self) -> tuple[str, ...]:
        """Return the names of the parts that failed, and have not run since for longer than the longest pause."""
        return tuple(sorted(name for name, part in list(self._parts.items()) if self._is_troubled(part)))

    def _is_troubled(self, part: _Part) -> bool:
        if not part.failures:
            return False
        return part.began_s is None or self._clock() - part.began_s <= self._longest_pause_s

    def _note(self, name: str, part: _Part, error: Exception) -> None:
        if not self._is_troubled(part):
            part.failures, part.pause_s = 0, self._first_pause_s
        part.began_s, part.failures = None, part.failures + 1
        before, part.said = part.said, f"{type(error).__name__}: {error}"
        if part.said == before:
            # The pauses bound how often this is said.
            _log.warning("%s failed again (%d times now): started again in %d s", name, part.failures, part.pause_s)
        else:
            _log.critical(
                "%s failed and is started again in %d s: tell the node's developers", name, part.pause_s, exc_info=error
            )
