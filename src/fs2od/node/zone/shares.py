"""Shares: public, read-only views of a file or directory by link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.names import require_name
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors
from fs2od.onedata.ids import FileId, FileRef, ShareId, SpaceId, UserId, file_id, new_entity_id
from fs2od.sqlite import Database

__all__ = ["RootType", "Share", "Shares"]

RootType = Literal["dir", "file"]


@dataclass(frozen=True)
class Share:
    """One share. Its id is a public name, not a secret."""

    id: ShareId
    space: SpaceId
    name: str
    description: str
    root: FileRef
    root_type: RootType
    creator: UserId
    created_s: int

    @property
    def root_file_id(self) -> FileId:
        """The share-scoped object id of what is shared."""
        return file_id(self.root.through(self.id))


class Shares:
    """Creates, shows, changes and ends shares. Whether the file exists is judged by the provider's side."""

    def __init__(self, database: Database, rights: Rights, epoch: Epoch, clock: Clock) -> None:
        self._database = database
        self._rights = rights
        self._epoch = epoch
        self._clock = clock

    def create(self, caller: Caller, root: FileRef, root_type: RootType, name: str, *, description: str = "") -> Share:
        """Publish `root`. Not idempotent: two calls make two shares.

        Raises:
            Forbidden: Without space_manage_shares.
            Rejected: badValueName.
        """
        caller.require_all_access()
        creator = self._rights.require_space(caller, root.space, "space_manage_shares")
        share = ShareId(new_entity_id())
        row = (share, root.space, require_name(name), description, root.uuid, root_type, creator, self._clock.now_s())
        columns = "id, space, name, description, root_uuid, root_type, creator, created"
        with self._database.writing() as db:
            db.execute(f"INSERT INTO share ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return self.public(share)

    def public(self, share: ShareId) -> Share:
        """Return a share, for anybody.

        Raises:
            NotFound: There is none, or it ended.
        """
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM share WHERE id = ?", (share,)).fetchone()
        if row is None:
            raise errors.not_found()
        return Share(
            id=ShareId(row["id"]),
            space=SpaceId(row["space"]),
            name=row["name"],
            description=row["description"],
            root=FileRef(row["root_uuid"], SpaceId(row["space"])),
            root_type="dir" if row["root_type"] == "dir" else "file",
            creator=UserId(row["creator"] or ""),
            created_s=row["created"],
        )

    def get(self, caller: Caller, share: ShareId) -> Share:
        """Return a share, for members of its space.

        Raises:
            NotFound: There is none.
            Forbidden: The caller is no member.
        """
        self._rights.require_user(caller)
        found = self.public(share)
        self._rights.require_space(caller, found.space, "space_view", admin="oz_shares_view")
        return found

    def change(self, caller: Caller, share: ShareId, *, name: str | None, description: str | None) -> None:
        """Rename or describe a share; None leaves a value.

        Raises:
            Forbidden: Without space_manage_shares.
        """
        self._require_manage(caller, share)
        new_name = None if name is None else require_name(name)
        query = "UPDATE share SET name = coalesce(?, name), description = coalesce(?, description) WHERE id = ?"
        with self._database.writing() as db:
            db.execute(query, (new_name, description, share))

    def end(self, caller: Caller, share: ShareId) -> None:
        """End a share at once, also for answers that are under way.

        Raises:
            Forbidden: Without space_manage_shares.
        """
        self._require_manage(caller, share)
        with self._database.writing() as db:
            db.execute("DELETE FROM share WHERE id = ?", (share,))
        self._epoch.move()

    def rooted_at(self, space: SpaceId, uuid: str) -> list[ShareId]:
        """Return the shares whose root is that very file, oldest first."""
        query = "SELECT id FROM share WHERE space = ? AND root_uuid = ? ORDER BY created, id"
        with self._database.reading() as db:
            return [ShareId(row[0]) for row in db.execute(query, (space, uuid))]

    def _require_manage(self, caller: Caller, share: ShareId) -> None:
        self._rights.require_user(caller)
        caller.require_all_access()
        found = self.public(share)
        self._rights.require_space(caller, found.space, "space_manage_shares", admin="oz_shares_update")
