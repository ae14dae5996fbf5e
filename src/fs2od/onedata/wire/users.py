"""Users, and lists of ids that the zone answers with."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.ids import GroupId, ProviderId, ShareId, SpaceId, UserId
from fs2od.onedata.wire.codec import Document, JsonObject

__all__ = [
    "AccessBlock",
    "GroupIds",
    "Ids",
    "NewId",
    "NewUser",
    "PanelUser",
    "PrivilegeList",
    "PrivilegesChange",
    "ProviderIds",
    "ShareIds",
    "SpaceIds",
    "SubjectRef",
    "UserDetails",
    "UserIds",
]


class SubjectRef(Document, frozen=True, kw_only=True):
    """Who made something: a user, a provider, or nobody."""

    type: Literal["user", "oneprovider", "nobody", "root"]
    id: str | None = None


class UserDetails(Document, frozen=True, kw_only=True):
    """GET Z/user. The last four keys repeat others under the names of older releases."""

    user_id: UserId
    full_name: str
    username: str | None
    creation_time: int | UnsetType = UNSET
    emails: tuple[str, ...] | UnsetType = UNSET
    linked_accounts: tuple[JsonObject, ...] | UnsetType = UNSET
    basic_auth_enabled: bool | UnsetType = UNSET
    blocked: bool | UnsetType = UNSET
    name: str | UnsetType = UNSET
    login: str | UnsetType | None = UNSET
    alias: str | UnsetType | None = UNSET
    email_list: tuple[str, ...] | UnsetType = UNSET


class UserIds(Document, frozen=True, kw_only=True):
    """GET Z/groups/{id}/users, Z/spaces/{id}/users and their effective_ twins."""

    users: tuple[UserId, ...]


class GroupIds(Document, frozen=True, kw_only=True):
    """GET Z/user/groups, Z/user/effective_groups, Z/groups/{id}/children, Z/spaces/{id}/groups."""

    groups: tuple[GroupId, ...]


class SpaceIds(Document, frozen=True, kw_only=True):
    """GET Z/user/spaces, Z/user/effective_spaces, Z/groups/{id}/spaces, Z/providers/{id}/spaces."""

    spaces: tuple[SpaceId, ...]


class ProviderIds(Document, frozen=True, kw_only=True):
    """GET Z/providers, Z/user/effective_providers, Z/spaces/{id}/providers."""

    providers: tuple[ProviderId, ...]


class ShareIds(Document, frozen=True, kw_only=True):
    """GET Z/spaces/{id}/shares."""

    shares: tuple[ShareId, ...]


class PrivilegeList(Document, frozen=True, kw_only=True):
    """GET …/privileges of a user, and of a member of a group or a space."""

    privileges: tuple[str, ...]


class PrivilegesChange(Document, frozen=True, kw_only=True):
    """PATCH …/privileges of a member of a group or a space."""

    grant: tuple[str, ...] = ()
    revoke: tuple[str, ...] = ()


class AccessBlock(Document, frozen=True, kw_only=True):
    """PATCH Z/users/{id}/access_block."""

    blocked: bool


class NewUser(Document, frozen=True, kw_only=True):
    """POST N/zone/users, at the zone's panel. `emails` is ours: the addresses that links to sign in are sent to."""

    username: str
    password: str | UnsetType = UNSET
    full_name: str = ""
    groups: tuple[GroupId, ...] = ()
    emails: tuple[str, ...] = ()


class NewId(Document, frozen=True, kw_only=True):
    """The answer of POST N/zone/users."""

    id: str


class Ids(Document, frozen=True, kw_only=True):
    """GET N/zone/users, at the zone's panel."""

    ids: tuple[str, ...]


class PanelUser(Document, frozen=True, kw_only=True):
    """GET N/zone/users/{id}, at the zone's panel."""

    user_id: UserId
    full_name: str
    username: str | None
