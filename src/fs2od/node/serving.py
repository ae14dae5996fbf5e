"""ASGI applications on sockets, over TLS, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from fs2od.errors import ConfigurationError
from fs2od.node.bounded import BoundedProtocol
from fs2od.node.certificates import ServerCertificate
from fs2od.node.cut_off import AccessEnded
from fs2od.node.memory import keep_freed
from fs2od.node.open_files import open_as_many_as_allowed
from fs2od.node.renewing import Renewal
from fs2od.node.unframed import UnframedCycle

__all__ = ["Service", "listen", "serve"]

_BACKLOG = 1024
_GRACE_S = 5
# Long enough that the event loop closes what was cut.
_LAST_S = 0.01
# A head, or what is as small.
_SMALL_BYTES = 4096


@dataclass(frozen=True)
class Service:
    """One application, and the socket that it listens on."""

    app: ASGIApp
    socket: socket.socket
    certificate: ServerCertificate | None = None
    """Its own certificate, where it is not the common one."""
    ended: asyncio.Event = field(default_factory=asyncio.Event, compare=False)
    """Set, on the event loop, to serve it no longer while the others go on."""


class _Server(uvicorn.Server):
    """A server that leaves signals to the process, which serves several of them, and says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()

    def let_go(self) -> None:
        """Cut the connections that are left: clients that take no more of what waits for them would hold them open."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _AtOnce:
    """A connection's transport that lets head and body leave by one call of the kernel, as one packet where they fit.

    uvicorn writes a head and the first of its body one right after the other. Apart they cost the server a call, and the client,
    who is woken by the head alone, another round of waiting.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, or hold what is small until there is more, or nothing else is to be done."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines((held, data))
        elif len(data) <= _SMALL_BYTES:
            self._held = data
            self._loop.call_soon(self._let_go)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close after what was written has left."""
        self._let_go()
        self._transport.close()

    def _let_go(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)


class _Protocol(BoundedProtocol):
    """HTTP/1.1 on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(cast("asyncio.Transport", _AtOnce(transport, self.loop)))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0" and self.cycle is not None:
            # It has not begun: its task waits for the loop, or for the answers before it.
            self.cycle.__class__ = UnframedCycle


def listen(port: int, *, address: str = "127.0.0.1") -> socket.socket:
    """Return a listening socket; port 0 takes any free one.

    Raises:
        ConfigurationError: The port is in use, or may not be used.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Named, because asyncio sets TCP_NODELAY only where it can see that this is TCP: else each answer waits 40 ms.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((address, port))
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        reasons = {errno.EADDRINUSE: "is in use by another program", errno.EACCES: "may not be used by this user"}
        reason = reasons.get(error.errno or 0, f"cannot be used ({error.strerror})")
        raise ConfigurationError(f"port {port} on {address} {reason}: choose another with --port") from error
    return found


async def serve(
    services: Sequence[Service],
    certificate: ServerCertificate | None,
    *,
    stop: asyncio.Event,
    ready: asyncio.Event,
    later: asyncio.Queue[Service] | None = None,
    renewal: Renewal | None = None,
) -> None:
    """Serve all `services` until `stop` is set; `ready` is set once they answer. Without a certificate, plain HTTP.

    Answers under way get five seconds to end. Services that come through `later` are served from then on.
    `renewal` looks after the certificates; by default it goes by the machine's clock.
    """
    keep_freed()
    open_as_many_as_allowed()
    renewal = renewal or Renewal()
    servers: list[_Server] = []
    waiting: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as group:

        async def end_early(service: Service, server: _Server) -> None:
            await service.ended.wait()
            server.should_exit = True

        def start(service: Service) -> None:
            used = service.certificate or certificate
            server = _Server(_configuration(service, used))
            server.config.load()
            if used is not None and server.config.ssl is not None:
                renewal.look_after(used, server.config.ssl)
            servers.append(server)
            group.create_task(server.serve(sockets=[service.socket]))
            waiting.append(group.create_task(end_early(service, server)))

        async def start_later(queue: asyncio.Queue[Service]) -> None:
            while True:
                start(await queue.get())

        for service in services:
            start(service)
        for server in servers:
            await server.up.wait()
        ready.set()
        waiting.append(group.create_task(renewal.keep_looking()))
        if later is not None:
            waiting.append(group.create_task(start_later(later)))
        await stop.wait()
        for task in waiting:
            task.cancel()
        for server in servers:
            server.should_exit = True
    for server in servers:
        server.let_go()
    await asyncio.sleep(_LAST_S)


def _is_mistake(record: logging.LogRecord) -> bool:
    """Say whether what uvicorn reports is a mistake: answers are cut off on purpose, too."""
    return not (record.exc_info and isinstance(record.exc_info[1], AccessEnded))


def _configuration(service: Service, certificate: ServerCertificate | None) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").addFilter(_is_mistake)
    return uvicorn.Config(
        service.app,
        loop="none",
        http=_Protocol,
        ws="none",
        lifespan="off",
        access_log=False,  # addresses may hold tickets and join links
        log_config=None,
        log_level="error",  # what strangers send, such as TLS where none is spoken, is answered and no matter for the log
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_GRACE_S,
        backlog=_BACKLOG,
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=str(certificate.key) if certificate else None,
    )
