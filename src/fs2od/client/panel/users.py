"""The users of a zone, as its panel adds them."""

from __future__ import annotations

from collections.abc import Collection

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import GroupId, UserId

__all__ = ["ZoneUsers"]


class ZoneUsers:
    """Who has an account at the zone whose panel this is."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def add(
        self,
        username: str,
        *,
        full_name: str = "",
        groups: Collection[GroupId] = (),
        emails: Collection[str] = (),
    ) -> UserId:
        """Add a user without a password (POST N/zone/users). Not idempotent: never retried.

        `emails`, where links to sign in are sent, is understood by fs2od's own node.

        Raises:
            Conflict: The username or an address is somebody else's.
            Forbidden: The user may not add users (oz_users_create).
            Rejected: A real Onedata wants a password for such users: let them sign in through its identity providers.
        """
        request = wire.NewUser(username=username, full_name=full_name, groups=tuple(groups), emails=tuple(emails))
        user = await self._service.create("add_onezone_user", collection="users", document=request)
        return UserId(user)
