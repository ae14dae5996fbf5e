"""A member at a zone: their token, the connection that carries it, and the spaces that they name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import click

from fs2od.cli.access import Access
from fs2od.cli.connecting import connection_of
from fs2od.client import Connection, Onezone
from fs2od.errors import ConfigurationError
from fs2od.onedata import wire
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.tokens import Token
from fs2od.results import Target, find_target, space_of

__all__ = ["Member", "asked", "member_at"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Member:
    """Somebody with an access token, connected."""

    connection: Connection
    zone: Onezone
    token: Token
    prefer: str | None

    async def scope(self) -> wire.DataAccessScope:
        """Return what data the token reaches."""
        scope = await self.zone.tokens.infer_access_token_scope(self.token)
        if scope.data_access_scope is None:
            raise click.UsageError("this is not the access token of a person")
        return scope.data_access_scope

    async def space(self, named: str) -> SpaceId:
        """Return the space that a name, an id or NAME@ID means.

        Raises:
            NotFound: The token reaches no such space.
            ConfigurationError: Several have that name.
        """
        return space_of(await self.scope(), named)

    async def target(self, space: str, path: str, *, writes: bool = True) -> Target:
        """Return a folder of a space at a provider; see `fs2od.results.find_target`."""
        return await find_target(
            self.connection, self.zone.url, self.token, space, path, prefer=self.prefer, writes=writes
        )


@asynccontextmanager
async def member_at(access: Access, *, wait_s: float | None = None) -> AsyncIterator[Member]:
    """Yield the member that a command was given; with `wait_s`, calls wait so long for a service that is away.

    Raises:
        ConfigurationError: There is no token, or nobody says of which zone.
        Forbidden: The token is of another zone.
    """
    access.required()
    if access.zone_url is None:
        raise ConfigurationError("the token does not say of which zone it is: give --zone")
    token = Token(access.for_zone(access.zone_url).text())
    async with connection_of(access, wait_s=wait_s) as connection:
        yield Member(connection, Onezone(connection, access.zone_url), token, access.prefer)


async def asked(access: Access, ask: Callable[[Member], Awaitable[Result]]) -> Result:
    """Return what is answered to a member."""
    async with member_at(access) as member:
        return await ask(member)
