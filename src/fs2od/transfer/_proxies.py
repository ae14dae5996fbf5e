"""What stands between a machine and the network: a proxy that tunnels, as HTTPS_PROXY and NO_PROXY name it."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from typing import Final, Mapping
from urllib.parse import unquote, urlsplit

from fs2od.errors import ConfigurationError

__all__ = ["Proxies", "Proxy", "proxies_of"]

# HTTP_PROXY is for what goes without TLS, and nothing here does.
_NAMES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
# That of the scheme, as wget, Go and Python's libraries take it. What is meant is mostly said.
_DEFAULT_PORT: Final = 80


@dataclass(frozen=True)
class Proxy:
    """A proxy that opens tunnels (CONNECT): the TLS inside reaches from end to end."""

    host: str
    port: int
    _credentials: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def headers(self) -> dict[str, str]:
        """Return what the proxy wants to see, for the proxy alone."""
        if not self._credentials:
            return {}
        return {"Proxy-Authorization": f"Basic {base64.b64encode(self._credentials.encode()).decode()}"}


@dataclass(frozen=True)
class Proxies:
    """Which proxy leads where.

    Attributes:
        proxy: The proxy, if there is one.
        direct: Hosts, ".domains", addresses and networks that are reached without it.
        unusable: The variable that should name the proxy, and holds no address of one.
    """

    proxy: Proxy | None = None
    direct: tuple[str, ...] = ()
    unusable: str | None = None

    def before(self, host: str, port: int) -> Proxy | None:
        """Return the proxy on the way to a host, if there is one.

        Raises:
            ConfigurationError: There should be one, and its address is none; it is not repeated, for it may hold a password.
        """
        if any(_covers(one, host, port) for one in self.direct):
            return None
        if self.unusable is not None:
            said = f"{self.unusable} is no address of a proxy that can be used"
            raise ConfigurationError(f"{said}; one looks like http://proxy.example.org:3128")
        return self.proxy


def proxies_of(environment: Mapping[str, str]) -> Proxies:
    """Return what environment variables say: HTTPS_PROXY, else ALL_PROXY; and NO_PROXY."""
    found = next((name for name in _NAMES if environment.get(name)), None)
    spared = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    direct = ("localhost", "127.0.0.1", "::1", *filter(None, (one.strip().lower() for one in spared.split(","))))
    if found is None:
        return Proxies(None, direct)
    proxy = _proxy(environment[found])
    return Proxies(proxy, direct, found if proxy is None else None)


def _proxy(text: str) -> Proxy | None:
    """Return the proxy at an address; None where it is none of a proxy that we could speak to."""
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host, port = url.hostname, url.port or _DEFAULT_PORT
    except ValueError:
        return None
    if not host or url.scheme != "http":
        return None
    credentials = f"{unquote(url.username)}:{unquote(url.password or '')}" if url.username else ""
    return Proxy(host, port, credentials)


def _covers(one: str, host: str, port: int) -> bool:
    if one == "*" or one in {host, f"{host}:{port}"}:
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(one, strict=False)
    except ValueError:
        name = one.lstrip("*").lstrip(".")
        return bool(name) and host.endswith(f".{name}")
