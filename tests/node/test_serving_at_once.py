"""Head and body of an answer leave together, whole and in their order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from fs2od.node.cut_off import AccessEnded
from fs2od.node.serving import Service, listen, serve

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


def answering(*pieces: bytes, pause_s: float = 0) -> ASGIApp:
    """Return an application that answers with these pieces."""

    async def application(_: Scope, __: Receive, send: Send) -> None:
        length = str(sum(map(len, pieces))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(pause_s)
        await send({"type": "http.response.body", "body": b""})

    return application


@asynccontextmanager
async def served(application: ASGIApp) -> AsyncIterator[int]:
    listening = listen(0)
    stop, ready = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve([Service(application, listening)], None, stop=stop, ready=ready))
        await ready.wait()
        try:
            yield listening.getsockname()[1]
        finally:
            stop.set()


def breaking_off(error: Exception) -> ASGIApp:
    """Return an application that fails while its answer is sent."""

    async def application(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise error

    return application


def received(port: int, request: bytes) -> list[bytes]:
    """Return what comes until the service closes the connection, as it comes."""
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        while part := connection.recv(1 << 20):
            found.append(part)
    return found


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., object]:
    """Return what runs a coroutine on an event loop, ours and Python's own."""
    found: Callable[..., object] = request.param
    return found


def test_a_head_comes_with_the_beginning_of_its_body(run: Callable[..., object]) -> None:
    async def scene() -> None:
        async with served(answering(b"a" * 20_000)) as port:
            first, *_ = await asyncio.to_thread(received, port, REQUEST + b"Connection: close\r\n\r\n")
            head, _, body = first.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert body

    run(scene())


@pytest.mark.parametrize("pause_s", [0, 0.01])
def test_pieces_of_every_size_come_whole_and_in_order(run: Callable[..., object], pause_s: float) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate((1, 4096, 4097, 3, 100_000, 1, 2_000_000, 5))]

    async def scene() -> None:
        async with served(answering(*pieces, pause_s=pause_s)) as port:
            parts = await asyncio.to_thread(received, port, REQUEST + b"Connection: close\r\n\r\n")
            assert b"".join(parts).partition(b"\r\n\r\n")[2] == b"".join(pieces)

    run(scene())


def test_what_is_said_before_an_answer_comes_before_it(run: Callable[..., object]) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await answering(b"done")(scope, receive, send)

    async def scene() -> None:
        async with served(application) as port:
            asked = b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            said = b"".join(await asyncio.to_thread(received, port, asked))
            assert said.endswith(b"\r\n\r\ndone")
            assert said.find(b"100 Continue") < said.find(b"200 OK")

    run(scene())


@pytest.mark.parametrize(("error", "reported"), [(AccessEnded("the access ended"), 0), (RuntimeError("oh"), 1)])
async def test_what_is_cut_off_on_purpose_is_no_mistake_in_the_log(
    caplog: pytest.LogCaptureFixture, error: Exception, reported: int
) -> None:
    async with served(breaking_off(error)) as port:
        parts = await asyncio.to_thread(received, port, REQUEST + b"\r\n")
    assert b"".join(parts).endswith(b"\r\n\r\nhalf")
    assert len(caplog.records) == reported
