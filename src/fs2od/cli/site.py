"""`fs2od site`: the sites of a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from msgspec import structs

from fs2od.cli.administering import SIZE, Speaker, panel_options, speaker_options
from fs2od.cli.hosts import public_host
from fs2od.cli.listed import ListedGroup
from fs2od.cli.site_members import COMMANDS
from fs2od.cli.site_removing import remove
from fs2od.cli.zone_options import JSON_OPTION, zone_options
from fs2od.onedata import wire
from fs2od.onedata.ids import StorageId
from fs2od.onedata.wire.sites import SiteDetails
from fs2od.quantities import human_bytes

__all__ = ["site"]


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od site add centre --zone https://localhost:8443 --token-file state/node/admin.token --ca state/node/tls/ca.pem"
    "\n\n  fs2od site list\n\n  fs2od site offer --accept --largest 50T --hint 'S3, kept for 90 days' --provider https://localhost:8446",
)
def site() -> None:
    """Add, list and remove the sites of a node, say what one offers, and who administers it."""


@site.command()
@click.argument("name")
@click.option("--host", default="", callback=public_host, help="Its public host name; by default the node's.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Its port; by default the next free one.")
@zone_options
@speaker_options
@JSON_OPTION
def add(
    *, name: str, host: str, port: int, zone_url: str, token_file: Path | None, ca_file: Path | None, as_json: bool
) -> None:
    """Add a site called NAME. It answers at once, and you administer it."""
    speaker = Speaker.of(token_file, ca_file, zone_url=zone_url)
    added = speaker.at_zone(zone_url, lambda zone: zone.sites.add(name, host=host, port=port))
    click.echo(json.dumps(_facts(added)) if as_json else f"{added.provider_id}  https://{added.domain}")


for _command in (remove, *COMMANDS):
    site.add_command(_command)


@site.command("list")
@zone_options
@speaker_options
@JSON_OPTION
def list_(*, zone_url: str, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """List the sites with what they offer."""
    speaker = Speaker.of(token_file, ca_file, zone_url=zone_url)
    found = speaker.at_zone(zone_url, lambda zone: zone.sites.list())
    if as_json:
        click.echo(json.dumps([_facts(each) for each in found]))
        return
    for each in found:
        state = "" if each.online else "  away"
        click.echo(f"{each.provider_id}  {each.name:<20}  https://{each.domain}  {_offer(each)}{state}")


@site.command()
@click.option("--accept/--no-accept", default=None, help="Whether requests for support are welcome.")
@click.option("--largest", type=SIZE, help="How much can be asked for, such as 50T.")
@click.option("--hint", help="One sentence for those who choose.")
@click.option("--results", "results_storage", help="Id of the storage that results of jobs go to; '' for none.")
@click.option("--results-total", type=SIZE, help="How much all results together can get, such as 200T.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    help="Where its machines are, such as 192.0.2.0/24; repeatable, '' for none.",
)
@panel_options
@JSON_OPTION
def offer(
    *,
    accept: bool | None,
    largest: int | None,
    hint: str | None,
    results_storage: str | None,
    results_total: int | None,
    networks: tuple[str, ...],
    provider_url: str,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Show what a site offers; say it anew with options. What no option names stays."""
    given: dict[str, Any] = {"accepts": accept, "largest": largest, "hint": hint, "results_total": results_total}
    changes = {key: value for key, value in given.items() if value is not None}
    if results_storage is not None:
        changes["results_storage_id"] = StorageId(results_storage) if results_storage else None
    if networks:
        changes["networks"] = tuple(filter(None, networks))
    speaker = Speaker.of(token_file, ca_file)
    found = speaker.at_panel(provider_url, lambda panel: panel.offers.get())
    if changes:
        changed = structs.replace(found, **changes)
        speaker.at_panel(provider_url, lambda panel: panel.offers.set(changed))
        found = changed
    facts = json.loads(wire.write(found))
    if as_json:
        click.echo(json.dumps(facts))
        return
    for key, value in facts.items():
        click.echo(
            f"{key:<18} {'-' if value in (None, '', []) else ', '.join(value) if isinstance(value, list) else value}"
        )


def _facts(found: SiteDetails) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(wire.write(found))
    return facts


def _offer(found: SiteDetails) -> str:
    if not found.accepts:
        return "takes no requests"
    most = f"up to {human_bytes(found.largest)}" if found.largest else "takes requests"
    return f"{most}{': ' + found.hint if found.hint else ''}"
