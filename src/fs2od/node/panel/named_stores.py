"""The S3 stores that whoever runs the node named: only these may be where nobody but the node's own networks reaches them."""

from __future__ import annotations

from urllib.parse import urlsplit

from fs2od.node.settings import NodeSettings

__all__ = ["NamedStores", "host_and_port"]

_PORTS = {"http": 80, "https": 443}


class NamedStores:
    """Knows the hosts of `store_hosts`, for all of their ports or one, and the very addresses of the storages of configured sites."""

    def __init__(self, settings: NodeSettings) -> None:
        configured = (storage.endpoint for site in settings.sites for storage in site.storages if storage.endpoint)
        self._hosts = {host.lower() for host in settings.store_hosts} | {host_and_port(each)[1] for each in configured}

    def __contains__(self, endpoint: object) -> bool:
        return not self._hosts.isdisjoint(host_and_port(str(endpoint)))


def host_and_port(endpoint: str) -> tuple[str, str]:
    """Return the host of an address as it is written there, without and with its port."""
    told = urlsplit(endpoint)
    host = told.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return shown, f"{shown}:{told.port or _PORTS[told.scheme]}"
