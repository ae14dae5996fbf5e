"""Which addresses of the network anybody may send this machine to."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network

__all__ = ["is_public"]

_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(number: str, port: int) -> bool:
    """Say whether an address is one of the whole Internet, and not this machine's own.

    What others name must not lead to what only this machine can reach: itself, also at its public address, which a firewall
    may keep from everybody else; the networks beside it; and what a cloud tells its machines at a link-local address.
    """
    address = ipaddress.ip_address(number)
    return all(each.is_global for each in (address, *_within(address))) and not _is_own(number, port)


def _within(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """Yield the address of IPv4 that a gateway makes of one of IPv6."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            yield IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.sixtofour is not None:
            yield address.sixtofour


def _is_own(number: str, port: int) -> bool:
    """Say whether this machine has an address: the system then sends from the very same one. Nothing is sent."""
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((number, port))
        except OSError:
            return False  # no way leads there, then or later
        return bool(asked.getsockname()[0] == number)
