"""`fs2od transfer`: data copied to a site or taken away from one, once and now. It uses Onedata's own calls only."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from fs2od.cli.access import Access, access_of
from fs2od.cli.access_options import access_options
from fs2od.cli.listed import ListedGroup
from fs2od.cli.member import Member, asked
from fs2od.cli.placed import knowing, placed
from fs2od.cli.transfer_listing import list_, show
from fs2od.cli.transfer_watching import required_completed, shown_progress, until_ended
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.client import Oneprovider
from fs2od.onedata import wire
from fs2od.onedata.ids import TransferId

__all__ = ["transfer"]

_KINDS: dict[str, wire.TransferKind] = {"replicate": "replication", "evict": "eviction", "migrate": "migration"}
_WATCH_OPTION = click.option("--watch", is_flag=True, help="Wait until it has ended, and show how far it is.")


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od transfer start replicate 'grid 7' --to centre --watch"
    "\n\n  fs2od transfer start evict 'grid 7/movies' --from centre"
    "\n\n  fs2od transfer list 'grid 7' --ended\n\n  fs2od transfer watch TRANSFER",
)
def transfer() -> None:
    """Copy data to a site once, or take it away from one. What a requirement (fs2od qos) asks for is kept. By Onedata's own calls only (not yet run against a federation)."""


for _command in (list_, show):
    transfer.add_command(_command)


@transfer.command()
@click.argument("kind", type=click.Choice(tuple(_KINDS)))
@click.argument("place")
@click.option("--to", "to", metavar="SITE", help="The site that gets a copy, by its name or id.")
@click.option("--from", "away_from", metavar="SITE", help="The site that gives its copy up, by its name or id.")
@_WATCH_OPTION
@access_options
@JSON_OPTION
def start(
    *,
    kind: str,
    place: str,
    to: str | None,
    away_from: str | None,
    watch: bool,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Begin to move PLACE, a space or a file or folder in it, and print the transfer's id.

    replicate copies it --to a site, evict removes the copy --from a site, migrate does the first and then the second.
    """
    if (to is None) is (kind != "evict") or (away_from is None) is (kind != "replicate"):
        raise click.UsageError("replicate needs --to, evict needs --from, migrate needs both")
    access = access_of(zone_url, token_file, ca_file)

    async def begin(member: Member) -> tuple[TransferId, wire.TransferDetails | None]:
        at = await placed(member, place)
        provider = at.target.provider
        made = await provider.transfers.create(
            _KINDS[kind],
            at.file,
            replicating_provider=at.site(to) if to else None,
            evicting_provider=at.site(away_from) if away_from else None,
        )
        if not watch:
            return made, None
        click.echo(f"the transfer is {made}; it goes on when this command is interrupted", err=True)
        return made, await _watched(access, provider, made)

    made, ended = asyncio.run(asked(access, begin))
    if ended is not None:
        _tell_end(made, ended, as_json=as_json)
        return
    click.echo(json.dumps({"transferId": made}) if as_json else made)


@transfer.command()
@click.argument("which", metavar="TRANSFER")
@access_options
@JSON_OPTION
def watch(*, which: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """Show how far a transfer is until it has ended; fail if it did. It goes on when this command is interrupted."""
    access, wanted = access_of(zone_url, token_file, ca_file), TransferId(which)

    async def look(member: Member) -> wire.TransferDetails:
        provider, _ = await knowing(member, lambda at: at.transfers.get(wanted))
        return await _watched(access, provider, wanted)

    _tell_end(wanted, asyncio.run(asked(access, look)), as_json=as_json)


@transfer.command()
@click.argument("which", metavar="TRANSFER")
@access_options
def cancel(*, which: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None) -> None:
    """Stop a transfer at the next file. What it did so far stays."""
    wanted = TransferId(which)

    async def stop(member: Member) -> None:
        provider, _ = await knowing(member, lambda at: at.transfers.get(wanted))
        await provider.transfers.cancel(wanted)

    asyncio.run(asked(access_of(zone_url, token_file, ca_file), stop))
    click.echo(f"{wanted} is told to stop", err=True)


@transfer.command()
@click.argument("which", metavar="TRANSFER")
@access_options
@JSON_OPTION
def rerun(*, which: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """Begin an ended transfer again, as a new one, and print its id. What is there already is not sent again."""
    wanted = TransferId(which)

    async def again(member: Member) -> TransferId:
        provider, _ = await knowing(member, lambda at: at.transfers.get(wanted))
        return await provider.transfers.rerun(wanted)

    made = asyncio.run(asked(access_of(zone_url, token_file, ca_file), again))
    click.echo(json.dumps({"transferId": made}) if as_json else made)


async def _watched(access: Access, provider: Oneprovider, which: TransferId) -> wire.TransferDetails:
    with shown_progress() as draw:
        return await until_ended(provider, which, access.announcing(draw))


def _tell_end(which: TransferId, ended: wire.TransferDetails, *, as_json: bool) -> None:
    """Print how a transfer ended, also where it failed.

    Raises:
        TransferFailed: It did.
    """
    click.echo(json.dumps({"transferId": which} | json.loads(wire.write(ended))) if as_json else which)
    required_completed(which, ended)
