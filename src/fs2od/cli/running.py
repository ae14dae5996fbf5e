"""What the long-running commands share: signals, logging, the ready line."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import click
import uvloop

from fs2od.errors import Fs2odError
from fs2od.stopping import Requests

__all__ = ["NODE_PORT", "announce", "ask_to_stop", "run", "set_up_logging"]

NODE_PORT = 8443
"""Where a node listens unless told otherwise; the ports behind it follow."""


def set_up_logging(*, verbose: bool) -> None:
    """Send log records to stderr, one line each. Libraries speak only when something is wrong."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
    logging.getLogger("fs2od").setLevel(logging.INFO if verbose else logging.WARNING)


def run(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]], *, with_parent: bool = False) -> None:
    """Run `work(stop)` until it ends; SIGINT and SIGTERM set `stop`, one that comes later ends the process at once.

    With `with_parent`, the end of standard input sets it, too: it is a pipe that the parent holds open while it lives.
    """

    async def until_told() -> None:
        stop = asyncio.Event()
        ask_to_stop(stop)
        if with_parent:
            await _stop_with_parent(stop)
        await work(stop)

    try:
        uvloop.run(until_told())
    except BaseExceptionGroup as group:
        # Tasks that run together fail as a group; people want the one reason.
        raise _first_reason(group) from group


def _first_reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    reasons = group.subgroup(Fs2odError)
    found: BaseException = reasons if reasons is not None else group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def ask_to_stop(stop: asyncio.Event) -> None:
    """Let SIGINT and SIGTERM set `stop` in the running loop; one that comes later than a moment ends the process, whatever the loop does."""
    loop, requests = asyncio.get_running_loop(), Requests()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def told(first: int) -> None:
        if requests.take(first):
            stop.set()
            for number in numbers:
                signal.signal(number, lambda again, _: requests.take(again))

    for number in numbers:
        loop.add_signal_handler(number, told, number)


async def _stop_with_parent(stop: asyncio.Event) -> None:
    class _Parent(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
            stop.set()

    await asyncio.get_running_loop().connect_read_pipe(_Parent, sys.stdin)


def announce(facts: Mapping[str, object], *, as_json: bool, lines: list[str]) -> None:
    """Say that everything is ready: one JSON line on stdout for scripts, or lines for people on stderr."""
    if as_json:
        click.echo(json.dumps(dict(facts)))
        sys.stdout.flush()
    else:
        for line in lines:
            click.echo(line, err=True)
