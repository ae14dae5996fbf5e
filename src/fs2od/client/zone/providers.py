"""The providers of a zone."""

from __future__ import annotations

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import ProviderId, SpaceId

__all__ = ["Providers"]


class Providers:
    """Those who lend storage to a zone's spaces."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def list(self) -> tuple[ProviderId, ...]:
        """Return all providers of the zone (GET Z/providers).

        Raises:
            Forbidden: The user may not list them all (oz_providers_list); see `user.effective_providers`.
        """
        return (await self._service.read("oz_providers_list", wire.ProviderIds)).providers

    async def get(self, provider: ProviderId) -> wire.ProviderDetails:
        """Return a provider (GET Z/providers/{id}); its `domain` is host[:port].

        Raises:
            NotFound: There is no such provider.
            Forbidden: It supports none of the user's spaces.
        """
        return await self._service.read("get_provider_details", wire.ProviderDetails, ids={"id": provider})

    async def remove(self, provider: ProviderId) -> None:
        """Remove a provider from the zone (DELETE Z/providers/{id}); what lies on its storages stays there.

        Raises:
            Forbidden: The user may not (oz_providers_delete).
            NotFound: It is gone already, perhaps by a try whose answer was lost.
            Rejected: storageInUse: a provider of our own node that supports spaces; end its supports first. notSupported: it is
                the node's own, or stands in the configuration.
        """
        await self._service.do("remove_provider", ids={"id": provider})

    async def spaces(self, provider: ProviderId) -> tuple[SpaceId, ...]:
        """Return the spaces that a provider supports (GET Z/providers/{id}/spaces).

        Raises:
            Forbidden: The user may not list them (oz_providers_list_relationships).
        """
        return (await self._service.read("list_provider_supported_spaces", wire.SpaceIds, ids={"id": provider})).spaces
