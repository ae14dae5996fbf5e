"""What fs2od's own node adds for invites and links: none of it is Onedata's, and `plain` switches it off."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from fs2od.onedata.ids import TokenId
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.codec import Document

__all__ = [
    "EndedInvite",
    "InviteDetails",
    "InviteEnd",
    "InviteMade",
    "InviteMember",
    "InvitePreview",
    "InviteRenewal",
    "InviteRequest",
    "Invites",
    "LinkChange",
    "LinkDetails",
    "LinkRule",
]

_Count = Annotated[int, Meta(ge=1)]
_Moment = Annotated[int, Meta(ge=0)]


class InviteRenewal(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST Z/fs2od/invites/{id}/renew: how often and for how long the new invite works."""

    uses: _Count | UnsetType = UNSET
    valid_for_s: _Count | UnsetType = UNSET


class InviteRequest(InviteRenewal, frozen=True, kw_only=True, omit_defaults=True):
    """POST Z/fs2od/groups/{id}/invites and Z/fs2od/spaces/{id}/invites. With `address`, the node sends it there by mail."""

    label: str = ""
    joins: Literal["user", "group"] = "user"
    privileges: tuple[str, ...] = ()
    address: str | None = None


class InviteMade(Document, frozen=True, kw_only=True):
    """The answer to making or renewing an invite."""

    token_id: TokenId
    token: Token


class InviteMember(Document, frozen=True, kw_only=True):
    """Who came in through an invite, and when."""

    type: str
    id: str
    name: str
    at: int


class InviteDetails(Document, frozen=True, kw_only=True):
    """One invite; `token` is there for its maker alone."""

    token_id: TokenId
    label: str
    made_by: str
    inviter_id: str
    inviter_name: str
    invite_type: str
    privileges: tuple[str, ...]
    creation_time: int
    until: int | None
    uses: int
    usage_limit: int | None
    ended: bool
    joined: tuple[InviteMember, ...]
    token: Token | None


class Invites(Document, frozen=True, kw_only=True):
    """GET Z/fs2od/groups/{id}/invites and Z/fs2od/spaces/{id}/invites."""

    invites: tuple[InviteDetails, ...]


class InviteEnd(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST Z/fs2od/invites/{id}/end."""

    memberships: bool = False


class EndedInvite(Document, frozen=True, kw_only=True):
    """The answer: whose membership ended with the invite."""

    ended: tuple[InviteMember, ...]


class InvitePreview(Document, frozen=True, kw_only=True):
    """POST Z/fs2od/invites/preview: what the bearer may know before they accept."""

    invite_type: str
    name: str
    spaces: tuple[str, ...]
    facility: str
    inviter: str
    rights: tuple[str, ...]
    until: int | None
    uses_left: int | None
    is_member: bool


class LinkRule(Document, frozen=True, kw_only=True):
    """For whom and when links work: GET and PUT Z/fs2od/spaces/{id}/link_rule. Moments in seconds since 1970."""

    audience: Literal["public", "members"] = "public"
    from_: _Moment | None = field(default=None, name="from")
    until: _Moment | None = None


class LinkChange(LinkRule, frozen=True, kw_only=True):
    """PUT Z/fs2od/shares/{id}/rule."""

    label: str = ""


class LinkDetails(LinkChange, frozen=True, kw_only=True):
    """GET Z/fs2od/shares/{id}/rule: the link's own rule, what is in force with the space's, and its counters."""

    in_force: LinkRule
    opened: int
    bytes: int
