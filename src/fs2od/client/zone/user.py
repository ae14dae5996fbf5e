"""The user whose token the connection holds."""

from __future__ import annotations

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import GroupId, ProviderId, SpaceId
from fs2od.onedata.tokens import Token

__all__ = ["CurrentUser"]


class CurrentUser:
    """Who we are to a zone, and what we belong to."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def current(self) -> wire.UserDetails:
        """Return who the token belongs to (GET Z/user).

        Raises:
            Unauthorized: There is no token, or it is not valid; get a new one.
        """
        return await self._service.read("get_current_user", wire.UserDetails)

    async def groups(self) -> tuple[GroupId, ...]:
        """Return the groups of which the user is a direct member (GET Z/user/groups).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return (await self._service.read("list_user_groups", wire.GroupIds)).groups

    async def effective_groups(self) -> tuple[GroupId, ...]:
        """Return all groups of the user, parents of parents included (GET Z/user/effective_groups).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return (await self._service.read("list_effective_user_groups", wire.GroupIds)).groups

    async def spaces(self) -> tuple[SpaceId, ...]:
        """Return the spaces of which the user is a direct member (GET Z/user/spaces).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return (await self._service.read("list_user_spaces", wire.SpaceIds)).spaces

    async def effective_spaces(self) -> tuple[SpaceId, ...]:
        """Return all spaces of the user, those through groups included (GET Z/user/effective_spaces).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return (await self._service.read("list_effective_user_spaces", wire.SpaceIds)).spaces

    async def effective_providers(self) -> tuple[ProviderId, ...]:
        """Return the providers that support the user's spaces (GET Z/user/effective_providers).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return (await self._service.read("list_effective_user_providers", wire.ProviderIds)).providers

    async def privileges(self) -> tuple[str, ...]:
        """Return what the user may do in the whole zone, given directly (GET Z/user/privileges).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return (await self._service.read("list_current_user_admin_privileges", wire.PrivilegeList)).privileges

    async def effective_privileges(self) -> tuple[str, ...]:
        """Return what the user may do in the whole zone, through groups as well (GET Z/user/effective_privileges).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return (await self._service.read("list_current_user_effective_admin_privileges", wire.PrivilegeList)).privileges

    async def create_group(self, name: str, *, type: wire.GroupType = "team") -> GroupId:  # noqa: A002 - Onedata's word
        """Make a group with the user in it (POST Z/user/groups). Two calls make two groups.

        Raises:
            Rejected: badValueName: choose 2 to 128 letters, digits, brackets and underscores, with - . and blanks inside.
        """
        document = wire.GroupRequest(name=name, type=type)
        return GroupId(await self._service.create("create_user_group", collection="groups", document=document))

    async def join_group(self, token: Token) -> GroupId:
        """Become a member of the group that an invite token names (POST Z/user/groups/join).

        Raises:
            Rejected: badValueToken, notAnInviteToken, inviteTokenUsageLimitReached and their like: ask for a new invitation.
            Conflict: The user is a member already; nothing is left to do.
        """
        document = wire.JoinRequest(token=token)
        return GroupId(await self._service.create("join_group", collection="groups", document=document))

    async def leave_group(self, group: GroupId) -> None:
        """Stop being a member of a group (DELETE Z/user/groups/{gid}).

        Raises:
            NotFound: The user is no member of it; nothing is left to do.
        """
        await self._service.do("leave_group", ids={"gid": group})

    async def create_space(self, name: str, *, id_generator_seed: str | None = None) -> SpaceId:
        """Make a space that the user owns (POST Z/user/spaces). Two calls make two spaces, unless both have the same seed.

        Raises:
            Rejected: badValueName: choose another name.
            Conflict: A space was made of that seed already.
        """
        document = wire.SpaceRequest(name=name)
        if id_generator_seed is not None:
            document = wire.SpaceRequest(name=name, id_generator_seed=id_generator_seed)
        return SpaceId(await self._service.create("create_user_space", collection="spaces", document=document))

    async def join_space(self, token: Token) -> SpaceId:
        """Become a member of the space that an invite token names (POST Z/user/spaces/join).

        Raises:
            Rejected: badValueToken, notAnInviteToken, inviteTokenUsageLimitReached and their like: ask for a new invitation.
            Conflict: The user is a member already; nothing is left to do.
        """
        document = wire.JoinRequest(token=token)
        return SpaceId(await self._service.create("join_space", collection="spaces", document=document))

    async def leave_space(self, space: SpaceId) -> None:
        """Stop being a member of a space (DELETE Z/user/spaces/{sid}).

        Raises:
            NotFound: The user is no member of it; nothing is left to do.
            Rejected: cannotRemoveLastOwner: delete the space, or give it another owner first.
        """
        await self._service.do("leave_space", ids={"sid": space})
