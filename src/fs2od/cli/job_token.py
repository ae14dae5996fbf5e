"""`fs2od token job`: a token for exactly one use, and a space for what comes of it."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from fs2od.cli.access import access_of
from fs2od.cli.access_options import access_options
from fs2od.cli.administering import SIZE, site_named
from fs2od.cli.caveats import duration
from fs2od.cli.member import Member, asked
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.onedata import wire
from fs2od.onedata.wire.sites import JobTokenMade, JobTokenRequest

__all__ = ["job"]


@click.command(
    epilog="Examples:\n\n  fs2od token job 'grid 7' --name 'grid 7, motion correction' --ip 192.0.2.0/24 > job.token"
    "\n\n  fs2od token job 'grid 7' --results --site centre --results-size 500G > job.token"
)
@click.argument("dataset")
@click.option("--name", help="What the token is called; by default after the time.")
@click.option("--valid-for", metavar="TIME", default="72h", show_default=True, help="How long it works.")
@click.option("--ip", "networks", multiple=True, metavar="ADDRESS", help="From where it works; may be repeated.")
@click.option("--interface", type=click.Choice(["rest", "oneclient"]), help="Only on this interface.")
@click.option("--results", is_flag=True, help="Also write results, into a new space at --site.")
@click.option("--results-space", metavar="SPACE", help="Write results into this space, which is there already.")
@click.option("--site", help="The site that keeps the new space, by its name or id.")
@click.option("--results-name", help="What the new space is called; by default after the dataset.")
@click.option("--results-size", type=SIZE, help="How large it may become, such as 500G.")
@access_options
@JSON_OPTION
def job(
    *,
    dataset: str,
    name: str | None,
    valid_for: str,
    networks: tuple[str, ...],
    interface: Literal["rest", "oneclient"] | None,
    results: bool,
    results_space: str | None,
    site: str | None,
    results_name: str | None,
    results_size: int | None,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Make a token that reads DATASET, a space by its name or id, and nothing else; and print it.

    With --results or --results-space it writes into a space for results as well. At a zone that is no fs2od node, use
    fs2od token create with --path and --readonly.
    """
    if results and results_space:
        raise click.UsageError("--results makes a new space, --results-space names one that is there: give one of them")
    if results != (site is not None):
        raise click.UsageError("--results and --site go together: the new space is kept at that site")
    if not results and (results_name or results_size):
        raise click.UsageError("--results-name and --results-size are for the new space that --results makes")
    valid_for_s = int(duration(valid_for).total_seconds())

    async def make(member: Member) -> JobTokenMade:
        provider = None if site is None else site_named(await member.zone.sites.list(), site)
        wanted = JobTokenRequest(
            name=name or f"{datetime.now(UTC):job %Y-%m-%d %H.%M} {secrets.token_hex(3)}",
            valid_for_s=valid_for_s,
            networks=networks,
            interface=interface,
            results=results or results_space is not None,
            results_space_id=None if results_space is None else await member.space(results_space),
            provider_id=provider,
            results_name=results_name,
            results_size=results_size,
        )
        return await member.zone.sites.job_token(await member.space(dataset), wanted)

    made = asyncio.run(asked(access_of(zone_url, token_file, ca_file), make))
    click.echo(wire.write(made).decode() if as_json else made.token.reveal())
    if made.may_write_dataset:
        click.echo("fs2od: you may write into the dataset itself, and so may this token", err=True)
    if made.results_space_id is not None and not as_json:
        click.echo(f"results go to the space {made.results_space_id}", err=True)
