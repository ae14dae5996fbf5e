"""`fs2od login`: sign in at a zone, also on a machine without a browser, and keep the token for later commands."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import click

from fs2od.cli.zone_options import zone_options
from fs2od.errors import ConfigurationError

__all__ = ["login"]


@click.command(
    epilog="Examples:\n\n  fs2od login --zone https://zone.example.org\n\n"
    "  fs2od login --zone https://zone.example.org --token-file pasted.token"
)
@zone_options
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="Keep the token that this file holds ('-': standard input), instead of signing in.",
)
@click.option("--no-keyring", is_flag=True, help="Keep it in a file of mode 0600, also where there is a keyring.")
def login(*, zone_url: str, ca_file: Path | None, token_file: Path | None, no_keyring: bool) -> None:
    """Sign in at a zone by a code that you enter in a browser anywhere.

    The token is kept in the keyring or in a file that only you can read. Commands that read data use it where neither
    --token-file nor FS2OD_TOKEN nor ONECLIENT_ACCESS_TOKEN gives one. fs2od logout removes it.
    """
    from fs2od.cli.access import read_token
    from fs2od.kept_tokens import KeptTokens
    from fs2od.transfer import AccessToken, parse_zone

    zone = parse_zone(zone_url)
    text = read_token(token_file) if token_file is not None else _signed_in(zone, ca_file)
    if not AccessToken(lambda: text).is_of(zone):
        raise ConfigurationError(f"the token is not of {zone}")
    where = KeptTokens.of(os.environ).keep(zone, text, in_keyring=not no_keyring)
    click.echo(f"signed in at {zone}; the token is kept in {where}", err=True)


def _signed_in(zone: str, ca_file: Path | None) -> str:
    from fs2od.transfer import DeviceSignIn, proxies_of, readable_duration

    with DeviceSignIn(zone, ca_file=str(ca_file) if ca_file else None, proxies=proxies_of(os.environ)) as sign_in:
        grant = sign_in.begin(f"fs2od on {socket.gethostname()[:60]}")
        click.echo(f"Open this page in a browser, on any machine:\n\n  {grant.address_with_code}\n", err=True)
        click.echo(f"and make sure that it shows this code:\n\n  {grant.user_code}\n", err=True)
        click.echo(f"It works for {readable_duration(grant.expires_s)}. Waiting …", err=True)
        return sign_in.wait(grant)
