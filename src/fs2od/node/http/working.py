"""Threads for what requests do: one change of threads each, for it costs more than most of what is done there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_worker"]

Done = TypeVar("Done")
# Not Starlette's way through AnyIO: its limiter, scope, copied context and checkpoint are a third of a small request's cost.
_WORKERS = ThreadPoolExecutor(40, thread_name_prefix="request")


async def in_worker(work: Callable[..., Done], *arguments: object) -> Done:
    """Do something in a worker thread. Who is cancelled waits for its end: what it opens and closes is then in nobody's way."""
    doing = _WORKERS.submit(work, *arguments)
    try:
        # Not shielded: that would cost another round of the loop.
        return await asyncio.wrap_future(doing)
    except asyncio.CancelledError:
        if not doing.cancel():
            ending = asyncio.wrap_future(doing)
            await asyncio.wait([ending])
            ending.exception()  # nobody hears of it any more
        raise
