"""Hosts as people give them, and as addresses have them."""

from __future__ import annotations

from ipaddress import IPv6Address

import click

__all__ = ["address_option", "bracketed", "public_host_option"]


def bracketed(_: click.Context, __: click.Parameter, host: str) -> str:
    """Return a host as it stands before a port: an IPv6 address is put in brackets (RFC 3986, section 3.2.2)."""
    try:
        IPv6Address(host)
    except ValueError:
        return host
    return f"[{host}]"


public_host_option = click.option(
    "--host",
    default="localhost",
    show_default=True,
    callback=bracketed,
    help="The public host name, as it stands in links.",
)
address_option = click.option("--address", default="127.0.0.1", show_default=True, help="The address to listen on.")
