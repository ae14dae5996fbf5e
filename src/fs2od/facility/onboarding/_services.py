"""Onedata as the facility reaches it: zone, provider and panel over one connection, and which groups are the facility's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from fs2od.client import Connection, Onepanel, Oneprovider, Onezone
from fs2od.configuration import Onedata
from fs2od.errors import ConfigurationError
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import Token

__all__ = ["Connect", "Services", "read_token"]

Connect: TypeAlias = Callable[[Token], Connection]
"""Makes a connection for a token. Tests hand in their own transport and observer here."""

_MOST_BYTES = 1 << 20


class Services:
    """The services over one connection; close it when done."""

    def __init__(self, settings: Onedata, connection: Connection) -> None:
        self._connection = connection
        self.zone = Onezone(connection, settings.zone)
        self.provider = Oneprovider(connection, settings.provider)
        self.panel = Onepanel(connection, settings.provider)

    async def close(self) -> None:
        """Close all connections."""
        await self._connection.close()


def read_token(settings: Onedata) -> Token:
    """Return the facility's access token from its file.

    Raises:
        ConfigurationError: The file cannot be read or holds no token.
    """
    try:
        with settings.token_file.open(encoding="ascii") as file:
            text = file.read(_MOST_BYTES + 1)
        return Token(text.strip())
    except OSError as error:
        raise ConfigurationError(f"onedata.token_file {settings.token_file}: {error.strerror}") from error
    except (UnicodeDecodeError, ServiceError):
        raise ConfigurationError(f"onedata.token_file {settings.token_file} holds no token") from None
