"""A provider assembled: its panel and its files, over the zone's services."""

from __future__ import annotations

from dataclasses import dataclass

from fs2od.node.index import Indexes
from fs2od.node.panel.imports import Imports
from fs2od.node.panel.scanning import ScanRules
from fs2od.node.panel.storages import Storages
from fs2od.node.panel.support import ImportConfig, Support, Supports
from fs2od.node.provider.access import Access
from fs2od.node.provider.archives import Archives
from fs2od.node.provider.checksums import Checksums
from fs2od.node.provider.files import Files
from fs2od.node.provider.qos import QosRequirements
from fs2od.node.provider.sessions import Sessions
from fs2od.node.provider.tickets import Tickets
from fs2od.node.provider.transfers import Transfers
from fs2od.node.provider.writing import Bodies, Writing
from fs2od.node.provider.writing.places import Places
from fs2od.node.provider.writing.quotas import Quotas
from fs2od.node.provider.writing.trees import Trees
from fs2od.node.zone.providers import Provider
from fs2od.node.zone.zone import Zone
from fs2od.onedata.ids import SpaceId

__all__ = ["Oneprovider", "open_provider"]


@dataclass(frozen=True)
class Oneprovider:
    """The services of one Oneprovider and its Onepanel."""

    zone: Zone
    record: Provider
    indexes: Indexes
    storages: Storages
    supports: Supports
    imports: Imports
    access: Access
    files: Files
    qos: QosRequirements
    transfers: Transfers
    tickets: Tickets
    checksums: Checksums
    archives: Archives
    sessions: Sessions
    writing: Writing
    bodies: Bodies

    def forget_space(self, space: SpaceId) -> None:
        """Stop importing a space that is gone, and drop what was registered of it."""
        self.imports.forget(space)
        self.indexes.drop(space)

    def drop_orphans(self) -> None:
        """Drop the indexes of spaces that are not supported any more: a crash may have left them."""
        for path in (self.zone.settings.data / "spaces").glob("*.db"):
            if self.supports.find(SpaceId(path.stem)) is None:
                self.indexes.drop(SpaceId(path.stem))

    def close(self) -> None:
        """Stop scans and close the indexes."""
        self.bodies.close()
        self.imports.close()
        self.checksums.close()
        self.indexes.close()


def open_provider(zone: Zone) -> Oneprovider:
    """Open the node's provider; it is registered at first start."""
    settings, clock = zone.settings, zone.clock
    record = zone.providers.ensure(settings.provider_name, settings.provider_domain)
    indexes = Indexes(settings.data / "spaces", limit=settings.limits.open_indexes)
    storages = Storages(zone.database, record.id, clock)
    supports = Supports(zone.database, record.id, storages, indexes, zone.epoch, clock)

    def rules(support: Support) -> ScanRules:
        config = support.config or ImportConfig()
        return ScanRules(
            file_mode=settings.file_mode,
            directory_mode=settings.directory_mode,
            excluded_names=frozenset(settings.excluded_names),
            max_depth=config.max_depth,
            detect_modifications=config.detect_modifications,
            detect_deletions=config.detect_deletions,
        )

    access = Access(zone.rights, zone.shares, zone.spaces, supports, indexes, zone.epoch, clock)
    checksums = Checksums(indexes, supports, storages)
    modes = (settings.file_mode, settings.directory_mode)
    trees = Trees(storages, supports, indexes, clock.now_s, modes=modes)
    provider = Oneprovider(
        zone=zone,
        record=record,
        indexes=indexes,
        storages=storages,
        supports=supports,
        imports=Imports(supports, storages, indexes, clock, rules),
        access=access,
        files=Files(access, indexes, zone.shares, zone.spaces, zone.rights, record.id),
        qos=QosRequirements(zone.database, zone.rights, storages, clock),
        transfers=Transfers(zone.database, zone.rights, supports, clock),
        tickets=Tickets(clock),
        checksums=checksums,
        archives=Archives(access, indexes, storages, checksums, settings.limits),
        sessions=Sessions(zone.database, clock),
        writing=Writing(
            access,
            Places(access, indexes, reserved=settings.excluded_names),
            trees,
            indexes,
            Quotas(supports),
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
    provider.drop_orphans()
    trees.settle_all()
    zone.spaces.when_removed(provider.forget_space)
    return provider
