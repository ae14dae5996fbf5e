"""A public link opened by a guest: what anyone who holds it can see and read, in any zone."""

from __future__ import annotations

from fs2od.client._connection import Connection
from fs2od.client._origins import parse_share_link
from fs2od.client._reading import SharedData
from fs2od.client.zone.onezone import Onezone
from fs2od.onedata import wire
from fs2od.onedata.ids import FileId

__all__ = ["OpenShare", "open_share"]


class OpenShare:
    """A share behind a public link: `details` as its zone tells them to everyone, `data` to list and read it."""

    def __init__(self, details: wire.PublicShare, data: SharedData) -> None:
        self.details = details
        self.data = data

    @property
    def root(self) -> FileId:
        """The id of what is shared, a directory or a file; as through all of `data`, it is share-scoped."""
        return self.details.root_file_id


async def open_share(connection: Connection, link: str) -> OpenShare:
    """Open a public link `https://ZONE/share/ID` (GET Z/shares/{id}/public). No token is sent, then or later.

    Raises:
        ConfigurationError: It is not the link of a share: copy it again, whole.
        NotFound: There is no such share, or no longer.
    """
    where = parse_share_link(link)
    zone = Onezone(connection, where.zone)
    return OpenShare(await zone.shares.public(where.share), zone.shares.data)
