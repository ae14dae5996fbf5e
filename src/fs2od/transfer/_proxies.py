"""What stands between a machine and the network: a proxy that tunnels, as HTTPS_PROXY and NO_PROXY name it."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from typing import Final, Mapping
from urllib.parse import unquote, urlsplit

from fs2od.errors import ConfigurationError

__all__ = ["Proxies", "Proxy", "proxies_of"]

_NAMES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY")
_DEFAULT_PORT: Final = 3128


@dataclass(frozen=True)
class Proxy:
    """A proxy that opens tunnels (CONNECT): the TLS inside reaches from end to end."""

    host: str
    port: int
    _credentials: str = field(default="", repr=False)

    def headers(self) -> dict[str, str]:
        """Return what the proxy wants to see, for the proxy alone."""
        if not self._credentials:
            return {}
        return {"Proxy-Authorization": f"Basic {base64.b64encode(self._credentials.encode()).decode()}"}


@dataclass(frozen=True)
class Proxies:
    """Which proxy leads where. `direct` are hosts, ".domains", addresses and networks that are reached without it."""

    proxy: Proxy | None = None
    direct: tuple[str, ...] = ()

    def before(self, host: str, port: int) -> Proxy | None:
        """Return the proxy on the way to a host, if there is one."""
        return None if self.proxy is None or any(_covers(one, host, port) for one in self.direct) else self.proxy


def proxies_of(environment: Mapping[str, str]) -> Proxies:
    """Return what environment variables say: HTTPS_PROXY, else ALL_PROXY, else HTTP_PROXY; and NO_PROXY.

    Raises:
        ConfigurationError: The proxy's address is none; it is not repeated, for it may hold a password.
    """
    found = next(((name, environment[name]) for name in _NAMES if environment.get(name)), None)
    spared = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    direct = ("localhost", "127.0.0.1", "::1", *filter(None, (one.strip().lower() for one in spared.split(","))))
    return Proxies(_proxy(*found) if found is not None else None, direct)


def _proxy(name: str, text: str) -> Proxy:
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host, port = url.hostname, url.port or _DEFAULT_PORT
    except ValueError:
        host, port, url = None, 0, urlsplit("")
    if not host or url.scheme != "http":
        raise ConfigurationError(f"{name} is no address of a proxy; one looks like http://proxy.example.org:3128")
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
