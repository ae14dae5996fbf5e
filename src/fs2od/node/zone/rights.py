"""Who may do what: effective membership through nested groups, in the one place that REST, pages and downloads ask."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors
from fs2od.onedata.ids import GroupId, SpaceId, UserId
from fs2od.sqlite import Database, Standing

__all__ = ["EFFECTIVE_GROUPS", "Rights"]

EFFECTIVE_GROUPS = """
WITH RECURSIVE mine (id) AS (
    SELECT parent FROM group_user WHERE child = :user
    UNION SELECT g.parent FROM group_group AS g JOIN mine ON g.child = mine.id
)
"""
"""The beginning of a query: the groups that :user is in, directly or through others, as `mine`."""


# Memberships of the user's own, and those of groups that the user is in directly: a part of the effective ones.
# CROSS JOIN holds SQLite to this order: a space has few groups, and a facility's user is in thousands.
_NEAR_SPACE = """SELECT privileges FROM space_user WHERE child = :user AND parent = :in
    UNION ALL SELECT s.privileges FROM space_group AS s CROSS JOIN group_user AS g ON g.parent = s.child
    WHERE s.parent = :in AND g.child = :user"""
_NEAR_GROUP = "SELECT privileges FROM group_user WHERE child = :user AND parent = :in"


class Rights:
    """Answers from the zone's tables as they are at each question: a membership that ended grants nothing any more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held = Standing(database, self._asked)

    def effective_groups(self, user: UserId) -> list[GroupId]:
        """Return the groups that `user` belongs to, directly or through child groups, sorted by id."""
        with self._database.reading() as db:
            rows = db.execute(EFFECTIVE_GROUPS + "SELECT id FROM mine ORDER BY id", {"user": user})
            return [GroupId(row[0]) for row in rows]

    def effective_spaces(self, user: UserId) -> list[SpaceId]:
        """Return the spaces that `user` belongs to, directly or through groups, sorted by id."""
        query = """SELECT parent FROM space_user WHERE child = :user
            UNION SELECT s.parent FROM space_group AS s JOIN mine ON s.child = mine.id ORDER BY 1"""
        with self._database.reading() as db:
            return [SpaceId(row[0]) for row in db.execute(EFFECTIVE_GROUPS + query, {"user": user})]

    def space_privileges(self, user: UserId, space: SpaceId, *, needed: Collection[str] = ()) -> frozenset[str] | None:
        """Return what `user` may do in `space`, or None if they are no member.

        With `needed`, the answer may leave out other privileges once all of these are found: that takes less work.
        """
        near = self._enough(_NEAR_SPACE, user, space, needed) if needed else None
        if near is not None:
            return near
        query = """SELECT privileges FROM space_user WHERE child = :user AND parent = :in
            UNION ALL SELECT s.privileges FROM space_group AS s JOIN mine ON s.child = mine.id WHERE s.parent = :in"""
        return self._union(query, user, space)

    def group_privileges(self, user: UserId, group: GroupId, *, needed: Collection[str] = ()) -> frozenset[str] | None:
        """Return what `user` may do in `group`, or None if they are no member; `needed` as in `space_privileges`."""
        near = self._enough(_NEAR_GROUP, user, group, needed) if needed else None
        if near is not None:
            return near
        query = """SELECT privileges FROM group_user WHERE child = :user AND parent = :in
            UNION ALL SELECT g.privileges FROM group_group AS g JOIN mine ON g.child = mine.id WHERE g.parent = :in"""
        return self._union(query, user, group)

    def cluster_privileges(self, user: UserId, cluster: str) -> frozenset[str] | None:
        """Return what `user` may do in a cluster, that is a provider's or the zone's panel, or None if no member."""
        return self._union("SELECT privileges FROM cluster_user WHERE child = :user AND parent = :in", user, cluster)

    def zone_privileges(self, user: UserId) -> frozenset[str]:
        """Return the administrative privileges (oz_…) of `user`."""
        with self._database.reading() as db:
            rows = db.execute("SELECT privilege FROM user_privilege WHERE user = ?", (user,))
            return frozenset(row[0] for row in rows)

    def require_user(self, caller: Caller) -> UserId:
        """Return the caller's user.

        Raises:
            Unauthorized: A guest.
        """
        if caller.user is None:
            raise errors.unauthorized()
        return caller.user

    def require_zone(self, caller: Caller, privilege: str) -> UserId:
        """Return the caller's user, who holds an administrative privilege.

        Raises:
            Forbidden: They do not hold it.
        """
        user = self.require_user(caller)
        caller.require_all_access()
        if privilege not in self.zone_privileges(user):
            raise errors.forbidden()
        return user

    def require_space(self, caller: Caller, space: SpaceId, *needed: str, admin: str | None = None) -> UserId:
        """Return the caller's user, who holds every one of `needed` in `space`, or the zone's privilege `admin`.

        Raises:
            Forbidden: They do not, or the space does not exist: a stranger cannot tell which.
        """
        user = self.require_user(caller)
        caller.require_space(space)
        held = self._enough(_NEAR_SPACE, user, space, needed) or self.space_privileges(user, space)
        # An administrator's token for data access is no administrator's.
        self._judge(user, held, needed, None if caller.data_only else admin)
        return user

    def require_cluster(self, caller: Caller, cluster: str, *needed: str, admin: str | None = None) -> UserId:
        """Return the caller's user, who holds every one of `needed` in a provider's cluster, or the zone's privilege `admin`.

        No other site's members do.

        Raises:
            Unauthorized: A guest.
            Forbidden: They do not hold it.
        """
        user = self.require_user(caller)
        caller.require_all_access()
        self._judge(user, self.cluster_privileges(user, cluster), needed, admin)
        return user

    def require_group(self, caller: Caller, group: GroupId, *needed: str, admin: str | None = None) -> UserId:
        """Return the caller's user, who holds every one of `needed` in `group`, or the zone's privilege `admin`.

        Raises:
            Forbidden: They do not, or the group does not exist: a stranger cannot tell which.
        """
        user = self.require_user(caller)
        caller.require_all_access()
        held = self._enough(_NEAR_GROUP, user, group, needed) or self.group_privileges(user, group)
        self._judge(user, held, needed, admin)
        return user

    def _enough(self, query: str, user: UserId, within: str, needed: Collection[str]) -> frozenset[str] | None:
        """Return what the nearest memberships give, if that is enough: a facility's user is in thousands of groups."""
        held = self._held.get((query, user, within))
        return held if held and held.issuperset(needed) else None

    def _judge(self, user: UserId, held: frozenset[str] | None, needed: tuple[str, ...], admin: str | None) -> None:
        if held is not None and held.issuperset(needed):
            return
        if admin is not None and admin in self.zone_privileges(user):
            return
        raise errors.forbidden()

    def _union(self, query: str, user: UserId, within: str) -> frozenset[str] | None:
        return self._held.get((EFFECTIVE_GROUPS + query, user, within))

    def _asked(self, question: tuple[str, UserId, str]) -> frozenset[str] | None:
        query, user, within = question
        with self._database.reading() as db:
            rows: list[sqlite3.Row] = db.execute(query, {"user": user, "in": within}).fetchall()
        if not rows:
            return None
        return frozenset[str]().union(*(json.loads(row[0]) for row in rows))
