"""Shares: read-only views of a file or directory by link, public as in Onedata or narrowed by the rules of `link_rules`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from fs2od.node.clock import Clock
from fs2od.node.zone.activity import Activity
from fs2od.node.zone.callers import GUEST, Caller
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.link_rules import Closed, Rule, combined, require_sense, rule_of
from fs2od.node.zone.names import require_name
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors
from fs2od.onedata.ids import FileId, FileRef, ShareId, SpaceId, UserId, file_id, new_entity_id
from fs2od.sqlite import Database, Standing

__all__ = ["RootType", "Share", "Shares"]

RootType = Literal["dir", "file"]

_SHARES = """SELECT share.*, own.audience AS own_audience, own.from_s AS own_from_s, own.until_s AS own_until_s,
        every.audience AS all_audience, every.from_s AS all_from_s, every.until_s AS all_until_s
    FROM share LEFT JOIN share_rule AS own ON own.share = share.id LEFT JOIN space_rule AS every ON every.space = share.space"""


@dataclass(frozen=True)
class Share:
    """One share. Its id is a public name, not a secret; `rule` says for whom and when its link works."""

    id: ShareId
    space: SpaceId
    name: str
    description: str
    root: FileRef
    root_type: RootType
    creator: UserId
    created_s: int
    rule: Rule = field(default_factory=Rule)

    @property
    def root_file_id(self) -> FileId:
        """The share-scoped object id of what is shared."""
        return file_id(self.root.through(self.id))


class Shares:
    """Creates, shows, changes and ends shares. Whether the file exists is judged by the provider's side."""

    def __init__(self, database: Database, rights: Rights, epoch: Epoch, clock: Clock, activity: Activity) -> None:
        self._database = database
        self._rights = rights
        self._epoch = epoch
        self._clock = clock
        self._activity = activity
        self._listeners: list[Callable[[SpaceId], None]] = []
        self._standing = Standing(database, self._found)

    def listen(self, changed: Callable[[SpaceId], None]) -> None:
        """Let `changed` be told of every space whose shares were made, renamed or ended; it must not wait for anything."""
        self._listeners.append(changed)

    def create(
        self,
        caller: Caller,
        root: FileRef,
        root_type: RootType,
        name: str,
        *,
        description: str = "",
        rule: Rule | None = None,
    ) -> Share:
        """Publish `root`, from the first moment under a `rule` of its own if one is given.

        Not idempotent: two calls make two shares.

        Raises:
            Forbidden: Without space_manage_shares.
            Rejected: badValueName, or the rule makes no sense.
        """
        if rule is not None:
            require_sense(rule)
        caller.require_all_access()
        creator = self._rights.require_space(caller, root.space, "space_manage_shares")
        share = ShareId(new_entity_id())
        row = (share, root.space, require_name(name), description, root.uuid, root_type, creator, self._clock.now_s())
        columns = "id, space, name, description, root_uuid, root_type, creator, created"
        with self._database.writing() as db:
            db.execute(f"INSERT INTO share ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            if rule is not None:
                narrowed = (share, rule.audience, rule.from_s, rule.until_s)
                db.execute("INSERT INTO share_rule (share, audience, from_s, until_s) VALUES (?, ?, ?, ?)", narrowed)
            self._activity.note(db, root.space, "link_made", actor=creator, subject=name)
        self._changed(root.space)
        return self.known(share)

    def public(self, share: ShareId, caller: Caller = GUEST) -> Share:
        """Return a share, for whoever may follow its link: anybody, or members only.

        Raises:
            NotFound: There is none, or it ended.
            Unauthorized: It is for members only, or under embargo, and a guest asks.
            Forbidden: The same for somebody who is no member, or whose token is confined to a part of the space.
        """
        found = self.known(share)
        closed = found.rule.closed_because(self._clock.now_s())
        if closed == "ended":
            raise errors.not_found()
        if closed is not None:
            self._require_member(caller, found.space, closed)
        return found

    def of_space(self, caller: Caller, space: SpaceId) -> list[Share]:
        """Return the shares of a space, oldest first, for its members.

        Raises:
            Forbidden: Without space_view.
        """
        self._rights.require_space(caller, space, "space_view", admin="oz_shares_view")
        with self._database.reading() as db:
            rows = db.execute(f"{_SHARES} WHERE share.space = ? ORDER BY share.created, share.id", (space,))
            return [_share(row) for row in rows]

    def known(self, share: ShareId) -> Share:
        """Return a share whose link may be closed, for callers whose right was judged elsewhere.

        Raises:
            NotFound: There is none.
        """
        return self._standing.get(share)

    def _found(self, share: ShareId) -> Share:
        with self._database.reading() as db:
            row = db.execute(f"{_SHARES} WHERE share.id = ?", (share,)).fetchone()
        if row is None:
            raise errors.not_found()
        return _share(row)

    def _require_member(self, caller: Caller, space: SpaceId, closed: Closed) -> None:
        said = "The link is for members only." if closed == "members" else "The data behind the link is under embargo."
        self._rights.require_user(caller)
        if caller.data.object_ids or not caller.data.covers(f"/{space}"):
            raise errors.forbidden(said)  # the share may reach farther than the token
        try:
            self._rights.require_space(caller, space, "space_view", "space_read_data")
        except errors.Forbidden as error:
            raise errors.forbidden(said) from error

    def get(self, caller: Caller, share: ShareId) -> Share:
        """Return a share, for members of its space.

        Raises:
            NotFound: There is none.
            Forbidden: The caller is no member.
        """
        self._rights.require_user(caller)
        found = self.known(share)
        self._rights.require_space(caller, found.space, "space_view", admin="oz_shares_view")
        return found

    def change(self, caller: Caller, share: ShareId, *, name: str | None, description: str | None) -> None:
        """Rename or describe a share; None leaves a value.

        Raises:
            Forbidden: Without space_manage_shares.
        """
        found = self._require_manage(caller, share)
        new_name = None if name is None else require_name(name)
        query = "UPDATE share SET name = coalesce(?, name), description = coalesce(?, description) WHERE id = ?"
        with self._database.writing() as db:
            db.execute(query, (new_name, description, share))
            if new_name not in (None, found.name):
                self._activity.note(db, found.space, "link_changed", actor=caller.user, subject=str(new_name))
        self._changed(found.space)

    def end(self, caller: Caller, share: ShareId) -> None:
        """End a share at once, also for answers that are under way.

        Raises:
            Forbidden: Without space_manage_shares.
        """
        found = self._require_manage(caller, share)
        with self._database.writing() as db:
            db.execute("DELETE FROM share WHERE id = ?", (share,))
            self._activity.note(db, found.space, "link_ended", actor=caller.user, subject=found.name)
        self._epoch.move()
        self._changed(found.space)

    def rooted_at(self, space: SpaceId, uuid: str) -> list[ShareId]:
        """Return the shares whose root is that very file, oldest first."""
        query = "SELECT id FROM share WHERE space = ? AND root_uuid = ? ORDER BY created, id"
        with self._database.reading() as db:
            return [ShareId(row[0]) for row in db.execute(query, (space, uuid))]

    def _changed(self, space: SpaceId) -> None:
        for changed in self._listeners:
            changed(space)

    def _require_manage(self, caller: Caller, share: ShareId) -> Share:
        self._rights.require_user(caller)
        caller.require_all_access()
        found = self.known(share)
        self._rights.require_space(caller, found.space, "space_manage_shares", admin="oz_shares_update")
        return found


def _share(row: sqlite3.Row) -> Share:
    return Share(
        id=ShareId(row["id"]),
        space=SpaceId(row["space"]),
        name=row["name"],
        description=row["description"],
        root=FileRef(row["root_uuid"], SpaceId(row["space"])),
        root_type="dir" if row["root_type"] == "dir" else "file",
        creator=UserId(row["creator"] or ""),
        created_s=row["created"],
        rule=combined(rule_of(row, "own_"), rule_of(row, "all_")),
    )
