"""Onezone's nouns, one module each. Z in the docstrings stands for `https://ZONE/api/v3/onezone`."""

from fs2od.client.zone.groups import Groups
from fs2od.client.zone.invites import SpaceInvites
from fs2od.client.zone.onezone import Onezone
from fs2od.client.zone.providers import Providers
from fs2od.client.zone.shares import ZoneShares
from fs2od.client.zone.spaces import ZoneSpaces
from fs2od.client.zone.tokens import Tokens
from fs2od.client.zone.user import CurrentUser
from fs2od.client.zone.users import Users

__all__ = [
    "CurrentUser",
    "Groups",
    "Onezone",
    "Providers",
    "SpaceInvites",
    "Tokens",
    "Users",
    "ZoneShares",
    "ZoneSpaces",
]
