"""Invites: who may make one, and what consuming one does. What we remember of them beyond Onedata is in `invite_book`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address

from fs2od.node.clock import Clock
from fs2od.node.zone.activity import Activity
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.credentials import Credentials
from fs2od.node.zone.memberships import (
    CLUSTER_USER,
    GROUP_GROUP,
    GROUP_USER,
    SPACE_GROUP,
    SPACE_USER,
    Kind,
    Memberships,
)
from fs2od.node.zone.notices import Accepted, Notices
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.tokens import Tokens
from fs2od.onedata import errors, privileges
from fs2od.onedata.ids import GroupId, SpaceId, UserId
from fs2od.onedata.tokens import Identifier, InviteToken, InviteType, Named, Subject, Token
from fs2od.sqlite import Database

__all__ = ["Invites"]

# What the creator must be allowed, when making the token and again when it is used; semantics of Onedata §3.
_GROUP_RIGHTS = {InviteType.USER_JOIN_GROUP: "group_add_user", InviteType.GROUP_JOIN_GROUP: "group_add_child"}
_SPACE_RIGHTS = {
    InviteType.USER_JOIN_SPACE: "space_add_user",
    InviteType.GROUP_JOIN_SPACE: "space_add_group",
    InviteType.SUPPORT_SPACE: "space_add_support",
}
_CLUSTER_RIGHTS = {InviteType.USER_JOIN_CLUSTER: "cluster_add_user"}
_JOINS: dict[InviteType, tuple[Kind, frozenset[str]]] = {
    InviteType.USER_JOIN_GROUP: (GROUP_USER, frozenset(privileges.GROUP_MEMBER)),
    InviteType.GROUP_JOIN_GROUP: (GROUP_GROUP, frozenset(privileges.GROUP_MEMBER)),
    InviteType.USER_JOIN_SPACE: (SPACE_USER, frozenset(privileges.SPACE_MEMBER)),
    InviteType.GROUP_JOIN_SPACE: (SPACE_GROUP, frozenset(privileges.SPACE_MEMBER)),
    InviteType.USER_JOIN_CLUSTER: (CLUSTER_USER, frozenset(privileges.CLUSTER_MEMBER)),
}


class Invites:
    """Judges and consumes invite tokens."""

    def __init__(
        self,
        database: Database,
        memberships: Memberships,
        rights: Rights,
        tokens: Tokens,
        credentials: Credentials,
        clock: Clock,
        notices: Notices,
        activity: Activity,
    ) -> None:
        self._database = database
        self._memberships = memberships
        self._rights = rights
        self._tokens = tokens
        self._credentials = credentials
        self._clock = clock
        self._notices = notices
        self._activity = activity

    def require_may_invite(self, user: UserId, kind: InviteToken, *, with_privileges: bool) -> None:
        """Make sure that `user` may invite to the target, and choose privileges if they do.

        Raises:
            Rejected: inviteTokenSubjectNotAuthorized; inviteTokenTargetIdInvalid; notSupported for kinds without a target here.
        """
        if kind.invite_type in _GROUP_RIGHTS:
            needed = {_GROUP_RIGHTS[kind.invite_type], *(["group_set_privileges"] if with_privileges else [])}
            held = self._rights.group_privileges(user, GroupId(kind.target_id), needed=needed)
        elif kind.invite_type in _SPACE_RIGHTS:
            needed = {_SPACE_RIGHTS[kind.invite_type], *(["space_set_privileges"] if with_privileges else [])}
            held = self._rights.space_privileges(user, SpaceId(kind.target_id), needed=needed)
        elif kind.invite_type in _CLUSTER_RIGHTS:
            needed = {_CLUSTER_RIGHTS[kind.invite_type], *(["cluster_set_privileges"] if with_privileges else [])}
            held = self._rights.cluster_privileges(user, kind.target_id)
        else:
            raise errors.error_of("notSupported", f"Invites of type {kind.invite_type.value} are not supported here.")
        if held is None and not self._exists(kind):
            said = "The target of the invite does not exist."
            raise errors.error_of("inviteTokenTargetIdInvalid", said, {"id": kind.target_id})
        if not needed <= (held or frozenset()):
            said = "The creator of the invite token may not invite to this target."
            raise errors.error_of("inviteTokenSubjectNotAuthorized", said)

    def join(
        self,
        caller: Caller,
        token: Token,
        expected: InviteType,
        *,
        peer_ip: IPv4Address | IPv6Address | None,
        joining: str | None = None,
    ) -> str:
        """Consume an invite and return the id of what was joined.

        Args:
            caller: Who consumes it.
            token: The invite.
            expected: What kind of invite belongs to the endpoint.
            peer_ip: Where the request comes from.
            joining: The group that joins, for invites of groups; else the caller joins.

        Raises:
            Rejected: The token is not valid, of another kind, used up, or its creator lost the right.
            Conflict: relationAlreadyExists.
        """
        user = self._rights.require_user(caller)
        caller.require_all_access()
        identifier, kind = self.verified(token, expected, user, peer_ip)
        membership, default = _JOINS[expected]
        carried = default
        if isinstance(identifier.persistence, Named):
            carried = frozenset(self._tokens.named(identifier.token_id).privileges) or default
        child = joining or user
        with self._database.writing() as db:
            self._memberships.insert(db, membership, kind.target_id, child, carried)
            self._tokens.count_use(db, identifier)
            row = (membership.table, kind.target_id, child, identifier.token_id, self._clock.now_s())
            db.execute("INSERT INTO joined_through (kind, parent, child, token, at) VALUES (?, ?, ?, ?, ?)", row)
            if membership is not CLUSTER_USER:
                parent_type = membership.parent_type
                self._activity.note_member(db, parent_type, kind.target_id, "joined", actor=user, who=child)
        self._memberships.moved()
        if membership is not CLUSTER_USER:  # its letter speaks of a dataset
            inviter = UserId(identifier.subject.id)
            self._notices.tell(Accepted(inviter, who=user, target=kind.target_id, target_type=membership.parent_type))
        return kind.target_id

    def verified(
        self, token: Token, expected: InviteType, user: UserId, peer_ip: IPv4Address | IPv6Address | None
    ) -> tuple[Identifier, InviteToken]:
        """Return what a valid invite of the expected kind says, its creator's right judged again.

        Raises:
            Rejected: As for `join`.
        """
        consumer = Subject("user", user)
        groups = partial(self._rights.effective_groups, user)
        context = replace(self._credentials.circumstances(peer_ip), consumer=consumer, consumer_groups=groups)
        identifier, kind = self._credentials.invitation(token, context)
        if kind.invite_type is not expected:
            details = {
                "expectedInviteType": expected.value,
                "received": {"inviteToken": {"inviteType": kind.invite_type.value}},
            }
            raise errors.error_of("notAnInviteToken", f"The token is not an invite of type {expected.value}.", details)
        with_privileges = False
        if isinstance(identifier.persistence, Named):
            with_privileges = bool(self._tokens.named(identifier.token_id).privileges)
        self.require_may_invite(UserId(identifier.subject.id), kind, with_privileges=with_privileges)
        return identifier, kind

    def _exists(self, kind: InviteToken) -> bool:
        query = "SELECT 1 FROM space WHERE id = ?"
        if kind.invite_type in _GROUP_RIGHTS:
            query = "SELECT 1 FROM user_group WHERE id = ?"
        elif kind.invite_type in _CLUSTER_RIGHTS:
            query = "SELECT 1 FROM provider WHERE cluster = ?"
        with self._database.reading() as db:
            return db.execute(query, (kind.target_id,)).fetchone() is not None
