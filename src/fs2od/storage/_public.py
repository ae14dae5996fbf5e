"""Which addresses of the network anybody may send this machine to."""

from __future__ import annotations

import ipaddress
import socket

__all__ = ["is_public"]


def is_public(number: str, port: int) -> bool:
    """Say whether an address is one of the whole Internet, and not this machine's own.

    What others name must not lead to what only this machine can reach: itself, also at its public address, which a firewall
    may keep from everybody else; the networks beside it; and what a cloud tells its machines at a link-local address.
    """
    return ipaddress.ip_address(number).is_global and not _is_own(number, port)


def _is_own(number: str, port: int) -> bool:
    """Say whether this machine has an address: the system then sends from the very same one. Nothing is sent."""
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((number, port))
        except OSError:
            return False  # no way leads there, then or later
        return bool(asked.getsockname()[0] == number)
