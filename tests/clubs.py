"""A dataset that people are invited into, and invites into it that let nobody in, each for another reason."""

from __future__ import annotations

from itertools import count

from fs2od.node.zone.memberships import GROUP_USER
from fs2od.onedata.ids import GroupId, TokenId
from fs2od.onedata.tokens import Caveat, Identifier, InviteToken, InviteType, Named, Subject, Token, create
from fs2od.testing.world import Dataset, World

OWNER = frozenset({"group_view", "group_add_user", "group_remove_user", "group_set_privileges"})
NUMBERS = count()


class Club:
    """A dataset with its members' group, and an owner who may invite."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.zone = world.node.zone
        self.facility = world.person("Facility Example")
        self.owner = world.person("Olive Owner")
        self.members: GroupId = world.group(self.facility, "20261105 members")
        world.join_group(self.members, self.owner, OWNER)
        self.dataset: Dataset = world.dataset(self.facility, {"a.txt": b"a"}, name="20261105 Krios")
        world.join_space(self.dataset.space, self.members, {"space_view", "space_read_data"})

    def issue(
        self, *caveats: Caveat, usage_limit: int | None = 5, kind: InviteType = InviteType.USER_JOIN_GROUP
    ) -> Token:
        target = (
            self.members if "Group" in kind.value and kind is not InviteType.GROUP_JOIN_SPACE else self.dataset.space
        )
        user = self.owner if kind is InviteType.USER_JOIN_GROUP else self.facility
        return self.zone.tokens.issue_named(
            user.id,
            f"invite {next(NUMBERS)}",
            kind=InviteToken(kind, target),
            caveats=caveats,
            usage_limit=usage_limit,
        ).token


def forged(club: Club, *, zone: str = "zone.test") -> Token:
    kind = InviteToken(InviteType.USER_JOIN_GROUP, club.members)
    return create(zone, Identifier(Named(), Subject("user", club.owner.id), kind, TokenId("a" * 32)), b"guessed")


def used_up(club: Club) -> Token:
    token = club.issue(usage_limit=1)
    club.zone.invites.join(club.world.person().caller, token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    return token


def revoked(club: Club) -> Token:
    token = club.issue()
    for named in club.zone.tokens.invites_to(club.members):
        club.zone.tokens.change(named.id, revoked=True)
    return token


def of_one_who_left(club: Club) -> Token:
    token = club.issue()
    club.zone.memberships.remove(GROUP_USER, club.members, club.owner.id)
    return token


def to_what_is_gone(club: Club) -> Token:
    token = club.issue()
    club.zone.groups.remove(club.facility.caller, club.members)
    return token
