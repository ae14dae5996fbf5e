"""`fs2od use`: a dataset at a computing centre, as the page's "Use here": storage asked for, copies from then on, a letter when all is there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from fs2od.cli.access import access_of
from fs2od.cli.access_options import access_options
from fs2od.cli.administering import SIZE, site_called
from fs2od.cli.filled import FilledCommand
from fs2od.cli.member import Member, asked
from fs2od.cli.secret_output import keep_private
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.client import Oneprovider
from fs2od.errors import ConfigurationError
from fs2od.onedata import wire
from fs2od.onedata.errors import Conflict
from fs2od.onedata.ids import ProviderId, SpaceId
from fs2od.onedata.tokens import InviteToken, InviteType, Time
from fs2od.onedata.wire.copies import CopiesOnStorage, WishDetails
from fs2od.onedata.wire.sites import SiteDetails
from fs2od.quantities import human_bytes
from fs2od.transfer import readable_duration

__all__ = ["use"]


@click.command(
    cls=FilledCommand,
    epilog="Examples:\n\n  fs2od use 'grid 7' --site centre --size 5T"
    "\n\n  fs2od use 'grid 7' --support-token > support.token"
    "\n\n  fs2od use 'grid 7'"
    "\n\n  fs2od use 'grid 7' --site centre --stop",
)
@click.argument("dataset")
@click.option("--site", help="The site that it is wanted at, by its name or id.")
@click.option("--size", "size_bytes", type=SIZE, help="How much storage to ask the site for in all, such as 5T.")
@click.option("--note", default="", help="One sentence to the site's administrators.")
@click.option("--support-token", is_flag=True, help="Print a token by which any site's administrator can give storage.")
@click.option("--days", type=click.IntRange(1, 7), default=7, show_default=True, help="How long that token works.")
@click.option(
    "--stop",
    is_flag=True,
    help="Want it at --site no more: nothing is copied there unless others want it; what was copied stays.",
)
@access_options
@JSON_OPTION
def use(
    *,
    dataset: str,
    site: str | None,
    size_bytes: int | None,
    note: str,
    support_token: bool,
    days: int,
    stop: bool,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Have DATASET, a space by its name or id, copied to a site; without options, say how that stands.

    A site that lends it no storage yet, or too little, is asked for --size. Copies begin by themselves as soon as it lends
    some, and a mail says when all is there. It is the same as "Use here" on the dataset's page; a zone that is no fs2od node has
    fs2od support and QoS requirements instead.
    """
    if support_token and (site or size_bytes or note or stop):
        raise click.UsageError("--support-token is for any site, and whoever gives storage says how much")
    if (size_bytes or note or stop) and site is None:
        raise click.UsageError("--size, --note and --stop belong to --site")
    if stop and (size_bytes or note):
        raise click.UsageError("--stop asks for nothing: give it without --size and --note")

    async def do(member: Member) -> tuple[object, list[str]]:
        space, sites = await member.space(dataset), await member.zone.sites.list()
        provider = _provider(member, sites)
        if support_token:
            return await _handed_over(member, provider, space, days)
        if site is None:
            return await _standing(member, provider, space, sites)
        wanted = site_called(sites, site)
        if stop:
            return await _stopped(provider, space, wanted)
        return await _wanted(member, provider, space, wanted, size_bytes, note)

    document, lines = asyncio.run(asked(access_of(zone_url, token_file, ca_file), do))
    if support_token:
        keep_private()
    if as_json:
        click.echo(json.dumps(document))
        return
    for line in lines:
        # A token is for a pipe, and so is how things stand; that something was done is talk.
        click.echo(line, err=site is not None)


def _provider(member: Member, sites: Sequence[SiteDetails]) -> Oneprovider:
    """Return whichever provider of the node answers: all of them know where a dataset is wanted."""
    for each in sites:
        if each.online:
            return Oneprovider(member.connection, f"https://{each.domain}")
    raise ConfigurationError("no site of the zone can be reached now")


