"""Places in spaces as people name them, the sites that support them, and who knows of something by its id: by Onedata's own calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from fs2od.cli.member import Member
from fs2od.client import Oneprovider
from fs2od.errors import ConfigurationError
from fs2od.onedata import wire
from fs2od.onedata.errors import Busy, ConnectionLost, Forbidden, NotFound, OnedataError, Rejected, ServiceFault
from fs2od.onedata.ids import FileId, ProviderId
from fs2od.results import Target

__all__ = ["Placed", "knowing", "placed", "site_names"]

Known = TypeVar("Known")


@dataclass(frozen=True)
class Placed:
    """A space, or a file or folder in it, at a provider that can be reached; and the sites that support it, by their ids."""

    target: Target
    file: FileId
    sites: Mapping[ProviderId, wire.ScopeProvider]

    def site(self, named: str) -> ProviderId:
        """Return the site that a name or an id means, of those that support the space.

        Raises:
            NotFound: There is none.
            ConfigurationError: There are several.
        """
        found = [provider for provider, site in self.sites.items() if named in (provider, site.name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigurationError(f"several sites are called {named!r}: give the id of one: {', '.join(found)}")
        there = ", ".join(sorted(site.name for site in self.sites.values()))
        raise NotFound("notFound", f"no site {named!r} supports {self.target.space_name}; supported by: {there}")


async def placed(member: Member, place: str) -> Placed:
    """Return what "SPACE" or "SPACE/PATH" means.

    Raises:
        NotFound: The token reaches no such space, or there is nothing at that path.
    """
    space, _, path = place.strip().partition("/")
    target = await member.target(space, path.strip("/"), writes=False)
    scope = await member.scope()
    sites = {provider: scope.providers[provider] for provider in scope.spaces[target.space].supports}
    return Placed(target, await target.found(), sites)


async def knowing(member: Member, ask: Callable[[Oneprovider], Awaitable[Known]]) -> tuple[Oneprovider, Known]:
    """Return the provider that knows of something, and what it says; an id does not tell where to ask.

    Raises:
        NotFound: None of those knows it that the token reaches.
        ConnectionLost: One of them cannot be reached, and no other knows it.
    """
    missing: OnedataError = NotFound("notFound", "no site that the token reaches knows it")
    sites = [site for site in (await member.scope()).providers.values() if site.online]
    for site in sorted(sites, key=lambda each: (each.domain != member.prefer, each.name, each.domain)):
        provider = Oneprovider(member.connection, f"https://{site.domain}")
        try:
            return provider, await ask(provider)
        except (NotFound, Forbidden, Rejected):
            # What is of a space that it does not support, a provider may not show, or not understand.
            continue
        except (ConnectionLost, Busy, ServiceFault) as error:
            missing = error
    raise missing


async def site_names(member: Member) -> dict[ProviderId, str]:
    """Return what the sites are called that the token reaches."""
    return {provider: site.name for provider, site in (await member.scope()).providers.items()}
