"""Spaces, as a provider sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from fs2od.client._paging import Pages
from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import ProviderId, SpaceId, TransferId
from fs2od.onedata.wire.copies import Replication, WishDetails, Wishes, WishRequest

__all__ = ["ProviderSpaces", "TransferPhase"]

TransferPhase = Literal["waiting", "ongoing", "ended"]


class ProviderSpaces:
    """The spaces that a provider supports and the user is in."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def list(self) -> tuple[wire.ProviderSpace, ...]:
        """Return the user's spaces (GET P/spaces).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return await self._service.read("get_all_spaces", tuple[wire.ProviderSpace, ...])

    async def get(self, space: SpaceId) -> wire.ProviderSpace:
        """Return a space (GET P/spaces/{sid}).

        Raises:
            Forbidden: The user is not in it, or it does not exist.
            Rejected: spaceNotSupportedBy: another provider supports it, or this one has not noticed yet; ask again in a moment.
        """
        return await self._service.read("get_space", wire.ProviderSpace, ids={"sid": space})

    async def replication(self, space: SpaceId) -> Replication:
        """Return how the requirements of a space and the copies for them stand (GET P/fs2od/spaces/{sid}/replication).

        Raises:
            NotFound: The provider is none of our node's, or a plain one's.
            Forbidden: The user may not see them (space_view_qos).
        """
        return await self._service.read("fs2od_get_replication", Replication, ids={"sid": space})

    async def wishes(self, space: SpaceId) -> tuple[WishDetails, ...]:
        """Return where a space is wanted (GET P/fs2od/spaces/{sid}/wishes).

        Raises:
            NotFound: The provider is none of our node's, or a plain one's.
            Forbidden: The user may not see them (space_view_qos).
        """
        return (await self._service.read("fs2od_get_wishes", Wishes, ids={"sid": space})).wishes

    async def want(self, space: SpaceId, provider: ProviderId | None = None) -> None:
        """Want a space at a site, or wherever it is supported next (POST P/fs2od/spaces/{sid}/wishes).

        Copies begin as soon as the site lends storage, and the user has a letter when all is there.

        Raises:
            Forbidden: The user may not (space_manage_qos).
            Rejected: badValueIdNotFound: there is no such site.
        """
        await self._service.do("fs2od_make_wish", ids={"sid": space}, document=WishRequest(provider_id=provider))

    async def want_no_more(self, space: SpaceId, provider: ProviderId) -> None:
        """Have nothing copied to a site any more; what was copied stays (DELETE P/fs2od/spaces/{sid}/wishes/{pid}).

        Raises:
            Forbidden: The user may not (space_manage_qos).
        """
        await self._service.do("fs2od_drop_wish", ids={"sid": space, "pid": provider})

    async def transfers(
        self, space: SpaceId, *, state: TransferPhase = "ongoing", page_items: int = 100
    ) -> AsyncIterator[TransferId]:
        """Yield the transfers of a space, page by page (GET P/spaces/{sid}/transfers).

        Raises:
            Forbidden: The user may not see them (space_view_transfers).
            MalformedAnswer: The listing does not come to an end.
        """
        pages = Pages()
        while not pages.ended:
            query = [("state", state), ("limit", str(page_items))]
            if pages.token:
                query.append(("page_token", pages.token))
            page = await self._service.read("get_all_transfers", wire.TransferIds, ids={"sid": space}, query=query)
            for transfer in page.transfers:
                yield transfer
            pages.turn(len(page.transfers), page.next_page_token, is_last=not page.next_page_token)
