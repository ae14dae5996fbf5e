"""`fs2od site remove`: a site goes, with its supports if that is wanted, after it was shown what that means."""

from __future__ import annotations

from pathlib import Path

import click

from fs2od.cli.administering import Speaker, site_called, speaker_options
from fs2od.cli.support_ending import ending_of, said_of
from fs2od.cli.zone_options import zone_options
from fs2od.client import Onepanel
from fs2od.errors import Interrupted, StateInUse
from fs2od.onedata import wire
from fs2od.onedata.wire.sites import SupportEnding
from fs2od.quantities import human_bytes

__all__ = ["remove"]

_MOST_SHOWN = 20


@click.command()
@click.argument("name")
@click.option("--end-supports", is_flag=True, help="End what it supports first, after showing it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@zone_options
@speaker_options
def remove(
    *, name: str, end_supports: bool, yes: bool, zone_url: str, token_file: Path | None, ca_file: Path | None
) -> None:
    """Remove the site NAME (or its id) from the node. What lies on its storages stays there."""
    speaker = Speaker.of(token_file, ca_file, zone_url=zone_url)
    site = site_called(speaker.at_zone(zone_url, lambda zone: zone.sites.list()), name)
    supports, endings = speaker.at_panel(f"https://{site.domain}", _supports)
    for line in _lines(supports, endings):
        click.echo(line, err=True)
    if supports and not end_supports:
        raise StateInUse(
            f"{site.name} supports {len(supports)} space{'s' if len(supports) > 1 else ''}: end that first, "
            "or give --end-supports"
        )
    question = f"End the supports and remove {site.name}?" if supports else f"Remove {site.name}?"
    if not yes and not click.confirm(question, err=True):
        raise Interrupted(f"{site.name} stays as it is")
    if supports:
        speaker.at_panel(f"https://{site.domain}", lambda panel: _end(panel, supports))
    speaker.at_zone(zone_url, lambda zone: zone.providers.remove(site.provider_id))
    click.echo(f"{site.name} is removed; what lies on its storages was left there", err=True)


async def _supports(panel: Onepanel) -> tuple[list[wire.SupportDetails], list[SupportEnding | None]]:
    """Return the supports, the spaces first that nobody else supports, and what the ends of those that are shown would lose."""
    found = [await panel.spaces.get(space) for space in await panel.spaces.list()]
    found.sort(key=lambda each: (len(each.supporting_providers) > 1, each.name))
    return found, [await ending_of(panel, each.id) for each in found[:_MOST_SHOWN]]


async def _end(panel: Onepanel, supports: list[wire.SupportDetails]) -> None:
    for each in supports:
        await panel.spaces.end_support(each.id)


def _lines(supports: list[wire.SupportDetails], endings: list[SupportEnding | None]) -> list[str]:
    """Return what goes, and what is lost by it."""
    found = [
        f"{each.id}  {human_bytes(each.space_occupancy):>9}  {each.name}  ({said_of(each, ending)})"
        for each, ending in zip(supports, endings, strict=False)
    ]
    more = len(supports) - len(found)
    return [*found, f"... and {more} more"] if more else found
