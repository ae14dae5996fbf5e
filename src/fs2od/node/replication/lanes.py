"""Lanes: copies to one storage go one space after another, those to several storages side by side, and everybody has a turn."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from fs2od.node.replication.passes import Pass
from fs2od.onedata.ids import SpaceId, StorageId

__all__ = ["Key", "Lanes"]

Key = tuple[SpaceId, StorageId]
_log = logging.getLogger(__name__)


class Lanes:
    """Gives turns to what waits: of each storage to one space at a time, and to as many storages at once as there are passes.

    What is urgent comes first, then the storage whose last turn is longest ago, and of its spaces the one that came first.
    Safe to use from any thread.
    """

    def __init__(self, work: Callable[[Key, Pass], None], passes: Sequence[Pass]) -> None:
        self._work = work
        self._free = list(passes)
        self._changed = threading.Condition()
        self._waiting: dict[Key, bool] = {}
        self._working: dict[StorageId, Key] = {}
        self._last_turns: dict[StorageId, int] = {}
        self._turns = itertools.count(1)
        self._is_closed = False
        self._threads = ThreadPoolExecutor(len(passes), thread_name_prefix="replication")

    def add(self, key: Key, *, is_urgent: bool = False) -> None:
        """Let a space wait for a turn at a storage. One that waits keeps its place; one that has its turn gets another."""
        with self._changed:
            self._waiting[key] = is_urgent or self._waiting.get(key, False)
        self._begin()

    def is_pressed(self, turn: Key, *, urgently: bool = False) -> bool:
        """Say whether another space, or an urgent one, waits for what the end of a turn would give it."""
        with self._changed:
            return any(
                key != turn and (is_urgent or not urgently) and (key[1] == turn[1] or key[1] not in self._working)
                for key, is_urgent in self._waiting.items()
            )

    def waits(self, key: Key) -> bool:
        """Say whether a space waits for a turn at a storage, and has none now."""
        with self._changed:
            return key in self._waiting and self._working.get(key[1]) != key

    def has_turn(self, key: Key) -> bool:
        """Say whether a space has a turn at a storage, or waits for one."""
        with self._changed:
            return key in self._waiting or self._working.get(key[1]) == key

    def has(self, space: SpaceId) -> bool:
        """Say whether a space has a turn, or waits for one, anywhere."""
        with self._changed:
            return self._has(space)

    def wait(self, space: SpaceId, limit_s: float) -> bool:
        """Wait until a space has no turn and waits for none; return whether it came to that."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._has(space), limit_s)

    def drop(self, space: SpaceId) -> None:
        """Let a space wait for no turn any more."""
        with self._changed:
            for key in [key for key in self._waiting if key[0] == space]:
                del self._waiting[key]
            self._changed.notify_all()

    def close(self) -> None:
        """Give no more turns, and wait until the last ones are over."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
        self._threads.shutdown(cancel_futures=True)

    def _has(self, space: SpaceId) -> bool:
        return any(key[0] == space for key in (*self._waiting, *self._working.values()))

    def _begin(self) -> None:
        with self._changed:
            if not self._is_closed:
                self._threads.submit(self._give_turn).add_done_callback(_report)

    def _give_turn(self) -> None:
        with self._changed:
            able = [key for key in self._waiting if key[1] not in self._working]
            if not able:
                return  # whoever ends in its lane gives the turn
            key = min(able, key=lambda key: (not self._waiting[key], self._last_turns.get(key[1], 0)))
            del self._waiting[key]
            self._working[key[1]] = key
            self._last_turns[key[1]] = next(self._turns)
            passing = self._free.pop()
        try:
            self._work(key, passing)
        finally:
            with self._changed:
                del self._working[key[1]]
                self._free.append(passing)
                self._changed.notify_all()
            self._begin()


def _report(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("a replication ended unexpectedly", exc_info=error)
