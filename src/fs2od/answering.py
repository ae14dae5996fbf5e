"""Folders that do not answer, as of a file server that is away: whoever looks into one waits until it is back."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import TypeVar

__all__ = [
    "ANSWERS_WITHIN_S",
    "SILENT",
    "fulfil",
    "in_thread",
    "in_time",
    "open_folder",
    "require_readable",
    "silent_among",
]

SILENT = "it does not answer: is its file server away?"

ANSWERS_WITHIN_S = 5.0

_T = TypeVar("_T")


def in_thread(work: Callable[[], _T]) -> Future[_T]:
    """Let a work be done in a thread for which nobody has to wait, neither a pool's end nor the process's."""
    working = Future[_T]()
    working.set_running_or_notify_cancel()

    threading.Thread(target=fulfil, args=(working, work), name="fs2od-folders", daemon=True).start()
    return working


def fulfil(working: Future[_T], work: Callable[[], _T]) -> None:
    """Do a work, and give what it brings or raises to whoever waits for it."""
    try:
        working.set_result(work())
    except BaseException as error:  # noqa: BLE001 - none is lost: it is raised where the work is waited for
        working.set_exception(error)


def in_time(work: Callable[[], _T]) -> _T:
    """Return what a short work in a folder brings, which takes no time where the folder answers.

    Raises:
        TimeoutError: It does not answer; the work may go on, and nobody hears of it. What the work raises comes out as it is.
    """
    working = in_thread(work)
    wait([working], ANSWERS_WITHIN_S)
    if not working.done():
        raise TimeoutError(errno.ETIMEDOUT, SILENT)
    return working.result()


def open_folder(folder: Path) -> None:
    """Look whether a folder may be read and entered; that waits where it does not answer.

    Raises:
        OSError: It may not.
    """
    os.stat(f"{folder}/.")  # noqa: PTH116 - a Path drops the point, which asks whether it may be entered
    with os.scandir(folder):
        pass


def require_readable(folder: Path) -> None:
    """Make sure that a folder answers, and may be read and entered.

    Raises:
        OSError: It may not; `TimeoutError`: it does not answer.
    """
    in_time(partial(open_folder, folder))


def silent_among(folders: Iterable[Path]) -> frozenset[Path]:
    """Return which folders do not answer; of the others some may not be there. All are asked at once."""
    asked = {folder: in_thread(partial(open_folder, folder)) for folder in folders}
    wait(asked.values(), ANSWERS_WITHIN_S)
    return frozenset(folder for folder, asking in asked.items() if not asking.done())
