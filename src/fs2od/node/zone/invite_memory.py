"""What is remembered of invites: their labels, who made them where, and who came in by which."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fs2od.node.zone.memberships import GROUP_GROUP, GROUP_USER, SPACE_GROUP, SPACE_USER
from fs2od.node.zone.tokens import NamedToken
from fs2od.onedata import tokens
from fs2od.onedata.ids import TokenId, UserId
from fs2od.onedata.tokens import InviteToken, InviteType, Token
from fs2od.sqlite import Database

__all__ = ["KINDS", "InviteMemory", "InviteRecord", "Joined", "MadeBy", "parent_type_of", "record_of"]

MadeBy = Literal["page", "facility", "api"]

KINDS = {
    InviteType.USER_JOIN_GROUP: (GROUP_USER, "group_add_user", "group_remove_user"),
    InviteType.GROUP_JOIN_GROUP: (GROUP_GROUP, "group_add_child", "group_remove_child"),
    InviteType.USER_JOIN_SPACE: (SPACE_USER, "space_add_user", "space_remove_user"),
    InviteType.GROUP_JOIN_SPACE: (SPACE_GROUP, "space_add_group", "space_remove_group"),
}
"""What each kind of invite makes of those who use it, and who may see and end it besides its maker."""


@dataclass(frozen=True)
class Joined:
    """Who came in through an invite, and when, in seconds since 1970."""

    type: str
    id: str
    name: str
    at_s: int


@dataclass(frozen=True)
class InviteRecord:
    """An invite as those see it who may invite to the same target. Its token is in it for its maker alone."""

    id: TokenId
    label: str
    made_by: MadeBy
    inviter: UserId
    inviter_name: str
    kind: InviteToken
    privileges: tuple[str, ...]
    created_s: int
    until_s: int | None
    uses: int
    usage_limit: int | None
    ended: bool
    joined: tuple[Joined, ...]
    token: Token | None


class InviteMemory:
    """Reads it, for callers whose right was judged elsewhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def notes(self, invites: Sequence[TokenId]) -> dict[TokenId, tuple[str, MadeBy]]:
        """Return the labels of invites, and where they were made."""
        query = f"SELECT token, label, made_by FROM invite_note WHERE token IN ({_marks(invites)})"
        with self._database.reading() as db:
            return {TokenId(row[0]): (row[1], row[2]) for row in db.execute(query, invites)}

    def joined(self, invites: Sequence[TokenId]) -> dict[TokenId, tuple[Joined, ...]]:
        """Return who came in by each of them, in the order of time."""
        query = f"""SELECT j.token, j.kind, j.child, j.at, coalesce(u.full_name, g.name, '') AS name FROM joined_through AS j
            LEFT JOIN user AS u ON u.id = j.child LEFT JOIN user_group AS g ON g.id = j.child
            WHERE j.token IN ({_marks(invites)}) ORDER BY j.at, name, j.child"""
        found: defaultdict[TokenId, list[Joined]] = defaultdict(list)
        with self._database.reading() as db:
            for row in db.execute(query, invites):
                found[TokenId(row["token"])].append(_joined(row))
        return {token: tuple(joined) for token, joined in found.items()}

    def names(self, users: Sequence[UserId]) -> dict[UserId, str]:
        """Return the full names of users."""
        query = f"SELECT id, full_name FROM user WHERE id IN ({_marks(users)})"
        with self._database.reading() as db:
            return {UserId(row[0]): row[1] for row in db.execute(query, users)}


def parent_type_of(token: NamedToken) -> str | None:
    """Return what an invite leads to, "group" or "space"; None for a token that is no such invite."""
    kind = token.kind
    known = isinstance(kind, InviteToken) and kind.invite_type in KINDS
    return KINDS[kind.invite_type][0].parent_type if known and isinstance(kind, InviteToken) else None


def record_of(
    token: NamedToken,
    note: tuple[str, MadeBy] | None,
    joined: tuple[Joined, ...],
    inviter_name: str,
    *,
    seen_by: UserId,
) -> InviteRecord:
    """Return an invite as `seen_by` sees it."""
    assert isinstance(token.kind, InviteToken)
    label, made_by = note or (token.name, "api")
    return InviteRecord(
        id=token.id,
        label=label,
        made_by=made_by,
        inviter=token.user,
        inviter_name=inviter_name,
        kind=token.kind,
        privileges=token.privileges,
        created_s=token.created_s,
        until_s=tokens.valid_until_s(token.caveats),
        uses=token.usage_count,
        usage_limit=token.usage_limit,
        ended=token.revoked,
        joined=joined,
        token=token.token if token.user == seen_by else None,
    )


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _joined(row: sqlite3.Row) -> Joined:
    return Joined("user" if row["kind"].endswith("user") else "group", row["child"], row["name"], row["at"])
