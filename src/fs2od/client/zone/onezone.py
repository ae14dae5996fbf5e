"""A zone, as its REST API shows it."""

from __future__ import annotations

from fs2od.client._connection import Connection
from fs2od.client._service import Service
from fs2od.client.zone.clusters import Clusters
from fs2od.client.zone.groups import Groups
from fs2od.client.zone.invites import SpaceInvites
from fs2od.client.zone.providers import Providers
from fs2od.client.zone.shares import ZoneShares
from fs2od.client.zone.sites import Sites
from fs2od.client.zone.spaces import ZoneSpaces
from fs2od.client.zone.tokens import Tokens
from fs2od.client.zone.user import CurrentUser
from fs2od.client.zone.users import Users
from fs2od.onedata import wire

__all__ = ["Onezone"]


class Onezone:
    """The zone at `https://HOST[:PORT]`: who may do what, and where the data is."""

    def __init__(self, connection: Connection, url: str) -> None:
        """Speak to the zone at `url`; nothing is sent yet.

        Raises:
            ConfigurationError: `url` is not `https://HOST[:PORT]`.
        """
        self._service = service = Service(connection, "onezone", url)
        self.url = service.origin
        self.user = CurrentUser(service)
        self.users = Users(service)
        self.groups = Groups(service)
        self.spaces = ZoneSpaces(service)
        self.tokens = Tokens(service)
        self.shares = ZoneShares(service)
        self.providers = Providers(service)
        self.clusters = Clusters(service)
        self.sites = Sites(service)
        self.invites = SpaceInvites(service)

    async def configuration(self) -> wire.ZoneConfiguration:
        """Return what the zone says about itself to everyone (GET Z/configuration).

        Raises:
            MalformedAnswer: This is no Onezone, or a much older one.
        """
        return await self._service.read("get_configuration", wire.ZoneConfiguration)

    async def health(self) -> wire.Health:
        """Return how the zone feels (GET Z/health).

        Raises:
            Busy: It cannot serve now; try again later.
        """
        return await self._service.read("health", wire.Health)
