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
    doing = asyncio.get_running_loop().run_in_executor(_WORKERS, work, *arguments)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        if not doing.cancelled():
            doing.exception()  # nobody hears of it any more
        raise
