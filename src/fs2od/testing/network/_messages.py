"""HTTP messages as the servers of this package see them: plain values, bodies of answers as they come."""

from __future__ import annotations

import http
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Self
from urllib.parse import unquote

from fs2od.errors import Fs2odError

__all__ = ["Broken", "Reply", "Request", "head_of", "read_request", "reply_of"]

_LONGEST_LINE = 1 << 16
_MOST_BODY_BYTES = 64 << 20


class Broken(Fs2odError):
    """An instruction, not an accident: end this connection here, without a word."""


@dataclass(frozen=True)
class Request:
    """What was asked, at which of our ports. Header names are in lower case."""

    port: int
    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, decoded, without a query."""
        return unquote(self.target.partition("?")[0])

    @property
    def range(self) -> tuple[int, int | None] | None:
        """The first and the last byte that were asked for; None when no range was."""
        unit, _, span = self.headers.get("range", "").partition("=")
        first, _, last = span.partition("-")
        return (int(first), int(last) if last else None) if unit == "bytes" and first else None

    def without(self, *names: str) -> Request:
        """Return the request without some headers."""
        return replace(self, headers={name: value for name, value in self.headers.items() if name not in names})


@dataclass(frozen=True)
class Reply:
    """What is answered.

    A Content-Length is sent as it stands, true or not. Without one the body goes in chunks, or, with `Connection: close`,
    until the end. `release` is called when nobody needs the reply any more.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()
    release: Callable[[], None] = lambda: None

    def header(self, name: str) -> str | None:
        """Return a header's value, if there is one."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    def saying(self, **headers: str | None) -> Self:
        """Return the reply with other headers: underscores stand for dashes, None takes one away."""
        changed = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in changed}
        return replace(self, headers={**kept, **{name: value for name, value in changed.items() if value is not None}})


def reply_of(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return bytes, or anything else as JSON, with its true length."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    kind = "application/octet-stream" if isinstance(document, bytes) else "application/json"
    return Reply(status, {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}, (body,))


def head_of(reply: Reply, *, chunked: bool) -> bytes:
    """Return an answer's head as it goes over the wire."""
    try:
        phrase = http.HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unheard Of"
    lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{name}: {value}" for name, value in reply.headers.items())]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def read_request(reader: BinaryIO, port: int) -> Request | None:
    """Return the next request of a connection; None when there is no more.

    Raises:
        Broken: It is none that these servers understand.
    """
    first = reader.readline(_LONGEST_LINE).decode("latin-1").split()
    if not first:
        return None
    if len(first) != 3:
        raise Broken("no request line")
    headers = dict(_headers(reader))
    try:
        length = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise Broken("a length that is no number") from error
    if not 0 <= length <= _MOST_BODY_BYTES:
        raise Broken("a request's body that is too large")
    return Request(port, first[0], first[1], headers, reader.read(length))


def _headers(reader: BinaryIO) -> Iterator[tuple[str, str]]:
    while line := reader.readline(_LONGEST_LINE).decode("latin-1").strip():
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()
