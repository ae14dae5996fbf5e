"""Spaces: one dataset's tree and its members."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import SPACE_GROUP, SPACE_USER, Memberships
from fs2od.node.zone.names import require_name
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors, privileges
from fs2od.onedata.ids import GroupId, ProviderId, ShareId, SpaceId, UserId, new_entity_id
from fs2od.sqlite import Database, Standing

__all__ = ["Space", "Spaces"]


@dataclass(frozen=True)
class Space:
    """One space. `supports` maps each supporting provider to the size it grants, in bytes."""

    id: SpaceId
    name: str
    description: str
    organization: str
    creator: UserId
    created_s: int
    supports: dict[ProviderId, int]


class Spaces:
    """Creates, shows, changes and removes spaces, and says who belongs to them."""

    def __init__(self, database: Database, memberships: Memberships, rights: Rights, clock: Clock) -> None:
        self._database = database
        self._memberships = memberships
        self._rights = rights
        self._clock = clock
        self._when_removed: list[Callable[[SpaceId], None]] = []
        self._before_removed: list[Callable[[sqlite3.Connection, SpaceId], None]] = []
        self._standing = Standing(database, self._found)

    def create_for_group(self, caller: Caller, group: GroupId, name: str) -> SpaceId:
        """Create a space whose owning member is `group`.

        Raises:
            Forbidden: The caller lacks group_add_space.
            Rejected: badValueName.
        """
        creator = self._rights.require_group(caller, group, "group_add_space", admin="oz_spaces_create")
        return self._create(creator, name, group=group)

    def create_for_user(self, caller: Caller, name: str, *, id_seed: str | None = None) -> SpaceId:
        """Create a space whose owning member is the caller; the same `id_seed` gives the same id.

        Raises:
            Conflict: A space with that seed exists.
            Rejected: badValueName.
        """
        creator = self._rights.require_user(caller)
        caller.require_all_access()
        return self._create(creator, name, id_seed=id_seed)

    def get(self, caller: Caller, space: SpaceId) -> Space:
        """Return a space that the caller may view.

        Raises:
            Forbidden: The caller is no member.
            NotFound: There is none, for callers who may know that.
        """
        self._require_view(caller, space)
        return self.known(space)

    def known(self, space: SpaceId) -> Space:
        """Return a space, for callers whose right was judged elsewhere.

        Raises:
            NotFound: There is none.
        """
        return self._standing.get(space)

    def _found(self, space: SpaceId) -> Space:
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM space WHERE id = ?", (space,)).fetchone()
            supports = db.execute("SELECT provider, size FROM support WHERE space = ?", (space,)).fetchall()
        if row is None:
            raise errors.not_found()
        return Space(
            id=space,
            name=row["name"],
            description=row["description"],
            organization=row["organization"],
            creator=UserId(row["creator"] or ""),
            created_s=row["created"],
            supports={ProviderId(provider): size for provider, size in supports},
        )

    def named(self, name: str) -> list[SpaceId]:
        """Return the spaces of a name, sorted by id, for callers who judge rights themselves."""
        with self._database.reading() as db:
            return [SpaceId(row[0]) for row in db.execute("SELECT id FROM space WHERE name = ? ORDER BY id", (name,))]

    def update(
        self, caller: Caller, space: SpaceId, *, name: str | None, description: str | None, organization: str | None
    ) -> None:
        """Change what is said about a space; None leaves a value.

        Raises:
            Forbidden: Without space_update.
        """
        caller.require_all_access()
        self._rights.require_space(caller, space, "space_update", admin="oz_spaces_update")
        self.known(space)
        new_name = None if name is None else require_name(name)
        query = """UPDATE space SET name = coalesce(?, name), description = coalesce(?, description),
            organization = coalesce(?, organization) WHERE id = ?"""
        with self._database.writing() as db:
            db.execute(query, (new_name, description, organization, space))

    def when_removed(self, told: Callable[[SpaceId], None]) -> None:
        """Have `told` called with the id of each space that is gone, for those who keep something of it elsewhere."""
        self._when_removed.append(told)

    def before_removed(self, told: Callable[[sqlite3.Connection, SpaceId], None]) -> None:
        """Have `told` called inside the transaction that removes a space, while all of it is there."""
        self._before_removed.append(told)

    def remove(self, caller: Caller, space: SpaceId) -> None:
        """Remove a space with its memberships, shares and supports.

        Its files stay where it is at home, unless it was made for results; copies elsewhere are removed in a while.

        Raises:
            Forbidden: Without space_delete.
            NotFound: There is none, for callers who may know that.
        """
        caller.require_all_access()
        self._rights.require_space(caller, space, "space_delete", admin="oz_spaces_delete")
        self.known(space)
        with self._database.writing() as db:
            for noted in self._before_removed:
                noted(db, space)
            db.execute("DELETE FROM space WHERE id = ?", (space,))
        self._memberships.moved()
        for told in self._when_removed:
            told(space)

    def users(self, caller: Caller, space: SpaceId) -> list[UserId]:
        """Return the direct members that are users."""
        caller.require_all_access()
        self._require_view(caller, space)
        return [UserId(child) for child in self._memberships.children(SPACE_USER, space)]

    def groups(self, caller: Caller, space: SpaceId) -> list[GroupId]:
        """Return the direct members that are groups."""
        caller.require_all_access()
        self._require_view(caller, space)
        return [GroupId(child) for child in self._memberships.children(SPACE_GROUP, space)]

    def shares(self, caller: Caller, space: SpaceId) -> list[ShareId]:
        """Return the shares of the space, oldest first."""
        self._require_view(caller, space)
        with self._database.reading() as db:
            rows = db.execute("SELECT id FROM share WHERE space = ? ORDER BY created, id", (space,))
            return [ShareId(row[0]) for row in rows]

    def leave(self, user: UserId, space: SpaceId) -> None:
        """End a user's direct membership.

        Raises:
            NotFound: There is none.
            Rejected: cannotRemoveLastOwner: nobody else would be left.
        """
        self._memberships.privileges(SPACE_USER, space, user)
        others = len(self._memberships.children(SPACE_USER, space)) - 1
        if not others and not self._memberships.children(SPACE_GROUP, space):
            raise errors.error_of(
                "cannotRemoveLastOwner", "The last owner of a space cannot leave it: remove the space."
            )
        self._memberships.remove(SPACE_USER, space, user)

    def _require_view(self, caller: Caller, space: SpaceId) -> None:
        self._rights.require_space(caller, space, "space_view", admin="oz_spaces_view")

    def _create(
        self, creator: UserId, name: str, *, group: GroupId | None = None, id_seed: str | None = None
    ) -> SpaceId:
        require_name(name)
        space = SpaceId(new_entity_id(id_seed))
        with self._database.writing() as db:
            if db.execute("SELECT 1 FROM space WHERE id = ?", (space,)).fetchone() is not None:
                raise errors.already_exists()
            db.execute(
                "INSERT INTO space (id, name, creator, created) VALUES (?, ?, ?, ?)",
                (space, name, creator, self._clock.now_s()),
            )
            if group is None:
                self._memberships.insert(db, SPACE_USER, space, creator, privileges.SPACE_ADMIN)
            else:
                self._memberships.insert(db, SPACE_GROUP, space, group, privileges.SPACE_ADMIN)
        self._memberships.moved()
        return space
