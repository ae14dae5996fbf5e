"""What one connection may cost the node, whoever is there: heads, requests that wait, and silence have bounds."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys

import pytest
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.node.test_serving_at_once import answering, received, served

from fs2od.node.bounded import HEAD_BYTES, WAITING, BoundedProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def until_gone(_: Scope, receive: Receive, __: Send) -> None:
    """Answer nothing, and take what comes, until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def said_to(application: ASGIApp, request: bytes) -> bytes:
    """Return what comes until the connection is closed by the service; nothing where it was cut."""

    async def scene() -> bytes:
        async with served(application) as port:
            try:
                return b"".join(await asyncio.to_thread(received, port, request))
            except ConnectionError:
                return b""

    return uvloop.run(scene())


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(REQUEST + b"X-A: " + b"a" * HEAD_BYTES, id="one line without an end"),
        pytest.param(REQUEST + b"X-A: a\r\n" * (HEAD_BYTES // 8), id="lines without an end"),
        pytest.param(b"GET /" + b"a" * HEAD_BYTES, id="an address without an end"),
        pytest.param(REQUEST + b"X-A: " + b"a" * HEAD_BYTES + b"\r\n\r\n", id="a whole head that is too long"),
    ],
)
def test_a_head_that_is_too_long_is_refused(head: bytes) -> None:
    assert said_to(answering(b"abc"), head).startswith(b"HTTP/1.1 431 ")


def test_a_long_head_is_taken() -> None:
    head = REQUEST + b"X-A: " + b"a" * (HEAD_BYTES - 1000) + b"\r\nConnection: close\r\n\r\n"
    assert said_to(answering(b"abc"), head).startswith(b"HTTP/1.1 200 ")


def test_what_follows_a_body_has_an_end_as_well() -> None:
    begun = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-A: "
    assert said_to(until_gone, begun + b"a" * 2 * HEAD_BYTES) == b""


def test_requests_that_follow_at_once_are_answered_in_their_order() -> None:
    asked = (REQUEST + b"\r\n") * 20 + REQUEST + b"Connection: close\r\n\r\n"
    assert said_to(answering(b"abc"), asked).count(b"\r\n\r\nabc") == 21


def test_nobody_lets_any_number_of_requests_wait() -> None:
    assert said_to(until_gone, (REQUEST + b"\r\n") * (WAITING + 2)) == b""


def test_an_answer_whose_client_is_gone_ends_though_another_request_waits() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def taking(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await until_gone(scope, receive, send)
        ended.set()

    async def scene() -> None:
        async with served(taking) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write((REQUEST + b"\r\n") * 2)
            await begun.wait()
            writer.close()
            await asyncio.wait_for(ended.wait(), 60)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("begun", "said"),
    [
        pytest.param(b"", b"HTTP/1.1 408 ", id="nothing at all"),
        pytest.param(REQUEST, b"HTTP/1.1 408 ", id="half a head"),
        pytest.param(REQUEST + b"Content-Length: 3\r\n\r\na", b"", id="half a body"),
    ],
)
def test_nobody_is_waited_for_for_ever(begun: bytes, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_s", 0.05)
    monkeypatch.setattr(BoundedProtocol, "body_s", 0.05)
    found = said_to(until_gone, begun)
    assert found.startswith(said) if said else found == b""


async def answered(application: ASGIApp, asked: asyncio.Event, then: bytes) -> bytes:
    """Return what comes until the connection is closed, where half a request is sent when one is under way, or answered."""
    async with served(application) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + b"\r\n")
        await asked.wait()
        writer.write(then)
        found = await reader.read()
        writer.close()
        return found


def test_the_next_request_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_s", 0.05)
    done = asyncio.Event()

    async def quick(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(b"abc")(scope, receive, send)
        done.set()

    found = asyncio.run(answered(quick, done, b"GET / HT"))
    assert found.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\nabcHTTP/1.1 408 " in found


def test_half_a_request_cuts_no_answer_off_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, looked = asyncio.Event(), asyncio.Queue[None]()
    left_s = BoundedProtocol._left_s

    def looking(connection: BoundedProtocol) -> float:
        looked.put_nowait(None)
        return left_s(connection)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        for _ in range(3):
            await looked.get()
        await answering(b"abc")(scope, receive, send)

    monkeypatch.setattr(BoundedProtocol, "head_s", 0.01)
    monkeypatch.setattr(BoundedProtocol, "_left_s", looking)
    found = asyncio.run(answered(slow, begun, b"\r\n"))
    assert found.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\nabc" in found


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (REQUEST + b"Connection: upgrade, close\r\nUpgrade: websocket\r\n\r\n", b"200"),
        (b"\x16\x03\x01\x02\r\n\r\n", b"400"),
    ],
    ids=["another protocol offered", "another protocol spoken"],
)
def test_whoever_speaks_of_other_protocols_is_answered_and_fills_no_log(
    asked: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert said_to(answering(b"abc"), asked).startswith(b"HTTP/1.1 " + status)
    assert caplog.records == []


def test_a_client_that_takes_nothing_is_cut_and_one_that_is_slow_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, gone = asyncio.Event(), asyncio.Event()
    look = BoundedProtocol._look_at_reader

    def looking(connection: BoundedProtocol, before: tuple[int, int]) -> None:
        look(connection, before)
        looked.set()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(until_gone(scope, receive, send))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while not waiting.done():
                await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
                await asyncio.sleep(0)
        gone.set()

    async def scene() -> None:
        async with served(endless) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST + b"\r\n")
            for _ in range(3):
                looked.clear()
                while not looked.is_set():
                    assert await reader.read(1 << 20)
            await asyncio.wait_for(gone.wait(), 60)
            writer.close()

    monkeypatch.setattr(BoundedProtocol, "unread_s", 0.1)
    monkeypatch.setattr(BoundedProtocol, "_look_at_reader", looking)
    asyncio.run(scene())


def test_no_address_holds_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = asyncio.Semaphore(0)
    lose = BoundedProtocol.connection_lost

    def losing(connection: BoundedProtocol, reason: Exception | None) -> None:
        lose(connection, reason)
        lost.release()

    async def scene() -> None:
        async with served(answering(b"abc")) as port:
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            assert b"".join(await asyncio.to_thread(received, port, b"")).startswith(b"HTTP/1.1 503 ")
            await lost.acquire()
            held[0][1].close()
            await lost.acquire()
            asked = REQUEST + b"Connection: close\r\n\r\n"
            assert b"".join(await asyncio.to_thread(received, port, asked)).startswith(b"HTTP/1.1 200 ")
            held[1][1].close()

    monkeypatch.setattr(BoundedProtocol, "connection_lost", losing)
    monkeypatch.setattr("fs2od.node.bounded.most_of_one_client", lambda: 2)
    asyncio.run(scene())


_LIMITS = """
import asyncio, resource
from fs2od.node.serving import serve
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (100, most))
async def scene():
    stop = asyncio.Event()
    stop.set()
    await serve([], None, stop=stop, ready=asyncio.Event())
asyncio.run(scene())
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_as_many_connections_are_taken_as_the_system_allows() -> None:
    said = subprocess.run([sys.executable, "-c", _LIMITS], check=True, capture_output=True, text=True, timeout=60)
    assert int(said.stdout) == min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65_536)
