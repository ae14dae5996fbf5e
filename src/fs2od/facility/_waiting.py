"""Waiting for an event, but not for ever."""

from __future__ import annotations

import asyncio

__all__ = ["wait_at_most"]


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, but not longer than that.

    Without `asyncio.timeout`: before Python 3.11.4 it may cancel its task for good where something in that task was cancelled
    before (https://github.com/python/cpython/issues/102780), and Debian 12 has 3.11.2.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([waiting], timeout=max(seconds, 0.0))
    finally:
        waiting.cancel()
