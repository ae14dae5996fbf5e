"""Hosts as people give them, and as addresses have them."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

import click

__all__ = ["address_option", "public_host", "public_host_option", "with_port"]

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*")
_HTTPS_PORT = 443


def public_host(_: click.Context, __: click.Parameter, host: str) -> str:
    """Return a host as browsers write it: in small letters, other scripts as DNS has them (IDNA 2008), IPv6 in brackets (RFC 3986, 3.2.2).

    Raises:
        click.BadParameter: It is no host. An empty one is returned as it is: what it means is the command's matter.
    """
    try:
        return f"[{IPv6Address(host.strip('[]')).compressed}]"
    except ValueError:
        pass
    plain = host.lower() if host.isascii() else _as_in_dns(host)
    if plain and (len(plain) > 253 or not _HOST.fullmatch(plain)):
        raise click.BadParameter(f"{host!r} is no name of a host: expected one such as data.example.org, or an address")
    return plain


def _as_in_dns(host: str) -> str:
    import idna  # its tables take a while to load, and few hosts need them

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise click.BadParameter(f"{host!r} is no name of a host ({error})") from error


def with_port(host: str, port: int) -> str:
    """Return what stands in an https address for a host and a port, as browsers write it: without the one that https has anyway; pure."""
    return host if port == _HTTPS_PORT else f"{host}:{port}"


public_host_option = click.option(
    "--host",
    default="localhost",
    show_default=True,
    callback=public_host,
    help="The public host name, as it stands in links.",
)
address_option = click.option("--address", default="127.0.0.1", show_default=True, help="The address to listen on.")
