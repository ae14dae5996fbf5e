"""`fs2od logout`: forget the token that `fs2od login` kept."""

from __future__ import annotations

import os

import click

__all__ = ["logout"]


@click.command()
@click.option(
    "--zone", "zone_url", envvar="FS2OD_ZONE", show_envvar=True, help="The zone; by default where you signed in last."
)
def logout(*, zone_url: str | None) -> None:
    """Remove the token that fs2od login kept on this machine.

    The token itself goes on working for whoever else has it, until it ends: revoke it in the zone's pages or with
    fs2od token revoke.
    """
    from fs2od.kept_tokens import KeptTokens
    from fs2od.transfer import parse_zone

    kept = KeptTokens.of(os.environ)
    zone = parse_zone(zone_url) if zone_url else kept.zone()
    if zone is not None and kept.forget(zone):
        click.echo(f"the token of {zone} is removed", err=True)
    else:
        click.echo("there is no token to remove", err=True)
