"""Groups and membership."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.ids import GroupId
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.codec import Document
from fs2od.onedata.wire.users import SubjectRef

__all__ = ["GroupChange", "GroupDetails", "GroupRequest", "GroupType", "JoinRequest", "MembershipRequest"]

GroupType = Literal["organization", "unit", "team", "role_holders"]


class GroupRequest(Document, frozen=True, kw_only=True):
    """POST Z/groups, Z/user/groups and Z/groups/{parent}/children."""

    name: str
    type: GroupType = "role_holders"


class GroupChange(Document, frozen=True, kw_only=True):
    """PATCH Z/groups/{id}."""

    name: str | UnsetType = UNSET
    type: GroupType | UnsetType = UNSET


class GroupDetails(Document, frozen=True, kw_only=True):
    """GET Z/groups/{id}. `creation_time` is in seconds since the epoch."""

    group_id: GroupId
    name: str
    type: GroupType | UnsetType = UNSET
    creation_time: int | UnsetType = UNSET
    creator: SubjectRef | UnsetType = UNSET


class MembershipRequest(Document, frozen=True, kw_only=True):
    """PUT Z/spaces/{id}/groups/{gid}, …/users/{uid}, Z/groups/{id}/users/{uid} and …/children/{gid}.

    Without `privileges` a new member gets the defaults. `fs2od.onedata.privileges` reads the words.
    """

    privileges: tuple[str, ...] | UnsetType = UNSET


class JoinRequest(Document, frozen=True, kw_only=True):
    """POST Z/user/groups/join, Z/user/spaces/join, Z/groups/{id}/spaces/join and …/parents/join."""

    token: Token
