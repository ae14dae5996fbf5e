"""A dataset as the facility makes it, with an owner and a member, and their browsers before its members' pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.portal.signing_in import ORIGIN, HandClock, Person

from fs2od.node.apps import zone_app
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import GROUP_GROUP
from fs2od.onedata import roles
from fs2od.onedata.ids import FileRef, GroupId, SpaceId, UserId, space_root_uuid
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.portal.public import public_pages
from fs2od.testing.world import Dataset, World, open_world
from fs2od.testing.world import Person as Account

NAME = "20261105_Krios"


@dataclass
class Scene:
    """A dataset with its groups of owners and of members below the facility's, and whoever looks at its pages."""

    world: World
    clock: HandClock
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.zone = self.world.node.zone
        self.facility = self.world.person("Facility Example")
        self.managing = self.world.group(self.facility, "managers")
        parent = self.world.group(self.facility, "datasets")
        self.owners, self.members = (
            self.world.group(self.facility, f"{NAME} {kind}", parent=parent) for kind in ("owners", "members")
        )
        self.dataset: Dataset = self.world.dataset(self.managing, {"a.txt": b"hello", "sub/b.txt": b"b"}, name=NAME)
        self.world.join_space(self.dataset.space, self.owners, roles.OWNER_IN_SPACE)
        self.world.join_space(self.dataset.space, self.members, roles.MEMBER_IN_SPACE)
        self.zone.memberships.add(GROUP_GROUP, self.members, self.owners, roles.OWNER_IN_GROUP)
        # The facility's user looks after them all, but is in none of them for their own sake.
        for group in (self.owners, self.members):
            self.zone.groups.leave(self.facility.id, group)
        self.olive, self.mary = self.world.person("Olive Owner"), self.world.person("Mary Member")
        self.world.join_group(self.owners, self.olive, roles.OWNER_IN_GROUP)
        self.world.join_group(self.members, self.mary)

    @property
    def space(self) -> SpaceId:
        return self.dataset.space

    @property
    def base(self) -> str:
        return f"/space/{self.space}"

    def browser(self, who: UserId | Account | None) -> Person:
        """Return the browser of somebody who is signed in, or of a guest."""
        node = self.world.node
        app = zone_app(node.zone, pages=public_pages(node.zone, node.sites.front, sites=node.sites))
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url=ORIGIN)
        user = who.id if isinstance(who, Account) else who
        if user is not None:
            cookie = node.zone.accounts.sessions.open(user, browser="Firefox", address="127.0.0.1")
            client.cookies.set("__Host-fs2od", cookie, domain="zone.test", path="/")
        self.browsers.append(client)
        return Person(client)

    def joins(self, name: str, group: GroupId | None = None, *, label: str = "my group") -> UserId:
        """Let somebody new come in through an invite of the owner's."""
        user = self.zone.users.add(name)
        made = self.zone.invite_book.make(
            self.olive.caller, InviteToken(InviteType.USER_JOIN_GROUP, group or self.members), label=label
        )
        self.zone.invites.join(Caller(user), made.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
        return user

    def own_space(self, owner: Account) -> SpaceId:
        """Return a space that somebody made for themself, whose people belong to it directly."""
        return self.world.dataset(owner, {"result.txt": b"r"}, name="results").space

    def provider_root(self, space: SpaceId) -> FileRef:
        return FileRef(space_root_uuid(space), space)

    def is_in(self, user: UserId) -> bool:
        return self.zone.rights.space_privileges(user, self.space) is not None


@contextmanager
def open_members_scene(folder: Path) -> Iterator[Scene]:
    clock = HandClock()
    with open_world(folder, clock=clock) as world:
        yield Scene(world, clock)
