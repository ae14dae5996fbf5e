"""`fs2od distribution`: which site has how much of a file or a folder. It uses Onedata's own calls only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import UNSET

from fs2od.cli.access import access_of
from fs2od.cli.access_options import access_options
from fs2od.cli.member import Member, asked
from fs2od.cli.placed import placed
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.onedata import wire
from fs2od.onedata.ids import ProviderId
from fs2od.quantities import human_bytes

__all__ = ["distribution"]


@click.command(
    epilog="Examples:\n\n  fs2od distribution 'grid 7'\n\n  fs2od distribution 'grid 7/averages/final.mrc' --json"
)
@click.argument("place")
@access_options
@JSON_OPTION
def distribution(
    *, place: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool
) -> None:
    """Say which site has how much of PLACE, a space or a file or folder in it. By Onedata's own calls only (not yet run against a federation)."""

    async def look(member: Member) -> tuple[wire.Distribution, dict[ProviderId, str]]:
        at = await placed(member, place)
        names = {site: known.name for site, known in at.sites.items()}
        return await at.target.provider.files.distribution(at.file), names

    found, names = asyncio.run(asked(access_of(zone_url, token_file, ca_file), look))
    if as_json:
        click.echo(wire.write(found))
        return
    for provider, share in found.distribution_per_provider.items():
        for line in _lines(share):
            click.echo(f"{names.get(provider, provider)}: {line}")


def _lines(share: wire.ProviderDistribution) -> Iterator[str]:
    if not share.success or not share.distribution_per_storage:
        yield "nothing" if share.success else "does not say"
        return
    whole = share.virtual_size or 0
    for storage, held in share.distribution_per_storage.items():
        size = _held_bytes(held)
        if size is None:
            yield f"storage {storage} does not say"
            continue
        percent = f" ({100 * size // whole} %)" if whole else ""
        yield f"{human_bytes(size)} of {human_bytes(whole)}{percent} on {storage}"


def _held_bytes(held: wire.StorageDistribution) -> int | None:
    """Return how much a storage has: a file's blocks, else what a folder's statistics say; None if it does not say."""
    if held.blocks is not UNSET:
        return sum(length for _, length in held.blocks)
    return None if held.physical_size is UNSET else held.physical_size
