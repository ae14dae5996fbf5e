"""Reading answers: within bounds, and as the error that they tell."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import httpx
import msgspec

from fs2od.client._operations import Operation
from fs2od.client._retries import parse_retry_after
from fs2od.errors import masked
from fs2od.onedata.errors import MalformedAnswer, NotFound, Rejected, ServiceError, from_document

__all__ = ["RangeNotSatisfiable", "error_in", "is_unknown_there", "raw_chunks", "read_bounded"]

_OWN_WORDS = frozenset({"error", "id", "details", "description"})
"""What errors are made of, whatever somebody has for a secret."""
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,18})", re.ASCII)
_NOT_THERE = 404
_NO_SUCH_METHOD = frozenset({405, 501})
_OURS_ONLY = "This Onedata does not have it: only a node of fs2od's own does."


class RangeNotSatisfiable(Rejected):
    """The file has no byte in the range; `size_bytes` is its size, if the service says it."""

    def __init__(self, size_bytes: int | None) -> None:
        super().__init__("rangeNotSatisfiable", "The file has no byte in that range.", status=416)
        self.size_bytes = size_bytes


async def raw_chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the body as it was sent.

    Raises:
        MalformedAnswer: It is compressed, although that was declined: something in between changes answers.
    """
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise MalformedAnswer("the answer is compressed although that was declined")
    async for chunk in response.aiter_raw():
        yield chunk


async def read_bounded(response: httpx.Response, largest_bytes: int) -> bytes:
    """Return the whole body.

    Raises:
        MalformedAnswer: It is longer than `largest_bytes`.
    """
    announced = response.headers.get("Content-Length", "")
    body = bytearray()
    if announced.isascii() and announced.isdigit() and (len(announced) > 18 or int(announced) > largest_bytes):
        raise MalformedAnswer(f"the answer is longer than {largest_bytes} bytes")
    async for chunk in raw_chunks(response):
        body += chunk
        if len(body) > largest_bytes:
            raise MalformedAnswer(f"the answer is longer than {largest_bytes} bytes")
    return bytes(body)


def is_unknown_there(response: httpx.Response, operation: Operation) -> bool:
    """Say whether an answer comes from what serves the pages of a web interface: it stands where the service has no such call.

    It has files to read, so that it knows no other method (405), and leads elsewhere or shows a page.
    """
    if not operation.is_ours:
        return False
    is_page = response.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html"
    return response.status_code in _NO_SUCH_METHOD or (
        response.status_code < 400 and (is_page or not response.is_success)
    )


def error_in(
    response: httpx.Response, body: bytes, operation: Operation, *, secrets: tuple[str, ...], now: datetime
) -> ServiceError:
    """Return the error that an answer tells; whatever of `secrets` the service repeats in it is hidden."""
    said = _parsed(body)
    # A service that has the call says in a document what is not there.
    is_unsaid = operation.is_ours and response.status_code == _NOT_THERE and not isinstance(said, dict)
    if is_unsaid or is_unknown_there(response, operation):
        return NotFound("notFound", _OURS_ONLY)
    if response.status_code == 416:
        found = _UNSATISFIED.fullmatch(response.headers.get("Content-Range", ""))
        return RangeNotSatisfiable(int(found[1]) if found else None)
    retry_after_s = parse_retry_after(response.headers.get("Retry-After"), now=now)
    request_id = response.headers.get("X-Request-Id")
    document = _without(said, secrets)
    if operation.service == "onepanel":
        document = _unwrapped(document)
    return from_document(response.status_code, document, request_id=request_id, retry_after_s=retry_after_s)


def _parsed(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        # A proxy in front answers in HTML; the status still says enough.
        return None


def _without(value: object, secrets: tuple[str, ...]) -> object:
    match value:
        case str():
            return masked(value, secrets)
        case list():
            return [_without(item, secrets) for item in value]
        case dict():
            return {
                key if key in _OWN_WORDS else masked(key, secrets): _without(item, secrets)
                for key, item in value.items()
            }
        case _:
            return value


def _unwrapped(document: object) -> object:
    """Return the error of the one host, or of the one storage, that a panel's answer wraps."""
    match document:
        case {"error": {"id": "errorOnNodes", "details": {"error": {"id": str()} as inner}}}:
            return {"error": inner}
        case {"error": {"id": str()}}:
            return document
        case Mapping() as by_name if (inner := _first_error(by_name)) is not None:
            return {"error": inner}
        case _:
            return document


def _first_error(by_name: Mapping[str, Any]) -> object | None:
    """Return what POST N/provider/storages says of the first storage that failed: `{NAME: {"error": {…}}}`."""
    for result in by_name.values():
        match result:
            case {"error": {"id": str()} as inner}:
                return dict(inner)
    return None
