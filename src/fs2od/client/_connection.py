"""The one way to a service: TLS, tokens, limits, redirects, retries, and errors in our own words."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Protocol, Self, TypeVar

import httpx

from fs2od.client._answers import error_in, is_unknown_there, read_bounded
from fs2od.client._failures import UnknownName, translated
from fs2od.client._operations import Operation
from fs2od.client._origins import redirect_target
from fs2od.client._proxies import ProxyOf, by_way_of
from fs2od.client._renewals import Renewal, has_ended
from fs2od.client._retries import Retries, Tries
from fs2od.errors import ConfigurationError
from fs2od.onedata.errors import MalformedAnswer, OnedataError, ServiceError, Unauthorized
from fs2od.onedata.tokens import Token
from fs2od.trust import trusting

__all__ = ["Answer", "Connection", "Observer", "Request", "Timeouts"]

T = TypeVar("T")
_MOST_REDIRECTS = 5
_LARGEST_ERROR_BYTES = 1 << 20
_LARGEST_ANSWER_BYTES = 64 << 20
_TOO_MANY = 429
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Observer(Protocol):
    """Sees every request just before it leaves and every answer just after its head arrived, tries and redirects included.

    `operation` is the operationId in Onedata's OpenAPI files. An answer that never came is not reported.
    """

    def before_request(self, method: str, operation: str) -> None:
        """Take note that a request is about to leave."""
        ...

    def after_response(self, method: str, operation: str, status: int) -> None:
        """Take note that an answer's head has arrived."""
        ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for a service.

    Attributes:
        connect: For a connection, TLS included.
        silence: While nothing at all arrives or can be sent, and for a free connection of the pool.
        answer: For one whole try of a call, however slowly the service talks; for a file's content, until it begins.
    """

    connect: timedelta = timedelta(seconds=8)
    silence: timedelta = timedelta(seconds=30)
    answer: timedelta = timedelta(seconds=120)


@dataclass(frozen=True)
class Request:
    """One call, ready to be sent.

    Attributes:
        operation: Which call.
        url: Where to.
        query: Names and values, in order.
        body: What to send.
        headers: Besides the token's.
        secrets: Texts that an error must not repeat.
        pieces: Makes the body anew for every try, piece by piece, instead of `body`; its length is among the headers. Such a
            call may take as long as its pieces keep coming.
        once: Whether it is not tried again, because its sender looks first what has arrived of it.
    """

    operation: Operation
    url: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    secrets: tuple[str, ...] = field(default=(), repr=False)
    pieces: Callable[[], AsyncIterator[bytes]] | None = field(default=None, repr=False)
    once: bool = False


@dataclass(frozen=True)
class Answer:
    """A whole answer with a status of 200 to 299. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Connection:
    """A pool of TLS connections for one token (or for a guest), shared by any number of service objects.

    Use it as an async context manager. Certificates are always verified. The token goes to the origins that the
    service objects name, never where a redirect leads. Only calls that change nothing more when they are repeated are
    tried again, and only after failures that may pass; others only where there were too many requests (429), which does nothing.

    Every call of every service may raise, besides what its own docstring names:

    - ConnectionLost: no answer arrived; what was asked for may have happened. Try again later, and look first.
    - UnknownName: no such host is known; this is told after a few tries, also by who waits longer for a service.
    - UntrustedCertificate: give the file of the authority that signed the service's certificate.
    - Unauthorized: get a new token. With a `renewal`, one that has ended is waited for.
    - Forbidden: the token's owner lacks a privilege.
    - Busy: try again after `retry_after_s`.
    - ServiceFault, MalformedAnswer: tell the service's operator, or us.
    """

    def __init__(
        self,
        *,
        token: Token | None,
        ca_file: Path | None = None,
        renewal: Renewal | None = None,
        proxy_of: ProxyOf | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        largest_answer_bytes: int = _LARGEST_ANSWER_BYTES,
        observer: Observer | None = None,
        pausing: Callable[[OnedataError, float], None] = lambda _, __: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Prepare to connect; nothing is sent yet.

        Args:
            token: Whose requests they are; None for a guest's.
            ca_file: Certificates (PEM) to trust besides the system's.
            renewal: Where another token comes from when this one has ended; calls wait for it, and are sent again with it.
            proxy_of: Says which proxy leads to a host.
            transport: What carries requests instead of TLS connections, for tests.
            timeouts: How long to wait.
            retries: How patient to be.
            largest_answer_bytes: The longest JSON answer that is read.
            observer: Sees every request and answer.
            pausing: Told before each pause why, and how many seconds it takes.
            clock: The time of day, aware; a Retry-After date is measured against it.
            monotonic: Seconds from a clock that never jumps.
            sleep: Pauses between tries.
            chance: A random number in [0, 1) for the length of a pause.

        Raises:
            ConfigurationError: `ca_file` cannot be read as certificates.
        """
        self._token = token
        self._renewal = renewal
        self._timeouts = timeouts or Timeouts()
        silence_s, connect_s = self._timeouts.silence.total_seconds(), self._timeouts.connect.total_seconds()
        self._limits = {"timeout": httpx.Timeout(silence_s, connect=connect_s).as_dict()}
        self._retries = retries or Retries()
        self._largest_answer_bytes = largest_answer_bytes
        self._observer = observer
        self._pausing = pausing
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._chance = chance
        self._reached: set[str] = set()
        # A bare transport and no httpx.AsyncClient, which would keep cookies, read the environment and judge redirects.
        self._transport = transport or by_way_of(proxy_of, _trusting(ca_file))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Connection with {self._token or 'no token'}>"

    async def close(self) -> None:
        """Close all connections. Nothing can be called afterwards."""
        await self._transport.aclose()

    async def answer(self, request: Request) -> Answer:
        """Send a call and return its whole answer, trying again where that is allowed and may help.

        Raises:
            OnedataError: As the class says.
        """

        async def once() -> Answer:
            with translated(_host(request.url)):
                async with _within(None if request.pieces else self._timeouts.answer.total_seconds()):
                    response = await self._exchange(request)
                    try:
                        body = await read_bounded(response, self._largest_answer_bytes)
                    finally:
                        await response.aclose()
            return Answer(response.status_code, response.headers, body)

        return await self._tried(once, request, repeats=request.operation.repeatable and not request.once)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[httpx.Response]:
        """Send a call and yield its answer with the body still to come; only until then it is tried again.

        Raises:
            OnedataError: As the class says.
        """

        async def once() -> httpx.Response:
            with translated(_host(request.url)):
                async with _within(self._timeouts.answer.total_seconds()):
                    return await self._exchange(request)

        response = await self._tried(once, request, repeats=request.operation.repeatable)
        try:
            yield response
        finally:
            with translated(_host(request.url)):
                await response.aclose()

    def tries(self) -> Tries:
        """Return the patience of this connection for what consists of several calls, such as a look whether a lost one was done."""
        return Tries(
            self._retries,
            monotonic=self._monotonic,
            sleep=self._sleep,
            chance=self._chance,
            pausing=self._pausing,
        )

    async def _tried(self, once: Callable[[], Awaitable[T]], request: Request, *, repeats: bool) -> T:
        tries = self.tries()
        while True:
            used = self._token
            try:
                return await once()
            except OnedataError as error:
                if isinstance(error, Unauthorized) and await self._renewed(used, error):
                    # Nothing was done, and waiting for a person is no failure of the service.
                    tries.progressed()
                    continue
                if not (repeats or (_is_throttled(error) and not request.once)):
                    raise
                # A name that was never there is a typing error; one that was comes back with its network.
                is_mistyped = isinstance(error, UnknownName) and _host(request.url) not in self._reached
                await tries.missed(error, briefly=is_mistyped)

    async def _renewed(self, used: Token | None, error: Unauthorized) -> bool:
        """Wait for another token where one can come, and say whether the call may be sent again."""
        if used is None or self._renewal is None or not has_ended(error):
            return False
        if self._token is used:
            self._token = await self._renewal.renew(used)
        return True

    async def _exchange(self, request: Request) -> httpx.Response:
        """Return the first answer that is no redirect, its body not yet read; raise if it is an error."""
        url = f"{request.url}?{httpx.QueryParams(request.query)}" if request.query else request.url
        token = self._token
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._send(request, url, token)
            if response.status_code in _REDIRECTS and request.operation.redirected:
                # Read to its end, so that the connection can be used again.
                await read_bounded(response, _LARGEST_ERROR_BYTES)
                await response.aclose()
                url = redirect_target(url, response.headers.get("Location"))
            else:
                return await self._accepted(request, response, token)
        raise MalformedAnswer(f"{_host(request.url)} redirects too often")

    async def _send(self, request: Request, url: str, token: Token | None) -> httpx.Response:
        operation = request.operation
        # Compression is declined: sizes are checked against what was announced, and a small bomb stays small.
        headers = {"Accept-Encoding": "identity", "User-Agent": "fs2od", **request.headers}
        if token is not None and not operation.public and _host(url) == _host(request.url):
            headers["X-Auth-Token"] = token.reveal()
        if self._observer:
            self._observer.before_request(operation.method, operation.operation_id)
        content = request.pieces() if request.pieces else request.body
        sent = httpx.Request(operation.method, url, content=content, headers=headers, extensions=self._limits)
        response = await self._transport.handle_async_request(sent)
        response.request = sent
        self._reached.add(_host(url))
        if self._observer:
            self._observer.after_response(operation.method, operation.operation_id, response.status_code)
        return response

    async def _accepted(self, request: Request, response: httpx.Response, token: Token | None) -> httpx.Response:
        is_unknown = is_unknown_there(response, request.operation)
        if response.is_success and not is_unknown:
            if self._renewal is not None and token is not None and not request.operation.public:
                self._renewal.worked()
            return response
        try:
            if response.status_code < 400 and not is_unknown:
                raise MalformedAnswer(f"{_host(request.url)} answered with status {response.status_code}")
            body = await read_bounded(response, _LARGEST_ERROR_BYTES)
        finally:
            await response.aclose()
        secrets = (*request.secrets, token.reveal()) if token else request.secrets
        raise error_in(response, body, request.operation, secrets=secrets, now=self._clock())


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return trusting(None if ca_file is None else str(ca_file))
    except OSError as error:
        raise ConfigurationError(f"{ca_file} cannot be read as certificates ({error.strerror or error})") from error


def _is_throttled(error: OnedataError) -> bool:
    """Say whether there were too many requests, so that this one was not even looked at: none is made twice by repeating it."""
    return isinstance(error, ServiceError) and error.status == _TOO_MANY


def _host(url: str) -> str:
    return url.split("/", 3)[2]


@asynccontextmanager
async def _within(seconds: float | None) -> AsyncIterator[None]:
    """Let what is inside take so long at most.

    Raises:
        TimeoutError: It took longer.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except asyncio.CancelledError as error:
        # Before Python 3.11.4 this may come in place of a TimeoutError (https://github.com/python/cpython/issues/102780).
        if limit.expired():
            raise TimeoutError from error
        raise
