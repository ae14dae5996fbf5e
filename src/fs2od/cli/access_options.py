"""What every command that reads data says of its access on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fs2od.cli.zone_options import CA_OPTION

__all__ = ["THROUGH_PROVIDER_OPTION", "access_options", "wait_option"]

THROUGH_PROVIDER_OPTION = click.option(
    "--through-provider",
    is_flag=True,
    help="Take every byte from the provider, also where it leads to a store that has a copy.",
)


def access_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --zone, --token-file and --ca."""
    zone = click.option(
        "--zone",
        "zone_url",
        envvar="FS2OD_ZONE",
        show_envvar=True,
        help="The zone's address, for a space; by default the zone that the token is of.",
    )
    token = click.option(
        "--token-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        envvar="FS2OD_TOKEN_FILE",
        show_envvar=True,
        help="File that holds an access token. Else FS2OD_TOKEN or ONECLIENT_ACCESS_TOKEN is taken, else what fs2od login keeps.",
    )
    return zone(token(CA_OPTION(command)))


def wait_option(seconds: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return --wait of a command that writes, with what it is by default."""
    return click.option(
        "--wait",
        "wait_s",
        default=seconds,
        show_default=True,
        type=click.FloatRange(0),
        help="How many seconds to wait for a service that is away, before this fails.",
    )
