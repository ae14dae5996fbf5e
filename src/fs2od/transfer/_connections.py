"""Connections to services: opened beside each other, used again, and all closed at once where everything is to end.

Whoever needs one gets the first that is free, be it new or given back: on a line that loses packets, one connection may take a
second longer to be made than its neighbours.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from dataclasses import dataclass
from typing import Callable, Final, Tuple

from fs2od.errors import Interrupted

__all__ = ["Connections", "Origin"]

_POLL_S: Final = 0.2

Origin = Tuple[str, str, int]
"""A service: scheme, host and port."""


class Connections:
    """The connections of one client to any number of services. Safe for any number of threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle: dict[Origin, list[http.client.HTTPConnection]] = {}
        self._live: dict[http.client.HTTPConnection, _Live] = {}
        self._unawaited: dict[Origin, list[_Opening]] = {}
        self._is_closed = False
        self.has_ended = False

    def take(
        self, origin: Origin, opened: Callable[[], http.client.HTTPConnection]
    ) -> tuple[http.client.HTTPConnection, bool]:
        """Return a connection for one request, and whether it was made for this and was not used before.

        Args:
            origin: The service.
            opened: Makes one, in another thread.

        Raises:
            Interrupted: `abort` was called.
            Exception: What `opened` raises, where none has become free meanwhile.
        """
        opening: _Opening | None = None
        with self._changed:
            while True:
                self._check_not_ended()
                pool = self._idle.get(origin)
                if pool:
                    self._leave(origin, opening)
                    connection = pool.pop()
                    live = self._live[connection]
                    is_fresh, live.is_used = opening is not None and not live.is_used, True
                    return connection, is_fresh
                if opening is None or opening.is_over:
                    if opening is not None and opening.failure is not None:
                        raise opening.failure
                    waiting = self._unawaited.get(origin)
                    opening = waiting.pop(0) if waiting else self._begun(origin, opened)
                # What is awaited is bounded by the time that a connection may take to be made.
                self._changed.wait(_POLL_S)

    def open_ahead(self, origin: Origin, opened: Callable[[], http.client.HTTPConnection], count: int) -> None:
        """See to it that there will soon be so many, in use or not. What fails is left to those who need them."""
        with self._changed:
            there = sum(live.origin == origin for live in self._live.values())
            waiting = self._unawaited.setdefault(origin, [])
            for _ in range(0 if self._is_closed else count - there - len(waiting)):
                waiting.append(self._begun(origin, opened))

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Let others use a connection whose answer was read to its end."""
        with self._changed:
            live = self._live.get(connection)
            if live is not None and connection.sock is not None and not self._is_closed:
                self._idle.setdefault(live.origin, []).append(connection)
                self._changed.notify_all()
                return
        self.drop(connection)

    def drop(self, connection: http.client.HTTPConnection) -> None:
        """Close a connection that is of no use any more."""
        with self._changed:
            self._live.pop(connection, None)
        connection.close()

    def close(self) -> None:
        """Close what is not in use; from now on, each use ends with its connection."""
        with self._changed:
            self._is_closed = True
            unused = [each for pool in self._idle.values() for each in pool]
            self._idle.clear()
        for each in unused:
            self.drop(each)

    def abort(self) -> None:
        """End every use of a connection in any thread, and refuse further ones."""
        with self._changed:
            self.has_ended = True
            sockets = [live.socket for live in self._live.values()]
            self._changed.notify_all()
        for each in sockets:
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self.close()

    def _begun(self, origin: Origin, opened: Callable[[], http.client.HTTPConnection]) -> _Opening:
        opening = _Opening()
        threading.Thread(target=self._open, args=(origin, opening, opened), name="fs2od-connect", daemon=True).start()
        return opening

    def _open(self, origin: Origin, opening: _Opening, opened: Callable[[], http.client.HTTPConnection]) -> None:
        connection: http.client.HTTPConnection | None = None
        try:
            connection = opened()
        except BaseException as error:  # noqa: BLE001 - it is told in the thread that waits for it
            opening.failure = error
        with self._changed:
            opening.is_over = True
            is_awaited = opening not in self._unawaited.get(origin, ())
            if not is_awaited:
                self._unawaited[origin].remove(opening)
            is_kept = not self.has_ended and (is_awaited or not self._is_closed)
            if connection is not None and is_kept:
                # Its socket is kept here, too: the library forgets that of an answer that ends with its connection.
                self._live[connection] = _Live(origin, connection.sock)
                self._idle.setdefault(origin, []).append(connection)
            self._changed.notify_all()
        if connection is not None and not is_kept:
            connection.close()

    def _leave(self, origin: Origin, opening: _Opening | None) -> None:
        """Leave a connection that is being made to whoever comes next."""
        if opening is not None and not opening.is_over:
            self._unawaited.setdefault(origin, []).append(opening)

    def _check_not_ended(self) -> None:
        if self.has_ended:
            raise Interrupted("the download is being stopped")


@dataclass(eq=False)
class _Live:
    """A connection that stands."""

    origin: Origin
    socket: socket.socket | None
    is_used: bool = False


@dataclass(eq=False)
class _Opening:
    """A connection that is being made."""

    is_over: bool = False
    failure: BaseException | None = None
