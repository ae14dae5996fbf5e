"""`fs2od token`: make, narrow, look at and end tokens. Tokens come from a file, the environment or standard input only."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, Unpack

import click
from msgspec import UNSET

from fs2od.cli.caveats import Restrictions, caveat_options, caveats_of
from fs2od.cli.connecting import require_of, through
from fs2od.cli.job_token import job
from fs2od.cli.listed import ListedGroup
from fs2od.cli.secret_output import keep_private
from fs2od.cli.zone_options import JSON_OPTION, zone_options
from fs2od.client import Connection, Onezone
from fs2od.errors import ConfigurationError
from fs2od.kept_tokens import KeptTokens
from fs2od.onedata import tokens, wire
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import TokenId
from fs2od.onedata.pasted import pasted
from fs2od.onedata.tokens import IdentityToken, InviteToken, InviteType, Token
from fs2od.transfer import proxies_of

__all__ = ["token"]

T = TypeVar("T")
_VARIABLES = ("FS2OD_TOKEN", "ONECLIENT_ACCESS_TOKEN")
_LONGEST = 2 << 20
_TOKEN_FILE = click.option(
    "--token-file",
    envvar="FS2OD_TOKEN_FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="File that holds the token; '-' is standard input. Else FS2OD_TOKEN or ONECLIENT_ACCESS_TOKEN is taken, "
    "else what is piped in, else what fs2od login keeps.",
)


@dataclass(frozen=True)
class _Zone:
    url: str
    ca_file: Path | None


def _zone_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every command that speaks to a zone needs."""
    return zone_options(_TOKEN_FILE(command))


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od token create laptop --readonly --valid-for 30d --zone https://zone.example.org --token-file me.token"
    "\n\n  fs2od token confine --path SPACE_ID/grid2 --valid-for 12h < me.token > job.token",
)
def token() -> None:
    """Make, narrow, look at and end tokens. A token is never an argument: other users of a machine see those."""


@token.command()
@click.argument("name")
@click.option("--temporary", is_flag=True, help="Not listed, ends by its time alone; NAME is then only for you.")
@click.option("--identity", is_flag=True, help="A token that proves who you are and opens nothing.")
@click.option("--invite", type=click.Choice([each.value for each in InviteType]), help="An invite of this type.")
@click.option("--target", help="The id of the group or space that it invites to.")
@click.option("--uses", type=click.IntRange(1), help="How often an invite can be used.")
@caveat_options
@_zone_options
@JSON_OPTION
def create(
    *,
    name: str,
    temporary: bool,
    identity: bool,
    invite: str | None,
    target: str | None,
    uses: int | None,
    zone_url: str,
    ca_file: Path | None,
    token_file: Path | None,
    as_json: bool,
    **restrictions: Unpack[Restrictions],
) -> None:
    """Make a token called NAME and print it."""
    if (invite is None) != (target is None) or (identity and invite):
        raise click.UsageError("--invite and --target go together, and not with --identity")
    if uses is not None and (invite is None or temporary):
        raise click.UsageError("--uses is for named invites")
    kind = InviteToken(InviteType(invite), target) if invite and target else IdentityToken() if identity else None
    caveats = caveats_of(datetime.now(UTC), **restrictions)

    async def make(zone: Onezone) -> dict[str, str]:
        if temporary:
            return {"token": (await zone.tokens.create_temporary(kind, caveats=caveats)).reveal()}
        limit = UNSET if uses is None else uses
        made = await zone.tokens.create_named(name, kind, caveats=caveats, usage_limit=limit)
        return {"tokenId": made.token_id, "token": made.token.reveal()}

    made = _asked(_Zone(zone_url, ca_file), _token(token_file), make)
    keep_private()
    click.echo(json.dumps(made) if as_json else made["token"])


@token.command("list")
@_zone_options
@JSON_OPTION
def list_(*, zone_url: str, ca_file: Path | None, token_file: Path | None, as_json: bool) -> None:
    """List your named tokens, without the tokens themselves."""

    async def details(zone: Onezone) -> list[wire.NamedTokenDetails]:
        return [await zone.tokens.named(each) for each in await zone.tokens.list_named()]

    found = [_summary(each) for each in _asked(_Zone(zone_url, ca_file), _token(token_file), details)]
    if as_json:
        click.echo(json.dumps(found))
        return
    for each in found:
        state = "revoked" if each["revoked"] else "works"
        click.echo(f"{each['id']}  {state:<7}  {_kind_name(each['type']):<8}  {each['name']}")


@token.command()
@click.argument("name")
@click.option("--reveal", is_flag=True, help="Print the token itself, too.")
@_zone_options
@JSON_OPTION
def show(
    *, name: str, reveal: bool, zone_url: str, ca_file: Path | None, token_file: Path | None, as_json: bool
) -> None:
    """Show your token NAME (its name or its id)."""
    found = _asked(_Zone(zone_url, ca_file), _token(token_file), lambda zone: _named(zone, name))
    facts = _summary(found) | ({"token": found.token.reveal()} if reveal else {})
    if reveal:
        keep_private()
    _print(facts, as_json=as_json)


@token.command()
@caveat_options
@_TOKEN_FILE
def confine(*, token_file: Path | None, **restrictions: Unpack[Restrictions]) -> None:
    """Print the token narrowed further. Nobody is asked: this works without a network, and cannot be undone in the result."""
    caveats = caveats_of(datetime.now(UTC), **restrictions)
    if not caveats:
        raise click.UsageError("say how to narrow it, such as --valid-for 12h: see --help")
    shown = _token(token_file, is_meant=True)
    _examined(shown)
    narrowed = tokens.confine(shown, caveats)
    keep_private()
    click.echo(narrowed.reveal())


