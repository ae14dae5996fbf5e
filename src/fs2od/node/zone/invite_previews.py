"""What invites are, shown to those who hold them before they use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address

from fs2od.node.zone.callers import Caller
from fs2od.node.zone.credentials import Credentials
from fs2od.node.zone.invite_memory import KINDS, InviteMemory
from fs2od.node.zone.invites import Invites
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.tokens import Tokens
from fs2od.onedata import errors, privileges, tokens
from fs2od.onedata.ids import GroupId, SpaceId, UserId
from fs2od.onedata.roles import words_of
from fs2od.onedata.tokens import InviteToken, InviteType, Named, Subject, Token
from fs2od.sqlite import Database

__all__ = ["InvitePreviews", "Preview"]

_MOST_SPACES = 20


@dataclass(frozen=True)
class Preview:
    """What the bearer of an invite may know before they use it.

    Attributes:
        kind: What it invites to.
        target_name: The group's or the space's name.
        spaces: The names of the spaces that a group reaches, or the space's own.
        inviter_name: Who made it.
        from_manager: Whether who made it manages the dataset as a whole, as a facility does.
        rights: What those who use it may do, as keys of texts, the weightiest last.
        until_s: When it ends, in seconds since 1970; None: never.
        uses_left: How often it can still be used; None: without limit.
        is_member: Whether the caller is in already, also through a group.
    """

    kind: InviteType
    target_name: str
    spaces: tuple[str, ...]
    inviter_name: str
    from_manager: bool
    rights: tuple[str, ...]
    until_s: int | None
    uses_left: int | None
    is_member: bool


class InvitePreviews:
    """Says what an invite is, and what people call that which it leads to."""

    def __init__(
        self, database: Database, rights: Rights, invites: Invites, tokens: Tokens, credentials: Credentials
    ) -> None:
        self._database = database
        self._rights = rights
        self._invites = invites
        self._tokens = tokens
        self._credentials = credentials
        self._memory = InviteMemory(database)

    def preview(self, caller: Caller, token: Token, *, peer_ip: IPv4Address | IPv6Address | None) -> Preview:
        """Return what an invite is, for whoever holds it; it is not used up by that.

        Raises:
            Rejected: It could not be used either: the error is the one that using it would end with.
        """
        context = self._credentials.circumstances(peer_ip)
        if caller.user is not None:
            groups = partial(self._rights.effective_groups, caller.user)
            context = replace(context, consumer=Subject("user", caller.user), consumer_groups=groups)
        identifier, kind = self._credentials.invitation(token, context)
        is_of_site = kind.invite_type is InviteType.USER_JOIN_CLUSTER
        if kind.invite_type not in KINDS and not is_of_site:
            details = {"expectedInviteType": "any", "received": tokens.kind_to_json(kind)}
            raise errors.error_of("notAnInviteToken", "The token is not an invite for people or groups.", details)
        named = self._tokens.named(identifier.token_id) if isinstance(identifier.persistence, Named) else None
        carried = named.privileges if named else ()
        inviter = UserId(identifier.subject.id)
        self._invites.require_may_invite(inviter, kind, with_privileges=bool(carried))
        left = None if named is None or named.usage_limit is None else max(0, named.usage_limit - named.usage_count)
        if left == 0:
            raise errors.error_of("inviteTokenUsageLimitReached", "The invite token has been used up.")
        if is_of_site:
            until_s = tokens.valid_until_s(tokens.examine(token).caveats)
            seen = self._site_preview(caller, kind, carried)
            return replace(
                seen, inviter_name=self._memory.names([inviter]).get(inviter, ""), until_s=until_s, uses_left=left
            )
        return Preview(
            kind=kind.invite_type,
            target_name=self._target_name(kind),
            spaces=self._spaces(kind),
            inviter_name=self._memory.names([inviter]).get(inviter, ""),
            from_manager=self._manages(inviter, kind),
            rights=self._rights_in(kind, carried),
            until_s=tokens.valid_until_s(tokens.examine(token).caveats),
            uses_left=left,
            is_member=self._is_member(caller, kind),
        )

    def _site_preview(self, caller: Caller, kind: InviteToken, carried: Sequence[str]) -> Preview:
        with self._database.reading() as db:
            row = db.execute("SELECT name FROM provider WHERE cluster = ?", (kind.target_id,)).fetchone()
        held = None if caller.user is None else self._rights.cluster_privileges(caller.user, kind.target_id)
        return Preview(
            kind=kind.invite_type,
            target_name=str(row[0]) if row else "",
            spaces=(),
            inviter_name="",
            from_manager=False,
            rights=("look", "administer") if "cluster_update" in carried else ("look",),
            until_s=None,
            uses_left=None,
            is_member=held is not None,
        )

    def name_of(self, target: str, target_type: str) -> str:
        """Return what people call what is shared: the spaces that a group reaches, the group where there are none, or the space."""
        kind = InviteToken(InviteType.USER_JOIN_GROUP if target_type == "group" else InviteType.USER_JOIN_SPACE, target)
        return ", ".join(self._spaces(kind)) or self._target_name(kind)

    def _is_member(self, caller: Caller, kind: InviteToken) -> bool:
        membership = KINDS[kind.invite_type][0]
        if caller.user is None or membership.child_type != "user":
            return False
        rights = self._rights
        if membership.parent_type == "group":
            return rights.group_privileges(caller.user, GroupId(kind.target_id)) is not None
        return rights.space_privileges(caller.user, SpaceId(kind.target_id)) is not None

    def _target_name(self, kind: InviteToken) -> str:
        table = "user_group" if KINDS[kind.invite_type][0].parent_type == "group" else "space"
        with self._database.reading() as db:
            row = db.execute(f"SELECT name FROM {table} WHERE id = ?", (kind.target_id,)).fetchone()
        return str(row[0]) if row else ""

    def _spaces(self, kind: InviteToken) -> tuple[str, ...]:
        if KINDS[kind.invite_type][0].parent_type == "space":
            return (self._target_name(kind),)
        query = """SELECT name FROM space JOIN space_group ON parent = space.id WHERE child = ? ORDER BY name LIMIT ?"""
        with self._database.reading() as db:
            return tuple(row[0] for row in db.execute(query, (kind.target_id, _MOST_SPACES)))

    def _manages(self, user: UserId, kind: InviteToken) -> bool:
        query = "SELECT parent FROM space_group WHERE child = :target UNION SELECT id FROM space WHERE id = :target LIMIT :most"
        with self._database.reading() as db:
            rows = db.execute(query, {"target": kind.target_id, "most": _MOST_SPACES}).fetchall()
        held = [self._rights.space_privileges(user, SpaceId(row[0])) or frozenset() for row in rows]
        return bool(held) and all("space_delete" in each for each in held)

    def _rights_in(self, kind: InviteToken, carried: Sequence[str]) -> tuple[str, ...]:
        held = set(carried)
        if KINDS[kind.invite_type][0].parent_type == "group":
            query = "SELECT value FROM space_group, json_each(space_group.privileges) WHERE child = ?"
            with self._database.reading() as db:
                held |= {row[0] for row in db.execute(query, (kind.target_id,))}
        elif not held:
            held = {str(each) for each in privileges.SPACE_MEMBER}
        return words_of(held)
