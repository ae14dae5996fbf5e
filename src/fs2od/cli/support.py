"""`fs2od support`: storage that sites lend to spaces: asked for, granted, declined, taken back, or handed over by a token."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from fs2od.cli.administering import SIZE, Speaker, panel_options, secret_of, site_named, speaker_options
from fs2od.cli.listed import ListedGroup
from fs2od.cli.secret_output import keep_private
from fs2od.cli.support_ending import end
from fs2od.cli.support_granted import granted, resize
from fs2od.cli.zone_options import CA_OPTION, JSON_OPTION, zone_options
from fs2od.client import Onezone
from fs2od.onedata import wire
from fs2od.onedata.ids import StorageId
from fs2od.onedata.pasted import pasted
from fs2od.onedata.tokens import InviteToken, InviteType, Time, Token
from fs2od.onedata.wire.sites import SupportAskedDetails
from fs2od.quantities import human_bytes

__all__ = ["support"]


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od support request SPACE --site centre --size 5T --zone https://localhost:8443"
    "\n\n  fs2od support approve REQUEST --storage STORAGE --provider https://localhost:8446"
    "\n\n  fs2od support token SPACE --zone https://localhost:8443 > support.token"
    "\n\n  fs2od support grant --storage STORAGE --size 5T --provider https://localhost:8446 < support.token"
    "\n\n  fs2od support granted --provider https://localhost:8446"
    "\n\n  fs2od support resize SPACE 8T --provider https://localhost:8446"
    "\n\n  fs2od support end SPACE --provider https://localhost:8446",
)
def support() -> None:
    """Ask sites for storage, answer as a site's administrator, hand over a support token, see what is granted, change or end it."""


for _command in (end, granted, resize):
    support.add_command(_command)


@support.command()
@click.argument("space")
@click.option("--site", "wanted", required=True, help="The site, by its name or id.")
@click.option("--size", "size_bytes", type=SIZE, required=True, help="How much in all, such as 5T.")
@click.option("--note", default="", help="One sentence to its administrators.")
@zone_options
@speaker_options
@JSON_OPTION
def request(
    *,
    space: str,
    wanted: str,
    size_bytes: int,
    note: str,
    zone_url: str,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Ask a site for storage for SPACE, by its name or id. Its administrators hear of it by mail, and you of their answer."""
    speaker = Speaker.of(token_file, ca_file, zone_url=zone_url)

    async def asked(zone: Onezone) -> str:
        site = site_named(await zone.sites.list(), wanted)
        return await zone.sites.request(await speaker.space(zone, space), site, size_bytes, note=note)

    made = speaker.at_zone(zone_url, asked)
    click.echo(json.dumps({"requestId": made}) if as_json else made)


@support.command("list")
@click.option("--space", help="The requests of this space, by its name or id, with --zone.")
@click.option("--zone", "zone_url", envvar="FS2OD_ZONE", show_envvar=True, help="The zone's address.")
@click.option("--provider", "provider_url", envvar="FS2OD_PROVIDER", show_envvar=True, help="The site's address.")
@speaker_options
@CA_OPTION
@JSON_OPTION
def list_(
    *,
    space: str | None,
    zone_url: str | None,
    provider_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """List requests: a space's (--space and --zone), or those at a site (--provider)."""
    if space is not None and zone_url is not None:
        found = _requests_of(space, Speaker.of(token_file, ca_file, zone_url=zone_url), zone_url)
    elif space is None and provider_url is not None:
        found = Speaker.of(token_file, ca_file).at_panel(provider_url, lambda panel: panel.offers.requests())
    else:
        raise click.UsageError("give --space and --zone, or --provider")
    if as_json:
        click.echo(json.dumps([json.loads(wire.write(each)) for each in found]))
        return
    for each in found:
        click.echo(_line(each))


def _requests_of(space: str, speaker: Speaker, zone_url: str) -> tuple[SupportAskedDetails, ...]:
    async def listed(zone: Onezone) -> tuple[SupportAskedDetails, ...]:
        return await zone.sites.requests(await speaker.space(zone, space))

    return speaker.at_zone(zone_url, listed)


@support.command()
@click.argument("which")
@zone_options
@speaker_options
def withdraw(*, which: str, zone_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Take the request WHICH back, as long as it waits."""
    Speaker.of(token_file, ca_file, zone_url=zone_url).at_zone(zone_url, lambda zone: zone.sites.withdraw(which))
    click.echo(f"{which} is withdrawn", err=True)


@support.command()
@click.argument("which")
@click.option("--storage", help="Id of the storage; not needed where the space is supported already.")
@click.option("--size", "size_bytes", type=SIZE, help="How much; by default what was asked for.")
@click.option("--answer", default="", help="One sentence to who asked.")
@panel_options
def approve(
    *,
    which: str,
    storage: str | None,
    size_bytes: int | None,
    answer: str,
    provider_url: str,
    token_file: Path | None,
    ca_file: Path | None,
) -> None:
    """Grant what the request WHICH asks for."""
    chosen = None if storage is None else StorageId(storage)
    Speaker.of(token_file, ca_file).at_panel(
        provider_url,
        lambda panel: panel.offers.approve(which, storage=chosen, size_bytes=size_bytes, answer=answer),
    )
    click.echo(f"{which} is approved", err=True)


@support.command()
@click.argument("which")
@click.option("--answer", default="", help="One sentence to who asked.")
@panel_options
def decline(*, which: str, answer: str, provider_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Decline the request WHICH."""
    speaker = Speaker.of(token_file, ca_file)
    speaker.at_panel(provider_url, lambda panel: panel.offers.decline(which, answer=answer))
    click.echo(f"{which} is declined", err=True)


@support.command()
@click.argument("space")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True, help="How long it works.")
@zone_options
@speaker_options
def token(*, space: str, days: int, zone_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Print a token by which any site's administrator can give storage to SPACE. Works with a federation, too."""
    speaker = Speaker.of(token_file, ca_file, zone_url=zone_url)
    until = Time(int((datetime.now(UTC) + timedelta(days=days)).timestamp()))

    async def made(zone: Onezone) -> Token:
        kind = InviteToken(InviteType.SUPPORT_SPACE, await speaker.space(zone, space))
        return await zone.tokens.create_temporary(kind, caveats=[until])

    found = speaker.at_zone(zone_url, made)
    keep_private()
    click.echo(found.reveal())


@support.command()
@click.option("--storage", required=True, help="Id of the storage.")
@click.option("--size", "size_bytes", type=SIZE, required=True, help="How much, such as 5T.")
@click.option(
    "--support-token",
    "given",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default="-",
    help="File that holds the support token; by default standard input.",
)
@panel_options
def grant(
    *,
    storage: str,
    size_bytes: int,
    given: Path,
    provider_url: str,
    token_file: Path | None,
    ca_file: Path | None,
) -> None:
    """Give storage to the space that a support token names, and print the space's id. Works with a federation, too."""
    shown = pasted(secret_of(given))
    space = Speaker.of(token_file, ca_file).at_panel(
        provider_url, lambda panel: panel.spaces.support(shown, size_bytes, StorageId(storage))
    )
    click.echo(space)


def _line(each: SupportAskedDetails) -> str:
    facts: list[Any] = [
        each.request_id,
        f"{each.state:<9}",
        f"{human_bytes(each.size):>9}",
        f"{each.provider_name} for {each.space_name}",
        f"by {each.user_name}",
    ]
    return "  ".join(facts) + (f"  ({each.note})" if each.note else "")
