"""Things that are asked for at once, though they are needed one after the other: far away, each question takes its time."""

from __future__ import annotations

import threading
from typing import Callable, Generic, TypeVar

__all__ = ["Ahead"]

T = TypeVar("T")


class Ahead(Generic[T]):
    """What a call returns, made by a thread of its own while others do something else. What it raises is told with `result`."""

    def __init__(self, call: Callable[[], T]) -> None:
        """Begin the call; it must come to an end by itself, for nobody may wait for it."""
        self._call = call
        self._found: list[T] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._make, name="fs2od-ahead", daemon=True)
        self._thread.start()

    def result(self) -> T:
        """Wait for what the call returns.

        Raises:
            Exception: What the call raised.
        """
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._found[0]

    def _make(self) -> None:
        try:
            self._found.append(self._call())
        except BaseException as error:  # noqa: BLE001 - it is told in the thread that asks for it
            self._failure = error
