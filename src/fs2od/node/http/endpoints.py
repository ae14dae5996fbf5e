"""An endpoint, the call that it receives, and the one shape of its answers.

Source of the rules: the REST contract §0: header precedence, error documents, success conventions, bodies on GET.
"""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeVar, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fs2od.errors import Fs2odError, NameTooLong, StorageError, StorageFull
from fs2od.node.http.routing import Route, is_text
from fs2od.node.http.working import in_worker
from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import UserId

Answer = Response
Handler = Callable[["Call"], Response | Awaitable[Response]]
Body = TypeVar("Body")
_QUESTIONS = frozenset(
    {
        "confine_token",
        "evaluate_qos_expression",
        "examine_token",
        "fs2od_get_direct_addresses",
        "fs2od_preview_invite",
        "infer_access_token_scope",
        "lookup_file_id",
        "verify_access_token",
        "verify_identity_token",
        "verify_invite_token",
    }
)

_HEADERS = "fs2od.headers"
_log = logging.getLogger(__name__)
# For names of requests, which are no secrets: the kernel is asked for random bytes once.
_NAMES = random.Random()  # noqa: S311 - names are no secrets


@dataclass(frozen=True)
class Endpoint:
    """One method of one path. `operation` is the operationId in Onedata's OpenAPI files, or ours with the prefix "fs2od_".

    Synchronous handlers run in a worker thread, asynchronous ones (streams) on the event loop. Without `takes_body` the
    handler reads the body by itself, as it comes.
    """

    method: str
    path: str
    operation: str
    handler: Handler
    takes_body: bool = True

    @cached_property
    def is_asynchronous(self) -> bool:
        """Say whether the handler runs on the event loop."""
        return inspect.iscoroutinefunction(self.handler)

    @property
    def is_change(self) -> bool:
        """Say whether it changes anything; a few POSTs only ask."""
        return self.method != "GET" and self.operation not in _QUESTIONS


@dataclass(frozen=True)
class Call:
    """One request, with who makes it and its body read, within bounds."""

    request: Request
    caller: Caller
    body: bytes

    @property
    def peer_ip(self) -> IPv4Address | IPv6Address | None:
        """Where the request comes from, or None if that cannot be told."""
        return peer_ip(self.request)

    def path(self, name: str) -> str:
        """Return a parameter of the path."""
        return str(self.request.path_params[name])

    def file_path(self, name: str = "path") -> str:
        """Return a parameter of the path that is itself the path of a file.

        Raises:
            Rejected: badValueFilePath, it is not UTF-8; what the server made of it may be another file's.
        """
        if not is_text(self.request.scope["raw_path"]):
            raise errors.bad_path()
        return self.path(name)

    def file_names(self, key: str) -> list[str]:
        """Return every value of a query parameter that names a file.

        Raises:
            Rejected: As for `file_path`.
        """
        if not is_text(self.request.scope["query_string"]):
            raise errors.bad_path()
        return self.values(key)

    def document(self) -> wire.JsonObject:
        """Return the body as a JSON object; an empty body is an empty object.

        Raises:
            Rejected: malformedData, it is no JSON object.
        """
        return wire.read_request(self.body, dict[str, Any])

    def read(self, kind: type[Body]) -> Body:
        """Return the body as a wire model.

        Raises:
            Rejected: malformedData, missingRequiredValue or badValue…; `details.key` names the field.
        """
        return wire.read_request(self.body, kind)

    def read_with_query(self, kind: type[Body], *, lists: frozenset[str] = frozenset()) -> Body:
        """Return body and query string together as a wire model; where both give a key, the query string wins.

        Args:
            kind: The wire model.
            lists: Keys whose repetition in the query string makes a list.

        Raises:
            Rejected: As for `read`.
        """
        query: dict[str, Any] = {
            key: self.values(key) if key in lists else self.values(key)[-1] for key in self.request.query_params
        }
        return wire.from_json(self.document() | query, kind, strict=not query)

    def values(self, key: str) -> list[str]:
        """Return every value of a query parameter, in order."""
        return self.request.query_params.getlist(key)


def peer_ip(request: Request) -> IPv4Address | IPv6Address | None:
    """Return the address of the other end of a request's connection, or None if that cannot be told."""
    return _address(request.client.host) if request.client else None


