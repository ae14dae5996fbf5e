"""Ports for what a test starts, such that no other test at work on this machine is given the same."""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import ExitStack

__all__ = ["free_ports"]

# Below what systems give to connections that go out (Linux: from 32,768), so that none of these takes one.
_FIRST, _END = 20_000, 32_000
_MOST_AT_ONCE = 8
# Runs that follow one another begin at different places: what the last one had may not be free at once.
_places = itertools.count(os.getpid())


def free_ports(count: int = 3) -> int:
    """Return the first of `count` consecutive ports that are free now, on loopback.

    A program that is started again wants the port that it had: so each of pytest's workers gives from a range of its own, and
    gives what it gave last only after all others.

    Raises:
        ValueError: if more than eight are asked for.
        TimeoutError: if no such ports are free.
    """
    if count > _MOST_AT_ONCE:
        raise ValueError(f"at most {_MOST_AT_ONCE} ports at once, not {count}")
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = max(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), worker + 1)
    own = (_END - _FIRST) // workers // _MOST_AT_ONCE
    for _ in range(own):
        first = _FIRST + (worker * own + next(_places) % own) * _MOST_AT_ONCE
        if _are_free(first, count):
            return first
    raise TimeoutError("no free ports")


def _are_free(first: int, count: int) -> bool:
    with ExitStack() as stack:
        try:
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
