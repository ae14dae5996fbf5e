"""What each site offers to those who look for storage: whether requests are welcome, how much at most, and a hint."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from ipaddress import ip_network

from fs2od.node.zone.callers import Caller
from fs2od.node.zone.providers import Provider, Providers
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, StorageId
from fs2od.sqlite import Database

__all__ = ["Offer", "Offers", "SiteView"]


@dataclass(frozen=True)
class Offer:
    """What one site offers. `largest_bytes` None is no bound; results of jobs go to `results_storage`, if it has one.

    They get `results_total_bytes` in all; what None means, says fs2od.node.zone.results.
    Its machines are in `networks`, so that a job's token can be confined to these.
    """

    accepts: bool = False
    largest_bytes: int | None = None
    hint: str = ""
    results_storage: StorageId | None = None
    networks: tuple[str, ...] = ()
    results_total_bytes: int | None = None


@dataclass(frozen=True)
class SiteView:
    """A site as a user of the zone sees it."""

    provider: Provider
    offer: Offer
    is_online: bool
    is_administered: bool


class Offers:
    """Keeps and shows offers."""

    def __init__(self, database: Database, rights: Rights, providers: Providers) -> None:
        self._database = database
        self._rights = rights
        self._providers = providers

    def of(self, provider: ProviderId) -> Offer:
        """Return what a site offers; one that never said offers nothing."""
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM offer WHERE provider = ?", (provider,)).fetchone()
        return Offer() if row is None else _offer(row)

    def every(self, caller: Caller) -> list[SiteView]:
        """Return all sites by name, for anybody with an account: who asks for support must be able to choose.

        Raises:
            Unauthorized: A guest.
        """
        user = self._rights.require_user(caller)
        caller.require_all_access()
        return [
            SiteView(
                provider,
                self.of(provider.id),
                self._providers.is_online(provider.id),
                "cluster_update" in (self._rights.cluster_privileges(user, provider.cluster) or ()),
            )
            for provider in self._providers.all_known()
        ]

    def set(self, caller: Caller, provider: ProviderId, offer: Offer) -> None:
        """Say what a site offers.

        Raises:
            Forbidden: Without cluster_update there.
            Rejected: badValueIdNotFound, the storage for results is not the site's, or takes no results; badValueString, a
                network is none.
        """
        self._rights.require_cluster(caller, self._providers.known(provider).cluster, "cluster_update")
        networks = " ".join(map(_network, offer.networks))
        results = (offer.results_storage, networks, offer.results_total_bytes)
        row = (provider, offer.accepts, offer.largest_bytes, offer.hint, *results)
        query = "SELECT 1 FROM storage WHERE id = ? AND provider = ? AND NOT imported"
        with self._database.writing() as db:
            if offer.results_storage and db.execute(query, (offer.results_storage, provider)).fetchone() is None:
                raise errors.bad_value(
                    "IdNotFound", "resultsStorageId", "is no storage of this site that can be written"
                )
            db.execute("INSERT OR REPLACE INTO offer VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise errors.bad_value("String", "networks", "must be networks such as 192.0.2.0/24") from error


def _offer(row: sqlite3.Row) -> Offer:
    results = row["results_storage"]
    return Offer(
        bool(row["accepts"]),
        row["largest"],
        row["hint"],
        None if results is None else StorageId(results),
        tuple(row["networks"].split()),
        row["results_total"],
    )
