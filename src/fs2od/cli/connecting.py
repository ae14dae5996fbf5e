"""How a command is connected to zones, providers and panels: its token, renewed where that is possible, and its proxy."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fs2od.cli.access import Access, say
from fs2od.client import Connection, ProxyAddress, ProxyOf, Retries
from fs2od.errors import Interrupted
from fs2od.onedata.errors import OnedataError
from fs2od.onedata.tokens import Token
from fs2od.transfer import AccessToken, Proxies, readable_duration

__all__ = ["connection_of", "require_of", "through"]

_MOMENT_S = 0.5
_LONGEST_TRY_S = 150.0
"""Between two pauses of one absence: the longest pause, and a try that ends only with its timeout."""


def connection_of(access: Access, *, wait_s: float | None = None) -> Connection:
    """Return a connection that carries a command's token, by the proxy that its environment names.

    When the token ends and can be replaced where it came from, calls wait for the next one. With `wait_s`, they wait so long
    for a service that is away, which is said.

    Raises:
        ConfigurationError: There is no token, or the certificates to trust cannot be read.
    """
    held = access.required()
    return Connection(
        token=Token(held.text()),
        ca_file=Path(access.ca_file) if access.ca_file else None,
        renewal=_Renewed(held),
        proxy_of=through(access.proxies),
        retries=None if wait_s is None else Retries.waiting(wait_s),
        pausing=_told_once(wait_s),
    )


def require_of(shown: Token, zone_url: str) -> None:
    """Make sure that a token is of the zone that a command speaks to, before it goes there.

    Raises:
        Forbidden: It is of another zone: whoever has it there could use it at its own.
        ConfigurationError: It is no token.
    """
    AccessToken(shown.reveal).require_of(zone_url)


def through(proxies: Proxies) -> ProxyOf:
    """Return which proxy leads where, as the client wants to know it."""

    def proxy_of(host: str, port: int) -> ProxyAddress | None:
        proxy = proxies.before(host, port)
        return None if proxy is None else ProxyAddress(proxy.host, proxy.port, proxy.headers())

    return proxy_of


def _told_once(wait_s: float | None) -> Callable[[OnedataError, float], None]:
    """Return what says that a service is waited for: once each time that it is away for longer than a moment."""
    said_s = -math.inf

    def pausing(error: OnedataError, pause_s: float) -> None:
        nonlocal said_s
        if wait_s is None or pause_s < _MOMENT_S:
            return
        now_s = time.monotonic()
        if now_s - said_s > _LONGEST_TRY_S:
            say(f"{error}: waiting, for {readable_duration(wait_s)} at most; Ctrl-C ends this")
        said_s = now_s

    return pausing


class _Renewed:
    """The token of a command, which may be replaced in its file while the command runs."""

    def __init__(self, held: AccessToken) -> None:
        self._held = held

    def worked(self) -> None:
        self._held.worked()

    async def renew(self, used: Token) -> Token:
        stopped = threading.Event()

        def sleep(pause_s: float) -> None:
            if stopped.wait(pause_s):
                raise Interrupted("stopped while waiting for a new token")

        try:
            await asyncio.to_thread(self._held.renew, used.reveal(), sleep)
        finally:
            # A thread that waits for hours would keep the interpreter from ending.
            stopped.set()
        return Token(self._held.text())
