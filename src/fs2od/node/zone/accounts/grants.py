"""What a provider of identities says of a person, turned into memberships and privileges, and taken back when it says so no more."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from fs2od.node.zone.accounts.identities import Identity
from fs2od.node.zone.epoch import Epoch
from fs2od.onedata import privileges
from fs2od.onedata.ids import GroupId, UserId
from fs2od.sqlite import Database

__all__ = ["Grant", "Grants"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Grant:
    """What a claim brings: membership of a group, or privileges of the zone, or both."""

    group: GroupId | None = None
    privileges: tuple[str, ...] = ()

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield each single thing that is granted, as its kind and what."""
        if self.group is not None:
            yield "group", self.group
        for privilege in self.privileges:
            yield "privilege", privilege


class Grants:
    """Brings what a person holds in line with what their provider says at each sign-in.

    Only what came this way goes this way: what somebody was given otherwise, they keep.
    """

    def __init__(self, database: Database, epoch: Epoch) -> None:
        self._database = database
        self._epoch = epoch

    def apply(self, identity: Identity, grants: Collection[Grant]) -> None:
        """Give what `grants` say, and take back what came through this identity before and is not among them."""
        wanted = {target for grant in grants for target in grant.targets()}
        with self._database.writing() as db:
            rows = db.execute("SELECT kind, target FROM identity_grant WHERE identity = ?", (identity.id,))
            held = {(row[0], row[1]) for row in rows}
            for kind, target in sorted(held - wanted):
                self._take(db, identity, kind, target)
            for kind, target in sorted(wanted - held):
                self._give(db, identity, kind, target)
        if held != wanted:
            self._epoch.move()

    def _give(self, db: sqlite3.Connection, identity: Identity, kind: str, target: str) -> None:
        if kind == "group":
            if not db.execute("SELECT 1 FROM user_group WHERE id = ?", (target,)).fetchone():
                _log.warning("sign-in: the configured group %s does not exist", target)
                return
            row = (target, identity.user, json.dumps(sorted(privileges.GROUP_MEMBER)))
            given = db.execute("INSERT OR IGNORE INTO group_user (parent, child, privileges) VALUES (?, ?, ?)", row)
        else:
            given = db.execute("INSERT OR IGNORE INTO user_privilege VALUES (?, ?)", (identity.user, target))
        if given.rowcount:
            db.execute("INSERT INTO identity_grant VALUES (?, ?, ?)", (identity.id, kind, target))

    def _take(self, db: sqlite3.Connection, identity: Identity, kind: str, target: str) -> None:
        db.execute(
            "DELETE FROM identity_grant WHERE identity = ? AND kind = ? AND target = ?", (identity.id, kind, target)
        )
        _end(db, identity.user, kind, target)

    def forget(self, db: sqlite3.Connection, identity: str, user: UserId) -> None:
        """Take back all that came through an identity, inside the transaction that removes it; move the epoch after it."""
        rows = db.execute("SELECT kind, target FROM identity_grant WHERE identity = ?", (identity,)).fetchall()
        for row in rows:
            _end(db, user, row[0], row[1])


def _end(db: sqlite3.Connection, user: UserId, kind: str, target: str) -> None:
    if kind == "group":
        db.execute("DELETE FROM group_user WHERE parent = ? AND child = ?", (target, user))
    else:
        db.execute("DELETE FROM user_privilege WHERE user = ? AND privilege = ?", (user, target))
