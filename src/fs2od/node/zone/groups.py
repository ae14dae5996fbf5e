"""Groups: members who share privileges."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import GROUP_GROUP, GROUP_USER, SPACE_GROUP, Memberships
from fs2od.node.zone.names import require_name
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors, privileges
from fs2od.onedata.ids import GroupId, SpaceId, UserId, new_entity_id
from fs2od.onedata.wire import GroupType
from fs2od.sqlite import Database

__all__ = ["Group", "Groups"]


@dataclass(frozen=True)
class Group:
    """One group. `created_s` is in seconds since 1970."""

    id: GroupId
    name: str
    type: GroupType
    creator: UserId
    created_s: int


class Groups:
    """Creates, shows, changes and removes groups, and says who belongs to them."""

    def __init__(self, database: Database, memberships: Memberships, rights: Rights, clock: Clock) -> None:
        self._database = database
        self._memberships = memberships
        self._rights = rights
        self._clock = clock

    def create(self, caller: Caller, name: str, *, kind: GroupType = "team", parent: GroupId | None = None) -> GroupId:
        """Create a group, of which the caller becomes an administrator, below `parent` if one is given.

        Raises:
            Forbidden: The caller may not add children to `parent`.
            Rejected: badValueName, badValueNotAllowed.
        """
        if parent is None:
            creator = self._rights.require_user(caller)
            caller.require_all_access()
        else:
            creator = self._rights.require_group(caller, parent, "group_add_child", admin="oz_groups_add_relationships")
        with self._database.writing() as db:
            group = self._insert(db, creator, name, kind)
            if parent is not None:
                self._memberships.insert(db, GROUP_GROUP, parent, group, privileges.GROUP_MEMBER)
        self._memberships.moved()
        return group

    def create_parent(self, caller: Caller, child: GroupId, name: str, *, kind: GroupType = "team") -> GroupId:
        """Create a group that `child` belongs to, and whose administrator the caller becomes.

        Raises:
            Forbidden: Without group_add_parent in `child`.
            Rejected: badValueName.
        """
        creator = self._rights.require_group(caller, child, "group_add_parent", admin="oz_groups_add_relationships")
        self.get_known(child)
        with self._database.writing() as db:
            parent = self._insert(db, creator, name, kind)
            self._memberships.insert(db, GROUP_GROUP, parent, child, privileges.GROUP_MEMBER)
        self._memberships.moved()
        return parent

    def get(self, caller: Caller, group: GroupId) -> Group:
        """Return a group that the caller may view.

        Raises:
            NotFound: There is none, for callers who may know that.
            Forbidden: The caller is no member.
        """
        self._require_view(caller, group)
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM user_group WHERE id = ?", (group,)).fetchone()
        if row is None:
            raise errors.not_found()
        return Group(GroupId(row["id"]), row["name"], row["type"], UserId(row["creator"] or ""), row["created"])

    def rename(self, caller: Caller, group: GroupId, *, name: str | None = None, kind: GroupType | None = None) -> None:
        """Change the name or the type.

        Raises:
            Forbidden: Without group_update.
        """
        self._rights.require_group(caller, group, "group_update", admin="oz_groups_update")
        self.get_known(group)
        new_name = None if name is None else require_name(name)
        with self._database.writing() as db:
            db.execute(
                "UPDATE user_group SET name = coalesce(?, name), type = coalesce(?, type) WHERE id = ?",
                (new_name, kind, group),
            )

    def remove(self, caller: Caller, group: GroupId) -> None:
        """Remove a group and all its memberships.

        Raises:
            Forbidden: Without group_delete.
        """
        self._rights.require_group(caller, group, "group_delete", admin="oz_groups_delete")
        self.get_known(group)
        with self._database.writing() as db:
            db.execute("DELETE FROM user_group WHERE id = ?", (group,))
        self._memberships.moved()

    def get_known(self, group: GroupId) -> None:
        """Make sure that the group exists.

        Raises:
            NotFound: It does not.
        """
        with self._database.reading() as db:
            if db.execute("SELECT 1 FROM user_group WHERE id = ?", (group,)).fetchone() is None:
                raise errors.not_found()

    def users(self, caller: Caller, group: GroupId) -> list[UserId]:
        """Return the direct members that are users."""
        self._require_view(caller, group)
        return [UserId(child) for child in self._memberships.children(GROUP_USER, group)]

    def effective_users(self, caller: Caller, group: GroupId) -> list[UserId]:
        """Return the members that are users, directly or through child groups."""
        self._require_view(caller, group)
        query = """WITH RECURSIVE below (id) AS (
                VALUES (?) UNION SELECT g.child FROM group_group AS g JOIN below ON g.parent = below.id)
            SELECT DISTINCT child FROM group_user JOIN below ON parent = below.id ORDER BY child"""
        with self._database.reading() as db:
            return [UserId(row[0]) for row in db.execute(query, (group,))]

    def children(self, caller: Caller, group: GroupId) -> list[GroupId]:
        """Return the direct members that are groups."""
        self._require_view(caller, group)
        return [GroupId(child) for child in self._memberships.children(GROUP_GROUP, group)]

    def parents(self, caller: Caller, group: GroupId) -> list[GroupId]:
        """Return the groups that this one belongs to directly."""
        self._require_view(caller, group)
        return [GroupId(parent) for parent in self._memberships.parents(GROUP_GROUP, group)]

    def spaces(self, caller: Caller, group: GroupId) -> list[SpaceId]:
        """Return the spaces that the group belongs to directly."""
        self._require_view(caller, group)
        return [SpaceId(parent) for parent in self._memberships.parents(SPACE_GROUP, group)]

    def leave(self, user: UserId, group: GroupId) -> None:
        """End a user's direct membership.

        Raises:
            NotFound: There is none.
        """
        self._memberships.remove(GROUP_USER, group, user)

    def _insert(self, db: sqlite3.Connection, creator: UserId, name: str, kind: GroupType) -> GroupId:
        group = GroupId(new_entity_id())
        row = (group, require_name(name), kind, creator, self._clock.now_s())
        db.execute("INSERT INTO user_group (id, name, type, creator, created) VALUES (?, ?, ?, ?, ?)", row)
        self._memberships.insert(db, GROUP_USER, group, creator, privileges.GROUP_ADMIN)
        return group

    def _require_view(self, caller: Caller, group: GroupId) -> None:
        self._rights.require_group(caller, group, "group_view", admin="oz_groups_view")
