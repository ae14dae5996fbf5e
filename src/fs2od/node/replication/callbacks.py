"""Telling whoever asked for it that a transfer has ended."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Collection
from urllib.parse import urlsplit

from fs2od.onedata import errors
from fs2od.onedata.ids import TransferId
from fs2od.storage import is_public

__all__ = ["call_back", "require_callable"]

_WITHIN_S = 10.0
_PORTS = {"http": 80, "https": 443}


def require_callable(address: str) -> None:
    """Make sure that an address can be called.

    Raises:
        Rejected: badData, it is no address of HTTP.
    """
    parts = urlsplit(address)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise errors.error_of("badData", "Bad value: callback is not an http or https address.", {"key": "callback"})


def call_back(address: str, transfer: TransferId, *, trusted: Collection[str]) -> None:
    """Post a transfer's id to an address; the answer does not matter.

    A member of a space chooses the address, and must not reach what only this machine can: it has to be a public one,
    unless its host is among the `trusted`.

    Raises:
        OSError: It cannot be reached, or may not be.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    # Connected to the very number that was judged: a name could lead elsewhere a moment later.
    number = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    if host not in trusted and not is_public(number, port):
        raise PermissionError(f"{host} is not a public address")
    connection = http.client.HTTPConnection(host, port, timeout=_WITHIN_S)
    connection.sock = socket.create_connection((number, port), _WITHIN_S)
    try:
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        body = json.dumps({"transferId": transfer}).encode()
        connection.request("POST", target, body, {"Content-Type": "application/json"})
        connection.getresponse().close()
    except http.client.HTTPException as error:
        raise OSError(f"{host} gave no proper answer") from error
    finally:
        connection.close()
