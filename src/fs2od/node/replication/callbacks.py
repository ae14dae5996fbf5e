"""Telling whoever asked for it that a transfer has ended."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from fs2od.onedata import errors
from fs2od.onedata.ids import TransferId
from fs2od.storage import is_public

__all__ = ["call_back", "require_callable"]

_WITHIN_S = 10.0
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class _Address:
    """Where to call: by TLS or not, which host and port, and what there."""

    secure: bool
    host: str
    port: int
    target: str


def require_callable(address: str) -> None:
    """Make sure that an address can be called.

    Raises:
        Rejected: badData, it is no address of HTTP.
    """
    try:
        _parsed(address)
    except ValueError as error:
        said = "Bad value: callback is not an http or https address."
        raise errors.error_of("badData", said, {"key": "callback"}) from error


def call_back(address: str, transfer: TransferId, *, trusted: Collection[str], within_s: float = _WITHIN_S) -> None:
    """Post a transfer's id to an address; the answer does not matter.

    A member of a space chooses the address, and must not reach what only this machine can: it has to be a public one,
    unless its host is among the `trusted`. Nor may it hold whoever calls: after `within_s` it is hung up, however it talks.

    Raises:
        OSError: It cannot be reached, or may not be, or is no address.
    """
    try:
        _call(_parsed(address), transfer, trusted, within_s)
    except ValueError as error:
        raise OSError("the address to call is none") from error


def _parsed(address: str) -> _Address:
    """Return the parts of an address.

    Raises:
        ValueError: It is no address of HTTP.
    """
    parts = urlsplit(address)
    host, port = parts.hostname, parts.port
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme not in _PORTS or not host or port == 0 or "@" in parts.netloc:
        raise ValueError("no address of HTTP")
    if not re.fullmatch("[!-~]+", target):
        raise ValueError("a path that is not percent-encoded")
    host.encode("idna")  # as it is done when the name is looked up
    return _Address(parts.scheme == "https", host, port or _PORTS[parts.scheme], target)


def _call(address: _Address, transfer: TransferId, trusted: Collection[str], within_s: float) -> None:
    host, port = address.host, address.port
    # Connected to the very number that was judged: a name could lead elsewhere a moment later.
    number = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    if host not in trusted and not is_public(number, port):
        raise PermissionError(f"{host} is not a public address")
    connection = http.client.HTTPConnection(host, port, timeout=within_s)
    connection.sock = socket.create_connection((number, port), within_s)
    try:
        with _hung_up_after(connection.sock, within_s):
            if address.secure:
                connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
            body = json.dumps({"transferId": transfer}).encode()
            connection.request("POST", address.target, body, {"Content-Type": "application/json"})
            connection.getresponse().close()
    except http.client.HTTPException as error:
        raise OSError(f"{host} gave no proper answer") from error
    finally:
        connection.close()


@contextmanager
def _hung_up_after(connected: socket.socket, seconds: float) -> Iterator[None]:
    """Cut a connection that is still used then: its own timeout begins anew with every byte."""
    # TLS takes the socket itself over.
    with connected.dup() as handle:
        timer = threading.Timer(seconds, _cut, [handle])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _cut(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
