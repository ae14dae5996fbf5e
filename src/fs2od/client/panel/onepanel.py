"""The panel of a provider, as its REST API shows it."""

from __future__ import annotations

from fs2od.client._connection import Connection
from fs2od.client._service import Service
from fs2od.client.panel.imports import Imports
from fs2od.client.panel.offers import Offers
from fs2od.client.panel.spaces import SupportedSpaces
from fs2od.client.panel.storages import Storages
from fs2od.client.panel.users import ZoneUsers
from fs2od.onedata import wire

__all__ = ["Onepanel"]


class Onepanel:
    """The panel at `https://HOST[:PORT]`: at a provider's address its storages, support and imports; at a zone's, its users."""

    def __init__(self, connection: Connection, url: str) -> None:
        """Speak to the panel at `url`; nothing is sent yet.

        Raises:
            ConfigurationError: `url` is not `https://HOST[:PORT]`.
        """
        self._service = service = Service(connection, "onepanel", url)
        self.url = service.origin
        self.storages = Storages(service)
        self.spaces = SupportedSpaces(service)
        self.imports = Imports(service)
        self.users = ZoneUsers(service)
        self.offers = Offers(service)

    async def configuration(self) -> wire.PanelConfiguration:
        """Return what the panel says about itself to everyone (GET N/configuration).

        Raises:
            MalformedAnswer: This is no Onepanel, or a much older one.
        """
        return await self._service.read("get_configuration", wire.PanelConfiguration)

    async def provider(self) -> wire.PanelProvider:
        """Return the provider that the panel administers (GET N/provider).

        Raises:
            Forbidden: The user is no member of its cluster.
        """
        return await self._service.read("get_provider", wire.PanelProvider)
