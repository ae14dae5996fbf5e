"""Work in folders that may not answer: none is waited for any longer, and nothing is begun beside what was left in one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fs2od.answering import ANSWERS_WITHIN_S, SILENT, in_thread, open_folder
from fs2od.facility._waiting import wait_at_most
from fs2od.mounted import mounted_over

__all__ = ["Answers", "until_one_answers"]

_ASKED_EVERY_S = 1.0

_T = TypeVar("_T")


class Answers:
    """Lets work be done in folders, each in a thread of its own, and leaves alone those that do not answer."""

    def __init__(self) -> None:
        self._asked: dict[Path, tuple[float, Future[None]]] = {}
        self._left: dict[Path, list[Future[Any]]] = {}
        """By folder: works that nobody waits for any longer, and that may still be under way."""
        self._silent: dict[Path, frozenset[int]] = {}
        """By folder that does not answer: what is mounted over it."""

    async def of(self, folder: Path, work: Callable[[], _T]) -> _T:
        """Return what a work in a folder brings, however long that takes, as long as the folder answers meanwhile.

        Raises:
            TimeoutError: It does not answer; the work may go on, and nobody hears of it. What the work raises comes out as it is.
        """
        await self._require_answer(folder)
        await self._require_end(folder)
        working = in_thread(work)
        while not await _is_done(working, ANSWERS_WITHIN_S):
            try:
                await self._require_answer(folder)
            except TimeoutError:
                self._left.setdefault(folder, []).append(working)
                raise
        return working.result()

    async def _require_answer(self, folder: Path) -> None:
        if folder in self._silent and self._silent[folder] != mounted_over(folder):
            # Unmounted lazily: who waits in what was there may wait for ever, and nobody else comes there.
            for known in (self._silent, self._asked, self._left):
                known.pop(folder, None)
        began_s, asked = self._asked.get(folder) or (0.0, None)
        if asked is None or asked.done():
            began_s, asked = time.monotonic(), in_thread(partial(open_folder, folder))
            self._asked[folder] = began_s, asked
        # One that was asked long ago is waited for no longer. An error is an answer: the work says more.
        if not await _is_done(asked, began_s + ANSWERS_WITHIN_S - time.monotonic()):
            self._silent.setdefault(folder, mounted_over(folder))
            raise TimeoutError(errno.ETIMEDOUT, SILENT)
        self._asked.pop(folder, None)

    async def _require_end(self, folder: Path) -> None:
        """Wait for what was left in the folder: two that write the same file might be in each other's way."""
        for left in self._left.get(folder, ()):
            if not await _is_done(left, ANSWERS_WITHIN_S):
                raise TimeoutError(errno.ETIMEDOUT, SILENT)
        self._left.pop(folder, None)
        self._silent.pop(folder, None)


async def until_one_answers(folders: Collection[Path]) -> None:
    """Wait until one of some folders answers, and may be read and entered; of none, for ever."""
    answers = Answers()
    while True:
        for folder in folders:
            with contextlib.suppress(OSError):
                await answers.of(folder, partial(open_folder, folder))
                return
        await asyncio.sleep(_ASKED_EVERY_S)


async def _is_done(working: Future[_T], within_s: float) -> bool:
    if not working.done() and within_s > 0:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: Future[_T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done.set)

        working.add_done_callback(tell)
        await wait_at_most(done, within_s)
    return working.done()
