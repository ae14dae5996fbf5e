"""Who belongs to a site, as its pages show it: members of its cluster, and the invites that still let somebody in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import CLUSTER_USER
from fs2od.node.zone.tokens import NamedToken
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors, privileges, tokens
from fs2od.onedata.ids import TokenId, UserId, new_entity_id
from fs2od.onedata.tokens import InviteToken, InviteType, Time

__all__ = ["OpenInvite", "Role", "SiteMember", "end_invite", "invite", "invites", "members", "remove"]

Role = Literal["administrator", "viewer"]
_GIVEN = {"administrator": privileges.CLUSTER_ADMIN, "viewer": privileges.CLUSTER_MEMBER}
_SHORTEST, _LONGEST = timedelta(days=1), timedelta(days=365)


@dataclass(frozen=True)
class SiteMember:
    """Somebody of a site. `role` is None to those who may not know who may do what."""

    user: UserId
    name: str
    role: Role | None


@dataclass(frozen=True)
class OpenInvite:
    """An invite that lets somebody in: until when, in seconds since 1970, and how often; None: without limit."""

    id: TokenId
    role: Role
    inviter: UserId
    inviter_name: str
    until_s: int | None
    uses_left: int | None


def members(zone: Zone, caller: Caller, cluster: str) -> list[SiteMember]:
    """Return who belongs to a site, its administrators first.

    Raises:
        Forbidden: Without cluster_view.
    """
    user = zone.rights.require_cluster(caller, cluster, "cluster_view")
    is_told = "cluster_view_privileges" in (zone.rights.cluster_privileges(user, cluster) or ())
    found = [
        SiteMember(each, zone.users.get(each).full_name, _role_of(_held(zone, cluster, each)) if is_told else None)
        for each in zone.users.of_cluster(cluster)
    ]
    return sorted(found, key=lambda each: (each.role != "administrator", each.name.casefold(), each.user))


def invite(zone: Zone, caller: Caller, cluster: str, role: Role, valid_for: timedelta) -> NamedToken:
    """Return a new invite for one person.

    Raises:
        Rejected: badValueNotInRange, for so long none works; inviteTokenSubjectNotAuthorized, without cluster_add_user, or for
            administrators without cluster_set_privileges.
    """
    user = zone.rights.require_cluster(caller, cluster, "cluster_add_user")
    if not _SHORTEST <= valid_for <= _LONGEST:
        raise errors.bad_value("NotInRange", "days", "must be from 1 to 365", low=1, high=_LONGEST.days)
    kind, given = InviteToken(InviteType.USER_JOIN_CLUSTER, cluster), _GIVEN[role] if role == "administrator" else None
    zone.invites.require_may_invite(user, kind, with_privileges=given is not None)
    return zone.tokens.issue_named(
        user,
        f"site invite {new_entity_id()[:12]}",
        kind=kind,
        caveats=[Time(int((zone.clock.now() + valid_for).timestamp()))],
        usage_limit=1,
        privileges=given,
    )


def invites(zone: Zone, caller: Caller, cluster: str) -> list[OpenInvite]:
    """Return the invites that work, the newest first, to whoever may invite.

    Raises:
        Forbidden: Without cluster_add_user.
    """
    zone.rights.require_cluster(caller, cluster, "cluster_add_user")
    found = [_as_open(zone, each) for each in _open(zone, cluster)]
    return found[::-1]


def end_invite(zone: Zone, caller: Caller, cluster: str, which: TokenId) -> None:
    """End an invite: one's own, or with cluster_remove_user anybody's.

    Raises:
        NotFound: No such invite works.
        Forbidden: It is not the caller's to end.
    """
    user = zone.rights.require_cluster(caller, cluster, "cluster_add_user")
    found = next((each for each in _open(zone, cluster) if each.id == which), None)
    if found is None:
        raise errors.not_found()
    if found.user != user:
        zone.rights.require_cluster(caller, cluster, "cluster_remove_user")
    zone.tokens.change(which, revoked=True)


def remove(zone: Zone, caller: Caller, cluster: str, who: UserId) -> None:
    """Take somebody out of a site, or leave it. Somebody who can change it always stays.

    Raises:
        NotFound: They do not belong to it.
        Forbidden: Without cluster_remove_user, but for oneself.
        Rejected: cannotRemoveLastOwner: they are the last administrator.
    """
    zone.rights.require_cluster(caller, cluster, *(() if who == caller.user else ("cluster_remove_user",)))
    held = _held(zone, cluster, who)
    others = [each for each in zone.users.of_cluster(cluster) if each != who]
    if _role_of(held) == "administrator" and not any(
        _role_of(_held(zone, cluster, each)) == "administrator" for each in others
    ):
        said = "The last administrator stays: invite another one first."
        raise errors.error_of("cannotRemoveLastOwner", said)
    zone.memberships.remove(CLUSTER_USER, cluster, who)


def _held(zone: Zone, cluster: str, user: UserId) -> list[str]:
    return zone.memberships.privileges(CLUSTER_USER, cluster, user)


def _role_of(held: list[str]) -> Role:
    return "administrator" if "cluster_update" in held else "viewer"


def _open(zone: Zone, cluster: str) -> list[NamedToken]:
    now_s = zone.clock.now_s()
    return [each for each in zone.tokens.invites_to(cluster) if _lets_in(zone, each, now_s)]


def _lets_in(zone: Zone, token: NamedToken, now_s: int) -> bool:
    kind, until_s = token.kind, tokens.valid_until_s(token.caveats)
    is_over = token.revoked or (until_s is not None and now_s >= until_s) or _left(token) == 0
    if is_over or not isinstance(kind, InviteToken) or kind.invite_type is not InviteType.USER_JOIN_CLUSTER:
        return False
    try:
        zone.invites.require_may_invite(token.user, kind, with_privileges=bool(token.privileges))
    except errors.ServiceError:
        return False
    return True


def _left(token: NamedToken) -> int | None:
    return None if token.usage_limit is None else max(0, token.usage_limit - token.usage_count)


def _as_open(zone: Zone, token: NamedToken) -> OpenInvite:
    return OpenInvite(
        token.id,
        _role_of(list(token.privileges)),
        token.user,
        zone.users.get(token.user).full_name,
        tokens.valid_until_s(token.caveats),
        _left(token),
    )
