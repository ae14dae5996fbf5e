"""`fs2od site members|invite|join|dismiss`: who administers a site, by Onedata's calls for the members of its cluster."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from fs2od.cli.administering import Speaker, secret_of, site_called, speaker_options
from fs2od.cli.zone_options import JSON_OPTION, zone_options
from fs2od.client import Onezone
from fs2od.errors import ConfigurationError
from fs2od.onedata import privileges
from fs2od.onedata.errors import Forbidden
from fs2od.onedata.ids import UserId
from fs2od.onedata.pasted import pasted
from fs2od.onedata.tokens import InviteToken, InviteType, Time

__all__ = ["COMMANDS"]

_ROLES = {"administrator": privileges.CLUSTER_ADMIN, "viewer": privileges.CLUSTER_MEMBER}


@click.command()
@click.argument("name")
@zone_options
@speaker_options
@JSON_OPTION
def members(*, name: str, zone_url: str, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """List who is in the site NAME (or its id): its administrators, and those who only look, who are not told who is what."""

    async def listed(zone: Onezone) -> list[dict[str, Any]]:
        cluster = await _cluster(zone, name)
        found = []
        for user in await zone.clusters.users(cluster):
            known = await zone.clusters.user(cluster, user)
            held = await _held(zone, cluster, user)
            role = None if held is None else "administrator" if "cluster_update" in held else "viewer"
            found.append({"userId": user, "name": known.full_name, "role": role, "privileges": held})
        return found

    rows = Speaker.of(token_file, ca_file, zone_url=zone_url).at_zone(zone_url, listed)
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['userId']}  {row['role'] or '-':<13}  {row['name']}")


@click.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(sorted(_ROLES)),
    default="administrator",
    show_default=True,
    help="What who uses it becomes: somebody who may do everything there, or who only looks.",
)
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="How long it works.")
@zone_options
@speaker_options
def invite(*, name: str, role: str, days: int, zone_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Print an invite into the site NAME, for one person: with `fs2od site join`, or on the page /join of the zone."""
    now = datetime.now(UTC)
    until = Time(int((now + timedelta(days=days)).timestamp()))

    async def made(zone: Onezone) -> str:
        kind = InviteToken(InviteType.USER_JOIN_CLUSTER, await _cluster(zone, name))
        called = f"site {name} {now:%Y-%m-%d %H.%M.%S.%f}"
        token = await zone.tokens.create_named(
            called, kind, caveats=[until], usage_limit=1, privileges=sorted(map(str, _ROLES[role]))
        )
        return token.token.reveal()

    click.echo(Speaker.of(token_file, ca_file, zone_url=zone_url).at_zone(zone_url, made))


@click.command()
@click.option(
    "--invite",
    "given",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default="-",
    help="File that holds the invite; by default standard input.",
)
@zone_options
@speaker_options
def join(*, given: Path, zone_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Become a member of the site that an invite names."""
    shown = pasted(secret_of(given))
    speaker = Speaker.of(token_file, ca_file, zone_url=zone_url)
    speaker.at_zone(zone_url, lambda zone: zone.clusters.join(shown))
    click.echo("you are in", err=True)


@click.command()
@click.argument("name")
@click.argument("who")
@zone_options
@speaker_options
def dismiss(*, name: str, who: str, zone_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Take WHO (an id, or a full name as `members` shows it) out of the site NAME."""

    async def done(zone: Onezone) -> None:
        cluster = await _cluster(zone, name)
        users = [await zone.clusters.user(cluster, each) for each in await zone.clusters.users(cluster)]
        meant = [each for each in users if who in (each.user_id, each.full_name)]
        if len(meant) != 1:
            there = ", ".join(f"{each.full_name} ({each.user_id})" for each in users)
            raise ConfigurationError(f"'{who}' means {len(meant)} members of {name}; there are: {there}")
        await zone.clusters.remove_user(cluster, meant[0].user_id)

    Speaker.of(token_file, ca_file, zone_url=zone_url).at_zone(zone_url, done)
    click.echo(f"{who} is no member of {name} any more", err=True)


COMMANDS = (members, invite, join, dismiss)


async def _held(zone: Onezone, cluster: str, user: UserId) -> list[str] | None:
    """Return what a member may do; None to those who may not know."""
    try:
        return list(await zone.clusters.user_privileges(cluster, user))
    except Forbidden:
        return None


async def _cluster(zone: Onezone, name: str) -> str:
    site = site_called(await zone.sites.list(), name)
    return (await zone.providers.get(site.provider_id)).cluster_id
