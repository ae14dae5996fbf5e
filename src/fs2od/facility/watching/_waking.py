"""Notices from the kernel that something moved, so that a look comes at once. Where none come, looks come by the clock."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import watch as notices

from fs2od.facility._waiting import wait_at_most

__all__ = ["Waking"]

_GATHER_MS = 100
_CHECK_STOP_MS = 500
_RENEW_AFTER_S = 60.0
_JOIN_WITHIN_S = 5.0

_log = logging.getLogger(__name__)


class Waking:
    """Sets an event when something moved in the folders that were named last. Losing a notice only costs time."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()
        self._closing: list[_Watcher] = []
        self._flat: tuple[frozenset[Path], _Watcher | None] = (frozenset(), None)
        self._deep: tuple[frozenset[Path], _Watcher | None] = (frozenset(), None)

    def listen(self, *, flat: Iterable[Path], deep: Iterable[Path]) -> bool:
        """Listen to these folders from now on: `flat` ones without, `deep` ones with all folders below them.

        `True`: it has only just begun for some. What moved since the last look may have been missed, so look again soon.
        """
        before = self._flat, self._deep
        self._flat = self._changed(self._flat, frozenset(filter(_is_utf8, flat)), recursive=False)
        self._deep = self._changed(self._deep, frozenset(filter(_is_utf8, deep)), recursive=True)
        return before != (self._flat, self._deep)

    async def wait(self, *, at_most_s: float) -> None:
        """Wait until something moved, but not longer than that."""
        try:
            await wait_at_most(self._moved, at_most_s)
        finally:
            self._moved.clear()

    def wake(self) -> None:
        """Let the one who waits go on now."""
        self._moved.set()

    def close(self) -> None:
        """Stop listening, and wait for the threads to end: one that outlives the interpreter may bring it down."""
        for _, watcher in (self._flat, self._deep):
            if watcher is not None:
                self._close(watcher)
        for watcher in self._closing:
            watcher.join()
        self._closing.clear()
        self._flat = self._deep = (frozenset(), None)

    def _changed(
        self, before: tuple[frozenset[Path], _Watcher | None], wanted: frozenset[Path], *, recursive: bool
    ) -> tuple[frozenset[Path], _Watcher | None]:
        folders, watcher = before
        if folders == wanted and (watcher is None or not watcher.is_to_be_renewed()):
            return before
        if watcher is not None:
            self._close(watcher)
        if not wanted:
            return wanted, None
        loop = asyncio.get_running_loop()

        def moved() -> None:
            try:
                loop.call_soon_threadsafe(self._moved.set)
            except RuntimeError:
                return  # the loop has ended

        return wanted, _Watcher(wanted, moved, recursive=recursive)

    def _close(self, watcher: _Watcher) -> None:
        watcher.close()
        self._closing = [each for each in (*self._closing, watcher) if each.is_alive()]


def _is_utf8(path: Path) -> bool:
    """Say whether the library can listen to it: one that it cannot would cost all others their notices."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


class _Watcher:
    def __init__(self, folders: frozenset[Path], moved: Callable[[], None], *, recursive: bool) -> None:
        self._stop = threading.Event()
        self._began_s = time.monotonic()
        self._thread = threading.Thread(
            target=self._run, args=(folders, moved, recursive), name="facility-notices", daemon=True
        )
        self._thread.start()

    def is_to_be_renewed(self) -> bool:
        # Not at once: what made it end is most likely still so.
        return not self._thread.is_alive() and time.monotonic() - self._began_s > _RENEW_AFTER_S

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        self._stop.set()

    def join(self) -> None:
        self._thread.join(_JOIN_WITHIN_S)

    def _run(self, folders: frozenset[Path], moved: Callable[[], None], recursive: bool) -> None:
        try:
            for _ in notices(
                *folders,
                watch_filter=None,
                debounce=_GATHER_MS,
                step=_GATHER_MS // 2,
                stop_event=self._stop,
                rust_timeout=_CHECK_STOP_MS,
                recursive=recursive,
                force_polling=False,
                ignore_permission_denied=True,
                raise_interrupt=False,
            ):
                moved()
        except OSError as error:
            # Too many folders, or one that went: looks by the clock notice everything, only later.
            _log.debug("no notices for %d folders: %s", len(folders), error)
