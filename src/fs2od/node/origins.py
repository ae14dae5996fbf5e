"""Sockets of a node's further sites: each on the port that it asks for, or the next free one above the node's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from fs2od.errors import ConfigurationError
from fs2od.node.certificates import ServerCertificate
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.serving import Service, listen
from fs2od.node.zone.providers import Provider
from fs2od.onedata.ids import ProviderId

__all__ = ["SocketOrigins"]

_MOST_TRIED = 200
_QUEUED = 64


@dataclass
class SocketOrigins:
    """Listens for sites. What is served before `serve` runs stands in `services`, what comes later goes through `later`.

    Attributes:
        host: The node's public host name, for sites that ask for none of their own.
        address: Where to listen.
        first_port: Where to look for a free port from; 0 takes any.
        app: Makes a site's application.
        certify: Returns the certificate for these host names.
    """

    host: str
    address: str
    first_port: int
    app: Callable[[Oneprovider], ASGIApp]
    certify: Callable[[Collection[str]], ServerCertificate]
    services: list[Service] = field(default_factory=list)
    later: asyncio.Queue[Service] = field(default_factory=lambda: asyncio.Queue(_QUEUED))
    _reserved: dict[str, socket.socket] = field(default_factory=dict)
    _hosts: dict[str, None] = field(default_factory=dict)
    _served: dict[ProviderId, Service] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None

    def reserve(self, asked: Provider) -> str:
        """Return the domain of a site, whose socket listens from now on.

        Raises:
            ConfigurationError: The port that it asks for cannot be had, or none is free.
        """
        # One that found a free port once keeps it: its domain stands in links and configurations.
        port = asked.port or int(asked.domain.rpartition(":")[2] or 0)
        found = self._listening(port) if port else self._next_free()
        host = asked.host or self.host
        domain = f"{host}:{found.getsockname()[1]}"
        self._reserved[domain] = found
        self._hosts[host] = None
        return domain

    def serve(self, provider: Oneprovider) -> None:
        """Serve a site on the socket that listens for it."""
        listening = self._reserved.pop(provider.record.domain)
        certificate = None if self._loop is None else self.certify([self.host, *self._hosts])
        service = self._served[provider.record.id] = Service(self.app(provider), listening, certificate)
        if self._loop is None:
            self.services.append(service)
        else:
            self._loop.call_soon_threadsafe(self.later.put_nowait, service)

    def leave(self, provider: Oneprovider) -> None:
        """Let the socket of a site go. What it answers just now may go out."""
        service = self._served.pop(provider.record.id, None)
        if service is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(service.ended.set)

    def started(self) -> ServerCertificate:
        """Say, on the event loop, that `services` are taken; return the certificate for all hosts so far."""
        self._loop = asyncio.get_running_loop()
        return self.certify([self.host, *self._hosts])

    def _listening(self, port: int) -> socket.socket:
        try:
            return listen(port, address=self.address)
        except ConfigurationError as error:
            raise ConfigurationError(f"site: port {port} on {self.address} cannot be had: give it another") from error

    def _next_free(self) -> socket.socket:
        if not self.first_port:
            return listen(0, address=self.address)
        for port in range(self.first_port, min(self.first_port + _MOST_TRIED, 65536)):
            try:
                return listen(port, address=self.address)
            except ConfigurationError:
                continue
        raise ConfigurationError(f"site: no port from {self.first_port} on is free: give it one")
