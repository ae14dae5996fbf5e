"""Hosts as people give them, and as addresses have them."""

from __future__ import annotations

from ipaddress import IPv6Address

import click

__all__ = ["bracketed"]


def bracketed(_: click.Context, __: click.Parameter, host: str) -> str:
    """Return a host as it stands before a port: an IPv6 address is put in brackets (RFC 3986, section 3.2.2)."""
    try:
        IPv6Address(host)
    except ValueError:
        return host
    return f"[{host}]"