@token.command()
@_TOKEN_FILE
@JSON_OPTION
def examine(*, token_file: Path | None, as_json: bool) -> None:
    """Print what the token says of itself, unverified and without a network."""
    _print(_examined(_token(token_file, is_meant=True)).to_json(), as_json=as_json)


@token.command()
@_zone_options
@JSON_OPTION
def verify(*, zone_url: str, ca_file: Path | None, token_file: Path | None, as_json: bool) -> None:
    """Ask the zone whether the token is valid, for whom and for how long. Nothing is used up."""
    shown = _token(token_file, is_meant=True)
    kind = _examined(shown).identifier.kind

    async def ask(zone: Onezone) -> wire.VerifiedToken:
        if isinstance(kind, InviteToken):
            return await zone.tokens.verify_invite(shown)
        if isinstance(kind, IdentityToken):
            return await zone.tokens.verify_identity(shown)
        return await zone.tokens.verify_access(shown, allow_data_access_caveats=True)

    require_of(shown, zone_url)
    found = _asked(_Zone(zone_url, ca_file), None, ask)
    _print({"subject": {"type": found.subject.type, "id": found.subject.id}, "ttl": found.ttl}, as_json=as_json)


@token.command()
@click.argument("name")
@_zone_options
def revoke(*, name: str, zone_url: str, ca_file: Path | None, token_file: Path | None) -> None:
    """Revoke your token NAME (its name or its id) until you un-revoke it."""
    _change(name, _Zone(zone_url, ca_file), token_file, revoked=True)


@token.command()
@click.argument("name")
@_zone_options
def unrevoke(*, name: str, zone_url: str, ca_file: Path | None, token_file: Path | None) -> None:
    """Let your revoked token NAME (its name or its id) work again."""
    _change(name, _Zone(zone_url, ca_file), token_file, revoked=False)


@token.command()
@click.argument("name")
@_zone_options
def delete(*, name: str, zone_url: str, ca_file: Path | None, token_file: Path | None) -> None:
    """Delete your token NAME (its name or its id) for good."""

    async def end(zone: Onezone) -> None:
        await zone.tokens.delete((await _named(zone, name)).id)

    _asked(_Zone(zone_url, ca_file), _token(token_file), end)
    click.echo(f"{name} is deleted", err=True)


token.add_command(job)


def _change(name: str, where: _Zone, token_file: Path | None, *, revoked: bool) -> None:
    async def change(zone: Onezone) -> None:
        await zone.tokens.change((await _named(zone, name)).id, revoked=revoked)

    _asked(where, _token(token_file), change)
    click.echo(f"{name} {'is revoked' if revoked else 'works again'}", err=True)


async def _named(zone: Onezone, name: str) -> wire.NamedTokenDetails:
    if re.fullmatch(r"[0-9a-h]{32,38}", name):
        return await zone.tokens.named(TokenId(name))
    return await zone.tokens.named_by_name(name)


def _asked(where: _Zone, shown: Token | None, ask: Callable[[Onezone], Awaitable[T]]) -> T:
    proxy_of = through(proxies_of(os.environ))
    if shown is not None:
        require_of(shown, where.url)

    async def run() -> T:
        async with Connection(token=shown, ca_file=where.ca_file, proxy_of=proxy_of) as connection:
            return await ask(Onezone(connection, where.url))

    return asyncio.run(run())


def _token(file: Path | None, *, is_meant: bool = False) -> Token:
    """Return the token that a command was given. One that `is_meant` itself is not replaced by the kept one where nothing came in."""
    try:
        return pasted(_text(file, is_meant=is_meant))
    except ServiceError as error:
        raise ConfigurationError("what was given is no token: a part of it may be missing") from error


def _examined(shown: Token) -> tokens.Examined:
    """Return what a token says of itself. Nobody was asked, so what is no token is our user's mistake and no network's."""
    try:
        return tokens.examine(shown)
    except ServiceError as error:
        raise ConfigurationError("what was given is no token: a part of it may be missing") from error


def _text(file: Path | None, *, is_meant: bool) -> str:
    if file is not None and str(file) != "-":
        try:
            with file.open(errors="replace") as opened:
                return opened.read(_LONGEST)
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be read ({error.strerror})") from error
    if file is None:
        given = next(filter(None, map(os.environ.get, _VARIABLES)), None)
        if given is not None:
            return given
    is_terminal = sys.stdin.isatty()
    piped = "" if is_terminal and file is None else sys.stdin.read(_LONGEST)
    if piped.strip() or file is not None or (is_meant and not is_terminal):
        return piped
    kept = KeptTokens.of(os.environ)
    zone = click.get_current_context().params.get("zone_url") or kept.zone()
    text = kept.token(str(zone).rstrip("/")) if zone else None
    if text is None and is_terminal:
        raise click.UsageError("give a token by --token-file, by FS2OD_TOKEN, or on standard input; or run fs2od login")
    return text or piped


def _summary(found: wire.NamedTokenDetails) -> dict[str, Any]:
    metadata = found.metadata
    limits = {"usageLimit": metadata.usage_limit, "usageCount": metadata.usage_count}
    return {
        "id": found.id,
        "name": found.name,
        "type": found.type,
        "caveats": list(found.caveats),
        "revoked": found.revoked,
        "created": datetime.fromtimestamp(metadata.creation_time, UTC).isoformat(),
        **(limits if _kind_name(found.type) == "invite" else {}),
    }


def _kind_name(kind: wire.JsonObject) -> str:
    return next(iter(kind), "").removesuffix("Token")


def _print(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name:<14} {value if isinstance(value, str) else json.dumps(value)}")
