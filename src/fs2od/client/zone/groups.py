"""Groups: who belongs together."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET, UnsetType

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import GroupId, SpaceId, UserId
from fs2od.onedata.privileges import GroupPrivilege, listed
from fs2od.onedata.tokens import Token

__all__ = ["Groups"]


class Groups:
    """The groups of a zone."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def create(self, name: str, *, type: wire.GroupType = "team") -> GroupId:  # noqa: A002 - Onedata's word
        """Make a group with the user in it (POST Z/groups). Two calls make two groups.

        Raises:
            Rejected: badValueName: choose 2 to 128 letters, digits, brackets and underscores, with - . and blanks inside.
        """
        document = wire.GroupRequest(name=name, type=type)
        return GroupId(await self._service.create("create_group", collection="groups", document=document))

    async def create_child(
        self,
        parent: GroupId,
        name: str,
        *,
        type: wire.GroupType = "team",  # noqa: A002 - Onedata's word
    ) -> GroupId:
        """Make a group inside another one, with the user in it (POST Z/groups/{id}/children). Two calls make two.

        Raises:
            Rejected: badValueName: choose another name.
            Forbidden: The user may not add children there (group_add_child).
            NotFound: There is no such parent.
        """
        document, ids = wire.GroupRequest(name=name, type=type), {"id": parent}
        child = await self._service.create("create_child_group", collection="children", document=document, ids=ids)
        return GroupId(child)

    async def get(self, group: GroupId) -> wire.GroupDetails:
        """Return a group (GET Z/groups/{id}).

        Raises:
            NotFound: There is no such group.
            Forbidden: The user may not see it.
        """
        return await self._service.read("get_group", wire.GroupDetails, ids={"id": group})

    async def change(
        self,
        group: GroupId,
        *,
        name: str | UnsetType = UNSET,
        type: wire.GroupType | UnsetType = UNSET,  # noqa: A002 - Onedata's word
    ) -> None:
        """Change what is given (PATCH Z/groups/{id}).

        Raises:
            Rejected: badValueName: choose another name.
            NotFound: There is no such group.
        """
        await self._service.do("modify_group", ids={"id": group}, document=wire.GroupChange(name=name, type=type))

    async def delete(self, group: GroupId) -> None:
        """Remove a group (DELETE Z/groups/{id}).

        Raises:
            NotFound: It is gone already, perhaps by a try whose answer was lost.
            Forbidden: protectedGroup, or the user may not (group_delete).
        """
        await self._service.do("remove_group", ids={"id": group})

    async def children(self, group: GroupId) -> tuple[GroupId, ...]:
        """Return the groups directly inside one (GET Z/groups/{id}/children).

        Raises:
            NotFound: There is no such group.
        """
        return (await self._service.read("list_child_groups", wire.GroupIds, ids={"id": group})).groups

    async def parents(self, group: GroupId) -> tuple[GroupId, ...]:
        """Return the groups that one is directly in (GET Z/groups/{id}/parents).

        Raises:
            NotFound: There is no such group.
        """
        return (await self._service.read("list_parent_groups", wire.GroupIds, ids={"id": group})).groups

    async def users(self, group: GroupId) -> tuple[UserId, ...]:
        """Return a group's direct members (GET Z/groups/{id}/users).

        Raises:
            NotFound: There is no such group.
        """
        return (await self._service.read("list_group_users", wire.UserIds, ids={"id": group})).users

    async def effective_users(self, group: GroupId) -> tuple[UserId, ...]:
        """Return a group's members, those of its children included (GET Z/groups/{id}/effective_users).

        Raises:
            NotFound: There is no such group.
        """
        return (await self._service.read("list_effective_group_users", wire.UserIds, ids={"id": group})).users

    async def spaces(self, group: GroupId) -> tuple[SpaceId, ...]:
        """Return the spaces of which a group is a direct member (GET Z/groups/{id}/spaces).

        Raises:
            NotFound: There is no such group.
        """
        return (await self._service.read("list_group_spaces", wire.SpaceIds, ids={"id": group})).spaces

    async def add_child(
        self, parent: GroupId, child: GroupId, privileges: Iterable[GroupPrivilege] | None = None
    ) -> None:
        """Put a group into another one (PUT Z/groups/{id}/children/{cid}).

        Raises:
            Conflict: It is in there already, perhaps by a try whose answer was lost; its privileges stay as they are.
            NotFound: One of the groups does not exist.
        """
        await self._service.do("add_child_group", ids={"id": parent, "cid": child}, document=_membership(privileges))

    async def remove_child(self, parent: GroupId, child: GroupId) -> None:
        """Take a group out of another one (DELETE Z/groups/{id}/children/{cid}).

        Raises:
            NotFound: It is not in there; nothing is left to do.
        """
        await self._service.do("remove_child_group", ids={"id": parent, "cid": child})

    async def add_user(self, group: GroupId, user: UserId, privileges: Iterable[GroupPrivilege] | None = None) -> None:
        """Make a user a member (PUT Z/groups/{id}/users/{uid}); other people are invited by token instead.

        Raises:
            Conflict: The user is a member already; the privileges stay as they are.
            NotFound: The group or the user does not exist.
        """
        await self._service.do("add_group_user", ids={"id": group, "uid": user}, document=_membership(privileges))

    async def remove_user(self, group: GroupId, user: UserId) -> None:
        """End a user's membership (DELETE Z/groups/{id}/users/{uid}).

        Raises:
            NotFound: The user is no member; nothing is left to do.
        """
        await self._service.do("remove_group_user", ids={"id": group, "uid": user})

    async def user_privileges(self, group: GroupId, user: UserId) -> tuple[str, ...]:
        """Return what a member may do in a group (GET Z/groups/{id}/users/{uid}/privileges).

        Raises:
            NotFound: The user is no member.
        """
        ids = {"id": group, "uid": user}
        return (await self._service.read("list_user_group_privileges", wire.PrivilegeList, ids=ids)).privileges

    async def change_user_privileges(
        self,
        group: GroupId,
        user: UserId,
        *,
        grant: Iterable[GroupPrivilege] = (),
        revoke: Iterable[GroupPrivilege] = (),
    ) -> None:
        """Change what a member may do in a group (PATCH Z/groups/{id}/users/{uid}/privileges).

        Raises:
            NotFound: The user is no member.
            Forbidden: We may not set privileges there (group_set_privileges).
        """
        document = wire.PrivilegesChange(grant=tuple(listed(grant)), revoke=tuple(listed(revoke)))
        await self._service.do("update_user_group_privileges", ids={"id": group, "uid": user}, document=document)

    async def change_child_privileges(
        self,
        group: GroupId,
        child: GroupId,
        *,
        grant: Iterable[GroupPrivilege] = (),
        revoke: Iterable[GroupPrivilege] = (),
    ) -> None:
        """Change what a child's members may do in a group (PATCH Z/groups/{id}/children/{cid}/privileges).

        Raises:
            NotFound: It is no child.
            Forbidden: We may not set privileges there (group_set_privileges).
        """
        document = wire.PrivilegesChange(grant=tuple(listed(grant)), revoke=tuple(listed(revoke)))
        await self._service.do("update_child_group_privileges", ids={"id": group, "cid": child}, document=document)

    async def join_space(self, group: GroupId, token: Token) -> SpaceId:
        """Make a group a member of the space that an invite token names (POST Z/groups/{id}/spaces/join).

        Raises:
            Rejected: The token is no such invitation, or used up: ask for a new one.
            Conflict: The group is a member already; nothing is left to do.
        """
        document, ids = wire.JoinRequest(token=token), {"id": group}
        space = await self._service.create("group_join_space", collection="spaces", document=document, ids=ids)
        return SpaceId(space)

    async def join_parent(self, group: GroupId, token: Token) -> GroupId:
        """Put a group into the one that an invite token names (POST Z/groups/{id}/parents/join).

        Raises:
            Rejected: The token is no such invitation, or used up: ask for a new one.
            Conflict: The group is in there already; nothing is left to do.
        """
        document, ids = wire.JoinRequest(token=token), {"id": group}
        parent = await self._service.create("join_parent_group", collection="parents", document=document, ids=ids)
        return GroupId(parent)


def _membership(privileges: Iterable[GroupPrivilege] | None) -> wire.MembershipRequest:
    return (
        wire.MembershipRequest() if privileges is None else wire.MembershipRequest(privileges=tuple(listed(privileges)))
    )
