"""Roles: what a dataset's owners and members may do in its groups and its space, and what privileges come to in words.

Onedata knows privileges only. These are the bundles that fs2od gives, and the way back from any bundle to a word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from fs2od.onedata.privileges import SPACE_MANAGER, GroupPrivilege, SpacePrivilege

__all__ = [
    "DATASET_IN_FACILITY",
    "MEMBER_IN_GROUP",
    "MEMBER_IN_SPACE",
    "OWNER_IN_GROUP",
    "OWNER_IN_SPACE",
    "OWNER_WITHOUT_GROUP",
    "READER_WITHOUT_GROUP",
    "Role",
    "bundles_fingerprint",
    "is_owning",
    "words_of",
]

Role: TypeAlias = Literal["manager", "owner", "member"]
"""Who somebody is in a dataset: who answers for it as a whole, who may invite others, or who uses it."""

OWNER_IN_GROUP = frozenset(
    {
        GroupPrivilege.VIEW,
        GroupPrivilege.ADD_USER,
        GroupPrivilege.REMOVE_USER,
        GroupPrivilege.SET_PRIVILEGES,
    }
)
"""What an owner may do in the dataset's groups of owners and of members."""
MEMBER_IN_GROUP = frozenset({GroupPrivilege.VIEW})
DATASET_IN_FACILITY: frozenset[GroupPrivilege] = frozenset()
"""What a dataset's groups may do in the facility's group of all datasets."""
OWNER_IN_SPACE = frozenset(
    {
        SpacePrivilege.VIEW,
        SpacePrivilege.READ_DATA,
        # Further links; what the facility's rule of all links keeps closed, stays closed.
        SpacePrivilege.MANAGE_SHARES,
        SpacePrivilege.ADD_SUPPORT,
        SpacePrivilege.VIEW_QOS,
        SpacePrivilege.MANAGE_QOS,
        SpacePrivilege.VIEW_TRANSFERS,
        SpacePrivilege.SCHEDULE_REPLICATION,
    }
)
"""What the group of owners may do in the dataset's space."""
MEMBER_IN_SPACE = frozenset({SpacePrivilege.VIEW, SpacePrivilege.READ_DATA})

OWNER_WITHOUT_GROUP = SPACE_MANAGER | {SpacePrivilege.UPDATE, SpacePrivilege.SET_PRIVILEGES}
"""What an owner may do in a space whose people belong to it directly, as in one that somebody made for results."""
READER_WITHOUT_GROUP = MEMBER_IN_SPACE

# In the order in which they are said.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "space_view": "see",
        "space_read_data": "read",
        "space_write_data": "write",
        "space_schedule_replication": "copy",
        "space_manage_shares": "links",
        "group_add_user": "invite",
        "space_add_user": "invite",
        "group_remove_user": "remove",
        "space_remove_user": "remove",
        "space_delete": "delete",
    }
)
_OWNING = frozenset({"space_manage_shares", "space_add_user", "group_add_user"})


def bundles_fingerprint() -> str:
    """Return what differs whenever owners or members of a dataset with groups are to have other rights than before."""
    bundles = (OWNER_IN_GROUP, MEMBER_IN_GROUP, OWNER_IN_SPACE, MEMBER_IN_SPACE, DATASET_IN_FACILITY)
    return hashlib.sha256(repr([sorted(map(str, each)) for each in bundles]).encode()).hexdigest()[:12]


def words_of(held: Collection[str]) -> tuple[str, ...]:
    """Return what privileges come to for a person, as keys of texts, the weightiest last."""
    return tuple(dict.fromkeys(word for privilege, word in _WORDS.items() if privilege in held))


def is_owning(held: Collection[str]) -> bool:
    """Say whether privileges are those of an owner: they may bring others in, or make links."""
    return not _OWNING.isdisjoint(held)
