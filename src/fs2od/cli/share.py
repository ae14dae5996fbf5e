"""`fs2od share`: make, list and end the links of a space's data, such as results."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from fs2od.cli.access import Access, access_of
from fs2od.cli.access_options import access_options
from fs2od.cli.caveats import duration
from fs2od.cli.listed import ListedGroup
from fs2od.cli.member import Member, asked
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.onedata import wire
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import ShareId
from fs2od.onedata.wire.sharing import LinkChange, LinkDetails
from fs2od.transfer import is_link, parse_link

__all__ = ["share"]


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od share create 'grid 7 results/run 3' --valid-for 30d\n\n  fs2od share list 'grid 7 results'"
    "\n\n  fs2od share end https://zone.example.org/share/1a2b3c",
)
def share() -> None:
    """Make, list and end the links of a space's data. A link opens what lies below it to everybody who has it."""


@share.command()
@click.argument("place")
@click.option("--name", help="What the link's page is called; by default the folder's or the space's name.")
@click.option("--label", default="", help="For yourself, to tell this link from others.")
@click.option("--members", is_flag=True, help="For the space's members only; others are turned away.")
@click.option(
    "--valid-for", metavar="LENGTH", help="How long it works, such as 12h or 30d; by default until it is ended."
)
@access_options
@JSON_OPTION
def create(
    *,
    place: str,
    name: str | None,
    label: str,
    members: bool,
    valid_for: str | None,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Make a link to PLACE, a space or a folder in it such as "results/run 3", and print it."""
    until = int((datetime.now(UTC) + duration(valid_for)).timestamp()) if valid_for else None
    change = LinkChange(audience="members" if members else "public", until=until, label=label)

    async def make(member: Member) -> dict[str, str]:
        space, _, path = place.strip().partition("/")
        target = await member.target(space, path.strip("/"), writes=False)
        root = await target.found()
        shown = name or target.path.rpartition("/")[2] or target.space_name
        made = await target.provider.shares.create(root, shown)
        if change != LinkChange():
            try:
                await member.zone.shares.set_link(made, change)
            except BaseException:
                # A link that is open to more people than was said is none that was asked for.
                await target.provider.shares.delete(made)
                raise
        return {"shareId": made, "link": f"{member.zone.url}/share/{made}"}

    found = asyncio.run(asked(access_of(zone_url, token_file, ca_file), make))
    click.echo(json.dumps(found) if as_json else found["link"])


@share.command("list")
@click.argument("space")
@access_options
@JSON_OPTION
def list_(*, space: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """List the links into SPACE."""

    async def links(member: Member) -> list[dict[str, Any]]:
        shares = await member.zone.spaces.shares(await member.space(space))
        return [_described(member.zone.url, *await _looked_at(member, each)) for each in shares]

    found = asyncio.run(asked(access_of(zone_url, token_file, ca_file), links))
    if as_json:
        click.echo(json.dumps(found))
        return
    for each in found:
        until = datetime.fromtimestamp(each["until"], UTC).strftime("%Y-%m-%d %H:%M UTC") if each["until"] else "no end"
        click.echo(f"{each['link']}  {each['audience']:<7}  {until:<20}  {each['label'] or each['name']}")


@share.command()
@click.argument("link")
@access_options
def end(*, link: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None) -> None:
    """End LINK, given as it is or by its id. The files stay."""
    access = _access(link, zone_url, token_file, ca_file)
    found = ShareId(parse_link(link).share if is_link(link) else link)

    async def stop(member: Member) -> None:
        space = (await member.zone.shares.get(found)).space_id
        target = await member.target(space, "", writes=False)
        await target.provider.shares.delete(found)

    asyncio.run(asked(access, stop))
    click.echo("the link has ended", err=True)


def _access(link: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None) -> Access:
    return access_of(zone_url, token_file, ca_file, text=link)


async def _looked_at(member: Member, found: ShareId) -> tuple[wire.ZoneShare, LinkDetails | None]:
    details = await member.zone.shares.get(found)
    try:
        return details, await member.zone.shares.link(found)
    except NotFound:
        return details, None  # a federation: its links are open to everybody, without an end


def _described(zone_url: str, details: wire.ZoneShare, link: LinkDetails | None) -> dict[str, Any]:
    return {
        "shareId": details.share_id,
        "link": f"{zone_url}/share/{details.share_id}",
        "name": details.name,
        "label": link.label if link else "",
        "audience": link.in_force.audience if link else "public",
        "until": link.in_force.until if link else None,
    }
