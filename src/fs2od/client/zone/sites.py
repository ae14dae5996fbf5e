"""Sites of our own node, and what they are asked for; a zone of Onedata's knows none of these calls."""

from __future__ import annotations

from fs2od.client._service import Service
from fs2od.onedata.ids import ProviderId, SpaceId
from fs2od.onedata.wire import sites as ours

__all__ = ["Sites"]


class Sites:
    """The providers of a node, with what they offer."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def list(self) -> tuple[ours.SiteDetails, ...]:
        """Return all sites (GET Z/fs2od/sites).

        Raises:
            NotFound: The zone is no node of ours, or a plain one.
        """
        return (await self._service.read("fs2od_list_sites", ours.Sites)).sites

    async def add(self, name: str, *, host: str = "", port: int = 0) -> ours.SiteDetails:
        """Add a site and return it (POST Z/fs2od/sites). Two calls make two, if the names differ.

        Raises:
            Rejected: badValueIdentifierOccupied: take another name. badData: the port cannot be had.
            Forbidden: The user may not (oz_providers_invite).
        """
        document = ours.SiteRequest(name=name, host=host, port=port)
        return await self._service.read("fs2od_add_site", ours.SiteDetails, document=document)

    async def requests(self, space: SpaceId) -> tuple[ours.SupportAskedDetails, ...]:
        """Return a space's requests for support (GET Z/fs2od/spaces/{id}/support_requests).

        Raises:
            Forbidden: The space is not the user's.
        """
        found = await self._service.read("fs2od_list_support_requests", ours.SupportsAsked, ids={"id": space})
        return found.requests

    async def request(self, space: SpaceId, provider: ProviderId, size_bytes: int, *, note: str = "") -> str:
        """Ask a site for storage, and return the request's id (POST Z/fs2od/spaces/{id}/support_requests).

        Raises:
            Rejected: badValueTooHigh: ask for less. badValueIdNotFound: the site takes no requests.
            Conflict: A request waits there already, or the space has as much.
            Forbidden: The user may not (space_add_support).
        """
        document = ours.SupportAsked(provider_id=provider, size=size_bytes, note=note)
        made = await self._service.read(
            "fs2od_request_support", ours.SupportAskedMade, ids={"id": space}, document=document
        )
        return made.request_id

    async def withdraw(self, request: str) -> None:
        """Take a request back (DELETE Z/fs2od/support_requests/{rid}).

        Raises:
            Rejected: It was answered.
        """
        await self._service.do("fs2od_withdraw_support_request", ids={"rid": request})

    async def job_token(self, dataset: SpaceId, wanted: ours.JobTokenRequest) -> ours.JobTokenMade:
        """Make a token for one job on a dataset, with a space for its results (POST Z/fs2od/spaces/{id}/job_token).

        Not repeated when the answer is lost: the name is taken then.

        Raises:
            Rejected: badValueIdentifierOccupied: take another name. badValueCaveat: correct the networks.
                badValueIdNotFound: the site takes no results.
            Forbidden: The dataset is not the user's to read, or the space for results not theirs to write.
        """
        return await self._service.read("fs2od_make_job_token", ours.JobTokenMade, ids={"id": dataset}, document=wanted)
