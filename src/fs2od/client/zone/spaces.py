"""Spaces, as a zone keeps them: who is in them, who supports them, what is shared of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import UNSET, UnsetType

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import GroupId, ProviderId, ShareId, SpaceId, UserId
from fs2od.onedata.privileges import SpacePrivilege, listed
from fs2od.onedata.wire.results import ResultsOfDataset, ResultsSpace
from fs2od.onedata.wire.sharing import LinkRule

__all__ = ["ZoneSpaces"]


class ZoneSpaces:
    """The spaces of a zone."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def results(self, space: SpaceId) -> tuple[ResultsSpace, ...]:
        """Return the spaces with results of a dataset that the user belongs to as well (GET Z/fs2od/spaces/{id}/results).

        Raises:
            NotFound: The zone is not our own node.
            Forbidden: The user may not view the space.
        """
        return (await self._service.read("fs2od_list_results", ResultsOfDataset, ids={"id": space})).results

    async def create_for_group(self, group: GroupId, name: str) -> SpaceId:
        """Make a space that a group owns (POST Z/groups/{id}/spaces). Two calls make two spaces.

        Raises:
            Rejected: badValueName: choose 2 to 128 letters, digits, brackets and underscores, with - . and blanks inside.
            Forbidden: The user may not add spaces to the group (group_add_space).
            NotFound: There is no such group.
        """
        document, ids = wire.SpaceRequest(name=name), {"id": group}
        space = await self._service.create("create_space_for_group", collection="spaces", document=document, ids=ids)
        return SpaceId(space)

    async def get(self, space: SpaceId) -> wire.SpaceDetails:
        """Return a space (GET Z/spaces/{id}).

        Raises:
            NotFound: There is no such space.
            Forbidden: The user may not see it.
        """
        return await self._service.read("get_space", wire.SpaceDetails, ids={"id": space})

    async def change(
        self,
        space: SpaceId,
        *,
        name: str | UnsetType = UNSET,
        description: str | UnsetType = UNSET,
        organization_name: str | UnsetType = UNSET,
        tags: Sequence[str] | UnsetType = UNSET,
    ) -> None:
        """Change what is given (PATCH Z/spaces/{id}).

        Raises:
            Rejected: badValueName: choose another name.
            NotFound: There is no such space.
        """
        document = wire.SpaceChange(
            name=name,
            description=description,
            organization_name=organization_name,
            tags=UNSET if tags is UNSET else tuple(tags),
        )
        await self._service.do("modify_space", ids={"id": space}, document=document)

    async def delete(self, space: SpaceId) -> None:
        """Remove a space (DELETE Z/spaces/{id}); files on imported storages stay where they are.

        Raises:
            NotFound: It is gone already, perhaps by a try whose answer was lost.
            Forbidden: The user may not (space_delete).
        """
        await self._service.do("remove_space", ids={"id": space})

    async def users(self, space: SpaceId) -> tuple[UserId, ...]:
        """Return a space's direct members (GET Z/spaces/{id}/users).

        Raises:
            NotFound: There is no such space.
        """
        return (await self._service.read("list_space_users", wire.UserIds, ids={"id": space})).users

    async def groups(self, space: SpaceId) -> tuple[GroupId, ...]:
        """Return the groups that are direct members (GET Z/spaces/{id}/groups).

        Raises:
            NotFound: There is no such space.
        """
        return (await self._service.read("list_space_groups", wire.GroupIds, ids={"id": space})).groups

    async def providers(self, space: SpaceId) -> tuple[ProviderId, ...]:
        """Return the providers that support a space (GET Z/spaces/{id}/providers).

        Raises:
            NotFound: There is no such space.
        """
        return (await self._service.read("list_space_providers", wire.ProviderIds, ids={"id": space})).providers

    async def shares(self, space: SpaceId) -> tuple[ShareId, ...]:
        """Return what is public of a space (GET Z/spaces/{id}/shares).

        Raises:
            NotFound: There is no such space.
        """
        return (await self._service.read("list_space_shares", wire.ShareIds, ids={"id": space})).shares

    async def add_group(
        self, space: SpaceId, group: GroupId, privileges: Iterable[SpacePrivilege] | None = None
    ) -> None:
        """Make a group a member (PUT Z/spaces/{id}/groups/{gid}); without `privileges` it gets a member's.

        Raises:
            Conflict: It is a member already, perhaps by a try whose answer was lost; its privileges stay as they are.
            Forbidden: The user may not (space_add_group, and space_set_privileges for given privileges).
            NotFound: The space or the group does not exist.
        """
        await self._service.do("add_group_to_space", ids={"id": space, "gid": group}, document=_membership(privileges))

    async def remove_group(self, space: SpaceId, group: GroupId) -> None:
        """End a group's membership (DELETE Z/spaces/{id}/groups/{gid}).

        Raises:
            NotFound: It is no member; nothing is left to do.
        """
        await self._service.do("remove_space_group", ids={"id": space, "gid": group})

    async def group_privileges(self, space: SpaceId, group: GroupId) -> tuple[str, ...]:
        """Return what a group's members may do in a space (GET Z/spaces/{id}/groups/{gid}/privileges).

        Raises:
            NotFound: The group is no member.
        """
        ids = {"id": space, "gid": group}
        return (await self._service.read("list_group_space_privileges", wire.PrivilegeList, ids=ids)).privileges

    async def change_group_privileges(
        self,
        space: SpaceId,
        group: GroupId,
        *,
        grant: Iterable[SpacePrivilege] = (),
        revoke: Iterable[SpacePrivilege] = (),
    ) -> None:
        """Change what a group's members may do in a space (PATCH Z/spaces/{id}/groups/{gid}/privileges).

        Raises:
            NotFound: The group is no member.
            Forbidden: The user may not (space_set_privileges).
        """
        document = wire.PrivilegesChange(grant=tuple(listed(grant)), revoke=tuple(listed(revoke)))
        await self._service.do("update_group_space_privileges", ids={"id": space, "gid": group}, document=document)

    async def add_user(self, space: SpaceId, user: UserId, privileges: Iterable[SpacePrivilege] | None = None) -> None:
        """Make a user a member (PUT Z/spaces/{id}/users/{uid}); other people are invited by token instead.

        Raises:
            Conflict: The user is a member already; the privileges stay as they are.
            NotFound: The space or the user does not exist.
        """
        await self._service.do("add_space_user", ids={"id": space, "uid": user}, document=_membership(privileges))

    async def remove_user(self, space: SpaceId, user: UserId) -> None:
        """End a user's membership (DELETE Z/spaces/{id}/users/{uid}).

        Raises:
            NotFound: The user is no member; nothing is left to do.
            Rejected: cannotRemoveLastOwner: delete the space, or give it another owner first.
        """
        await self._service.do("remove_space_user", ids={"id": space, "uid": user})

    async def user_privileges(self, space: SpaceId, user: UserId) -> tuple[str, ...]:
        """Return what a user may do in a space as a direct member (GET Z/spaces/{id}/users/{uid}/privileges).

        Raises:
            NotFound: The user is no direct member.
        """
        ids = {"id": space, "uid": user}
        return (await self._service.read("list_user_space_privileges", wire.PrivilegeList, ids=ids)).privileges

    async def change_user_privileges(
        self,
        space: SpaceId,
        user: UserId,
        *,
        grant: Iterable[SpacePrivilege] = (),
        revoke: Iterable[SpacePrivilege] = (),
    ) -> None:
        """Change what a user may do in a space (PATCH Z/spaces/{id}/users/{uid}/privileges).

        Raises:
            NotFound: The user is no direct member.
            Forbidden: We may not set privileges there (space_set_privileges).
        """
        document = wire.PrivilegesChange(grant=tuple(listed(grant)), revoke=tuple(listed(revoke)))
        await self._service.do("update_user_space_privileges", ids={"id": space, "uid": user}, document=document)

    async def link_rule(self, space: SpaceId) -> LinkRule:
        """Return for whom and when links into a space work (GET Z/fs2od/spaces/{id}/link_rule).

        Not Onedata's: only fs2od's own node has it.

        Raises:
            NotFound: There is no such space, or the zone is not fs2od's.
            Forbidden: The user may not see the space (space_view).
        """
        return await self._service.read("fs2od_get_space_link_rule", LinkRule, ids={"id": space})

    async def set_link_rule(self, space: SpaceId, rule: LinkRule) -> None:
        """Say for whom and when links into a space work, those there and those to come (PUT Z/fs2od/spaces/{id}/link_rule).

        Not Onedata's: only fs2od's own node has it.

        Raises:
            NotFound: There is no such space, or the zone is not fs2od's.
            Forbidden: The user may not (space_update and space_manage_shares).
        """
        await self._service.do("fs2od_set_space_link_rule", ids={"id": space}, document=rule)


def _membership(privileges: Iterable[SpacePrivilege] | None) -> wire.MembershipRequest:
    return (
        wire.MembershipRequest() if privileges is None else wire.MembershipRequest(privileges=tuple(listed(privileges)))
    )
