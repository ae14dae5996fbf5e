"""How a command is connected to zones, providers and panels: its token, renewed where that is possible, and its proxy."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from fs2od.cli.access import Access
from fs2od.client import Connection, ProxyAddress, ProxyOf
from fs2od.errors import Interrupted
from fs2od.onedata.tokens import Token
from fs2od.transfer import AccessToken, Proxies

__all__ = ["connection_of", "through"]


def connection_of(access: Access) -> Connection:
    """Return a connection that carries a command's token, by the proxy that its environment names.

    When the token ends and can be replaced where it came from, calls wait for the next one.

    Raises:
        ConfigurationError: There is no token, or the certificates to trust cannot be read.
    """
    held = access.required()
    return Connection(
        token=Token(held.text()),
        ca_file=Path(access.ca_file) if access.ca_file else None,
        renewal=_Renewed(held),
        proxy_of=through(access.proxies),
    )


def through(proxies: Proxies) -> ProxyOf:
    """Return which proxy leads where, as the client wants to know it."""

    def proxy_of(host: str, port: int) -> ProxyAddress | None:
        proxy = proxies.before(host, port)
        return None if proxy is None else ProxyAddress(proxy.host, proxy.port, proxy.headers())

    return proxy_of


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
