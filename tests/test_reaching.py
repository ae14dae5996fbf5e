"""Connections that are begun while a program still loads."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from fs2od.reaching import reached, reaching

LONG_S = 20.0


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(LONG_S)
        yield server


def service(listening: socket.socket) -> tuple[str, int]:
    host, port = listening.getsockname()
    return str(host), int(port)


def test_two_connections_are_made_before_anybody_wants_them_and_each_is_given_once(listening: socket.socket) -> None:
    host, port = service(listening)
    with reaching(f"https://{host}:{port}/share/1a2b", {"NO_PROXY": "", "HOME": "/"}):
        accepted = dict(listening.accept()[::-1] for _ in range(2))
        found = [reached(host, port) for _ in range(3)]
    taken = [each for each in found if each is not None]
    assert [each.getsockname() in accepted for each in taken] == [True, True]
    for each in taken:
        each.sendall(b"used on")
        assert accepted[each.getsockname()].recv(7) == b"used on"
    for each in (*taken, *accepted.values()):
        each.close()


def test_what_nobody_took_is_closed_in_the_end(listening: socket.socket) -> None:
    host, port = service(listening)
    with reaching(f"https://{host}:{port}/share/1a2b", {}):
        accepted = [listening.accept()[0] for _ in range(2)]
    assert [each.recv(1) for each in accepted] == [b"", b""]
    assert reached(host, port) is None
    for each in accepted:
        each.close()


def test_what_cannot_be_reached_is_told_to_whoever_wants_it(listening: socket.socket) -> None:
    host, port = service(listening)
    listening.close()
    with reaching(f"https://{host}:{port}/", {}), pytest.raises(ConnectionRefusedError):
        reached(host, port)


@pytest.mark.parametrize(
    ("address", "environment"),
    [
        ("http://{}:{}/share/1a2b", {}),
        ("https://{}:{}/share/1a2b", {"https_proxy": "http://proxy.example.org:3128"}),
        ("https://{}:{}/share/1a2b", {"ALL_PROXY": "http://proxy.example.org:3128"}),
        ("my space/grid2", {}),
        ("https://[", {}),
        ("", {}),
    ],
    ids=["no TLS", "proxy", "proxy for all", "space", "broken", "empty"],
)
def test_nothing_is_begun_where_the_way_is_another_one(
    listening: socket.socket, address: str, environment: dict[str, str]
) -> None:
    host, port = service(listening)
    with reaching(address.format(host, port) if "{" in address else address, environment):
        assert reached(host, port) is None
