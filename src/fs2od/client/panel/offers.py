"""What a site of our own node offers and is asked for; a panel of Onedata's knows none of these calls."""

from __future__ import annotations

from msgspec import UNSET

from fs2od.client._service import Service
from fs2od.onedata.ids import StorageId
from fs2od.onedata.wire import sites as ours

__all__ = ["Offers"]


class Offers:
    """The offer of a site, and the requests that came of it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def get(self) -> ours.Offer:
        """Return what the site offers (GET N/fs2od/offer).

        Raises:
            NotFound: The panel is no site's of ours, or a plain one's.
            Forbidden: The user is no member of its cluster.
        """
        return await self._service.read("fs2od_get_offer", ours.Offer)

    async def set(self, offer: ours.Offer) -> None:
        """Say what the site offers (PUT N/fs2od/offer).

        Raises:
            Rejected: badValueIdNotFound: results cannot be written to that storage.
        """
        await self._service.do("fs2od_set_offer", document=offer)

    async def requests(self) -> tuple[ours.SupportAskedDetails, ...]:
        """Return the requests at the site (GET N/fs2od/support_requests).

        Raises:
            Forbidden: The user is no member of its cluster.
        """
        return (await self._service.read("fs2od_list_support_requests_at_site", ours.SupportsAsked)).requests

    async def approve(
        self, request: str, *, storage: StorageId | None = None, size_bytes: int | None = None, answer: str = ""
    ) -> None:
        """Grant what a request asks for (POST N/fs2od/support_requests/{rid}/approve).

        Args:
            request: Which.
            storage: On which storage; not needed where the space is supported already.
            size_bytes: How much; by default what was asked for.
            answer: A word to who asked.

        Raises:
            NotFound: There is no such request at this site.
            Rejected: It was answered, or the storage is none of this site's.
        """
        document = ours.Approval(storage_id=storage or UNSET, size=size_bytes or UNSET, answer=answer)
        await self._service.do("fs2od_approve_support_request", ids={"rid": request}, document=document)

    async def decline(self, request: str, *, answer: str = "") -> None:
        """Decline a request (POST N/fs2od/support_requests/{rid}/decline).

        Raises:
            NotFound: There is no such request at this site.
            Rejected: It was answered.
        """
        document = ours.Refusal(answer=answer)
        await self._service.do("fs2od_decline_support_request", ids={"rid": request}, document=document)
