"""HTTP/1.1 with the standard library alone: TLS, connections that are used again, redirects, limits, our own errors.

A connection belongs to one request at a time and goes back into the pool when its answer was read to the end.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from functools import partial
from typing import Final, Iterator, Mapping, NoReturn
from urllib.parse import SplitResult, urljoin, urlsplit

from fs2od.transfer._connections import Connections, Origin
from fs2od.transfer._errors import ConnectionLost, MalformedAnswer, NeverReached, UntrustedCertificate
from fs2od.transfer._proxies import Proxies, Proxy
from fs2od.transfer._tls import TlsConnection
from fs2od.trust import trusting

__all__ = ["Answer", "Http", "Proxies", "Timeouts", "is_loopback"]

_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_REPEATED: Final = frozenset({307, 308})
_MOST_DRAINED_BYTES: Final = 256 << 10
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_AGENT: Final = "fs2od"
_FAR_S: Final = 0.01
_FAILURES: Final = (http.client.HTTPException, OSError, ValueError)


@dataclass(frozen=True)
class Timeouts:
    """How long to wait, in seconds: for a connection, TLS included, and while nothing at all arrives."""

    connect_s: float = 15.0
    stall_s: float = 60.0

    def within(self, others: Timeouts) -> Timeouts:
        """Return these, each at most as long as the other one."""
        return Timeouts(min(self.connect_s, others.connect_s), min(self.stall_s, others.stall_s))


class Answer:
    """The head of an answer, and its body as it comes."""

    def __init__(self, response: http.client.HTTPResponse, url: str, method: str) -> None:
        self._response = response
        self.url = url
        self.status = response.status
        self.left: int | None = response.length if method != "HEAD" else 0

    def header(self, name: str) -> str | None:
        """Return a header's value, if there is one."""
        return self._response.headers.get(name)

    def read_into(self, view: memoryview) -> int:
        """Fill `view` or a part of it and return how many bytes; 0 when the body has ended.

        Raises:
            ConnectionLost: It broke off, or nothing came for too long.
        """
        try:
            count = self._response.readinto(view)
        except _FAILURES as error:  # not `_told`, which costs more than to read a little
            _explain(error, _host_of(self.url))
        if self.left is not None:
            if not count and self.left and len(view):
                raise ConnectionLost(f"the answer of {_host_of(self.url)} ended before it was whole")
            self.left -= count
        return count

    def read_exactly(self, view: memoryview) -> None:
        """Fill the whole of `view`.

        Raises:
            ConnectionLost: The body ended before.
        """
        filled = 0
        while filled < len(view):
            count = self.read_into(view[filled:])
            if not count:
                raise ConnectionLost(f"the answer of {_host_of(self.url)} ended before it was whole")
            filled += count

    def read_all(self, most_bytes: int) -> bytes:
        """Return the whole body.

        Raises:
            MalformedAnswer: It is larger than `most_bytes`.
            ConnectionLost: It broke off.
        """
        if self.left is not None and self.left > most_bytes:
            raise MalformedAnswer(f"{_host_of(self.url)} answers with more than {most_bytes:,} bytes")
        body, buffer = bytearray(), memoryview(bytearray(min(most_bytes + 1, 64 << 10)))
        while True:
            count = self.read_into(buffer)
            if not count:
                return bytes(body)
            body += buffer[:count]
            if len(body) > most_bytes:
                raise MalformedAnswer(f"{_host_of(self.url)} answers with more than {most_bytes:,} bytes")

    def close(self) -> None:
        """Let go of the socket: an answer that ends with its connection holds it alone."""
        self._response.close()

    def is_at_its_end(self) -> bool:
        """Say whether the connection may serve another request; a short rest is read for that."""
        if self._response.isclosed():
            return True
        if self.left is not None and self.left > _MOST_DRAINED_BYTES:
            return False
        # How long a body of unknown length goes on, nobody knows; its end marker has often not been read yet.
        rest, drained = memoryview(bytearray(64 << 10)), 0
        while drained <= _MOST_DRAINED_BYTES:
            count = self.read_into(rest)
            if not count:
                return True
            drained += count
        return False


