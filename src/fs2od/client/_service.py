"""One service at one origin: operations in, typed answers out. Every noun speaks through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TypeVar

import httpx

from fs2od.client._connection import Answer, Connection, Request
from fs2od.client._operations import OPERATIONS, ServiceName
from fs2od.client._origins import https_origin, id_at_end
from fs2od.onedata import wire
from fs2od.onedata.errors import MalformedAnswer
from fs2od.onedata.tokens import Token

__all__ = ["Service"]

T = TypeVar("T")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_JSON = "application/json"


class Service:
    """A service of Onedata, reached over a connection."""

    def __init__(self, connection: Connection, name: ServiceName, url: str) -> None:
        """Speak to the service `name` at `url`.

        Raises:
            ConfigurationError: `url` is not `https://HOST[:PORT]`.
        """
        self.origin = https_origin(url)
        self._connection = connection
        self._name = name

    async def read(
        self,
        operation_id: str,
        kind: type[T],
        *,
        ids: Mapping[str, str] = _NOTHING,
        query: Iterable[tuple[str, str]] = (),
        document: object = None,
    ) -> T:
        """Return the answer of a call as a wire document."""
        return wire.read_answer((await self._answer(operation_id, ids, query, document)).body, kind)

    async def read_text(self, operation_id: str, *, ids: Mapping[str, str]) -> str:
        """Return the answer of a call as text."""
        body = (await self._answer(operation_id, ids, (), None)).body
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise MalformedAnswer("an answer is not UTF-8") from error

    async def do(
        self,
        operation_id: str,
        *,
        ids: Mapping[str, str] = _NOTHING,
        document: object = None,
        body: bytes | None = None,
        content_type: str = _JSON,
    ) -> None:
        """Make a call whose answer says nothing but that it was done."""
        await self._answer(operation_id, ids, (), document, body=body, content_type=content_type)

    def beside(self, name: ServiceName) -> Service:
        """Return another service at the same origin."""
        return Service(self._connection, name, self.origin)

    async def send(
        self,
        operation_id: str,
        *,
        ids: Mapping[str, str],
        query: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str,
        headers: Mapping[str, str] = _NOTHING,
    ) -> Answer:
        """Return the whole answer of a call that sends bytes."""
        return await self._answer(operation_id, ids, query, None, body=body, content_type=content_type, headers=headers)

    async def send_pieces(
        self,
        operation_id: str,
        pieces: Callable[[], AsyncIterator[bytes]],
        length: int,
        *,
        ids: Mapping[str, str],
        query: Iterable[tuple[str, str]] = (),
        content_type: str,
        once: bool = False,
    ) -> Answer:
        """Return the whole answer of a call that sends bytes as they are made, anew for every try; with `once` there is but one."""
        operation = OPERATIONS[self._name, operation_id]
        headers = {"Content-Type": content_type, "Content-Length": str(length)}
        url = self.origin + operation.url_path(ids)
        request = Request(operation, url, query=tuple(query), headers=headers, pieces=pieces, once=once)
        return await self._connection.answer(request)

    async def create(
        self, operation_id: str, *, collection: str, document: object, ids: Mapping[str, str] = _NOTHING
    ) -> str:
        """Return the id in the Location `…/<collection>/<id>` of what a call created."""
        answer = await self._answer(operation_id, ids, (), document)
        return id_at_end(answer.headers.get("location"), collection=collection)

    @asynccontextmanager
    async def stream(
        self, operation_id: str, *, ids: Mapping[str, str], headers: Mapping[str, str] = _NOTHING
    ) -> AsyncIterator[httpx.Response]:
        """Yield the answer of a call with its body still to come."""
        operation = OPERATIONS[self._name, operation_id]
        request = Request(operation, self.origin + operation.url_path(ids), headers=headers)
        async with self._connection.stream(request) as response:
            yield response

    async def _answer(
        self,
        operation_id: str,
        ids: Mapping[str, str],
        query: Iterable[tuple[str, str]],
        document: object,
        *,
        body: bytes | None = None,
        content_type: str = _JSON,
        headers: Mapping[str, str] = _NOTHING,
    ) -> Answer:
        operation = OPERATIONS[self._name, operation_id]
        content = wire.write(document) if document is not None else body
        return await self._connection.answer(
            Request(
                operation,
                self.origin + operation.url_path(ids),
                query=tuple(query),
                body=content,
                headers={**headers, "Content-Type": content_type} if content is not None else headers,
                secrets=tuple(_secrets_in(document)),
            )
        )


def _secrets_in(document: object) -> Iterable[str]:
    if isinstance(document, Token | wire.Secret):
        yield document.reveal()
    elif isinstance(document, wire.Document):
        for name in document.__struct_fields__:
            yield from _secrets_in(getattr(document, name))
    elif isinstance(document, dict):
        for value in document.values():
            yield from _secrets_in(value)
