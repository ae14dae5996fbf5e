"""Bytes out, over real sockets: ranges, conditions, and answers that are cut rather than wrong."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from fs2od.node.cut_off import AccessEnded
from fs2od.node.provider.byte_ranges import State, Unsatisfiable, judge, parse_ranges
from fs2od.node.provider.content import archive_answer, content_disposition, file_answer

CHUNK, RECHECK = 1 << 20, 8 << 20


class Opened:
    """A file that tells how it is read."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb", buffering=0)
        self.path = path
        self.reads = 0
        self.before_read: Callable[[int], None] = lambda _: None

    def fileno(self) -> int:
        return self.file.fileno()

    def seek(self, offset: int) -> int:
        return self.file.seek(offset)

    def read(self, size: int) -> bytes:
        self.reads += 1
        self.before_read(self.reads)
        return self.file.read(size) or b""

    def close(self) -> None:
        self.file.close()

    @property
    def closed(self) -> bool:
        return self.file.closed


class Site:
    """A server of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before_read: Callable[[int], None] = lambda _: None
        self.stands: Callable[[], bool] = lambda: True
        self.opened: list[Opened] = []
        self.errors: list[BaseException] = []
        self.port = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        opened = Opened(self.path)
        opened.before_read = self.before_read
        self.opened.append(opened)
        answer = file_answer(
            scope["method"],
            Headers(scope=scope),
            opened,  # type: ignore[arg-type]  # what is used of it is there
            name="movié 1.bin",
            stands=self.stands,
            chunk_bytes=CHUNK,
            recheck_bytes=RECHECK,
        )
        try:
            await answer(scope, receive, send)
        except AccessEnded as error:
            self.errors.append(error)
            raise

    def ask(self, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, answer.headers, body
        finally:
            connection.close()


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    config = uvicorn.Config(
        site, log_config=None, log_level="critical", lifespan="off", access_log=False, loop="uvloop", http="httptools",
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        site.port = listening.getsockname()[1]
        thread = threading.Thread(target=partial(server.run, sockets=[listening]))
        thread.start()
        try:
            yield site
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4)
    return path


@pytest.fixture
def site(path: Path) -> Iterator[Site]:
    with serving(Site(path)) as site:
        yield site
    assert all(opened.closed for opened in site.opened)


CONTENT = bytes(range(256)) * 4


def wait_for(condition: Callable[[], bool], within_s: float = 60) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"it did not come about within {within_s} s"
        time.sleep(0.01)


def test_a_whole_file_comes_with_its_length_name_and_type(site: Site) -> None:
    status, headers, body = site.ask()
    assert (status, body) == (200, CONTENT)
    assert headers["Content-Length"] == "1024"
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"movi_ 1.bin\"; filename*=UTF-8''movi%C3%A9%201.bin"
    )
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["ETag"].startswith('"')
    assert headers["Last-Modified"] == formatdate(int(site.path.stat().st_mtime), usegmt=True)


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, 1023),
        ("bytes=10-19", 10, 19),
        ("bytes=1000-5000", 1000, 1023),
        ("bytes=-1", 1023, 1023),
        ("bytes=-5000", 0, 1023),
        ("bytes=1023-", 1023, 1023),
        ("Bytes= 3-4", 3, 4),
        ("bytes=,3-4,", 3, 4),
        ("bytes=0-9,5-20", 0, 20),
        ("bytes=2000-,5-6", 5, 6),
        ("bytes=0-" + "9" * 30, 0, 1023),
        ("bytes=1000-18446744073709551616", 1000, 1023),
        ("bytes=" + "0" * 30 + "5-9", 5, 9),
        ("bytes=-" + "9" * 5000, 0, 1023),
    ],
)
def test_one_range_comes_alone(site: Site, wanted: str, first: int, last: int) -> None:
    status, headers, body = site.ask(Range=wanted)
    assert (status, body) == (206, CONTENT[first : last + 1])
    assert headers["Content-Range"] == f"bytes {first}-{last}/1024"
    assert headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize(
    "wanted",
    ["bytes=1024-", "bytes=5-4", "bytes=-0", "bytes=", "bytes", "bytes=a-b", "bytes=1-2-3", "bytes=--1", "bytes=1-2,x",
     "bytes=5000-6000,7000-", "bytes=1 - 2", "bytes=+1-2", "bytes=" + "1-1," * 101, "bytes=" + "9" * 30 + "-"],
)  # fmt: skip
def test_what_cannot_be_satisfied_or_understood_is_416_without_a_body(site: Site, wanted: str) -> None:
    status, headers, body = site.ask(Range=wanted)
    assert (status, headers["Content-Range"], body) == (416, "bytes */1024", b"")


def test_another_unit_than_bytes_is_passed_over(site: Site) -> None:
    assert site.ask(Range="lines=1-2")[0] == 200


def test_several_ranges_come_in_parts(site: Site) -> None:
    status, headers, body = site.ask(Range="bytes=0-1, 100-109, -2")
    kind, _, boundary = headers["Content-Type"].partition("; boundary=")
    assert (status, kind, len(body)) == (206, "multipart/byteranges", int(headers["Content-Length"]))
    before, *parts, after = body.split(f"--{boundary}".encode())
    assert (before, after) == (b"\r\n", b"--\r\n")
    found = {}
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = dict(line.split(": ") for line in head.decode().split("\r\n"))
        assert lines["Content-Type"] == "application/octet-stream"
        found[lines["Content-Range"]] = content.removesuffix(b"\r\n")
    assert found == {
        "bytes 0-1/1024": CONTENT[:2],
        "bytes 100-109/1024": CONTENT[100:110],
        "bytes 1022-1023/1024": CONTENT[-2:],
    }


def test_an_empty_file_is_200_and_every_range_of_it_416(site: Site) -> None:
    site.path.write_bytes(b"")
    status, headers, body = site.ask()
    assert (status, headers["Content-Length"], body) == (200, "0", b"")
    for wanted in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        status, headers, body = site.ask(Range=wanted)
        assert (status, headers["Content-Range"], body) == (416, "bytes */0", b"")


def test_head_tells_what_get_would_and_sends_nothing(site: Site) -> None:
    status, headers, body = site.ask("HEAD", Range="bytes=0-9")
    assert (status, headers["Content-Length"], body) == (200, "1024", b"")
    assert site.opened[0].reads == 0


def test_a_client_that_has_the_file_is_told_so(site: Site) -> None:
    _, headers, _ = site.ask()
    tag, moment = headers["ETag"], headers["Last-Modified"]
    for known in (
        {"If_None_Match": tag},
        {"If_None_Match": f'"other", W/{tag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": moment},
    ):
        status, answer, body = site.ask(**known)
        assert (status, answer["ETag"], body) == (304, tag, b"")
    assert site.ask(If_None_Match='"other"', If_Modified_Since=moment)[0] == 200
    assert site.ask(If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT")[0] == 200
    assert site.ask(If_Modified_Since="no date")[0] == 200


def test_a_download_goes_on_only_with_the_same_state_of_the_file(site: Site) -> None:
    _, headers, _ = site.ask()
    for condition in (headers["ETag"], headers["Last-Modified"]):
        assert site.ask(Range="bytes=1000-", If_Range=condition)[0] == 206
    for other in ('"other"', f"W/{headers['ETag']}", "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"):
        assert site.ask(Range="bytes=1000-", If_Range=other)[0] == 200
    site.path.write_bytes(CONTENT[::-1])
    status, _, body = site.ask(Range="bytes=1000-", If_Range=headers["ETag"])
    assert (status, body) == (200, CONTENT[::-1])


def test_a_state_that_is_demanded_and_gone_is_412(site: Site) -> None:
    tag = site.ask()[1]["ETag"]
    assert site.ask(If_Match=tag)[0] == 200
    assert site.ask(If_Match="*")[0] == 200
    assert site.ask(If_Match='"other"')[0] == 412
    assert site.ask(If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT")[0] == 412


def test_other_bytes_of_equal_size_and_time_have_another_tag(site: Site) -> None:
    before = site.path.stat()
    tag = site.ask()[1]["ETag"]
    other = site.path.with_name("other")
    other.write_bytes(CONTENT[::-1])
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(site.path)
    assert site.ask()[1]["ETag"] != tag


@pytest.fixture
def large(path: Path) -> bytes:
    content = hashlib.shake_128(b"large").digest(3 * CHUNK + 17)
    path.write_bytes(content)
    return content


def test_a_file_of_several_chunks_comes_whole(site: Site, large: bytes) -> None:
    assert site.ask()[2] == large
    assert site.ask(Range=f"bytes=5-{2 * CHUNK}")[2] == large[5 : 2 * CHUNK + 1]


def shrink(path: Path) -> None:
    os.truncate(path, 2 * CHUNK)


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other bytes")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"other file")
    other.replace(path)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("change", [shrink, rewrite, replace, grow])
def test_a_file_that_changes_while_it_is_sent_is_never_taken_for_whole(
    site: Site, change: Callable[[Path], None]
) -> None:
    def on_second(read: int) -> None:
        if read == 2:
            change(site.path)

    site.before_read = on_second
    with pytest.raises(http.client.IncompleteRead):
        site.ask()
    assert len(site.errors) == 1


def test_an_access_that_ends_cuts_the_answer(site: Site) -> None:
    with site.path.open("r+b") as file:
        file.truncate(4 * RECHECK)
    asked = 0

    def stands() -> bool:
        nonlocal asked
        asked += 1
        return asked < 2

    site.stands = stands
    with pytest.raises(http.client.IncompleteRead) as cut:
        site.ask()
    assert RECHECK <= len(cut.value.partial) <= 2 * RECHECK
    assert asked == 2


def test_nothing_more_is_read_for_a_client_that_went_away(site: Site) -> None:
    with site.path.open("r+b") as file:
        file.truncate(4 << 30)
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert client.recv(1000)
    wait_for(lambda: site.opened[0].closed)
    assert site.opened[0].reads < 200


def test_a_slow_client_is_not_read_ahead_for(site: Site) -> None:
    with site.path.open("r+b") as file:
        file.truncate(4 << 30)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", site.port))
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert client.recv(100)
        seen = -1
        while seen != (reads := site.opened[0].reads):
            seen = reads
            time.sleep(0.3)
        assert reads < 12
    wait_for(lambda: site.opened[0].closed)


def test_a_disk_that_fails_in_the_middle_cuts_the_answer(site: Site, large: bytes) -> None:
    def fail(read: int) -> None:
        if read == 3:
            raise OSError(5, "Input/output error")

    site.before_read = fail
    with pytest.raises(http.client.IncompleteRead) as cut:
        site.ask()
    assert large.startswith(cut.value.partial)


async def test_a_cancelled_answer_closes_its_file_only_after_the_read_under_way(path: Path) -> None:
    opened = Opened(path)
    os.truncate(path, 5 * CHUNK)
    reading, may_go_on = threading.Event(), threading.Event()
    was_closed: list[bool] = []

    def hang(read: int) -> None:
        if read == 3:
            reading.set()
            may_go_on.wait(60)
            was_closed.append(opened.closed)

    opened.before_read = hang
    task = asyncio.create_task(send_to_nobody(opened))
    await asyncio.to_thread(reading.wait, 60)
    task.cancel()
    await asyncio.sleep(0.05)
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (was_closed, opened.closed) == ([False], True)


async def send_to_nobody(opened: Opened) -> None:
    source: BinaryIO = opened  # type: ignore[assignment]  # what is used of it is there

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    async def send(_: Message) -> None:
        await asyncio.sleep(0)

    answer = file_answer("GET", {}, source, name="x", stands=lambda: True, chunk_bytes=CHUNK, recheck_bytes=RECHECK)
    await answer({"type": "http", "method": "GET"}, receive, send)


async def test_an_archive_of_unknown_length_ends_where_its_pieces_end() -> None:
    closed: list[bool] = []

    def pieces() -> Generator[bytes, None, None]:
        try:
            yield b"one"
            yield b"two"
        finally:
            closed.append(True)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    answer = archive_answer(pieces(), name="set")
    await answer({"type": "http", "method": "GET"}, receive, send)
    bodies = [(message["body"], message.get("more_body", False)) for message in sent[1:]]
    assert bodies == [(b"one", True), (b"two", True), (b"", False)]
    assert closed == [True]
    assert "content-length" not in answer.headers


SIZES = st.integers(0, 50)


@given(first=st.integers(0, 60), last=st.none() | st.integers(0, 60), size=SIZES)
def test_a_range_is_what_a_slice_is(first: int, last: int | None, size: int) -> None:
    content = bytes(range(size))
    expected = content[first : None if last is None else last + 1]
    text = f"bytes={first}-{'' if last is None else last}"
    if not expected:
        with pytest.raises(Unsatisfiable):
            parse_ranges(text, size)
    else:
        assert parse_ranges(text, size) == ((first, len(expected)),)


@given(
    ranges=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted), min_size=1, max_size=8), size=SIZES
)
def test_joined_ranges_cover_the_same_bytes_each_once(ranges: list[list[int]], size: int) -> None:
    wanted = {byte for first, last in ranges for byte in range(first, last + 1) if byte < size}
    text = "bytes=" + ",".join(f"{first}-{last}" for first, last in ranges)
    if not wanted:
        with pytest.raises(Unsatisfiable):
            parse_ranges(text, size)
        return
    parts = parse_ranges(text, size)
    assert parts is not None
    covered = [byte for first, count in parts for byte in range(first, first + count)]
    assert len(covered) == len(set(covered))
    assert set(covered) == wanted


@given(text=st.text(max_size=30))
def test_no_header_makes_the_judge_fail(text: str) -> None:
    state = State(10, '"tag"', 1000)
    for name in ("range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"):
        verdict = judge("GET", {name: text, "range": "bytes=0-1"} if name == "if-range" else {name: text}, state)
        assert verdict.status in (200, 206, 304, 412, 416)


def test_a_name_can_break_no_header() -> None:
    header = content_disposition('a"b\\c\r\nSet-Cookie: x\n名')
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
