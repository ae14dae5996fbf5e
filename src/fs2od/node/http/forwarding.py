"""Where a request really comes from when a proxy of ours stands before the node: X-Forwarded-For, believed from that proxy alone.

Everything that asks for the client's address asks the connection's: rate limits, caveats, sessions. So it is put right there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Forwarding", "client_of"]

_log = logging.getLogger(__name__)

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network
_MOST = 50


class Forwarding:
    """Passes requests on with the address of the client, as far as trusted proxies tell it."""

    def __init__(self, app: ASGIApp, trusted: Iterable[str]) -> None:
        """Believe the proxies in these networks.

        Raises:
            ValueError: One of them is no network.
        """
        self._app = app
        self._has_hinted = False
        self._trusted = [ip_network(each, strict=False) for each in trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] == "http" and scope.get("client"):
            said = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
            host, port = scope["client"]
            if said and not self._has_hinted:
                self._hint(host)
            found = client_of(host, said, self._trusted)
            if found != host:
                scope = {**scope, "client": (found, port)}
        await self._app(scope, receive, send)

    def _hint(self, peer: str) -> None:
        """Say once that a proxy nearby is not believed: then everybody seems to come from there, also to limits on wrong sign-ins."""
        near = _address(peer)
        if near is not None and near.is_private and not _is_in(near, self._trusted):
            self._has_hinted = True
            _log.warning(
                "X-Forwarded-For from %s is not believed: if your proxy is there, name it in network.trusted_proxies",
                near,
            )


def client_of(peer: str, forwarded: Sequence[str], trusted: Sequence[_Network]) -> str:
    """Return the client's address: walking back from the connection, the first one that is no trusted proxy; pure.

    What stands before it could have been written by the client itself, and is not looked at.

    Args:
        peer: The other end of the connection.
        forwarded: The values of X-Forwarded-For, in the order of the request.
        trusted: The networks of our proxies.
    """
    current = _address(peer)
    if current is None or not _is_in(current, trusted):
        return peer
    for entry in reversed(",".join(forwarded).split(",")[-_MOST:]):
        before = _address(entry)
        if before is None:
            break  # the last proxy said nothing that can be understood: then it is the proxy itself
        current = before
        if not _is_in(current, trusted):
            break
    return str(current)


def _is_in(address: _Address, networks: Sequence[_Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> _Address | None:
    """Read an address as proxies write it: bare, in brackets, or with a port."""
    plain = text.strip()
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        found = ip_address(plain)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
