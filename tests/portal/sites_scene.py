"""A computing centre as a site of the node: its administrator, its storage, what it is asked for and what it grants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.portal.members_scene import Scene, open_members_scene
from tests.portal.signing_in import Person

from fs2od.node.zone.offers import Offer
from fs2od.onedata import privileges
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId
from fs2od.onedata.tokens import InviteToken, InviteType, Time
from fs2od.testing.world import Person as Account
from fs2od.testing.world import Site

TB = 10**12


@dataclass
class Centre:
    """The site, and the people who have to do with it."""

    scene: Scene

    def __post_init__(self) -> None:
        world = self.scene.world
        self.ada, self.vic = world.person("Ada Administrator"), world.person("Vic Viewer")
        self.site: Site = world.site("centre", administrator=self.ada)
        self.provider = self.site.node_provider
        cluster = self.provider.record.cluster
        world.node.zone.users.join_cluster(self.vic.id, cluster, privileges.CLUSTER_MEMBER)
        self.folder = world.folder / "scratch"
        self.folder.mkdir()
        self.storage: StorageId = self.provider.storages.add_posix("scratch", str(self.folder))
        offer = Offer(True, 50 * TB, "kept for 90 days")
        world.node.zone.offers.set(self.ada.caller, self.provider.record.id, offer)

    @property
    def id(self) -> ProviderId:
        return self.provider.record.id

    @property
    def base(self) -> str:
        return f"/sites/{self.id}"

    def browser(self, who: Account) -> Person:
        return self.scene.browser(who)

    def asked(self, size_bytes: int = 2 * TB, *, note: str = "") -> str:
        """Return a request of the dataset's owner."""
        olive = self.scene.olive.caller
        return self.scene.zone.support_requests.ask(olive, self.scene.space, self.id, size_bytes, note=note)

    def token(self) -> str:
        """Return a support token of the dataset's owner."""
        kind = InviteToken(InviteType.SUPPORT_SPACE, self.scene.space)
        until = Time(self.scene.zone.clock.now_s() + 3600)
        return self.scene.zone.tokens.issue_temporary(self.scene.olive.id, kind=kind, caveats=[until]).reveal()

    def supports(self, space: SpaceId | None = None, *, size_bytes: int = 5 * TB) -> SpaceId:
        """Support a space here, the dataset by default."""
        wanted, zone = space or self.scene.space, self.scene.zone
        with zone.database.writing() as db:
            self.provider.supports.grant(db, wanted, self.storage, size_bytes=size_bytes)
        zone.epoch.move()
        return wanted


@contextmanager
def open_centre(folder: Path) -> Iterator[Centre]:
    with open_members_scene(folder) as scene:
        yield Centre(scene)
