"""Clients of HTTP/1.0 get no chunks: an answer of unknown length ends with its connection, or is cut off."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.node.test_serving_at_once import received, served

PIECES = [b"a" * 10, b"b" * 100_000, b"c"]


def streaming(*pieces: bytes, breaks: bool = False, headers: tuple[tuple[bytes, bytes], ...] = ()) -> ASGIApp:
    """Return an application that does not say how long its answer is, and may break off."""

    async def application(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if breaks:
            raise RuntimeError
        await send({"type": "http.response.body", "body": b""})

    return application


def answer(application: ASGIApp, request: bytes) -> tuple[bytes, bytes] | None:
    """Return head and body of the answer; None where the connection is cut off."""

    async def scene() -> tuple[bytes, bytes] | None:
        async with served(application) as port:
            try:
                parts = await asyncio.to_thread(received, port, request)
            except ConnectionResetError:
                return None
            head, _, body = b"".join(parts).partition(b"\r\n\r\n")
            return head.lower(), body

    return uvloop.run(scene())


def whole(application: ASGIApp, request: bytes) -> tuple[bytes, bytes]:
    found = answer(application, request)
    assert found is not None
    return found


@pytest.mark.parametrize("more", [b"", b"Connection: keep-alive\r\n"])
def test_what_has_no_length_ends_with_the_connection(more: bytes) -> None:
    head, body = whole(streaming(*PIECES), b"GET / HTTP/1.0\r\n" + more + b"\r\n")
    assert body == b"".join(PIECES)
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head


def test_what_has_a_length_keeps_it() -> None:
    head, body = whole(streaming(b"ab", b"c", headers=((b"Content-Length", b"3"),)), b"GET / HTTP/1.0\r\n\r\n")
    assert body == b"abc"
    assert b"content-length: 3" in head


def test_a_head_alone_comes_alone() -> None:
    head, body = whole(streaming(), b"HEAD / HTTP/1.0\r\n\r\n")
    assert (b"transfer-encoding" in head, body) == (False, b"")


def test_others_get_chunks() -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    head, body = whole(streaming(b"abc"), request)
    assert b"transfer-encoding: chunked" in head
    assert body == b"3\r\nabc\r\n0\r\n\r\n"


def test_what_breaks_off_is_not_taken_for_whole() -> None:
    assert answer(streaming(b"abc", breaks=True), b"GET / HTTP/1.0\r\n\r\n") is None