class Http:
    """Connections to any number of services, for any number of threads."""

    def __init__(
        self, *, ca_file: str | None = None, timeouts: Timeouts | None = None, proxies: Proxies | None = None
    ) -> None:
        """Prepare connections.

        Args:
            ca_file: Certificates (PEM) to trust besides the system's.
            timeouts: How long to wait.
            proxies: What stands between this machine and the services.

        Raises:
            UntrustedCertificate: `ca_file` cannot be read, or holds no certificates.
        """
        try:
            self._context = trusting(ca_file)
        except OSError as error:
            raise UntrustedCertificate(f"the certificates in {ca_file} cannot be read") from error
        self.timeouts = timeouts or Timeouts()
        self._proxies = proxies or Proxies()
        self._connections = Connections()
        self._reached: set[Origin] = set()
        self._round_trip_s = float("inf")

    @contextlib.contextmanager
    def opened(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        secrets: Mapping[str, str] | None = None,
        carries_secrets: bool = False,
        timeouts: Timeouts | None = None,
    ) -> Iterator[Answer]:
        """Yield the answer to a request that changes nothing when it is repeated; redirects are followed.

        Args:
            method: The request's method.
            url: Its address.
            headers: Its headers.
            body: Its body.
            secrets: Further headers, which are left out where a redirect leads to another origin.
            carries_secrets: Whether they go along all the same, where the redirect asks for the same request there.
            timeouts: How long to wait for this service, instead of for all.

        Raises:
            ConnectionLost: No answer arrived.
            MalformedAnswer: The answer does not fit HTTP, is encoded, or leads where it must not.
            Interrupted: `abort` was called.
        """
        kept = dict(secrets or {})
        for _ in range(_MOST_REDIRECTS + 1):
            connection, answer = self._asked(method, url, {**(headers or {}), **kept}, body, timeouts or self.timeouts)
            try:
                target = _redirect(answer, method)
                if target is None:
                    _check_encoding(answer)
                    yield answer
                is_free = _is_free(answer)
            except BaseException:
                answer.close()
                self._connections.drop(connection)
                raise
            if is_free:
                self._connections.give_back(connection)
            else:
                answer.close()
                self._connections.drop(connection)
            if target is None:
                return
            if _leaves(url, target) and not (carries_secrets and answer.status in _REPEATED):
                kept = {}
            url = target
        raise MalformedAnswer(f"{_host_of(url)} redirects without end")

    @property
    def has_ended(self) -> bool:
        """Whether `abort` was called."""
        return self._connections.has_ended

    @property
    def round_trip_s(self) -> float:
        """How long the quickest answer so far has taken."""
        return self._round_trip_s

    @property
    def is_far(self) -> bool:
        """Whether even the quickest answer so far took its time."""
        return self._round_trip_s > _FAR_S

    def open_ahead(self, url: str, count: int) -> None:
        """See to it that there will soon be so many connections to a service, while it is asked for other things.

        Raises:
            MalformedAnswer: Nothing may be sent to such an address.
        """
        parts = _parts(url)
        self._connections.open_ahead(_origin(parts), partial(self._connected, parts, self.timeouts), count)

    def close(self) -> None:
        """Close what is not in use."""
        self._connections.close()

    def abort(self) -> None:
        """End every request that is under way in any thread, and refuse further ones."""
        self._connections.abort()

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeouts: Timeouts
    ) -> tuple[http.client.HTTPConnection, Answer]:
        parts = _parts(url)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        said = {"Accept-Encoding": "identity", "User-Agent": _AGENT, **headers}
        origin = _origin(parts)
        while True:
            connection, is_fresh = self._connections.take(origin, partial(self._connected, parts, timeouts))
            try:
                with _told(_host_of(url)):
                    connection.sock.settimeout(timeouts.stall_s)
                    began_s = time.monotonic()
                    connection.request(method, target, body, said)
                    response = connection.getresponse()
                    self._round_trip_s = min(self._round_trip_s, time.monotonic() - began_s)
                    return connection, Answer(response, url, method)
            except ConnectionLost:
                self._connections.drop(connection)
                # The service may close a connection that rests, just when it is used again.
                if is_fresh and not self.has_ended:
                    raise
            except BaseException:
                self._connections.drop(connection)
                raise

    def _connected(self, url: SplitResult, timeouts: Timeouts) -> http.client.HTTPConnection:
        origin = _origin(url)
        proxy = self._proxy_before(origin)
        connection = self._made(origin, timeouts, proxy)
        failure = ConnectionLost if origin in self._reached else NeverReached
        try:
            with _told(url.netloc if proxy is None else f"{url.netloc} (by the proxy {proxy})", connecting=failure):
                connection.connect()
            self._reached.add(origin)
        except BaseException:
            connection.close()
            raise
        return connection

    def _proxy_before(self, origin: Origin) -> Proxy | None:
        scheme, host, port = origin
        # Without TLS, it is this machine alone, which no proxy leads to.
        return self._proxies.before(host, port) if scheme == "https" else None

    def _made(self, origin: Origin, timeouts: Timeouts, proxy: Proxy | None) -> http.client.HTTPConnection:
        scheme, host, port = origin
        if scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=timeouts.connect_s)
        beside = (host, port) if proxy is None else (proxy.host, proxy.port)
        connection = TlsConnection(*beside, timeout=timeouts.connect_s, context=self._context, service=host)
        if proxy is not None:
            connection.set_tunnel(host, port, proxy.headers())
        return connection


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, where encryption protects nothing."""
    return host in _LOOPBACK


def _is_free(answer: Answer) -> bool:
    try:
        return answer.is_at_its_end()
    except ConnectionLost:
        return False


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise MalformedAnswer("an address is none") from error


def _origin(url: SplitResult) -> Origin:
    try:
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if not host or (url.scheme != "https" and not (url.scheme == "http" and is_loopback(host))):
        raise MalformedAnswer("an address leads away from https")
    return url.scheme, host, port or (443 if url.scheme == "https" else 80)


def _redirect(answer: Answer, method: str) -> str | None:
    """Return where an answer leads, if it leads elsewhere."""
    if answer.status not in _REDIRECTS:
        return None
    where = answer.header("location")
    try:
        target = urljoin(answer.url, where or "")
        is_as_safe = bool(where) and urlsplit(target).scheme == urlsplit(answer.url).scheme
    except ValueError:  # it is no address at all
        target, is_as_safe = "", False
    if not is_as_safe:
        raise MalformedAnswer(f"{_host_of(answer.url)} redirects to where nothing may be sent")
    if method != "GET" and answer.status not in _REPEATED:
        raise MalformedAnswer(f"{_host_of(answer.url)} redirects what must not be redirected")
    _origin(urlsplit(target))
    return target


def _leaves(url: str, target: str) -> bool:
    return _origin(urlsplit(url)) != _origin(urlsplit(target))


def _check_encoding(answer: Answer) -> None:
    encoding = (answer.header("content-encoding") or "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise MalformedAnswer(
            f"something between here and {_host_of(answer.url)} has encoded the answer ({encoding[:20]})"
        )


@contextlib.contextmanager
def _told(host: str, *, connecting: type[ConnectionLost] | None = None) -> Iterator[None]:
    """Turn what the library and the system raise into errors of ours; `connecting` is what no connection is."""
    try:
        yield
    except _FAILURES as error:
        _explain(error, host, connecting=connecting)


def _explain(error: Exception, host: str, *, connecting: type[ConnectionLost] | None = None) -> NoReturn:
    if isinstance(error, ssl.SSLCertVerificationError):
        raise UntrustedCertificate(f"the certificate of {host} is not trusted: {error.verify_message}") from error
    is_late = isinstance(error, socket.timeout)
    reason = "timed out" if is_late else str(error) or type(error).__name__
    if isinstance(error, (OSError, http.client.IncompleteRead, http.client.RemoteDisconnected)):
        if connecting is not None:
            raise connecting(f"{host} cannot be reached ({reason})") from error
        said = f"{host} did not answer in time" if is_late else f"the connection to {host} broke off ({reason})"
        raise ConnectionLost(said) from error
    if isinstance(error, (http.client.BadStatusLine, http.client.LineTooLong)):
        raise (connecting or ConnectionLost)(f"the answer of {host} is no HTTP") from error
    # A chunked body whose sizes are no numbers is a ValueError.
    raise MalformedAnswer(f"the exchange with {host} does not fit HTTP ({type(error).__name__})") from error


def _host_of(url: str) -> str:
    return urlsplit(url).netloc
