"""`fs2od user`: the people of a zone, over its REST API."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from fs2od.cli.connecting import require_of, through
from fs2od.cli.listed import ListedGroup
from fs2od.cli.zone_options import JSON_OPTION, zone_options
from fs2od.client import Connection, Onepanel, Onezone
from fs2od.errors import ConfigurationError
from fs2od.onedata.ids import GroupId, UserId
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire import UserDetails
from fs2od.transfer import proxies_of

__all__ = ["user"]

Done = TypeVar("Done")
Work = Callable[[Onezone, Onepanel], Awaitable[Done]]
_MOST_BYTES = 65_536
_AT_ONCE = 8

_TOKEN = click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    envvar="FS2OD_TOKEN_FILE",
    show_envvar=True,
    help="File that holds an administrator's access token.",
)


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od user add alex --name 'Alex Example' --mail alex@example.org --zone https://localhost:8443"
    " --token-file state/node/admin.token --ca state/node/tls/ca.pem\n\n  fs2od user list\n\n  fs2od user block ID",
)
def user() -> None:
    """Add, list and block the people of a zone."""


@user.command()
@click.argument("username")
@click.option("--name", default="", help="The full name; by default the username.")
@click.option(
    "--mail", "addresses", multiple=True, help="An address that links to sign in are sent to; may be repeated."
)
@click.option("--group", "groups", multiple=True, help="Id of a group to put them into; may be repeated.")
@zone_options
@_TOKEN
@JSON_OPTION
def add(
    *,
    username: str,
    name: str,
    addresses: tuple[str, ...],
    groups: tuple[str, ...],
    zone_url: str,
    token_file: Path,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Add a person, who signs in by a link sent to one of their addresses. There is no password."""

    async def work(_: Onezone, panel: Onepanel) -> UserId:
        ids = [GroupId(group) for group in groups]
        return await panel.users.add(username, full_name=name, groups=ids, emails=addresses)

    added = _run(work, zone_url, token_file, ca_file)
    click.echo(json.dumps({"id": added}) if as_json else added)


@user.command("list")
@zone_options
@_TOKEN
@JSON_OPTION
def list_users(*, zone_url: str, token_file: Path, ca_file: Path | None, as_json: bool) -> None:
    """List the people of a zone."""

    async def work(onezone: Onezone, _: Onepanel) -> list[UserDetails]:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(wanted: UserId) -> UserDetails:
            async with turns:
                return await onezone.users.get(wanted)

        return list(await asyncio.gather(*map(one, await onezone.users.list())))

    people = sorted(
        _run(work, zone_url, token_file, ca_file), key=lambda each: (each.full_name.casefold(), each.user_id)
    )
    if as_json:
        click.echo(json.dumps([_document(each) for each in people]))
        return
    for each in people:
        blocked = "  blocked" if each.blocked is True else ""
        click.echo(f"{each.user_id}  {each.username or '-':<16}  {each.full_name}  {', '.join(_emails(each))}{blocked}")


@user.command()
@click.argument("who")
@click.option("--undo", is_flag=True, help="Let them in again.")
@zone_options
@_TOKEN
def block(*, who: str, undo: bool, zone_url: str, token_file: Path, ca_file: Path | None) -> None:
    """Block WHO, a user's id: their sessions end at once, and their tokens hold no longer."""

    async def work(onezone: Onezone, _: Onepanel) -> None:
        await onezone.users.block(UserId(who), blocked=not undo)

    _run(work, zone_url, token_file, ca_file)
    click.echo(f"{who} is {'let in again' if undo else 'blocked'}", err=True)


def _run(work: Work[Done], zone_url: str, token_file: Path, ca_file: Path | None) -> Done:
    token = _token(token_file)
    require_of(token, zone_url)
    proxy_of = through(proxies_of(os.environ))

    async def connected() -> Done:
        async with Connection(token=token, ca_file=ca_file, proxy_of=proxy_of) as connection:
            return await work(Onezone(connection, zone_url), Onepanel(connection, zone_url))

    return asyncio.run(connected())


def _token(path: Path) -> Token:
    try:
        with path.open(encoding="utf-8") as file:
            return Token(file.read(_MOST_BYTES).strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the token file {path} cannot be read") from error


def _emails(person: UserDetails) -> tuple[str, ...]:
    return person.emails if isinstance(person.emails, tuple) else ()


def _document(person: UserDetails) -> dict[str, object]:
    return {
        "id": person.user_id,
        "username": person.username,
        "name": person.full_name,
        "addresses": list(_emails(person)),
        "blocked": person.blocked is True,
    }
