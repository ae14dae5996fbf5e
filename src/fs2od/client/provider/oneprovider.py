"""A provider, as its REST API shows it."""

from __future__ import annotations

from fs2od.client._connection import Connection
from fs2od.client._service import Service
from fs2od.client.provider.files import Files
from fs2od.client.provider.qos import QosRequirements
from fs2od.client.provider.shares import ProviderShares
from fs2od.client.provider.spaces import ProviderSpaces
from fs2od.client.provider.transfers import Transfers
from fs2od.onedata import wire

__all__ = ["Oneprovider"]


class Oneprovider:
    """The provider at `https://HOST[:PORT]`: the data itself."""

    def __init__(self, connection: Connection, url: str) -> None:
        """Speak to the provider at `url`; nothing is sent yet.

        Raises:
            ConfigurationError: `url` is not `https://HOST[:PORT]`.
        """
        self._service = service = Service(connection, "oneprovider", url)
        self.url = service.origin
        self.spaces = ProviderSpaces(service)
        self.files = Files(service)
        self.shares = ProviderShares(service)
        self.qos = QosRequirements(service)
        self.transfers = Transfers(service)

    async def configuration(self) -> wire.ProviderConfiguration:
        """Return what the provider says about itself to everyone (GET P/configuration).

        Raises:
            MalformedAnswer: This is no Oneprovider, or a much older one.
        """
        return await self._service.read("get_configuration", wire.ProviderConfiguration)

    async def health(self) -> wire.Health:
        """Return how the provider feels (GET P/health).

        Raises:
            Busy: It cannot serve now; try again later.
        """
        return await self._service.read("health", wire.Health)
