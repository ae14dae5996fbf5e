"""A proxy before a real service: hands everything on, counts it, and does to it what a test says."""

from __future__ import annotations

import http.client
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from fs2od.testing.network._faults import Fault
from fs2od.testing.network._messages import Broken, Reply, Request
from fs2od.testing.network._serving import Server

__all__ = ["Exchange", "Proxy", "is_about_bytes"]

_BLOCK_BYTES = 64 << 10
_LONGEST_WAIT_S = 60.0
# About this connection only, and never handed on (RFC 9110, 7.6.1); how a body ends is said anew.
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"})
_BYTES = re.compile(r"/data/[^/]+/content|/share/[^/]+/(files/.+|bulk|archive.*)|/download/.+")


@dataclass
class Exchange:
    """One request that passed, the status of its answer, and how many bytes of the body went to the client."""

    request: Request
    status: int = 0
    body_bytes: int = 0
    faults: tuple[Fault, ...] = ()
    ended: bool = False

    @property
    def is_delivery(self) -> bool:
        """Whether it brought bytes of files."""
        return self.status in {200, 206} and is_about_bytes(self.request)


@dataclass
class _Rule:
    faults: tuple[Fault, ...]
    when: Callable[[Request], bool]
    left: int
    passing: int = field(default=0)


def is_about_bytes(request: Request) -> bool:
    """Say whether a request is for bytes of files, rather than for what is said about them."""
    return _BYTES.search(request.path) is not None and request.method != "HEAD"


class Proxy:
    """Listens on ports and hands each on to a place of its own. Use it as a context manager."""

    def __init__(
        self,
        routes: Mapping[int, tuple[str, int]],
        *,
        address: str = "127.0.0.1",
        serving: ssl.SSLContext | None = None,
        asking: ssl.SSLContext | None = None,
        hostname: str = "localhost",
    ) -> None:
        """Listen; nothing is handed on before it is entered.

        Args:
            routes: The address and port behind each of our ports. A single port may be 0: any free one.
            address: Where to listen.
            serving: For TLS with clients; None is plain HTTP.
            asking: For TLS with the services behind; None is plain HTTP.
            hostname: The name for which the services behind have a certificate.
        """
        self._asking = asking
        self._hostname = hostname
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self.exchanges: list[Exchange] = []
        self._server = Server(self._respond, ports=routes, address=address, context=serving)
        self.ports = self._server.ports
        self._routes = dict(zip(self.ports, routes.values(), strict=True))

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def strike(
        self,
        *faults: Fault,
        when: Callable[[Request], bool] = is_about_bytes,
        times: int = 1,
        passing: int = 0,
    ) -> None:
        """Do something to the next requests that fit: the first rule that fits one has it.

        Args:
            faults: What to do, one after the other.
            when: Which requests.
            times: To how many.
            passing: How many that fit are let through before.
        """
        with self._lock:
            self._rules.append(_Rule(faults, when, times, passing))

    def forgive(self) -> None:
        """Forget all rules: from now on everything passes."""
        with self._lock:
            self._rules.clear()

    def forget(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self.exchanges = []

    def drop_all(self) -> None:
        """End every connection there is."""
        self._server.drop_all()

    def body_bytes(self, which: Callable[[Exchange], bool] = lambda found: found.is_delivery) -> int:
        """Return how many bytes of bodies went to clients, of files if nothing else is said."""
        with self._lock:
            return sum(found.body_bytes for found in self.exchanges if which(found))

    def struck(self) -> list[Exchange]:
        """Return the exchanges to which something was done."""
        with self._lock:
            return [found for found in self.exchanges if found.faults]

    def _respond(self, request: Request) -> Reply:
        exchange = Exchange(request, faults=self._faults_for(request))
        with self._lock:
            self.exchanges.append(exchange)
        reply = self._reply(request, exchange.faults)
        for fault in exchange.faults:
            reply = fault.after(reply)
        exchange.status = reply.status
        return replace(reply, body=_counted(reply.body, exchange))

    def _faults_for(self, request: Request) -> tuple[Fault, ...]:
        with self._lock:
            for rule in self._rules:
                if rule.left and rule.when(request):
                    if rule.passing:
                        rule.passing -= 1
                        return ()
                    rule.left -= 1
                    return rule.faults
        return ()

    def _reply(self, request: Request, faults: tuple[Fault, ...]) -> Reply:
        for fault in faults:
            found = fault.before(request)
            if isinstance(found, Reply):
                return found
            request = found
        return self._handed_on(request)

    def _handed_on(self, request: Request) -> Reply:
        address, port = self._routes[request.port]
        connection = _Connection(address, port, self._asking, self._hostname)
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        try:
            connection.request(request.method, request.target, request.body or None, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Broken("the service behind is not there") from error
        said = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}

        def release() -> None:
            response.close()
            connection.close()

        return Reply(response.status, said, _body(response), release)


class _Connection(http.client.HTTPConnection):
    """A connection to a service behind, whose certificate is for its public name, not for its address."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext | None, hostname: str) -> None:
        super().__init__(address, port, timeout=_LONGEST_WAIT_S)
        self._tls = context
        self._hostname = hostname

    def connect(self) -> None:
        """Connect, and begin TLS where it is wanted."""
        super().connect()
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._hostname)


def _body(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while block := response.read1(_BLOCK_BYTES):
            yield block
    except (OSError, http.client.HTTPException) as error:
        raise Broken("the service behind broke off") from error
    if response.length:
        raise Broken("the service behind broke off")


def _counted(body: Iterable[bytes], exchange: Exchange) -> Iterator[bytes]:
    for block in body:
        # Counted before it leaves, so that whoever has received it finds it counted.
        exchange.body_bytes += len(block)
        yield block
    exchange.ended = True
