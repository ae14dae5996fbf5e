"""Users: the people and services that hold tokens."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.zone.memberships import GROUP_USER, SPACE_USER, Memberships
from fs2od.onedata import errors
from fs2od.onedata.ids import GroupId, ProviderId, SpaceId, UserId, new_entity_id
from fs2od.sqlite import Database

__all__ = ["User", "Users"]


@dataclass(frozen=True)
class User:
    """One user. `emails` is personal data: shown to the user themself only."""

    id: UserId
    full_name: str
    username: str | None
    emails: tuple[str, ...]
    blocked: bool
    created_s: int


class Users:
    """Adds and shows users."""

    def __init__(self, database: Database, memberships: Memberships, clock: Clock) -> None:
        self._database = database
        self._memberships = memberships
        self._clock = clock

    def add(
        self,
        full_name: str,
        *,
        username: str | None = None,
        emails: Collection[str] = (),
        zone_privileges: Collection[str] = (),
    ) -> UserId:
        """Add a user and return their id.

        Raises:
            Conflict: The username is taken.
        """
        try:
            with self._database.writing() as db:
                user = self.insert(db, full_name, username=username, emails=emails)
                granted = [(user, privilege) for privilege in sorted(zone_privileges)]
                db.executemany("INSERT INTO user_privilege VALUES (?, ?)", granted)
        except sqlite3.IntegrityError as error:
            raise errors.already_exists() from error
        return user

    def insert(
        self, db: sqlite3.Connection, full_name: str, *, username: str | None = None, emails: Collection[str] = ()
    ) -> UserId:
        """Add a user inside a transaction of the caller's; a username that is taken is an `sqlite3.IntegrityError`."""
        user = UserId(new_entity_id())
        row = (user, full_name, username, json.dumps(list(emails)), self._clock.now_s())
        db.execute("INSERT INTO user (id, full_name, username, emails, created) VALUES (?, ?, ?, ?, ?)", row)
        return user

    def every(self) -> list[UserId]:
        """Return all users. Whether the caller may see them is the caller's affair."""
        with self._database.reading() as db:
            return [UserId(row[0]) for row in db.execute("SELECT id FROM user ORDER BY id")]

    def get(self, user: UserId) -> User:
        """Return one user.

        Raises:
            NotFound: There is none.
        """
        return self._find("id", user)

    def by_username(self, username: str) -> User:
        """Return the user of that name.

        Raises:
            NotFound: There is none.
        """
        return self._find("username", username)

    def join_cluster(self, user: UserId, cluster: str, privileges: Collection[str]) -> None:
        """Make a user a member of a cluster, which is what a panel's rights are about."""
        with self._database.writing() as db:
            row = (cluster, user, json.dumps(sorted(privileges)))
            db.execute("INSERT OR REPLACE INTO cluster_user (parent, child, privileges) VALUES (?, ?, ?)", row)

    def of_cluster(self, cluster: str) -> list[UserId]:
        """Return the members of a cluster, sorted by id."""
        with self._database.reading() as db:
            rows = db.execute("SELECT child FROM cluster_user WHERE parent = ? ORDER BY child", (cluster,))
            return [UserId(row[0]) for row in rows]

    def may_answer_for(self, provider: ProviderId) -> list[UserId]:
        """Return who may answer requests at a site: the members of its cluster who hold cluster_update, sorted by id."""
        query = """SELECT child, privileges FROM cluster_user JOIN provider AS p ON p.cluster = parent
            WHERE p.id = ? ORDER BY child"""
        with self._database.reading() as db:
            rows = db.execute(query, (provider,)).fetchall()
        return [UserId(user) for user, held in rows if "cluster_update" in json.loads(held)]

    def groups(self, user: UserId) -> list[GroupId]:
        """Return the groups that the user belongs to directly."""
        return [GroupId(parent) for parent in self._memberships.parents(GROUP_USER, user)]

    def spaces(self, user: UserId) -> list[SpaceId]:
        """Return the spaces that the user belongs to directly."""
        return [SpaceId(parent) for parent in self._memberships.parents(SPACE_USER, user)]

    def _find(self, column: str, value: str) -> User:
        with self._database.reading() as db:
            row = db.execute(f"SELECT * FROM user WHERE {column} = ?", (value,)).fetchone()
        if row is None:
            raise errors.not_found()
        emails = tuple(json.loads(row["emails"]))
        blocked = bool(row["blocked"])
        return User(UserId(row["id"]), row["full_name"], row["username"], emails, blocked, row["created"])
