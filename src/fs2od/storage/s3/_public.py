"""Stores that others named: the library connects to public addresses only, judged at each connection.

A name is looked up once, its numbers are judged, and the connection goes to one of these very numbers: whoever has the name could let
it lead elsewhere a moment later.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool
from botocore.exceptions import HTTPClientError
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

from fs2od.errors import StorageRefused
from fs2od.storage._public import is_public

__all__ = ["confine"]


class _Judging:
    """What a connection of the library does differently."""

    host: str
    port: int
    timeout: Any
    socket_options: Any

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NewConnectionError(self, f"{self.host} has no address") from error  # type: ignore[arg-type]  # mixed in
        numbers = [
            number for number in dict.fromkeys(str(each[4][0]) for each in found) if is_public(number, self.port)
        ]
        if not numbers:
            raise StorageRefused(
                f"{self.host} has no public address: whoever runs the node must name it in store_hosts, in [network] of its configuration"
            )
        for number in numbers:
            try:
                return create_connection((number, self.port), self.timeout, socket_options=self.socket_options)
            except OSError:
                continue
        raise NewConnectionError(self, f"{self.host} cannot be reached")  # type: ignore[arg-type]  # as above


def confine(client: Any) -> None:  # noqa: ANN401 - the library makes its classes at run time
    """Let a client of the library reach public addresses only; it has connected to none yet."""
    session = client._endpoint.http_session  # noqa: SLF001 - it has no open way; an attribute that is gone ends here, before any connection
    session._manager.pool_classes_by_scheme = _POOLS  # noqa: SLF001 - it has no open way

    def send(request: Any, **_: object) -> Any:  # noqa: ANN401 - the library's
        try:
            return session.send(request)
        except HTTPClientError as error:
            # Unwrapped, for the library tries again what it does not know.
            refused = error.kwargs.get("error")
            raise refused if isinstance(refused, StorageRefused) else error from None

    client.meta.events.register("before-send.s3", send)


def _judging(pool: Any) -> Any:  # noqa: ANN401 - the library's classes have no types
    connection = type(f"Judging{pool.ConnectionCls.__name__}", (_Judging, pool.ConnectionCls), {})
    return type(f"Judging{pool.__name__}", (pool,), {"ConnectionCls": connection})


_POOLS: Mapping[str, Any] = {"http": _judging(AWSHTTPConnectionPool), "https": _judging(AWSHTTPSConnectionPool)}
