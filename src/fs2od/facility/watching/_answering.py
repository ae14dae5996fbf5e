"""Folders that do not answer, as of a file server that is away: whoever looks into one waits until it is back."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import TypeVar

from fs2od.facility._waiting import wait_at_most

__all__ = ["SILENT", "Answers", "in_thread", "require_readable"]

SILENT = "it does not answer: is its file server away?"

_ANSWERS_WITHIN_S = 5.0

_T = TypeVar("_T")


class Answers:
    """Lets work be done in folders, each in a thread of its own, and leaves alone those that do not answer."""

    def __init__(self) -> None:
        self._asked: dict[Path, tuple[float, Future[None]]] = {}

    async def of(self, folder: Path, work: Callable[[], _T]) -> _T:
        """Return what a work in a folder brings, however long that takes, as long as the folder answers meanwhile.

        Raises:
            TimeoutError: It does not answer; the work may go on, and nobody hears of it. What the work raises comes out as it is.
        """
        await self._require_answer(folder)
        working = in_thread(work)
        while not await _is_done(working, _ANSWERS_WITHIN_S):
            await self._require_answer(folder)
        return working.result()

    async def _require_answer(self, folder: Path) -> None:
        began_s, asked = self._asked.get(folder) or (0.0, None)
        if asked is None or asked.done():
            began_s, asked = time.monotonic(), in_thread(partial(_open, folder))
            self._asked[folder] = began_s, asked
        # One that was asked long ago is waited for no longer. An error is an answer: the work says more.
        if not await _is_done(asked, began_s + _ANSWERS_WITHIN_S - time.monotonic()):
            raise TimeoutError(errno.ETIMEDOUT, SILENT)
        self._asked.pop(folder, None)


def in_thread(work: Callable[[], _T]) -> Future[_T]:
    """Let a work be done in a thread for which nobody has to wait, neither a pool's end nor the process's."""
    working = Future[_T]()
    working.set_running_or_notify_cancel()

    def run() -> None:
        try:
            working.set_result(work())
        except BaseException as error:  # noqa: BLE001 - for whoever waits
            working.set_exception(error)

    threading.Thread(target=run, name="facility-folders", daemon=True).start()
    return working


def require_readable(folder: Path) -> None:
    """Make sure that a folder answers, and may be read and entered.

    Raises:
        OSError: It may not; `TimeoutError`: it does not answer.
    """
    asked = in_thread(partial(_open, folder))
    wait([asked], _ANSWERS_WITHIN_S)
    if not asked.done():
        raise TimeoutError(errno.ETIMEDOUT, SILENT)
    asked.result()


def _open(folder: Path) -> None:
    os.stat(f"{folder}/.")  # noqa: PTH116 - a Path drops the point, which asks whether it may be entered
    with os.scandir(folder):
        pass


async def _is_done(working: Future[_T], within_s: float) -> bool:
    if not working.done() and within_s > 0:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: Future[_T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done.set)

        working.add_done_callback(tell)
        await wait_at_most(done, within_s)
    return working.done()
