"""`fs2od token job`: a token for exactly one use, and a space for what comes of it."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import click
from msgspec import structs

from fs2od.cli.access import access_of
from fs2od.cli.access_options import access_options
from fs2od.cli.administering import SIZE, site_named
from fs2od.cli.caveats import duration
from fs2od.cli.job_commands import TOKEN_FILE, JobCommand, job_commands, provider_host
from fs2od.cli.member import Member, asked
from fs2od.cli.secret_output import keep_private
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.client import Onezone
from fs2od.errors import ConfigurationError
from fs2od.onedata import wire
from fs2od.onedata.errors import NotFound, Rejected
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.tokens import Caveat, DataPath, DataReadonly, Interface, Ip, Time, caveat_to_json
from fs2od.onedata.wire.sites import JobTokenMade, JobTokenRequest
from fs2od.results import space_of
from fs2od.transfer import readable_size

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
@click.option("--results-name", help='What the new space is called; by default as the dataset, and "results".')
@click.option(
    "--results-size",
    type=SIZE,
    help="How large it may become, such as 500G or '2 TB'; by default what the site proposes, 1T at most.",
)
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

    With --results or --results-space it writes into a space for results as well. The commands that a job uses it with
    are shown on standard error, as if it were kept in the file job.token; at another Onedata also that of oneclient.
    """
    if results and results_space:
        raise click.UsageError("--results makes a new space, --results-space names one that is there: give one of them")
    if results != (site is not None):
        raise click.UsageError("--results and --site go together: the new space is kept at that site")
    if not results and (results_name or results_size):
        raise click.UsageError("--results-name and --results-size are for the new space that --results makes")
    valid_for_s = int(duration(valid_for).total_seconds())

    async def make(member: Member) -> _Made:
        scope = await member.scope()
        space = space_of(scope, dataset)
        given = None if results_space is None else space_of(scope, results_space)
        wanted = JobTokenRequest(
            name=name or f"{datetime.now(UTC):job %Y-%m-%d %H.%M} {secrets.token_hex(3)}",
            valid_for_s=valid_for_s,
            networks=networks,
            interface=interface,
            results=results or given is not None,
            results_space_id=given,
            results_name=results_name,
            results_size=results_size,
        )
        try:
            provider = None if site is None else site_named(await member.zone.sites.list(), site)
            made = await member.zone.sites.job_token(space, structs.replace(wanted, provider_id=provider))
            host = None
        except Rejected as error:
            _explain(error)
            raise
        except NotFound:
            # No fs2od node: what any Onedata can do of it.
            made = await _made_anywhere(member.zone, space, wanted)
            host = provider_host(scope, space)
        commands = job_commands(
            space,
            made.results_space_id,
            zone=member.zone.url,
            ca_file=ca_file,
            interface=interface,
            oneclient_host=host,
        )
        return _Made(made, commands)

    made, commands = asyncio.run(asked(access_of(zone_url, token_file, ca_file), make))
    keep_private()
    if as_json:
        lines = [{"name": command.name, "command": command.line} for command in commands]
        click.echo(json.dumps({**json.loads(wire.write(made)), "commands": lines}))
    else:
        click.echo(made.token.reveal())
        click.echo(f"kept in the file {TOKEN_FILE}, it is used by:", err=True)
        for command in commands:
            click.echo(f"  {command.line}", err=True)
    if made.may_write_dataset:
        click.echo("fs2od: you may write into the dataset itself, and so may this token", err=True)
    if made.results_space_id is not None and not as_json:
        click.echo(f"results go to the space {made.results_space_id}", err=True)


class _Made(NamedTuple):
    token: JobTokenMade
    commands: tuple[JobCommand, ...]


def _explain(error: Rejected) -> None:
    """Say what is wrong with the size of a new space for results, if that is the matter: the service counts in bytes.

    Raises:
        ConfigurationError: It is; or the site has no room for results.
    """
    limit = error.details.get("limit")
    if error.details.get("key") == "resultsSize" and isinstance(limit, int):
        if not limit:
            raise ConfigurationError(
                "all that the site has for results is granted: remove results that nobody needs, or ask its administrators"
            ) from error
        bound = "it must be at least" if error.error_id == "badValueTooLow" else "the site lends at most"
        raise ConfigurationError(f"--results-size: {bound} {readable_size(limit)}") from error


async def _made_anywhere(zone: Onezone, dataset: SpaceId, wanted: JobTokenRequest) -> JobTokenMade:
    """Make the token by calls that every Onezone has.

    Raises:
        ConfigurationError: A new space for results was asked for.
        Rejected: The name is taken, or a network is none.
    """
    if wanted.results_space_id is None and wanted.results:
        raise ConfigurationError(
            "this zone is no fs2od node, which would make a space for results: make one in its web interface, have it "
            "supported, and give --results-space"
        )
    until_s = int(time.time()) + int(wanted.valid_for_s or 0)
    spaces = [dataset, *([wanted.results_space_id] if wanted.results_space_id else ())]
    caveats: list[Caveat] = [Time(until_s), DataPath(tuple(f"/{space}" for space in spaces))]
    caveats += [] if wanted.results else [DataReadonly()]
    caveats += [Ip(wanted.networks)] if wanted.networks else []
    caveats += [Interface(wanted.interface)] if wanted.interface else []
    made = await zone.tokens.create_named(wanted.name, caveats=caveats)
    return JobTokenMade(
        token_id=made.token_id,
        token=made.token,
        caveats=tuple(map(caveat_to_json, caveats)),
        valid_until=until_s,
        results_space_id=wanted.results_space_id,
        # No token of Onedata's reads one space and writes another: what its owner may write, it may.
        may_write_dataset=wanted.results,
    )
