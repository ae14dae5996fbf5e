"""The users of a zone, for its administrators."""

from __future__ import annotations

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import UserId

__all__ = ["Users"]


class Users:
    """Everybody who has an account."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def list(self) -> tuple[UserId, ...]:
        """Return all users (GET Z/users).

        Raises:
            Forbidden: The user may not list them (oz_users_list).
        """
        return (await self._service.read("oz_users_list", wire.UserIds)).users

    async def get(self, user: UserId) -> wire.UserDetails:
        """Return a user (GET Z/users/{id}).

        Raises:
            NotFound: There is no such user.
            Forbidden: The user may not view them (oz_users_view).
        """
        return await self._service.read("get_user", wire.UserDetails, ids={"id": user})

    async def block(self, user: UserId, *, blocked: bool = True) -> None:
        """Block a user, or let them in again (PATCH Z/users/{id}/access_block).

        Raises:
            NotFound: There is no such user.
            Forbidden: The user may not change them (oz_users_update).
        """
        change = wire.AccessBlock(blocked=blocked)
        await self._service.do("toggle_user_access_block", ids={"id": user}, document=change)
