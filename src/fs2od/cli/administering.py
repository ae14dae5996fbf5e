"""What commands that administer sites share: whose token, which zone or panel, and sizes as people write them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from fs2od.cli.access import Access, access_of
from fs2od.cli.connecting import connection_of
from fs2od.cli.zone_options import CA_OPTION
from fs2od.client import Onepanel, Onezone
from fs2od.errors import ConfigurationError
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import ProviderId, SpaceId, is_entity_id
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.sites import SiteDetails
from fs2od.transfer import parse_rate

__all__ = ["SIZE", "Speaker", "panel_options", "secret_of", "site_called", "site_named", "speaker_options"]

Done = TypeVar("Done")

_MOST_CHARACTERS = 65_536

_TOKEN_OPTION = click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar="FS2OD_TOKEN_FILE",
    show_envvar=True,
    help="File that holds your access token. Else FS2OD_TOKEN or ONECLIENT_ACCESS_TOKEN is taken, else what fs2od login kept.",
)
_PROVIDER_OPTION = click.option(
    "--provider",
    "provider_url",
    required=True,
    envvar="FS2OD_PROVIDER",
    show_envvar=True,
    help="The site's address, such as https://localhost:8446.",
)


@dataclass(frozen=True)
class Speaker:
    """Whoever runs the command, and where they speak to."""

    access: Access

    @classmethod
    def of(cls, token_file: Path | None, ca_file: Path | None, *, zone_url: str | None = None) -> Speaker:
        """Return who the options and the environment say.

        Raises:
            ConfigurationError: There is no token.
        """
        access = access_of(zone_url, token_file, ca_file)
        access.required()
        return cls(access)

    def at_zone(self, url: str, ask: Callable[[Onezone], Awaitable[Done]]) -> Done:
        """Return what a zone answers.

        Raises:
            Forbidden: The token is of another zone.
        """
        self.access.for_zone(url)

        async def run() -> Done:
            async with connection_of(self.access) as connection:
                return await ask(Onezone(connection, url))

        return asyncio.run(run())

    async def space(self, zone: Onezone, named: str) -> SpaceId:
        """Return the space that an id, a name or NAME@ID means.

        Raises:
            NotFound: The token reaches no such space.
            ConfigurationError: Several have that name, or the token is nobody's access token.
        """
        from fs2od.results import space_of  # an id needs none of it

        if is_entity_id(named):
            return SpaceId(named)
        scope = await zone.tokens.infer_access_token_scope(Token(self.access.required().text()))
        if scope.data_access_scope is None:
            raise ConfigurationError("this is not the access token of a person")
        return space_of(scope.data_access_scope, named)

    def at_panel(self, url: str, ask: Callable[[Onepanel], Awaitable[Done]]) -> Done:
        """Return what a site's panel answers."""

        async def run() -> Done:
            async with connection_of(self.access) as connection:
                return await ask(Onepanel(connection, url))

        return asyncio.run(run())


def speaker_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --token-file."""
    return _TOKEN_OPTION(command)


def panel_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --provider, --token-file and --ca."""
    return _PROVIDER_OPTION(speaker_options(CA_OPTION(command)))


def secret_of(file: Path) -> str:
    """Return the secret that a file or standard input ("-") holds, without what stands around it.

    Raises:
        ConfigurationError: It cannot be read, is empty, or too large.
    """
    try:
        with click.open_file(str(file)) as opened:
            secret = opened.read(_MOST_CHARACTERS + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read") from error
    if not secret:
        raise ConfigurationError(f"{file} is empty: it should hold the secret")
    if len(secret) > _MOST_CHARACTERS:
        raise ConfigurationError(f"{file} is larger than {_MOST_CHARACTERS} characters: is it the right file?")
    return str(secret)


def site_called(sites: tuple[SiteDetails, ...], wanted: str) -> SiteDetails:
    """Return the site of a name or an id, whether or not it takes requests.

    Raises:
        NotFound: There is none.
    """
    for each in sites:
        if wanted in (each.name, each.provider_id):
            return each
    raise NotFound("notFound", f"there is no site '{wanted}'; there are: {', '.join(each.name for each in sites)}")


def site_named(sites: tuple[SiteDetails, ...], wanted: str) -> ProviderId:
    """Return the site that a name or an id means.

    Raises:
        NotFound: There is none.
    """
    for each in sites:
        if wanted in (each.name, each.provider_id):
            return each.provider_id
    there = ", ".join(each.name for each in sites if each.accepts) or "none"
    raise NotFound("notFound", f"there is no site '{wanted}'; sites that take requests: {there}")


class _Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's signature
        """Return a number of bytes."""
        try:
            return round(parse_rate(str(value)))
        except ValueError:
            self.fail(f"{value}: a size is written as 500M, 20G or 1.5T", param, ctx)


SIZE = _Size()
"""A size on the command line: 500M, 20G, 1.5T, 2Ti."""
