"""A store that others named is reached at public addresses only, whatever its name leads to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from fs2od.errors import StorageBusy, StorageError, StorageRefused
from fs2od.storage import Storage, is_public
from fs2od.storage.s3 import S3Settings, S3Storage, _public

SETTINGS = S3Settings("http://127.0.0.1:1", "bucket", "key", "secret", only_public=True)

USES: dict[str, Callable[[Storage], object]] = {
    "list": lambda storage: next(iter(storage.list("")), None),
    "stat": lambda storage: storage.stat("a"),
    "open": lambda storage: storage.open("a"),
    "write": lambda storage: storage.write("a", [b"1"]),
    "write in parts": lambda storage: storage.begin_upload("a", size_bytes=1 << 24, part_bytes=1 << 23),
    "delete": lambda storage: storage.delete("a"),
}


@contextmanager
def listening(address: str = "127.0.0.1") -> Iterator[tuple[int, list[str]]]:
    """Yield a port at which somebody waits, and who came."""
    with closing(socket.create_server((address, 0))) as server:
        server.settimeout(0.05)
        came: list[str] = []
        stop = threading.Event()

        def wait() -> None:
            while not stop.is_set():
                try:
                    came.append(server.accept()[1][0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            yield server.getsockname()[1], came
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_nothing_is_sent_to_this_machine_and_it_is_tried_once(
    use: Callable[[Storage], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []

    def judging(number: str, port: int) -> bool:
        judged.append(number)
        return is_public(number, port)

    monkeypatch.setattr(_public, "is_public", judging)
    with listening() as (port, came):
        storage = S3Storage(replace(SETTINGS, endpoint=f"http://localhost:{port}"))
        with pytest.raises(StorageRefused, match=r"localhost has no public address: .* store_hosts"):
            use(storage)
        time.sleep(0.1)
    assert came == []
    assert judged == list(dict.fromkeys(judged)) != []


@pytest.mark.parametrize(
    "number",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2002:0a00:1::1",
    ],
)  # fmt: skip
def test_what_only_this_machine_and_its_networks_reach_is_not_public(number: str) -> None:
    assert not is_public(number, 80)


def test_public_addresses_are_public_unless_this_machine_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_public("8.8.8.8", 443)
    assert is_public("2001:4860:4860::8888", 443)
    assert is_public("64:ff9b::8.8.8.8", 443)
    monkeypatch.setattr("ipaddress.IPv4Address.is_global", True)  # as if the loopback's were the machine's public one
    assert not is_public("127.0.0.1", 443)


@pytest.mark.parametrize(
    "endpoint",
    ["http://2130706433:1", "http://127.1:1", "http://0x7f.1:1", "http://[::ffff:127.0.0.1]:1", "https://0:1"],
)
def test_no_way_of_writing_a_number_leads_here(endpoint: str) -> None:
    with pytest.raises(StorageError, match="no public address"):
        next(iter(S3Storage(replace(SETTINGS, endpoint=endpoint)).list("")), None)


def test_a_name_that_leads_elsewhere_a_moment_later_is_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        looked_up.append(host)
        number = "8.8.8.8" if len(looked_up) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))]

    connected: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(_public, "create_connection", connect)
    storage = S3Storage(replace(SETTINGS, endpoint="http://s3.test:80", attempts=1))
    with pytest.raises(StorageBusy):
        next(iter(storage.list("")), None)
    assert (looked_up, connected) == (["s3.test"], [("8.8.8.8", 80)])
    with pytest.raises(StorageRefused):
        next(iter(storage.list("")), None)
    assert len(connected) == 1


class Redirecting(BaseHTTPRequestHandler):
    """A store that sends everybody on."""

    to: ClassVar[str] = ""

    def _answer(self) -> None:
        self.send_response(307)
        self.send_header("Location", self.to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the library's
        """Say nothing."""


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_store_cannot_send_the_node_on(use: Callable[[Storage], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_public, "is_public", lambda number, _: number == "127.0.0.1")
    with listening("127.0.0.2") as (port, came), ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        monkeypatch.setattr(Redirecting, "to", f"http://127.0.0.2:{port}/bucket/a")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            storage = S3Storage(replace(SETTINGS, endpoint=f"http://127.0.0.1:{server.server_port}", attempts=1))
            with pytest.raises((StorageError, OSError)):
                use(storage)
        finally:
            server.shutdown()
            thread.join()
    assert came == []


def test_a_public_store_is_used_as_ever(bucket: S3Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_public, "is_public", lambda *_: True)
    storage = S3Storage(replace(bucket, prefix="public", only_public=True))
    storage.write("a.txt", [b"12345"])
    with storage.open("a.txt") as file:
        assert file.read() == b"12345"
    storage.delete("a.txt")
