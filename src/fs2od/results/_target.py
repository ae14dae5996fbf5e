"""Where files are put: a space that the token reaches, at a provider that takes them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from fs2od.client import Connection, Oneprovider, Onezone
from fs2od.errors import ConfigurationError
from fs2od.onedata import wire
from fs2od.onedata.errors import ConnectionLost, NotFound, OnedataError, PosixError, ServiceError
from fs2od.onedata.ids import FileId, SpaceId
from fs2od.onedata.tokens import Token
from fs2od.results._errors import NotWritable

__all__ = ["Target", "find_target", "space_of"]

_ANSWERS_WITHIN_S = 15.0


@dataclass(frozen=True)
class Target:
    """A folder of a space, which may not be there yet.

    Attributes:
        connection: Whose requests they are.
        provider: Where it is written.
        space: The space.
        space_name: Its name.
        path: The folder's path in it; "" is the space itself.
        is_ours: Whether the provider is our own node, which says what it wrote.
    """

    connection: Connection
    provider: Oneprovider
    space: SpaceId
    space_name: str
    path: str
    is_ours: bool

    @property
    def root(self) -> FileId:
        """What stands for the space's root."""
        return FileId(self.space)

    def path_of(self, below: str) -> str:
        """Return the path in the space of something below the target."""
        return "/".join(filter(None, (self.path, below)))

    def full(self, below: str) -> str:
        """Return the same with the space, as look-ups and moves want it."""
        return "/".join(filter(None, (f"{self.space_name}@{self.space}", self.path_of(below))))

    async def found(self) -> FileId:
        """Return the id of what stands there.

        Raises:
            NotFound: There is nothing.
        """
        try:
            return await self.provider.files.lookup(self.full(""))
        except PosixError as error:
            if error.errno not in ("enoent", "enotdir"):
                raise
            raise NotFound("notFound", f"there is nothing at {self}") from error

    def __str__(self) -> str:
        return "/".join(filter(None, (self.space_name, self.path)))


async def find_target(
    connection: Connection,
    zone_url: str,
    token: Token,
    space: str,
    path: str,
    *,
    prefer: str | None = None,
    writes: bool = True,
) -> Target:
    """Return the target that a space's name or id and a path mean.

    Args:
        connection: Whose requests they are.
        zone_url: The zone.
        token: The access token.
        space: The space's id, its name, or NAME@ID.
        path: The folder in it.
        prefer: The domain of the provider to take, if it takes files.
        writes: Whether files are to be written there.

    Raises:
        NotFound: The token reaches no such space.
        ConfigurationError: Several have that name.
        NotWritable: The token only reads, or nobody takes files for the space.
        ConnectionLost: Who does is away, and does not come back in time.
    """
    zone, tries = Onezone(connection, zone_url), connection.tries()
    while True:
        data = (await zone.tokens.infer_access_token_scope(token)).data_access_scope
        if data is None or (data.readonly and writes):
            raise NotWritable("the access token only reads: get one that may write")
        found = space_of(data, space)
        known = data.spaces[found]
        online = _online(data, known, writes=writes)
        if online:
            break
        # A zone hears some seconds late that a provider is there again.
        await tries.missed(ConnectionLost(f"no provider of the space {known.name!r} is there just now"))
    online.sort(key=lambda provider: (provider.domain != prefer, provider.name, provider.domain))
    provider = await _reached([Oneprovider(connection, f"https://{each.domain}") for each in online])
    return Target(connection, provider, found, known.name, path, await _is_ours(provider, found))


def _online(data: wire.DataAccessScope, space: wire.ScopeSpace, *, writes: bool) -> list[wire.ScopeProvider]:
    """Return the providers of a space that can be asked, of those that take files if some are to be written.

    Raises:
        NotWritable: None takes any.
    """
    takers = [provider for provider, support in space.supports.items() if not (support.readonly and writes)]
    if not takers:
        kept = "takes no files" if writes else "is not served"
        raise NotWritable(f"the space {space.name!r} {kept} at any provider that can be reached")
    known = [data.providers[provider] for provider in takers if provider in data.providers]
    return [provider for provider in known if provider.online]


async def _reached(providers: list[Oneprovider]) -> Oneprovider:
    """Return the first provider that answers; the first one of all where none does, or there is but one: it is waited for."""
    for provider in providers if len(providers) > 1 else ():
        with contextlib.suppress(TimeoutError, OnedataError):
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                await provider.configuration()
            return provider
    return providers[0]


def space_of(data: wire.DataAccessScope, wanted: str) -> SpaceId:
    """Return the space that an id, a name or NAME@ID means, of those that a token reaches.

    Raises:
        NotFound: The token reaches no such space.
        ConfigurationError: Several have that name.
    """
    name, _, given = wanted.partition("@")
    ids = [
        space
        for space, known in data.spaces.items()
        if space == wanted or (known.name == name and given in ("", space)) or known.name == wanted
    ]
    if not ids:
        reached = ", ".join(sorted(known.name for known in data.spaces.values())) or "none"
        raise NotFound("notFound", f"the token reaches no space {wanted!r}; it reaches: {reached}")
    if len(ids) > 1 and wanted not in ids:
        raise ConfigurationError(f"several spaces are called {wanted!r}: give the id of one: {', '.join(sorted(ids))}")
    return SpaceId(wanted) if wanted in ids else ids[0]


async def _is_ours(provider: Oneprovider, space: SpaceId) -> bool:
    """Ask for what only our node answers: the checksum of a directory, which it says there is none of."""
    try:
        await provider.files.checksum(FileId(space))
    except PosixError:
        return True
    except ServiceError:
        return False
    return True
