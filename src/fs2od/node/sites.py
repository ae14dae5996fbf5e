"""The sites of a node: its own provider first, and each further one, with an origin, a panel and storages of its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

from fs2od.errors import ConfigurationError, StorageMissing
from fs2od.node.index import Indexes, arrivals
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.bounds import Bounds
from fs2od.node.panel.clearances import Clearances
from fs2od.node.panel.emptying import Emptying
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.roots import note_roots
from fs2od.node.panel.support import note_space_removed
from fs2od.node.provider.checksums import Checksums
from fs2od.node.provider.provider import Oneprovider, Shared, front_of, open_provider
from fs2od.node.provider.sources import Sources
from fs2od.node.provider.writing.abandoned import Abandoned
from fs2od.node.provider.writing.afterwards import Afterwards
from fs2od.node.provider.writing.comparing import uncompared
from fs2od.node.provider.writing.quotas import Quotas
from fs2od.node.provider.writing.trees import Trees
from fs2od.node.replication import Demands, Replicator, TransferBook
from fs2od.node.zone.providers import Provider
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors, privileges
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId, UserId
from fs2od.storage import Storage

__all__ = ["Origins", "Sites"]


class Origins(Protocol):
    """Where further sites answer, handed in by whoever has sockets."""

    def reserve(self, asked: Provider) -> str:
        """Return the domain, host[:port], at which a site can be served from now on.

        Raises:
            ConfigurationError: The port that it asks for cannot be had.
        """

    def serve(self, provider: Oneprovider) -> None:
        """Serve a site at the domain that was reserved for it."""

    def leave(self, provider: Oneprovider) -> None:
        """Serve a site no longer. What it answers just now may go out."""


class Sites:
    """Opens sites, finds them, and keeps what they have in common. Safe to use from any thread."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        settings = zone.settings
        indexes = Indexes(settings.data / "spaces", limit=settings.limits.open_indexes)
        homes = Homes(zone.database, indexes, zone.keys, Bounds.of(settings))
        sources = Sources(homes, indexes, zone.clock, uncompared=uncompared)
        modes = (settings.file_mode, settings.directory_mode)
        checksums = Checksums(indexes, sources)
        demands = Demands(zone.database, homes, zone.clock)
        self.replicator = Replicator(
            demands,
            TransferBook(zone.database, zone.clock),
            homes,
            indexes,
            checksums,
            zone.clock,
            settings.replication,
        )
        """What makes copies, for all of the sites."""
        trees = Trees(homes, indexes, zone.clock.now_s, modes=modes)
        self.afterwards = Afterwards(trees, indexes)
        """What settles behind what could not be settled at once of changes that were cut off."""
        self.abandoned = Abandoned(trees, homes, indexes, zone.clock.now_s)
        """What removes the remains of uploads."""
        self.emptying = Emptying(Clearances(zone.database), homes, zone.clock, is_used=self.replicator.has_turn)
        """What removes the folders of spaces where they are supported no more."""
        self._shared = Shared(
            zone,
            indexes,
            sources,
            checksums,
            trees,
            Quotas(homes),
            self.replicator,
            homes,
        )
        for wanted in settings.sites:
            if wanted.name == settings.provider_name:
                raise ConfigurationError(f"site: '{wanted.name}' is the name of the node's own provider: take another")
            zone.providers.ensure(wanted.name, host=wanted.host, port=wanted.port)
        own = zone.providers.ensure(settings.provider_name)
        self.own = self._opened(own, settings.provider_domain)
        """The node's own provider, which supports what the facility brings."""
        self.front = front_of(self._shared, self.own)
        """The same as pages and plain addresses know it, where spaces of all sites are served."""
        self.replicator.listen(self.front.wishes.look)
        self._open: dict[ProviderId, Oneprovider] = {own.id: self.own}
        self._drop_orphans()
        self._shared.trees.settle_all()
        zone.spaces.before_removed(lambda db, space: note_space_removed(db, space, now_s=zone.clock.now_s()))
        zone.spaces.when_removed(self._forget_space)
        zone.results.support_with(self, zone.epoch.move)

    def __iter__(self) -> Iterator[Oneprovider]:
        """Yield the providers that are open, the node's own first."""
        return iter(list(self._open.values()))

    def open_all(self, origins: Origins) -> None:
        """Open every further site that is known, and serve those that come later, at `origins`.

        Raises:
            ConfigurationError: A port cannot be had.
        """
        for record in self._zone.providers.all_known():
            if record.id not in self._open:
                self._serve(record, origins)
        self._zone.providers.serve_with(
            lambda added: self._serve(added, origins).record, lambda removed: self._leave(removed, origins)
        )

    def grant_results(
        self, db: sqlite3.Connection, provider: ProviderId, space: SpaceId, storage: StorageId, size_bytes: int
    ) -> None:
        """Support a space of results at a site, inside a transaction of the caller's.

        Raises:
            NotFound: The site is not open.
            Rejected: badValueTooLow, badValueTooHigh.
        """
        self.get(provider).supports.grant(db, space, storage, size_bytes=size_bytes)

    def describe(self, space: SpaceId, document: Mapping[str, object]) -> None:
        """Write a space's own JSON metadata."""
        with self._shared.indexes.using(space) as index, index.database.writing() as db:
            db.execute("INSERT OR REPLACE INTO metadata VALUES (?, 'json', '', ?)", (ROOT, json.dumps(document)))

    def administer(self, user: UserId) -> None:
        """Make a user an administrator of every site that has none."""
        for record in self._zone.providers.all_known():
            if not self._zone.users.of_cluster(record.cluster):
                self._zone.users.join_cluster(user, record.cluster, privileges.CLUSTER_ADMIN)

    def get(self, provider: ProviderId) -> Oneprovider:
        """Return an open site.

        Raises:
            NotFound: There is none.
        """
        found = self._open.get(provider)
        if found is None:
            raise errors.not_found()
        return found

    def close(self) -> None:
        """Stop scans and close the indexes."""
        self.replicator.close()
        for provider in self:
            provider.close()
        self._shared.checksums.close()
        self._shared.indexes.close()

    def _serve(self, record: Provider, origins: Origins) -> Oneprovider:
        opened = self._opened(record, origins.reserve(record))
        origins.serve(opened)
        self._open[record.id] = opened
        return opened

    def _leave(self, record: Provider, origins: Origins) -> Callable[[], None]:
        if record.id == self.own.record.id:
            raise errors.error_of("notSupported", "The node's own provider cannot be removed.")
        if any(each.name == record.name for each in self._zone.settings.sites):
            said = f"'{record.name}' stands in the configuration: take it out there, and restart the node first."
            raise errors.error_of("notSupported", said)

        def stop_serving() -> None:
            provider = self._open.pop(record.id, None)
            if provider is not None:
                origins.leave(provider)
                provider.close()

        return stop_serving

    def _opened(self, record: Provider, domain: str) -> Oneprovider:
        opened = open_provider(self._shared, self._zone.providers.went_online(record.id, domain))
        note_roots(opened.storages, self._shared.indexes)
        return opened

    def _forget_space(self, space: SpaceId) -> None:
        for provider in self:
            provider.imports.forget(space)
        self.replicator.forget(space)
        with self._shared.indexes.using(space) as index:
            arrivals.give_up(index, partial(self._storage_of, space))
        self._shared.indexes.drop(space)

    def _storage_of(self, space: SpaceId, storage: StorageId) -> Storage:
        record = self._shared.homes.known(storage)
        if record is None:
            raise StorageMissing("the storage was removed")
        return record.opened_for(space, hurried=True)

    def _drop_orphans(self) -> None:
        """Drop the indexes of spaces that are not supported any more: a crash may have left them."""
        for path in (self._zone.settings.data / "spaces").glob("*.db"):
            if not self._zone.providers.supporting(SpaceId(path.stem)):
                self._shared.indexes.drop(SpaceId(path.stem))
