"""Invites into spaces, as our own node keeps them: with a label, an end and a number of uses, and who came in by which."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from msgspec import UNSET

from fs2od.client._service import Service
from fs2od.onedata.ids import SpaceId, TokenId
from fs2od.onedata.privileges import SpacePrivilege
from fs2od.onedata.wire import sharing

__all__ = ["SpaceInvites"]


class SpaceInvites:
    """The invites of spaces. A zone that is not our own node answers NotFound to all of this."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def create(
        self,
        space: SpaceId,
        *,
        label: str = "",
        privileges: Collection[SpacePrivilege] = (),
        uses: int | None = None,
        valid_for: timedelta | None = None,
        address: str | None = None,
    ) -> sharing.InviteMade:
        """Return a new invite for people into a space (POST Z/fs2od/spaces/{id}/invites).

        Args:
            space: What it invites to.
            label: For its maker, to tell it from others.
            privileges: What who comes in may do; by default Onedata's for members.
            uses: How often it can be used; by default 20 times.
            valid_for: How long; by default 30 days.
            address: A mail address that the node sends it to.

        Raises:
            NotFound: The zone is not our own node.
            Rejected: inviteTokenSubjectNotAuthorized: the user may not invite there.
        """
        document = sharing.InviteRequest(
            label=label,
            privileges=tuple(sorted(privileges)),
            uses=UNSET if uses is None else uses,
            valid_for_s=UNSET if valid_for is None else int(valid_for.total_seconds()),
            address=address,
        )
        return await self._service.read(
            "fs2od_create_space_invite", sharing.InviteMade, ids={"id": space}, document=document
        )

    async def list(self, space: SpaceId) -> tuple[sharing.InviteDetails, ...]:
        """Return the invites into a space, whoever made them (GET Z/fs2od/spaces/{id}/invites).

        Raises:
            NotFound: The zone is not our own node.
            Forbidden: The user may not invite there.
        """
        found = await self._service.read("fs2od_list_space_invites", sharing.Invites, ids={"id": space})
        return found.invites

    async def end(self, invite: TokenId, *, memberships: bool = False) -> tuple[sharing.InviteMember, ...]:
        """End an invite, and return whose membership ended with it (POST Z/fs2od/invites/{id}/end).

        Args:
            invite: Its id.
            memberships: Whether those who came in by it leave again.

        Raises:
            NotFound: There is no such invite, or it is not the user's to end.
        """
        document = sharing.InviteEnd(memberships=memberships)
        found = await self._service.read("fs2od_end_invite", sharing.EndedInvite, ids={"id": invite}, document=document)
        return found.ended
