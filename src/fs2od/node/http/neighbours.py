"""Which client addresses are one client, to whoever counts what comes from each."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

__all__ = ["neighbourhood"]


def neighbourhood(address: IPv4Address | IPv6Address | None) -> str:
    """Return what stands for one client: an IPv4 address, or the /64 that one IPv6 client has all of."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address or "")
