"""Invites beyond Onedata: with a label, limited in uses and time, with a memory of who came in, shown before they are used."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from fs2od.errors import ConfigurationError
from fs2od.mail import parse_mailbox
from fs2od.node.clock import Clock
from fs2od.node.zone.accounts import Pace
from fs2od.node.zone.activity import Activity
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.credentials import Credentials
from fs2od.node.zone.invites import Invites
from fs2od.node.zone.memberships import GROUP_GROUP, GROUP_USER, SPACE_GROUP, SPACE_USER, Memberships
from fs2od.node.zone.notices import AccessEnded, Invited, Notices
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.tokens import NamedToken, Tokens
from fs2od.onedata import errors, privileges, tokens
from fs2od.onedata.ids import GroupId, SpaceId, TokenId, UserId, new_entity_id
from fs2od.onedata.roles import words_of
from fs2od.onedata.tokens import InviteToken, InviteType, Named, Subject, Time, Token
from fs2od.sqlite import Database

__all__ = ["DEFAULT_USES", "DEFAULT_VALID_FOR", "InviteBook", "InviteRecord", "Joined", "MadeBy", "Preview"]

DEFAULT_USES = 20
DEFAULT_VALID_FOR = timedelta(days=30)
_MOST_USES = 10_000
_LONGEST = timedelta(days=3660)
_LONGEST_LABEL = 100
_MOST_SPACES = 20
_MOST_LETTERS = 50

MadeBy = Literal["page", "facility", "api"]

# What each kind of invite makes of those who use it, and who may see and end it besides its maker.
_KINDS = {
    InviteType.USER_JOIN_GROUP: (GROUP_USER, "group_add_user", "group_remove_user"),
    InviteType.GROUP_JOIN_GROUP: (GROUP_GROUP, "group_add_child", "group_remove_child"),
    InviteType.USER_JOIN_SPACE: (SPACE_USER, "space_add_user", "space_remove_user"),
    InviteType.GROUP_JOIN_SPACE: (SPACE_GROUP, "space_add_group", "space_remove_group"),
}


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


class InviteBook:
    """Makes, shows, previews and ends invites."""

    def __init__(
        self,
        database: Database,
        rights: Rights,
        memberships: Memberships,
        invites: Invites,
        tokens: Tokens,
        credentials: Credentials,
        clock: Clock,
        notices: Notices,
        activity: Activity,
    ) -> None:
        self._database = database
        self._rights = rights
        self._memberships = memberships
        self._invites = invites
        self._tokens = tokens
        self._credentials = credentials
        self._clock = clock
        self._notices = notices
        self._activity = activity
        self._by_mail = Pace(clock, most=_MOST_LETTERS, within=timedelta(hours=1))

    def make(
        self,
        caller: Caller,
        kind: InviteToken,
        *,
        label: str = "",
        privileges: Collection[str] = (),
        uses: int = DEFAULT_USES,
        valid_for: timedelta = DEFAULT_VALID_FOR,
        made_by: MadeBy = "page",
        address: str | None = None,
    ) -> NamedToken:
        """Return a new invite, always limited in uses and time.

        Args:
            caller: Who invites.
            kind: What to.
            label: A name for people; empty is fine.
            privileges: What it gives; empty: what members have.
            uses: How often it can be used.
            valid_for: How long it works.
            made_by: Where it comes from.
            address: Whom to send it to by mail, if the inviter wants that.

        Raises:
            Unauthorized: A guest.
            Rejected: inviteTokenSubjectNotAuthorized, inviteTokenTargetIdInvalid; or a value makes no sense.
            Busy: The caller had too many letters sent.
        """
        user = self._rights.require_user(caller)
        caller.require_all_access()
        _require_sense(label, uses, valid_for)
        if address is not None:
            self._require_may_write(user, address)
        self._invites.require_may_invite(user, kind, with_privileges=bool(privileges))
        until_s = int((self._clock.now() + valid_for).timestamp())
        made = self._tokens.issue_named(
            user,
            f"invite {new_entity_id()[:12]}",
            kind=kind,
            caveats=[Time(until_s)],
            usage_limit=uses,
            privileges=privileges or None,
        )
        with self._database.writing() as db:
            db.execute("INSERT INTO invite_note (token, label, made_by) VALUES (?, ?, ?)", (made.id, label, made_by))
            parent_type = _KINDS[kind.invite_type][0].parent_type
            self._activity.note_at(db, parent_type, kind.target_id, "invited", actor=user, subject=label)
        if address is not None:
            self._notices.tell(Invited(address, user, made.id, kind.target_id, parent_type))
        return made

    def renew(
        self, caller: Caller, invite: TokenId, *, uses: int = DEFAULT_USES, valid_for: timedelta = DEFAULT_VALID_FOR
    ) -> NamedToken:
        """Return a new invite like an old one, in the caller's name; the old one stays as it is.

        So an owner renews what the facility made and what has ended since.

        Raises:
            NotFound: There is no such invite, or the caller may not know of it.
            Rejected: As for `make`.
        """
        user = self._rights.require_user(caller)
        old = self._visible(caller, user, invite)
        assert isinstance(old.kind, InviteToken)
        note = self._notes([old.id]).get(old.id)
        label = note[0] if note else ""
        return self.make(caller, old.kind, label=label, privileges=old.privileges, uses=uses, valid_for=valid_for)

    def of_target(self, caller: Caller, target_type: Literal["group", "space"], target: str) -> list[InviteRecord]:
        """Return the invites to a group or space, oldest first, for whoever may invite there.

        Raises:
            Forbidden: The caller may not invite there.
        """
        user = self._require_inviter(caller, target_type, target)
        found = [token for token in self._tokens.invites_to(target) if _parent_type(token) == target_type]
        notes, joined = self._notes([token.id for token in found]), self._joined([token.id for token in found])
        names = self._names([token.user for token in found])
        return [
            _record(token, notes.get(token.id), joined.get(token.id, ()), names.get(token.user, ""), seen_by=user)
            for token in found
        ]

    def end(self, caller: Caller, invite: TokenId, *, with_members: bool = False) -> list[Joined]:
        """End an invite; with its members, also the memberships that came through it. Return those whose membership ended.

        The caller stays in, also if they came in through it.

        Raises:
            NotFound: There is no such invite, or the caller may not know of it.
            Forbidden: The caller may not end it, or may not remove members.
        """
        user = self._rights.require_user(caller)
        caller.require_all_access()
        token = self._visible(caller, user, invite)
        assert isinstance(token.kind, InviteToken)
        membership, _, removing = _KINDS[token.kind.invite_type]
        target = token.kind.target_id
        if token.user != user or with_members:
            self._require(caller, membership.parent_type, target, removing)
        leaving = [each for each in self._joined([invite]).get(invite, ()) if with_members and each.id != user]
        label = self._notes([invite]).get(invite, (token.name, ""))[0]
        with self._database.writing() as db:
            db.execute("UPDATE named_token SET revoked = 1 WHERE id = ?", (invite,))
            query = f"DELETE FROM {membership.table} WHERE parent = ? AND child = ?"
            db.executemany(query, [(target, each.id) for each in leaving])
            parent_type = membership.parent_type
            if not token.revoked:
                self._activity.note_at(db, parent_type, target, "invite_ended", actor=user, subject=label)
            for each in leaving:
                self._activity.note_at(db, parent_type, target, "removed", actor=user, subject=each.name)
        self._memberships.moved()
        for each in leaving:
            if each.type == "user":
                self._notices.tell(AccessEnded(UserId(each.id), target, membership.parent_type))
        return leaving

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
        if kind.invite_type not in _KINDS and not is_of_site:
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
            return replace(seen, inviter_name=self._names([inviter]).get(inviter, ""), until_s=until_s, uses_left=left)
        return Preview(
            kind=kind.invite_type,
            target_name=self._target_name(kind),
            spaces=self._spaces(kind),
            inviter_name=self._names([inviter]).get(inviter, ""),
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

    def _require_may_write(self, user: UserId, address: str) -> None:
        try:
            parse_mailbox(address)
        except ConfigurationError as error:
            raise errors.bad_value("String", "address", "is no mail address") from error
        wait_s = self._by_mail.wait_s(user)
        if wait_s:
            said = "You have sent many invites by mail: wait, or hand the tokens on yourself."
            raise errors.Busy("tooManyRequests", said, status=429, retry_after_s=wait_s)
        self._by_mail.note(user)

    def _visible(self, caller: Caller, user: UserId, invite: TokenId) -> NamedToken:
        token = self._tokens.named(invite)
        parent_type = _parent_type(token)
        if parent_type is None:
            raise errors.not_found()
        if token.user != user:
            assert isinstance(token.kind, InviteToken)
            try:
                self._require_inviter(caller, parent_type, token.kind.target_id)
            except errors.Forbidden as error:
                raise errors.not_found() from error
        return token

    def _require_inviter(self, caller: Caller, target_type: str, target: str) -> UserId:
        return self._require(caller, target_type, target, f"{target_type}_add_user")

    def _require(self, caller: Caller, target_type: str, target: str, needed: str) -> UserId:
        if target_type == "group":
            return self._rights.require_group(caller, GroupId(target), needed, admin="oz_groups_update")
        caller.require_all_access()
        return self._rights.require_space(caller, SpaceId(target), needed, admin="oz_spaces_update")

    def _is_member(self, caller: Caller, kind: InviteToken) -> bool:
        membership = _KINDS[kind.invite_type][0]
        if caller.user is None or membership.child_type != "user":
            return False
        rights = self._rights
        if membership.parent_type == "group":
            return rights.group_privileges(caller.user, GroupId(kind.target_id)) is not None
        return rights.space_privileges(caller.user, SpaceId(kind.target_id)) is not None

    def _target_name(self, kind: InviteToken) -> str:
        table = "user_group" if _KINDS[kind.invite_type][0].parent_type == "group" else "space"
        with self._database.reading() as db:
            row = db.execute(f"SELECT name FROM {table} WHERE id = ?", (kind.target_id,)).fetchone()
        return str(row[0]) if row else ""

    def _spaces(self, kind: InviteToken) -> tuple[str, ...]:
        if _KINDS[kind.invite_type][0].parent_type == "space":
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
        if _KINDS[kind.invite_type][0].parent_type == "group":
            query = "SELECT value FROM space_group, json_each(space_group.privileges) WHERE child = ?"
            with self._database.reading() as db:
                held |= {row[0] for row in db.execute(query, (kind.target_id,))}
        elif not held:
            held = {str(each) for each in privileges.SPACE_MEMBER}
        return words_of(held)

    def _notes(self, invites: Sequence[TokenId]) -> dict[TokenId, tuple[str, MadeBy]]:
        query = f"SELECT token, label, made_by FROM invite_note WHERE token IN ({_marks(invites)})"
        with self._database.reading() as db:
            return {TokenId(row[0]): (row[1], row[2]) for row in db.execute(query, invites)}

    def _joined(self, invites: Sequence[TokenId]) -> dict[TokenId, tuple[Joined, ...]]:
        query = f"""SELECT j.token, j.kind, j.child, j.at, coalesce(u.full_name, g.name, '') AS name FROM joined_through AS j
            LEFT JOIN user AS u ON u.id = j.child LEFT JOIN user_group AS g ON g.id = j.child
            WHERE j.token IN ({_marks(invites)}) ORDER BY j.at, name, j.child"""
        found: defaultdict[TokenId, list[Joined]] = defaultdict(list)
        with self._database.reading() as db:
            for row in db.execute(query, invites):
                found[TokenId(row["token"])].append(_joined(row))
        return {token: tuple(joined) for token, joined in found.items()}

    def _names(self, users: Sequence[UserId]) -> dict[UserId, str]:
        query = f"SELECT id, full_name FROM user WHERE id IN ({_marks(users)})"
        with self._database.reading() as db:
            return {UserId(row[0]): row[1] for row in db.execute(query, users)}


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _joined(row: sqlite3.Row) -> Joined:
    return Joined("user" if row["kind"].endswith("user") else "group", row["child"], row["name"], row["at"])


def _parent_type(token: NamedToken) -> str | None:
    kind = token.kind
    known = isinstance(kind, InviteToken) and kind.invite_type in _KINDS
    return _KINDS[kind.invite_type][0].parent_type if known and isinstance(kind, InviteToken) else None


def _record(
    token: NamedToken,
    note: tuple[str, MadeBy] | None,
    joined: tuple[Joined, ...],
    inviter_name: str,
    *,
    seen_by: UserId,
) -> InviteRecord:
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


def _require_sense(label: str, uses: int, valid_for: timedelta) -> None:
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise errors.bad_value("String", "label", f"must be at most {_LONGEST_LABEL} printable characters")
    if not 1 <= uses <= _MOST_USES:
        raise errors.bad_value("NotInRange", "uses", f"must be between 1 and {_MOST_USES}", low=1, high=_MOST_USES)
    longest = int(_LONGEST.total_seconds())
    if not timedelta(seconds=1) <= valid_for <= _LONGEST:
        raise errors.bad_value("NotInRange", "validForS", f"must be between 1 and {longest}", low=1, high=longest)
