"""Shares, as a zone shows them to members and to everyone."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from fs2od.client._reading import SharedData
from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import ShareId
from fs2od.onedata.wire.sharing import LinkChange, LinkDetails

__all__ = ["ZoneShares"]


class ZoneShares:
    """The shares of a zone. `data` reads what lies in them, as everyone can."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.data = SharedData(service)

    async def public(self, share: ShareId) -> wire.PublicShare:
        """Return what everyone may know about a share (GET Z/shares/{id}/public). No token is sent.

        Raises:
            NotFound: There is no such share, or no longer.
        """
        return await self._service.read("get_public_share_details", wire.PublicShare, ids={"id": share})

    async def get(self, share: ShareId) -> wire.ZoneShare:
        """Return what members may know about a share (GET Z/shares/{id}).

        Raises:
            NotFound: There is no such share.
            Forbidden: The user is no member of its space.
        """
        return await self._service.read("get_share", wire.ZoneShare, ids={"id": share})

    async def change(
        self, share: ShareId, *, name: str | UnsetType = UNSET, description: str | UnsetType = UNSET
    ) -> None:
        """Change what is given (PATCH Z/shares/{id}).

        Raises:
            NotFound: There is no such share.
            Forbidden: The user may not (space_manage_shares).
        """
        document = wire.ShareChange(name=name, description=description)
        await self._service.do("modify_share", ids={"id": share}, document=document)

    async def link(self, share: ShareId) -> LinkDetails:
        """Return for whom and when a link works, and how often it was opened (GET Z/fs2od/shares/{id}/rule).

        Raises:
            NotFound: There is no such share, or the zone is not our own node.
            Forbidden: The user is no member of its space.
        """
        return await self._service.read("fs2od_get_link", LinkDetails, ids={"id": share})

    async def set_link(self, share: ShareId, change: LinkChange) -> None:
        """Set for whom and when a link works, and its label (PUT Z/fs2od/shares/{id}/rule).

        Raises:
            NotFound: There is no such share, or the zone is not our own node.
            Forbidden: The user may not manage shares in its space.
        """
        await self._service.do("fs2od_set_link", ids={"id": share}, document=change)
