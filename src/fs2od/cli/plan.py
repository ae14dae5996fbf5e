"""`fs2od plan`: what the facility would do now."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from fs2od import facility
from fs2od.configuration import load_configuration

__all__ = ["plan"]


@click.command(epilog="Examples:\n\n  fs2od plan --config fs2od.toml --data ./state/facility")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The configuration file; see `fs2od config example`.",
)
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="The facility's folder of state."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def plan(*, config: Path, data: Path, as_json: bool) -> None:
    """Print what the facility would do now, and do nothing: no request is sent, nothing is written."""
    planned = facility.plan(load_configuration(config), data.absolute(), datetime.now(UTC))
    if not (data / facility.DATABASE_NAME).exists():
        click.echo(f"There is no state in {data} yet: this is what a first start would do.", err=True)
    if as_json:
        click.echo(msgspec.json.encode(planned).decode())
        return
    if not planned:
        click.echo("Nothing to do now.", err=True)
    for each in planned:
        click.echo(f"{each.dataset}: {each.what}")
