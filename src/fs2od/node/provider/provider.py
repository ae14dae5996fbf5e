"""A provider assembled: its panel and its files, over the zone's services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fs2od.node.index import Indexes
from fs2od.node.panel.bounds import Bounds
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.imports import Imports
from fs2od.node.panel.scanning import ScanRules
from fs2od.node.panel.storages import Storages
from fs2od.node.panel.support import ImportConfig, Support, Supports
from fs2od.node.provider.access import Access
from fs2od.node.provider.archives import Archives
from fs2od.node.provider.checksums import Checksums
from fs2od.node.provider.direct import DirectReads
from fs2od.node.provider.files import Files
from fs2od.node.provider.qos import QosRequirements
from fs2od.node.provider.sessions import Sessions
from fs2od.node.provider.sources import Sources
from fs2od.node.provider.tickets import Tickets
from fs2od.node.provider.transfers import Transfers
from fs2od.node.provider.wishes import Wishes
from fs2od.node.provider.writing import Bodies, Writing
from fs2od.node.provider.writing.places import Places
from fs2od.node.provider.writing.quotas import Quotas
from fs2od.node.provider.writing.trees import Trees
from fs2od.node.replication import Replicator
from fs2od.node.zone.providers import Provider
from fs2od.node.zone.zone import Zone
from fs2od.onedata.ids import ProviderId, SpaceId

__all__ = ["Oneprovider", "Shared", "front_of", "open_provider"]


@dataclass(frozen=True)
class Shared:
    """What all providers of a node have in common, for a space is one whoever supports it."""

    zone: Zone
    indexes: Indexes
    sources: Sources
    checksums: Checksums
    trees: Trees
    quotas: Quotas
    replicator: Replicator
    homes: Homes


@dataclass(frozen=True)
class Oneprovider:
    """The services of one Oneprovider and its Onepanel."""

    zone: Zone
    record: Provider
    indexes: Indexes
    storages: Storages
    supports: Supports
    sources: Sources
    direct: DirectReads
    imports: Imports
    access: Access
    files: Files
    qos: QosRequirements
    wishes: Wishes
    transfers: Transfers
    replicator: Replicator
    tickets: Tickets
    checksums: Checksums
    archives: Archives
    sessions: Sessions
    writing: Writing
    bodies: Bodies
    _closing: list[Callable[[], None]] = field(default_factory=list, repr=False, compare=False)

    def before_closing(self, end: Callable[[], None]) -> None:
        """Let `end` be called before anything is closed, for what looks into spaces on its own."""
        self._closing.append(end)

    def close(self) -> None:
        """Stop scans, and what is being written."""
        for end in self._closing:
            end()
        self.bodies.close()
        self.writing.close()
        self.imports.close()


@dataclass(frozen=True)
class _Everywhere:
    """Answers for every space of the node, by its own support if there is one, else by the one that is the space's home."""

    own: Supports
    homes: Homes

    @property
    def provider(self) -> ProviderId:
        return self.own.provider

    def find(self, space: SpaceId) -> Support | None:
        return self.own.find(space) or self.homes.support(space)


def front_of(shared: Shared, own: Oneprovider) -> Oneprovider:
    """Return the node's own provider as pages, links and plain addresses know it: there, spaces of all sites are served.

    Onedata's REST goes on telling sites apart.
    """
    zone, indexes = shared.zone, shared.indexes
    access = _access_everywhere(shared, own.supports)
    files = Files(access, indexes, zone.shares, zone.spaces, zone.rights, own.record.id)
    return replace(
        own,
        access=access,
        files=files,
        archives=Archives(access, indexes, shared.sources, shared.checksums, zone.settings.limits),
    )


def open_provider(shared: Shared, record: Provider) -> Oneprovider:
    """Open one of the node's providers."""
    zone, indexes = shared.zone, shared.indexes
    settings, clock = zone.settings, zone.clock
    storages = Storages(zone.database, record.id, clock, zone.keys, Bounds.of(settings))
    supports = Supports(zone.database, record.id, storages, indexes, zone.epoch, clock)

    def rules(support: Support) -> ScanRules:
        config = support.config or ImportConfig()
        return ScanRules(
            file_mode=settings.file_mode,
            directory_mode=settings.directory_mode,
            excluded_names=frozenset(settings.excluded_names),
            closed_names=frozenset() if settings.plain else settings.closed_names,
            max_depth=config.max_depth,
            detect_modifications=config.detect_modifications,
            detect_deletions=config.detect_deletions,
        )

    access = Access(zone.rights, zone.shares, zone.spaces, supports, indexes, zone.epoch, clock)
    files = Files(access, indexes, zone.shares, zone.spaces, zone.rights, record.id)
    qos = QosRequirements(zone.database, zone.rights, indexes, shared.replicator, clock)
    return Oneprovider(
        zone=zone,
        record=record,
        indexes=indexes,
        storages=storages,
        supports=supports,
        sources=shared.sources,
        direct=DirectReads(storages, shared.sources, clock, settings.limits, longest_s=settings.replication.direct_s),
        imports=Imports(supports, storages, indexes, clock, rules),
        access=access,
        files=files,
        qos=qos,
        wishes=_wishes(shared, _access_everywhere(shared, supports), files, qos),
        transfers=Transfers(zone.rights, shared.replicator, shared.homes, clock),
        replicator=shared.replicator,
        tickets=Tickets(clock),
        checksums=shared.checksums,
        archives=Archives(access, indexes, shared.sources, shared.checksums, settings.limits),
        sessions=Sessions(zone.database, clock),
        writing=Writing(
            access,
            Places(access, indexes, reserved=settings.excluded_names),
            shared.trees,
            indexes,
            shared.quotas,
            clock.now_s,
            recheck_bytes=settings.limits.recheck_bytes,
            directory_mode=settings.directory_mode,
        ),
        bodies=Bodies(
            piece_bytes=settings.limits.chunk_bytes,
            most_bytes=settings.limits.upload_bytes,
            silence_s=settings.limits.upload_silence_s,
        ),
    )


def _access_everywhere(shared: Shared, own: Supports) -> Access:
    zone, everywhere = shared.zone, _Everywhere(own, shared.homes)
    return Access(zone.rights, zone.shares, zone.spaces, everywhere, shared.indexes, zone.epoch, zone.clock)


def _wishes(shared: Shared, access: Access, files: Files, qos: QosRequirements) -> Wishes:
    zone = shared.zone
    return Wishes(
        zone.database, zone.rights, access, files, shared.indexes, qos, shared.replicator, zone.notices, zone.clock
    )
