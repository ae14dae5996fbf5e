"""Connections that are opened beside each other: who gets which, and what becomes of those that nobody needs any more."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from fs2od.errors import Interrupted
from fs2od.transfer import ConnectionLost
from fs2od.transfer._connections import Connections

ORIGIN = ("http", "localhost", 80)
LONG_S = 10.0


class Line:
    """Makes connections to a socket that listens; each is made once `let_through` was called for it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._gate = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.made: list[http.client.HTTPConnection] = []

    def let_through(self, count: int = 1) -> None:
        self._gate.release(count)

    def __call__(self) -> http.client.HTTPConnection:
        self.begun.release()
        assert self._gate.acquire(timeout=LONG_S)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LONG_S)
        connection.connect()
        self.made.append(connection)
        return connection


@pytest.fixture
def line() -> Iterator[Line]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as listening:
        made = Line(listening.getsockname()[1])
        yield made
        made.let_through(64)
        for each in made.made:
            each.close()


def refused() -> http.client.HTTPConnection:
    raise ConnectionLost("it cannot be reached")


def eventually(is_so: Callable[[], bool]) -> None:
    passed = threading.Event()
    for _ in range(int(LONG_S * 100)):
        if is_so():
            return
        passed.wait(0.01)
    raise AssertionError("it did not come about")


def test_whoever_waits_takes_what_is_given_back_and_leaves_the_new_one_to_the_next(line: Line) -> None:
    connections = Connections()
    line.let_through()
    first, is_fresh = connections.take(ORIGIN, line)
    assert is_fresh
    with ThreadPoolExecutor() as threads, closing(connections):
        assert line.begun.acquire(timeout=LONG_S)
        waiting = threads.submit(connections.take, ORIGIN, line)
        assert line.begun.acquire(timeout=LONG_S)
        connections.give_back(first)
        assert waiting.result(LONG_S) == (first, False)
        following = threads.submit(connections.take, ORIGIN, line)
        line.let_through()
        assert following.result(LONG_S)[0] is not first
        assert not line.begun.acquire(blocking=False), "no third one was begun"


def test_what_was_opened_ahead_is_taken_and_not_more_is_opened_than_is_needed(line: Line) -> None:
    connections = Connections()
    line.let_through(64)
    with closing(connections):
        connections.open_ahead(ORIGIN, line, 3)
        connections.open_ahead(ORIGIN, line, 3)
        eventually(lambda: len(line.made) == 3)
        taken = {connections.take(ORIGIN, line)[0] for _ in range(3)}
        connections.open_ahead(ORIGIN, line, 3)
        assert taken == set(line.made)


def test_only_who_waits_is_told_that_none_can_be_made(line: Line) -> None:
    connections = Connections()
    connections.open_ahead(ORIGIN, refused, 2)
    line.let_through()
    with closing(connections):
        eventually(lambda: not any("fs2od-connect" in each.name for each in threading.enumerate()))
        connections.give_back(connections.take(ORIGIN, line)[0])
        connections.take(ORIGIN, refused)
        with pytest.raises(ConnectionLost):
            connections.take(ORIGIN, refused)


def test_nobody_waits_for_a_connection_once_all_is_to_end(line: Line) -> None:
    connections = Connections()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(connections.take, ORIGIN, line)
        assert line.begun.acquire(timeout=LONG_S)
        connections.abort()
        with pytest.raises(Interrupted):
            waiting.result(LONG_S)
    line.let_through()
    eventually(lambda: len(line.made) == 1 and line.made[0].sock is None)


def test_what_is_still_being_made_when_all_are_closed_is_closed_too(line: Line) -> None:
    connections = Connections()
    connections.open_ahead(ORIGIN, line, 2)
    connections.close()
    line.let_through(2)
    eventually(lambda: len(line.made) == 2 and all(each.sock is None for each in line.made))