async def _wanted(
    member: Member, provider: Oneprovider, space: SpaceId, site: SiteDetails, size_bytes: int | None, note: str
) -> tuple[object, list[str]]:
    lent = (await member.zone.spaces.get(space)).providers.get(site.provider_id)
    request = None
    if lent is None and size_bytes is None:
        raise ConfigurationError(f"{site.name} lends it no storage yet: say how much to ask for, such as --size 5T")
    if size_bytes is not None and size_bytes > (lent or 0):
        with contextlib.suppress(Conflict):  # it was asked already, or lends as much by now
            request = await member.zone.sites.request(space, site.provider_id, size_bytes, note=note)
    await provider.spaces.want(space, site.provider_id)
    said = [] if size_bytes is None or request is None else [f"{site.name} is asked for {human_bytes(size_bytes)}"]
    when = "copies begin as soon as it lends storage" if lent is None else "copies begin now"
    said.append(f"{when}; a mail says when all is there, and fs2od use without --site how far it is")
    return {"spaceId": space, "providerId": site.provider_id, "requestId": request, "wanted": True}, said


async def _stopped(provider: Oneprovider, space: SpaceId, site: SiteDetails) -> tuple[object, list[str]]:
    await provider.spaces.want_no_more(space, site.provider_id)
    others = [each for each in await provider.spaces.wishes(space) if each.provider_id == site.provider_id]
    said = f"nothing is copied to {site.name} any more; what was copied stays"
    if others:
        said = f"you want it at {site.name} no more; others do, so it is copied on"
    return {"spaceId": space, "providerId": site.provider_id, "wanted": bool(others)}, [said]


async def _handed_over(member: Member, provider: Oneprovider, space: SpaceId, days: int) -> tuple[object, list[str]]:
    until = Time(int((datetime.now(UTC) + timedelta(days=days)).timestamp()))
    made = await member.zone.tokens.create_temporary(InviteToken(InviteType.SUPPORT_SPACE, space), caveats=[until])
    await provider.spaces.want(space)
    return {"spaceId": space, "supportToken": made.reveal(), "validUntil": until.valid_until_s}, [made.reveal()]


async def _standing(
    member: Member, provider: Oneprovider, space: SpaceId, sites: Sequence[SiteDetails]
) -> tuple[object, list[str]]:
    wishes, copies = await provider.spaces.wishes(space), (await provider.spaces.replication(space)).copies
    lent = frozenset((await member.zone.spaces.get(space)).providers)
    names: dict[ProviderId | None, str] = {each.provider_id: each.name for each in sites}
    document = {
        "spaceId": space,
        "wishes": [json.loads(wire.write(each)) for each in wishes],
        "copies": [json.loads(wire.write(each)) for each in copies],
    }
    lines = [_wish_line(each, names.get(each.provider_id, ""), copies, lent) for each in wishes]
    # Requirements that nobody made here are copied for, too; what a wish says already is not said again.
    lines += [_copies_line(names.get(each.provider_id, each.storage_name), each) for each in copies]
    return document, list(dict.fromkeys(lines)) or ["it is wanted at no other site"]


def _wish_line(wish: WishDetails, name: str, copies: Sequence[CopiesOnStorage], lent: frozenset[ProviderId]) -> str:
    if wish.provider_id is None:
        return "wanted at whichever site gives storage by a support token"
    if wish.qos_requirement_id is None:
        return f"{name}: waits for storage"
    for each in copies:
        if each.provider_id == wish.provider_id:
            return _copies_line(name, each)
    if wish.provider_id in lent:
        return f"{name}: it is at home there, so nothing has to be copied"
    return f"{name}: lends it no storage any more, so nothing is copied"


def _copies_line(name: str, copies: CopiesOnStorage) -> str:
    sizes = f"{human_bytes(copies.copied_size)} of {human_bytes(copies.size)}"
    said = [f"{name}: {copies.copied_files} of {copies.files} files, {sizes}"]
    if copies.bytes_per_second:
        said.append(f"{human_bytes(copies.bytes_per_second)}/s")
    if copies.seconds_left is not None:
        said.append(f"about {readable_duration(copies.seconds_left)} left")
    if copies.failed_files:
        said.append(f"{copies.failed_files} could not be copied")
    return ", ".join(said) + (f" ({copies.problem})" if copies.problem else "")
