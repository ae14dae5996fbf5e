"""Transfers as they stand: `fs2od transfer list` and `fs2od transfer show`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from fs2od.cli.access import access_of, say
from fs2od.cli.access_options import access_options
from fs2od.cli.member import Member, asked
from fs2od.cli.placed import knowing, placed, site_names
from fs2od.cli.transfer_watching import how_far
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.client import Oneprovider
from fs2od.client.provider.spaces import TransferPhase
from fs2od.onedata import wire
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import ProviderId, TransferId

__all__ = ["list_", "show"]

_AT_ONCE = 16
_MANY = 200

Found = tuple[TransferId, wire.TransferDetails]


@click.command("list")
@click.argument("space")
@click.option("--ended", is_flag=True, help="Those that have ended, instead of those that have not.")
@access_options
@JSON_OPTION
def list_(
    *, space: str, ended: bool, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool
) -> None:
    """List the transfers of SPACE, the newest last."""
    phases: tuple[TransferPhase, ...] = ("ended",) if ended else ("waiting", "ongoing")

    async def look(member: Member) -> tuple[list[Found], Mapping[ProviderId, str]]:
        at = await placed(member, space.partition("/")[0])
        provider, which = at.target.provider, at.target.space
        # One that begins between the two looks is in both.
        ids = dict.fromkeys([each for phase in phases async for each in provider.spaces.transfers(which, state=phase)])
        found = await _details(provider, tuple(ids))
        return found, {site: known.name for site, known in at.sites.items()}

    found, names = asyncio.run(asked(access_of(zone_url, token_file, ca_file), look))
    if as_json:
        click.echo(json.dumps([_facts(each) for each in found]))
        return
    for each in found:
        click.echo(_line(each, names))


@click.command()
@click.argument("which", metavar="TRANSFER")
@access_options
@JSON_OPTION
def show(*, which: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """Show a transfer, by its id, and how far it is."""
    wanted = TransferId(which)

    async def look(member: Member) -> tuple[wire.TransferDetails, Mapping[ProviderId, str]]:
        _, found = await knowing(member, lambda at: at.transfers.get(wanted))
        return found, await site_names(member)

    found, names = asyncio.run(asked(access_of(zone_url, token_file, ca_file), look))
    if as_json:
        click.echo(json.dumps(_facts((wanted, found))))
        return
    for key, value in _described(found, names).items():
        click.echo(f"{key:<10} {value}")


async def _details(provider: Oneprovider, ids: Sequence[TransferId]) -> list[Found]:
    """Return transfers by their ids, the oldest first, without those that were forgotten meanwhile."""
    if len(ids) > _MANY:
        say(f"looking at {len(ids):,} transfers")

    async def one(transfer: TransferId) -> Found | None:
        try:
            return transfer, await provider.transfers.get(transfer)
        except NotFound:
            return None

    found: list[Found | None] = []
    for first in range(0, len(ids), _AT_ONCE):
        found += await asyncio.gather(*(one(each) for each in ids[first : first + _AT_ONCE]))
    return sorted(filter(None, found), key=lambda each: each[1].schedule_time)


def _facts(found: Found) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(wire.write(found[1]))
    return {"transferId": found[0]} | facts


def _line(found: Found, names: Mapping[ProviderId, str]) -> str:
    transfer, details = found
    what = f"{details.type} {_way(details, names)}"
    return f"{transfer}  {details.transfer_status:<11}  {what}  {how_far(details)}  {details.file_path or details.space_id}"


def _way(details: wire.TransferDetails, names: Mapping[ProviderId, str]) -> str:
    ends = (("from", details.evicting_provider_id), ("to", details.replicating_provider_id))
    return " ".join(f"{word} {names.get(site, site)}" for word, site in ends if site is not None)


def _described(found: wire.TransferDetails, names: Mapping[ProviderId, str]) -> dict[str, str]:
    moments = {"scheduled": found.schedule_time, "begun": found.start_time, "ended": found.finish_time}
    return {
        "transfer": f"{found.type} {_way(found, names)}",
        "of": found.file_path or found.space_id,
        "status": found.transfer_status,
        "files": how_far(found),
    } | {
        word: datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        for word, moment_s in moments.items()
        if moment_s
    }