@lru_cache(1000)
def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def headers_of(request: Request) -> dict[str, str]:
    """Return a request's headers by their names in lower case, the first of each name: for who looks up several of them."""
    known: dict[str, str] | None = request.scope.get(_HEADERS)
    if known is None:
        found = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.headers.raw)}
        known = request.scope[_HEADERS] = found
    return known


def token_text(request: Request) -> str | None:
    """Return the token that a request shows, in Onedata's order of headers; None for a guest."""
    headers = headers_of(request)
    shown = headers.get("x-auth-token")
    if shown is not None:
        return shown
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given:
        return given.strip()
    return headers.get("macaroon")


def consumer_text(request: Request) -> str | None:
    """Return the identity token of who uses the access token, if the request shows one."""
    return request.headers.get("X-Onedata-Consumer-Token")


def json_answer(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a compact JSON response of a wire model, a dict or a list."""
    return Response(wire.write(document), status, media_type="application/json", headers=headers)


def created(location: str, document: object = None) -> Response:
    """Return 201 with a Location; without a document the body is empty, as Onezone's is."""
    if document is None:
        return Response(b"", 201, headers={"Location": location})
    return json_answer(document, status=201, headers={"Location": location})


def done() -> Response:
    """Return 204 with an empty body."""
    return Response(b"", 204)


def error_answer(error: errors.ServiceError, *, request_id: str | None = None) -> Response:
    """Return the error document of `error` with its status."""
    headers = {"X-Request-Id": request_id} if request_id else {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return json_answer(error.document(), status=error.status, headers=headers)


@dataclass(frozen=True)
class Doors:
    """What every request of one API passes.

    Attributes:
        authenticate: Runs in the worker thread before the handler; raises Unauthorized for a token that is not valid.
        record: Is told who made which change on which path, after it was made.
        body_bytes: The longest body that is read.
        refused: Is told which error a request ends with, and returns the one to answer with.
    """

    authenticate: Callable[[Request], Caller]
    record: Callable[[UserId | None, str, str], None]
    body_bytes: int
    refused: Callable[[Request, errors.ServiceError], errors.ServiceError] = lambda _, error: error


def mount(endpoints: Iterable[Endpoint], doors: Doors, *, prefix: str) -> list[Route]:
    """Return Starlette routes for `endpoints` below `prefix`."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [
        Route(prefix + path, _dispatcher(methods, doors), methods=sorted(methods), include_in_schema=False)
        for path, methods in by_path.items()
    ]


def _dispatcher(methods: Mapping[str, Endpoint], doors: Doors) -> Callable[[Request], Awaitable[Response]]:
    async def dispatch(request: Request) -> Response:
        endpoint = methods.get(request.method) or methods["GET"]  # HEAD is served by GET
        request_id = f"{_NAMES.getrandbits(128):032x}"
        try:
            response = await _answer(endpoint, request, doors)
        except errors.ServiceError as error:
            return error_answer(doors.refused(request, error), request_id=request_id)
        except Fs2odError as error:
            _log.warning("%s %s [%s]: %s", endpoint.method, endpoint.operation, request_id, error)
            return error_answer(_as_service_error(error), request_id=request_id)
        response.headers.setdefault("X-Request-Id", request_id)
        return response

    return dispatch


async def _answer(endpoint: Endpoint, request: Request, doors: Doors) -> Response:
    body = await _bounded_body(request, doors.body_bytes) if endpoint.takes_body else b""
    if endpoint.is_asynchronous:
        caller = await in_worker(doors.authenticate, request)
        answer = await cast("Awaitable[Response]", endpoint.handler(Call(request, caller, body)))
        if endpoint.is_change and answer.status_code < 400:
            await in_worker(doors.record, caller.user, endpoint.operation, request.url.path)
        return answer

    def run() -> Response:
        caller = doors.authenticate(request)
        response = cast("Response", endpoint.handler(Call(request, caller, body)))
        if endpoint.is_change and response.status_code < 400:
            doors.record(caller.user, endpoint.operation, request.url.path)
        return response

    return await in_worker(run)


async def _bounded_body(request: Request, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise errors.bad_data("body")
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise errors.malformed_data() from error
    return b"".join(chunks)


def _as_service_error(error: Fs2odError) -> errors.ServiceError:
    if isinstance(error, StorageFull):
        return errors.posix("enospc")
    if isinstance(error, NameTooLong):
        return errors.posix("enametoolong")
    if isinstance(error, StorageError):
        return errors.posix("eio")
    return errors.error_of("internalServerError", "The service could not complete the request; its log tells why.")
