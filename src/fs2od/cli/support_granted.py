"""What a site has granted, seen and changed: `fs2od support granted` and `fs2od support resize`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fs2od.cli.administering import SIZE, Speaker, panel_options
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.client import Onepanel
from fs2od.onedata import wire
from fs2od.onedata.errors import Rejected
from fs2od.onedata.ids import ProviderId, SpaceId
from fs2od.quantities import human_bytes

__all__ = ["granted", "resize"]


@click.command()
@panel_options
@JSON_OPTION
def granted(*, provider_url: str, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """List the spaces that a site supports: how much of its size each uses, and of which storage.

    By Onedata's own calls only (not yet run against a federation).
    """
    found = Speaker.of(token_file, ca_file).at_panel(provider_url, _granted)
    if as_json:
        click.echo(json.dumps([_facts(each, size) for each, size in found]))
        return
    for each, size in found:
        click.echo(_line(each, size))


@click.command()
@click.argument("space")
@click.argument("size_bytes", metavar="SIZE", type=SIZE)
@panel_options
@JSON_OPTION
def resize(
    *, space: str, size_bytes: int, provider_url: str, token_file: Path | None, ca_file: Path | None, as_json: bool
) -> None:
    """Give SPACE, by its id, SIZE in all at a site, such as 5T: more than now or less, but no less than it uses there.

    By Onedata's own calls only (not yet run against a federation).
    """

    async def change(panel: Onepanel) -> tuple[wire.SupportDetails, int]:
        here, before = (await panel.provider()).id, await panel.spaces.get(SpaceId(space))
        try:
            await panel.spaces.change(before.id, size_bytes=size_bytes)
        except Rejected as error:
            raise _clearer(error, before, size_bytes) from error
        return before, before.supporting_providers.get(here, 0)

    changed, was = Speaker.of(token_file, ca_file).at_panel(provider_url, change)
    if as_json:
        click.echo(json.dumps({"spaceId": changed.id, "size": size_bytes, "sizeBefore": was}))
    used = human_bytes(changed.space_occupancy)
    click.echo(f"{changed.name} has {human_bytes(size_bytes)} now, {human_bytes(was)} before; it uses {used}", err=True)


async def _granted(panel: Onepanel) -> list[tuple[wire.SupportDetails, int]]:
    """Return the supports of a site with their sizes, the largest first."""
    here: ProviderId = (await panel.provider()).id
    found = [await panel.spaces.get(space) for space in await panel.spaces.list()]
    sized = [(each, each.supporting_providers.get(here, 0)) for each in found]
    return sorted(sized, key=lambda pair: (-pair[1], pair[0].name))


class _InUse(Rejected):
    """What should be taken away is in use."""

    exit_code = 9


class _NoSize(Rejected):
    """No space can have such a size."""

    exit_code = 2


def _clearer(error: Rejected, support: wire.SupportDetails, size_bytes: int) -> Rejected:
    """Say what is in the way of a size; services only say that it is too low, or what the lowest would be."""
    if error.error_id not in {"badValueTooLow", "badValueTooHigh"}:
        return error
    kind: type[Rejected] = _NoSize
    said = error.description
    if size_bytes < support.space_occupancy:
        kind = _InUse
        said = f"{support.name} uses {human_bytes(support.space_occupancy)} here: it cannot have less than that"
    return kind(error.error_id, said, details=error.details, status=error.status, request_id=error.request_id)


def _facts(support: wire.SupportDetails, size_bytes: int) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(wire.write(support))
    return facts | {"size": size_bytes}


def _line(support: wire.SupportDetails, size_bytes: int) -> str:
    sizes = f"{human_bytes(support.space_occupancy):>9} of {human_bytes(size_bytes):>9}"
    return f"{support.id}  {sizes}  on {support.storage_id}  {support.name}"
