"""The kinds of membership (who belongs to what, with which privileges), stored alike and handled alike."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from fs2od.node.zone.epoch import Epoch
from fs2od.onedata import errors
from fs2od.sqlite import Database

__all__ = ["CLUSTER_USER", "GROUP_GROUP", "GROUP_USER", "SPACE_GROUP", "SPACE_USER", "Kind", "Memberships"]


@dataclass(frozen=True)
class Kind:
    """One kind of membership: its table, and Onedata's words for the child and the parent."""

    table: str
    child_type: str
    parent_type: str


GROUP_USER = Kind("group_user", "user", "group")
GROUP_GROUP = Kind("group_group", "group", "group")
SPACE_USER = Kind("space_user", "user", "space")
SPACE_GROUP = Kind("space_group", "group", "space")
CLUSTER_USER = Kind("cluster_user", "user", "cluster")


class Memberships:
    """Reads and changes memberships. Rights are the callers' affair; every change moves the epoch."""

    def __init__(self, database: Database, epoch: Epoch) -> None:
        self._database = database
        self._epoch = epoch

    def children(self, kind: Kind, parent: str) -> list[str]:
        """Return the ids of the direct children, sorted."""
        return self._ids(f"SELECT child FROM {kind.table} WHERE parent = ? ORDER BY child", parent)

    def parents(self, kind: Kind, child: str) -> list[str]:
        """Return the ids of the direct parents, sorted."""
        return self._ids(f"SELECT parent FROM {kind.table} WHERE child = ? ORDER BY parent", child)

    def privileges(self, kind: Kind, parent: str, child: str) -> list[str]:
        """Return what a direct child may do in its parent, sorted.

        Raises:
            NotFound: It is no direct child.
        """
        query = f"SELECT privileges FROM {kind.table} WHERE parent = ? AND child = ?"
        with self._database.reading() as db:
            row = db.execute(query, (parent, child)).fetchone()
        if row is None:
            raise errors.not_found()
        return list(json.loads(row[0]))

    def add(self, kind: Kind, parent: str, child: str, privileges: Collection[str]) -> None:
        """Make `child` a direct member of `parent`.

        Raises:
            Conflict: relationAlreadyExists.
        """
        with self._database.writing() as db:
            self.insert(db, kind, parent, child, privileges)
        self._epoch.move()

    def insert(self, db: sqlite3.Connection, kind: Kind, parent: str, child: str, privileges: Collection[str]) -> None:
        """Do what `add` does, inside a transaction of the caller's, who moves the epoch after it.

        Raises:
            Conflict: relationAlreadyExists.
            NotFound: One of the two does not exist.
            Rejected: cannotAddRelationToSelf.
        """
        if kind is GROUP_GROUP and parent == child:
            raise errors.Rejected("cannotAddRelationToSelf", "A group cannot belong to itself.")
        try:
            db.execute(
                f"INSERT INTO {kind.table} (parent, child, privileges) VALUES (?, ?, ?)",
                (parent, child, json.dumps(sorted(privileges))),
            )
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
                raise errors.not_found() from error
            raise errors.relation_already_exists(kind.child_type, child, kind.parent_type, parent) from error

    def remove(self, kind: Kind, parent: str, child: str) -> None:
        """End a direct membership.

        Raises:
            NotFound: There is none.
        """
        with self._database.writing() as db:
            gone = db.execute(f"DELETE FROM {kind.table} WHERE parent = ? AND child = ?", (parent, child)).rowcount
        if not gone:
            raise errors.not_found()
        self._epoch.move()

    def update(
        self, kind: Kind, parent: str, child: str, *, grant: Iterable[str] = (), revoke: Iterable[str] = ()
    ) -> None:
        """Grant and revoke privileges of a direct membership; what is in both is granted.

        Raises:
            NotFound: There is no such membership.
        """
        query = f"SELECT privileges FROM {kind.table} WHERE parent = ? AND child = ?"
        with self._database.writing() as db:
            row = db.execute(query, (parent, child)).fetchone()
            if row is None:
                raise errors.not_found()
            held = (set(json.loads(row[0])) - set(revoke)) | set(grant)
            db.execute(
                f"UPDATE {kind.table} SET privileges = ? WHERE parent = ? AND child = ?",
                (json.dumps(sorted(held)), parent, child),
            )
        self._epoch.move()

    def moved(self) -> None:
        """Say that memberships ended together with what they belonged to."""
        self._epoch.move()

    def _ids(self, query: str, key: str) -> list[str]:
        with self._database.reading() as db:
            return [row[0] for row in db.execute(query, (key,))]
