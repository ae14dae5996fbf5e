"""Invites beyond Onedata: with a label, limited in uses and time, with a memory of who came in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Literal

from fs2od.errors import ConfigurationError
from fs2od.mail import parse_mailbox
from fs2od.node.clock import Clock
from fs2od.node.zone.accounts import Pace
from fs2od.node.zone.activity import Activity
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.invite_memory import KINDS, InviteMemory, InviteRecord, Joined, MadeBy, parent_type_of, record_of
from fs2od.node.zone.invites import Invites
from fs2od.node.zone.memberships import Memberships
from fs2od.node.zone.notices import AccessEnded, Invited, Notices
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.tokens import NamedToken, Tokens
from fs2od.onedata import errors
from fs2od.onedata.ids import GroupId, SpaceId, TokenId, UserId, new_entity_id
from fs2od.onedata.tokens import InviteToken, Time
from fs2od.sqlite import Database

__all__ = ["DEFAULT_USES", "DEFAULT_VALID_FOR", "InviteBook"]

DEFAULT_USES = 20
DEFAULT_VALID_FOR = timedelta(days=30)
_MOST_USES = 10_000
_LONGEST = timedelta(days=3660)
_LONGEST_LABEL = 100
_MOST_LETTERS = 50


class InviteBook:
    """Makes, shows and ends invites."""

    def __init__(
        self,
        database: Database,
        rights: Rights,
        memberships: Memberships,
        invites: Invites,
        tokens: Tokens,
        clock: Clock,
        notices: Notices,
        activity: Activity,
    ) -> None:
        self._database = database
        self._rights = rights
        self._memberships = memberships
        self._invites = invites
        self._tokens = tokens
        self._clock = clock
        self._notices = notices
        self._activity = activity
        self._memory = InviteMemory(database)
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
            parent_type = KINDS[kind.invite_type][0].parent_type
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
        note = self._memory.notes([old.id]).get(old.id)
        label = note[0] if note else ""
        return self.make(caller, old.kind, label=label, privileges=old.privileges, uses=uses, valid_for=valid_for)

    def of_target(self, caller: Caller, target_type: Literal["group", "space"], target: str) -> list[InviteRecord]:
        """Return the invites to a group or space, oldest first, for whoever may invite there.

        Raises:
            Forbidden: The caller may not invite there.
        """
        user = self._require_inviter(caller, target_type, target)
        found = [token for token in self._tokens.invites_to(target) if parent_type_of(token) == target_type]
        notes, joined = (
            self._memory.notes([token.id for token in found]),
            self._memory.joined([token.id for token in found]),
        )
        names = self._memory.names([token.user for token in found])
        return [
            record_of(token, notes.get(token.id), joined.get(token.id, ()), names.get(token.user, ""), seen_by=user)
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
        membership, _, removing = KINDS[token.kind.invite_type]
        target = token.kind.target_id
        if token.user != user or with_members:
            self._require(caller, membership.parent_type, target, removing)
        leaving = [each for each in self._memory.joined([invite]).get(invite, ()) if with_members and each.id != user]
        label = self._memory.notes([invite]).get(invite, (token.name, ""))[0]
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
        parent_type = parent_type_of(token)
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


def _require_sense(label: str, uses: int, valid_for: timedelta) -> None:
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise errors.bad_value("String", "label", f"must be at most {_LONGEST_LABEL} printable characters")
    if not 1 <= uses <= _MOST_USES:
        raise errors.bad_value("NotInRange", "uses", f"must be between 1 and {_MOST_USES}", low=1, high=_MOST_USES)
    longest = int(_LONGEST.total_seconds())
    if not timedelta(seconds=1) <= valid_for <= _LONGEST:
        raise errors.bad_value("NotInRange", "validForS", f"must be between 1 and {longest}", low=1, high=longest)
