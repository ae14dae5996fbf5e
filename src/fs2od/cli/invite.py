"""`fs2od invite`: make, list and end invites into a space, such as one with results."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from fs2od.cli.access import access_of
from fs2od.cli.access_options import access_options
from fs2od.cli.caveats import duration
from fs2od.cli.listed import ListedGroup
from fs2od.cli.member import Member, asked
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.onedata.ids import TokenId
from fs2od.onedata.privileges import SpacePrivilege
from fs2od.onedata.roles import READER_WITHOUT_GROUP
from fs2od.onedata.wire.sharing import InviteDetails

__all__ = ["invite"]


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od invite create 'grid 7 results' --label review --uses 3 --valid-for 14d"
    "\n\n  fs2od invite list 'grid 7 results'\n\n  fs2od invite end INVITE_ID --memberships",
)
def invite() -> None:
    """Make, list and end invites into a space. Who uses one becomes a member, until an owner ends that."""


@invite.command()
@click.argument("space")
@click.option("--label", default="", help="For yourself, to tell this invite from others.")
@click.option("--uses", type=click.IntRange(1), help="How often it can be used; by default 20 times.")
@click.option("--valid-for", metavar="LENGTH", help="How long it works, such as 12h or 14d; by default 30 days.")
@click.option("--write", "writes", is_flag=True, help="Who comes in may write there, too.")
@click.option("--mail", "address", metavar="ADDRESS", help="The node sends it there, besides.")
@access_options
@JSON_OPTION
def create(
    *,
    space: str,
    label: str,
    uses: int | None,
    valid_for: str | None,
    writes: bool,
    address: str | None,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Make an invite into SPACE and print the link to join by. Whoever has that link may come in."""
    held = READER_WITHOUT_GROUP | ({SpacePrivilege.WRITE_DATA} if writes else set())
    length = duration(valid_for) if valid_for else None

    async def make(member: Member) -> dict[str, str]:
        made = await member.zone.invites.create(
            await member.space(space), label=label, privileges=held, uses=uses, valid_for=length, address=address
        )
        return {"inviteId": made.token_id, "link": f"{member.zone.url}/join#{made.token.reveal()}"}

    found = asyncio.run(asked(access_of(zone_url, token_file, ca_file), make))
    click.echo(json.dumps(found) if as_json else found["link"])


@invite.command("list")
@click.argument("space")
@access_options
@JSON_OPTION
def list_(*, space: str, zone_url: str | None, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """List the invites into SPACE and who came in by them, without the invites themselves."""

    async def invites(member: Member) -> list[dict[str, Any]]:
        return [_described(each) for each in await member.zone.invites.list(await member.space(space))]

    found = asyncio.run(asked(access_of(zone_url, token_file, ca_file), invites))
    if as_json:
        click.echo(json.dumps(found))
        return
    for each in found:
        until = datetime.fromtimestamp(each["until"], UTC).strftime("%Y-%m-%d %H:%M UTC") if each["until"] else "no end"
        state = "ended" if each["ended"] else until
        used = f"{each['uses']} of {each['usageLimit'] or 'any'}"
        click.echo(f"{each['inviteId']}  {state:<20}  used {used:<9}  {each['label'] or each['inviter']}")


@invite.command()
@click.argument("invite_id")
@click.option("--memberships", is_flag=True, help="Who came in by it leaves again.")
@access_options
def end(
    *, invite_id: str, memberships: bool, zone_url: str | None, token_file: Path | None, ca_file: Path | None
) -> None:
    """End the invite INVITE_ID, as `fs2od invite list` shows it."""

    async def stop(member: Member) -> int:
        return len(await member.zone.invites.end(TokenId(invite_id), memberships=memberships))

    gone = asyncio.run(asked(access_of(zone_url, token_file, ca_file), stop))
    click.echo(f"the invite has ended{f', and {gone} memberships with it' if memberships else ''}", err=True)


def _described(found: InviteDetails) -> dict[str, Any]:
    return {
        "inviteId": found.token_id,
        "label": found.label,
        "inviter": found.inviter_name,
        "privileges": list(found.privileges),
        "until": found.until,
        "uses": found.uses,
        "usageLimit": found.usage_limit,
        "ended": found.ended,
        "joined": [{"id": each.id, "name": each.name, "at": each.at} for each in found.joined],
    }
