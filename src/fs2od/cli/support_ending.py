"""What the end of a support loses, said before it; and `fs2od support end`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fs2od.cli.administering import Speaker, panel_options
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.client import Onepanel
from fs2od.errors import Interrupted
from fs2od.onedata import wire
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.wire.sites import SupportEnding
from fs2od.quantities import human_bytes, human_count

__all__ = ["end", "ending_of", "said_of"]


@click.command()
@click.argument("space")
@click.option("--yes", is_flag=True, help="Do not ask.")
@panel_options
@JSON_OPTION
def end(
    *, space: str, yes: bool, provider_url: str, token_file: Path | None, ca_file: Path | None, as_json: bool
) -> None:
    """End the support of SPACE, by its id, at a site, after showing what is lost by it.

    What is at home there stays on the storage as it is; copies of what is at home elsewhere are removed from it. Works with a
    federation, too, which does not say how many files would be lost.
    """
    speaker = Speaker.of(token_file, ca_file)
    which = SpaceId(space)

    async def look(panel: Onepanel) -> tuple[wire.SupportDetails, SupportEnding | None]:
        return await panel.spaces.get(which), await ending_of(panel, which)

    support, ending = speaker.at_panel(provider_url, look)
    click.echo(f"{support.name}: {said_of(support, ending)}", err=True)
    if not yes and not click.confirm("End the support?", err=True):
        raise Interrupted(f"{support.name} stays as it is")
    speaker.at_panel(provider_url, lambda panel: panel.spaces.end_support(which))
    if as_json:
        click.echo(json.dumps({"spaceId": which, "filesLost": None if ending is None else ending.files_lost}))
    click.echo(f"{support.name} is not supported here any more", err=True)


async def ending_of(panel: Onepanel, space: SpaceId) -> SupportEnding | None:
    """Return what the end of a support would lose; None from a panel that cannot tell."""
    try:
        return await panel.spaces.ending(space)
    except NotFound:
        return None


def said_of(support: wire.SupportDetails, ending: SupportEnding | None) -> str:
    """Say in one sentence what the end of a support loses."""
    is_only = len(support.supporting_providers) <= 1
    if is_only:
        files = "" if ending is None else f", {_files(ending.files)}"
        return f"nobody else supports it{files}: it can be read no more then"
    if ending is None:
        return "others support it, too; this panel does not tell what only lies here"
    if not ending.is_home:
        return f"the copies here, {human_bytes(ending.occupancy)}, are removed; it stays whole where it is at home"
    if ending.files_lost:
        return (
            f"{human_count(ending.files_lost)} of {_files(ending.files)} have no checked copy anywhere else: "
            "they can be read no more then"
        )
    return "every file has a checked copy at another site: nothing is lost"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{human_count(count)} files"
