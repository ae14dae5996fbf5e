"""Connections that are begun while a program still loads what will speak over them: far away, that is a round trip less."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final, Iterator, Mapping
from urllib.parse import urlsplit

__all__ = ["reached", "reaching"]

_COUNT: Final = 2
_LONGEST_S: Final = 15.0
_PORT: Final = 443

_begun: dict[tuple[str, int], list[_Beginning]] = {}


@contextlib.contextmanager
def reaching(address: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Connect meanwhile to the service at an address, as whatever speaks to it will; what nobody took is closed in the end.

    Nothing is begun where that is no address with TLS, nor where a proxy may stand before the service.

    Args:
        address: What the person gave.
        environment: The process's variables.
    """
    service = _service(address)
    if service is None or any(value and name.lower().endswith("_proxy") for name, value in environment.items()):
        yield
        return
    _begun[service] = [_Beginning(service) for _ in range(_COUNT)]
    try:
        yield
    finally:
        for each in _begun.pop(service):
            each.leave()


def reached(host: str, port: int) -> socket.socket | None:
    """Return a connection that was begun to a service, once it is made; None where none is left.

    Raises:
        OSError: It cannot be reached.
    """
    try:
        begun = _begun.get((host, port), []).pop()
    except IndexError:
        return None
    return begun.result()


def _service(address: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        return None
    return (host, port) if host and parts.scheme == "https" else None


class _Beginning:
    """A connection that a thread of its own makes."""

    def __init__(self, service: tuple[str, int]) -> None:
        self._service = service
        self._is_left = False
        self._made: socket.socket | None = None
        self._failure: Exception = OSError()
        self._thread = threading.Thread(target=self._connect, name="fs2od-reach", daemon=True)
        self._thread.start()

    def result(self) -> socket.socket:
        """Wait until it is made, and return it."""
        self._thread.join()
        if self._made is None:
            raise self._failure
        return self._made

    def leave(self) -> None:
        """Have it closed, also where it is still to be made."""
        self._is_left = True
        if self._made is not None:
            self._made.close()

    def _connect(self) -> None:
        try:
            made = socket.create_connection(self._service, _LONGEST_S)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, ValueError) as error:  # no host has such a name
            self._failure = error
            return
        self._made = made
        if self._is_left:
            made.close()
