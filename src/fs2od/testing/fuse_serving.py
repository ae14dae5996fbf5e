"""A file system of a test, served by a process of its own until that is killed."""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from multiprocessing.synchronize import Event

import pyfuse3
import trio

__all__ = ["serve"]


def serve(operations: pyfuse3.Operations, folder: str, options: AbstractSet[str], mounted: Event) -> None:
    """Mount a file system over a folder, set `mounted` once it answers, and serve it for ever."""
    pyfuse3.init(operations, folder, set(options))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pyfuse3.main)
            await trio.to_thread.run_sync(os.stat, folder)
            mounted.set()

    trio.run(main)
