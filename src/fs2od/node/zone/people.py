"""The people of a dataset, and what a given caller may change about who is in as what.

A space's people belong to it directly or through groups. Those of its groups that are in no other space are the dataset's
own (its owners' and its members' group): only in these, and in the space itself, is anybody's membership changed from here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

from fs2od.node.zone.activity import Activity, Happening
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import GROUP_USER, Memberships
from fs2od.node.zone.notices import AccessEnded, Notices
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.roster import Member, Place, Roster
from fs2od.onedata import errors, privileges, roles
from fs2od.onedata.ids import GroupId, SpaceId, UserId
from fs2od.onedata.roles import Role
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.sqlite import Database

__all__ = ["Choice", "People", "Standing"]

_LOOK_AT_ONCE = 200


@dataclass(frozen=True)
class Choice:
    """One kind of invite that the caller may make: where to, as what, and what that comes to."""

    key: str
    role: Role
    kind: InviteToken
    privileges: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """Who the caller is in a dataset."""

    user: UserId
    space: SpaceId
    role: Role
    held: frozenset[str]
    places: tuple[Place, ...]


class People:
    """Shows a dataset's people to its members, and changes who is in as what."""

    def __init__(
        self, database: Database, rights: Rights, memberships: Memberships, notices: Notices, activity: Activity
    ) -> None:
        self._database = database
        self._rights = rights
        self._memberships = memberships
        self._notices = notices
        self._activity = activity
        self._roster = Roster(database, rights)
        # Of two last owners who leave at the same moment, one stays.
        self._one_by_one = threading.Lock()

    def standing(self, caller: Caller, space: SpaceId) -> Standing:
        """Return who the caller is in a dataset.

        Raises:
            Unauthorized: A guest.
            Forbidden: They are no member, or there is no such space: a stranger cannot tell which.
        """
        caller.require_all_access()
        user = self._rights.require_space(caller, space, "space_view")
        role = self._roster.members(space, [(user, "")])[0].role
        held = self._rights.space_privileges(user, space) or frozenset()
        return Standing(user, space, role, held, tuple(self._roster.places(space)))

    def count(self, space: SpaceId) -> int:
        """Return how many people are in, for callers who judged rights."""
        return self._roster.count(space)

    def of_space(
        self, caller: Caller, space: SpaceId, *, after: tuple[str, str] | None, backwards: bool = False, limit: int
    ) -> list[Member]:
        """Return the people from one on (by name and id), or those before it backwards.

        Raises:
            Forbidden: The caller is no member.
        """
        standing = self.standing(caller, space)
        allowed = self._judge(standing)
        return [allowed(each) for each in self._roster.page(space, after, backwards=backwards, limit=limit)]

    def member(self, caller: Caller, space: SpaceId, user: UserId) -> Member:
        """Return one of the people.

        Raises:
            NotFound: They are not in.
            Forbidden: The caller is no member.
        """
        standing = self.standing(caller, space)
        found = self._roster.one(space, user)
        if found is None:
            raise errors.not_found()
        return self._judge(standing)(found)

    def choices(self, caller: Caller, space: SpaceId) -> list[Choice]:
        """Return the invites that the caller may make, members first.

        Raises:
            Forbidden: The caller is no member.
        """
        standing = self.standing(caller, space)
        found = [choice for place in standing.places if place.is_own for choice in _choices(place)]
        allowed = [each for each in found if self._may_invite(standing.user, each)]
        return sorted(allowed, key=lambda each: (each.role == "owner", each.role != "member", len(each.words)))

    def remove(self, caller: Caller, space: SpaceId, user: UserId) -> Member:
        """Take somebody out, by whatever ways they are in, and return who that was.

        Raises:
            NotFound: They are not in.
            Forbidden: The caller may not, or they are in through a group that is not the dataset's own.
        """
        member = self.member(caller, space, user)
        if not member.may_remove:
            raise errors.forbidden("You may not take this person out of the dataset.")
        self._end(space, member, "removed", actor=caller.user)
        # Of all places they are out of the same dataset: one letter is enough.
        way = member.ways[0]
        self._notices.tell(AccessEnded(user, way.place, way.type))
        return member

    def leave(self, caller: Caller, space: SpaceId) -> None:
        """Let the caller go.

        Raises:
            Forbidden: The caller is in through a group that is not the dataset's own: leave that one.
            Rejected: cannotRemoveLastOwner: nobody would be left who may bring others in.
        """
        member = self.member(caller, space, self._rights.require_user(caller))
        own = {place.id for place in self._roster.places(space) if place.is_own}
        if not all(way.place in own for way in member.ways):
            raise errors.forbidden("You are in through a group that has other datasets, too.")
        with self._one_by_one:
            self._require_another(space, member)
            self._end(space, member, "left", actor=caller.user)

    def change_role(self, caller: Caller, space: SpaceId, user: UserId, role: Role) -> None:
        """Make an owner of a member, or a member of an owner.

        Whoever comes in through the group of members stays in it as an owner, so that it stays known how they came in.

        Raises:
            NotFound: They are not in.
            Forbidden: The caller may not.
            Rejected: cannotRemoveLastOwner: nobody would be left who may bring others in.
        """
        member = self.member(caller, space, user)
        if member.may_become != role:
            raise errors.forbidden("You may not change what this person may do.")
        with self._one_by_one:
            if role == "member":
                self._require_another(space, member)
            self._change_role(space, member, role, actor=caller.user)
        self._memberships.moved()

    def _change_role(self, space: SpaceId, member: Member, role: Role, *, actor: UserId | None) -> None:
        places = {place.role: place for place in self._roster.places(space) if place.type == "group" and place.is_own}
        with self._database.writing() as db:
            if all(way.type == "space" for way in member.ways):
                held = roles.OWNER_WITHOUT_GROUP if role == "owner" else privileges.SPACE_MEMBER
                row = (json.dumps(sorted(held)), space, member.user)
                db.execute("UPDATE space_user SET privileges = ? WHERE parent = ? AND child = ?", row)
            elif role == "owner":
                self._memberships.insert(db, GROUP_USER, places["owner"].id, member.user, roles.OWNER_IN_GROUP)
            else:
                db.execute("DELETE FROM group_user WHERE parent = ? AND child = ?", (places["owner"].id, member.user))
                if not any(way.place == places["member"].id for way in member.ways):
                    self._memberships.insert(db, GROUP_USER, places["member"].id, member.user, roles.MEMBER_IN_GROUP)
            kind: Happening = "made_owner" if role == "owner" else "made_member"
            self._activity.note(db, space, kind, actor=actor, subject=member.name)

    def _end(self, space: SpaceId, member: Member, kind: Happening, *, actor: UserId | None) -> None:
        with self._database.writing() as db:
            for way in member.ways:
                table = "group_user" if way.type == "group" else "space_user"
                db.execute(f"DELETE FROM {table} WHERE parent = ? AND child = ?", (way.place, member.user))
            self._activity.note(db, space, kind, actor=actor, subject=member.name)
        self._memberships.moved()

    def _require_another(self, space: SpaceId, member: Member) -> None:
        """Make sure that somebody else stays who may bring others in, if `member` may."""
        if member.role == "member":
            return
        after: tuple[str, str] | None = None
        while found := self._roster.page(space, after, limit=_LOOK_AT_ONCE):
            if any(each.role != "member" and each.user != member.user for each in found):
                return
            after = (found[-1].name, found[-1].user)
        said = "Nobody would be left who may bring others in: make somebody else an owner first."
        raise errors.error_of("cannotRemoveLastOwner", said)

    def _judge(self, standing: Standing) -> Callable[[Member], Member]:
        """Return what adds to a member what the caller may change."""
        own = {place.id: place for place in standing.places if place.is_own}
        may: dict[tuple[str, str], bool] = {}

        def holds(place: Place, right: str) -> bool:
            key = (place.id, right)
            if key not in may:
                may[key] = f"{place.type}_{right}" in self._held(standing, place)
            return may[key]

        by_role = {place.role: place for place in own.values() if place.type == "group"}

        def become(member: Member) -> Role | None:
            owners, members = by_role.get("owner"), by_role.get("member")
            if all(way.type == "space" for way in member.ways):
                may_set = "space_set_privileges" in standing.held and member.role != "manager"
                return None if not may_set else "member" if member.role == "owner" else "owner"
            if owners is None or members is None or member.role == "manager":
                return None
            if member.role == "owner":
                is_in = any(way.place == owners.id for way in member.ways)
                return "member" if is_in and holds(owners, "remove_user") and holds(members, "add_user") else None
            is_in = any(way.place == members.id for way in member.ways)
            may_promote = holds(owners, "add_user") and holds(owners, "set_privileges")
            return "owner" if is_in and may_promote else None

        def judged(member: Member) -> Member:
            places = [own.get(way.place) for way in member.ways]
            removable = member.user != standing.user and all(
                place is not None and holds(place, "remove_user") for place in places
            )
            return Member(member.user, member.name, member.role, member.words, member.ways, removable, become(member))

        return judged

    def _held(self, standing: Standing, place: Place) -> frozenset[str]:
        if place.type == "space":
            return standing.held
        return self._rights.group_privileges(standing.user, GroupId(place.id)) or frozenset()

    def _may_invite(self, user: UserId, choice: Choice) -> bool:
        target = choice.kind.target_id
        if choice.kind.invite_type is InviteType.USER_JOIN_GROUP:
            held = self._rights.group_privileges(user, GroupId(target)) or frozenset()
            needed = {"group_add_user", *(["group_set_privileges"] if choice.privileges else [])}
        else:
            held = self._rights.space_privileges(user, SpaceId(target)) or frozenset()
            needed = {"space_add_user", *(["space_set_privileges"] if choice.privileges else [])}
        return needed <= held


def _choices(place: Place) -> list[Choice]:
    if place.type == "group":
        carried = tuple(sorted(roles.OWNER_IN_GROUP)) if place.role == "owner" else ()
        kind = InviteToken(InviteType.USER_JOIN_GROUP, place.id)
        return [Choice(f"{place.role}@{place.id}", place.role, kind, carried, roles.words_of({*place.held, *carried}))]
    kind = InviteToken(InviteType.USER_JOIN_SPACE, place.id)
    bundles: dict[str, tuple[Role, frozenset[privileges.SpacePrivilege], bool]] = {
        "reader": ("member", roles.READER_WITHOUT_GROUP, True),
        "member": ("member", privileges.SPACE_MEMBER, False),
        "owner": ("owner", roles.OWNER_WITHOUT_GROUP, True),
    }
    return [
        Choice(f"{key}@space", role, kind, tuple(sorted(held)) if carries else (), roles.words_of(held))
        for key, (role, held, carries) in bundles.items()
    ]
