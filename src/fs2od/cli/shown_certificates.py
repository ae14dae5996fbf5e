"""Which certificate a service shows, and whom others have to trust for what they see: our own authority, the facility's, or nobody else."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fs2od.cli.hosts import with_port
from fs2od.configuration import Network
from fs2od.node.certificates import ServerCertificate, ensure_certificate
from fs2od.node.given_certificates import given_authority, given_certificate, is_for

__all__ = ["Addresses", "authority_file", "node_certificate", "operator_certificate", "require_usable"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Addresses:
    """Where a node is reached, each as host[:port], and the host that further sites have unless they are given one."""

    zone: str
    provider: str
    sites_host: str

    @classmethod
    def of(cls, network: Network, host: str, ports: tuple[int, int]) -> Addresses:
        """Return the public addresses, or where it listens; pure."""
        if network.public_zone is None or network.public_provider is None:
            return cls(with_port(host, ports[0]), with_port(host, ports[1]), host)
        provider = urlsplit(network.public_provider)
        return cls(urlsplit(network.public_zone).netloc, provider.netloc, provider.hostname or host)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that a certificate has to be for."""
        found = (urlsplit(f"//{each}").hostname or each for each in (self.zone, self.provider, self.sites_host))
        return tuple(dict.fromkeys(found))


def node_certificate(
    network: Network, tls: Path, hosts: Iterable[str], further: Collection[str] = ()
) -> ServerCertificate:
    """Return the facility's own certificate, or one for `hosts` and `further` that the authority in the folder `tls` signs.

    Sites may have come under hosts that the facility's own is not for: then the log says so, and the others are served.

    Raises:
        ConfigurationError: The facility's own cannot be used.
        StateError: A file in the folder is damaged.
    """
    if network.certificate is None or network.certificate_key is None:
        return ensure_certificate(tls, [*hosts, *further])
    for host in further:
        if not is_for(network.certificate, host):
            _log.warning("network.certificate %s is not for the site's host %s", network.certificate, host)
    return given_certificate(network.certificate, network.certificate_key, hosts)


def operator_certificate(network: Network, tls: Path, host: str) -> ServerCertificate:
    """Return the same for the operator's page, which may stay at a name of the machine that the facility's own is not for.

    Raises:
        ConfigurationError: As for `node_certificate`.
        StateError: As there.
    """
    if network.certificate is not None and not is_for(network.certificate, host):
        return ensure_certificate(tls, [host])
    return node_certificate(network, tls, [host])


def authority_file(network: Network, tls: Path) -> Path | None:
    """Return the file of who has to be trusted for what people see; None: a public authority, whom every machine trusts.

    Raises:
        ConfigurationError: The file that the configuration names cannot be used.
    """
    if network.shows_own_authority:
        return tls / "ca.pem"
    if network.authority is not None:
        given_authority(network.authority)
    return network.authority


def require_usable(network: Network) -> None:
    """Judge the files that the section names, as far as that can be done without a node.

    Raises:
        ConfigurationError: One cannot be used.
    """
    if network.certificate is not None and network.certificate_key is not None:
        public = filter(None, (network.public_zone, network.public_provider))
        hosts = [urlsplit(each).hostname or "" for each in public]
        given_certificate(network.certificate, network.certificate_key, hosts)
    if network.authority is not None and network.certificate is not None:
        # Beside a proxy it may be our own authority's, which is made at the first start.
        given_authority(network.authority)
