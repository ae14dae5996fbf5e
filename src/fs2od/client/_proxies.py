"""The proxy that stands between a machine and services elsewhere: it opens tunnels, the TLS inside reaches from end to end."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

__all__ = ["ProxyAddress", "ProxyOf", "by_way_of"]


@dataclass(frozen=True)
class ProxyAddress:
    """Where a proxy is, and what it wants to see."""

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


ProxyOf = Callable[[str, int], ProxyAddress | None]
"""Says which proxy leads to a host and port; None: it is reached without one."""


def by_way_of(proxy_of: ProxyOf | None, context: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    """Return what carries requests, by the proxies that `proxy_of` names."""
    direct = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
    return direct if proxy_of is None else _ByHost(proxy_of, direct, context)


class _ByHost(httpx.AsyncBaseTransport):
    """One pool of connections for each proxy, and one without."""

    def __init__(self, proxy_of: ProxyOf, direct: httpx.AsyncBaseTransport, context: ssl.SSLContext) -> None:
        self._proxy_of = proxy_of
        self._direct = direct
        self._context = context
        self._pools: dict[tuple[str, int], httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = self._proxy_of(request.url.host, request.url.port or 443)
        if proxy is None:
            return await self._direct.handle_async_request(request)
        try:
            return await self._through(proxy).handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            said = f"by the proxy {_shown(proxy)}: {str(error) or type(error).__name__}"
            raise httpx.ProxyError(said, request=request) from error

    async def aclose(self) -> None:
        for pool in (self._direct, *self._pools.values()):
            await pool.aclose()

    def _through(self, proxy: ProxyAddress) -> httpx.AsyncBaseTransport:
        known = self._pools.get((proxy.host, proxy.port))
        if known is None:
            shown = httpx.Proxy(f"http://{_shown(proxy)}", headers=dict(proxy.headers))
            known = httpx.AsyncHTTPTransport(verify=self._context, trust_env=False, proxy=shown)
            self._pools[proxy.host, proxy.port] = known
        return known


def _shown(proxy: ProxyAddress) -> str:
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    return f"{host}:{proxy.port}"
