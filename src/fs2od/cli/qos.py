"""`fs2od qos`: which storages are to have copies, now and of what is still to come. It uses Onedata's own calls only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import click
from msgspec import UNSET

from fs2od.cli.access import access_of, say
from fs2od.cli.access_options import access_options
from fs2od.cli.listed import ListedGroup
from fs2od.cli.member import Member, asked
from fs2od.cli.placed import knowing, placed
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.onedata import wire
from fs2od.onedata.errors import PosixError
from fs2od.onedata.ids import ProviderId, QosRequirementId

__all__ = ["qos"]


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od qos add 'grid 7' 'geo=CZ & type=disk' --dry-run"
    "\n\n  fs2od qos add 'grid 7/averages' anyStorage --replicas 2"
    "\n\n  fs2od qos list 'grid 7'\n\n  fs2od qos remove REQUIREMENT",
)
def qos() -> None:
    """Say where copies are to be, for as long as the requirement stands: new files are copied as well. By Onedata's own calls only (not yet run against a federation)."""


@qos.command()
@click.argument("place")
@click.argument("expression")
@click.option(
    "--replicas", type=click.IntRange(1), default=1, show_default=True, help="On how many of the storages that match."
)
@click.option("--dry-run", is_flag=True, help="Only say which storages match.")
@access_options
@JSON_OPTION
def add(
    *,
    place: str,
    expression: str,
    replicas: int,
    dry_run: bool,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    r"""Require copies of PLACE, a space or a file or folder in it, on storages that EXPRESSION matches; print the requirement's id.

    An expression compares what storages say of themselves, and their storageId and providerId: geo=CZ, "type=disk & speed > 5",
    anyStorage; & | and \ (but not) count alike, from left to right.
    """

    async def do(member: Member) -> tuple[Sequence[wire.MatchingStorage], dict[ProviderId, str], str | None]:
        at = await placed(member, place)
        provider = at.target.provider
        matching = await provider.qos.evaluate(at.target.space, expression)
        made = None if dry_run else await provider.qos.add(at.file, expression, replicas=replicas)
        return matching, {site: known.name for site, known in at.sites.items()}, made

    matching, names, made = asyncio.run(asked(access_of(zone_url, token_file, ca_file), do))
    if len(matching) < replicas:
        now = "would be" if dry_run else "is"
        say(f"storages wanted: {replicas}, that match: {len(matching)}; the requirement {now} impossible until more do")
    if as_json:
        storages = [json.loads(wire.write(each)) for each in matching]
        click.echo(json.dumps({"matchingStorages": storages, "qosRequirementId": made}))
        return
    for each in matching if dry_run else ():
        click.echo(f"{each.id}  {each.name}  at {names.get(each.provider_id, each.provider_id)}")
    if made is not None:
        click.echo(made)


@qos.command("list")
@click.argument("place")
@access_options
@JSON_OPTION
def list_(*, place: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """List what is required of PLACE, a space or a file or folder in it: of itself and by the folders above, not below it."""

    async def found(member: Member) -> list[wire.QosRequirementDetails]:
        at = await placed(member, place)
        ids = (await at.target.provider.qos.summary(at.file)).requirements
        return [await at.target.provider.qos.get(each) for each in ids]

    requirements = asyncio.run(asked(access_of(zone_url, token_file, ca_file), found))
    if as_json:
        click.echo(json.dumps([json.loads(wire.write(each)) for each in requirements]))
        return
    for each in requirements:
        click.echo(_line(each))


@qos.command()
@click.argument("requirement")
@access_options
@JSON_OPTION
def show(
    *, requirement: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool
) -> None:
    """Show a requirement, by its id: fulfilled, pending, or impossible as long as too few storages match."""
    which = QosRequirementId(requirement)

    async def look(member: Member) -> tuple[wire.QosRequirementDetails, str]:
        provider, found = await knowing(member, lambda at: at.qos.get(which))
        try:
            path = (await provider.files.attributes(found.file_id, ["path"])).path
        except PosixError:
            path = UNSET  # what it was about is gone, or not the caller's to see
        return found, path or found.file_id

    found, path = asyncio.run(asked(access_of(zone_url, token_file, ca_file), look))
    click.echo(wire.write(found).decode() if as_json else f"{_line(found)}  of {path}")


@qos.command()
@click.argument("requirement")
@access_options
def remove(*, requirement: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None) -> None:
    """Require it no longer, by the requirement's id. Copies stay where they are, but nothing keeps them there any more."""
    which = QosRequirementId(requirement)

    async def drop(member: Member) -> None:
        provider, _ = await knowing(member, lambda at: at.qos.get(which))
        await provider.qos.delete(which)

    asyncio.run(asked(access_of(zone_url, token_file, ca_file), drop))
    click.echo(f"{which} is required no longer; copies stay", err=True)


def _line(found: wire.QosRequirementDetails) -> str:
    copies = "1 copy" if found.replicas_num == 1 else f"{found.replicas_num} copies"
    return f"{found.qos_requirement_id}  {found.status:<10}  {copies} on {found.expression}"
