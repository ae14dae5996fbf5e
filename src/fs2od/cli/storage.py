"""`fs2od storage`: the storages of a site. Secrets come from files or standard input only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from msgspec import UNSET, structs

from fs2od.cli.administering import Speaker, panel_options, secret_of
from fs2od.cli.listed import ListedGroup
from fs2od.cli.zone_options import JSON_OPTION
from fs2od.client import Onepanel
from fs2od.errors import StorageError
from fs2od.onedata import wire
from fs2od.onedata.ids import StorageId

__all__ = ["storage"]

_KEEPS_VERSIONS = (
    "the bucket keeps versions: what is removed from it can still be read there and takes room, until the store's own rules remove it. "
    "Switch its versioning off, or have its lifecycle rules end old versions"
)


@click.group(
    cls=ListedGroup,
    epilog="Examples:\n\n  fs2od storage add scratch --posix /data/scratch --provider https://localhost:8446"
    "\n\n  fs2od storage add bucket --s3 https://s3.example.org --bucket cryoem --access-key fs2od --secret-file s3.secret"
    " --provider https://localhost:8446\n\n  fs2od storage check STORAGE --provider https://localhost:8446"
    "\n\n  fs2od storage move STORAGE /data/scratch --provider https://localhost:8446"
    "\n\n  fs2od storage direct STORAGE --allow --at https://s3.example.org --provider https://localhost:8446",
)
def storage() -> None:
    """Add, list, check, move and remove the storages of a site, and let clients read straight from its buckets."""


@storage.command()
@click.argument("name")
@click.option("--posix", "folder", help="A directory of the node's machine, by its absolute path.")
@click.option("--s3", "endpoint", help="The address of an S3 store, such as https://s3.example.org.")
@click.option("--bucket", help="The bucket, which must be there.")
@click.option("--access-key", default="", help="The name of its credentials.")
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File that holds their secret; '-' is standard input.",
)
@click.option("--region", default="", help="The region that requests are signed for.")
@click.option(
    "--store-ca",
    "store_ca",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Certificates (PEM) of who signed the store's, where that is no public authority.",
)
@click.option("--imported", is_flag=True, help="What lies there becomes the content of the one space that it supports.")
@click.option("--readonly", is_flag=True, help="Nothing is ever written there; only with --imported.")
@click.option("--qos", "qos", multiple=True, metavar="KEY=VALUE", help="What QoS expressions can ask for; repeatable.")
@panel_options
@JSON_OPTION
def add(
    *,
    name: str,
    folder: str | None,
    endpoint: str | None,
    bucket: str | None,
    access_key: str,
    secret_file: Path | None,
    region: str,
    store_ca: Path | None,
    imported: bool,
    readonly: bool,
    qos: tuple[str, ...],
    provider_url: str,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Add a storage called NAME, after trying it."""
    if (folder is None) == (endpoint is None):
        raise click.UsageError("give either --posix or --s3")
    if endpoint is not None and (bucket is None or (bool(access_key) != (secret_file is not None))):
        raise click.UsageError("--s3 needs --bucket, and --access-key together with --secret-file")
    if store_ca is not None and endpoint is None:
        raise click.UsageError("--store-ca belongs to --s3")
    if any("=" not in each for each in qos):
        raise click.UsageError("--qos is KEY=VALUE")
    parameters: dict[str, str | int | float] = {key: value for key, _, value in (each.partition("=") for each in qos)}
    secret = None if secret_file is None else wire.Secret(secret_of(secret_file))
    authorities = "" if store_ca is None else secret_of(store_ca)

    async def added(panel: Onepanel) -> StorageId:
        if folder is not None:
            return await panel.storages.add_posix(
                name, folder, imported=imported, readonly=readonly, qos_parameters=parameters or None
            )
        request = wire.S3StorageRequest(
            hostname=endpoint or "",
            bucket_name=bucket or "",
            access_key=wire.Secret(access_key) if access_key else UNSET,
            secret_key=secret or UNSET,
            region=region or UNSET,
            ca_certificates=authorities or UNSET,
            storage_path_type="canonical",
            imported_storage=imported,
            readonly=readonly,
            qos_parameters=parameters or UNSET,
        )
        return await panel.storages.add_s3(name, request)

    async def added_and_seen(panel: Onepanel) -> wire.StorageDetails:
        return await panel.storages.get(await added(panel))

    made = Speaker.of(token_file, ca_file).at_panel(provider_url, added_and_seen)
    if made.keeps_versions is True:
        click.echo(_KEEPS_VERSIONS, err=True)
        click.echo(json.dumps({"id": made.id, "keepsVersions": True}) if as_json else made.id)
    else:
        click.echo(json.dumps({"id": made.id}) if as_json else made.id)


@storage.command("list")
@panel_options
@JSON_OPTION
def list_(*, provider_url: str, token_file: Path | None, ca_file: Path | None, as_json: bool) -> None:
    """List the storages of a site."""

    async def every(panel: Onepanel) -> list[wire.StorageDetails]:
        return [await panel.storages.get(each) for each in await panel.storages.list()]

    found = Speaker.of(token_file, ca_file).at_panel(provider_url, every)
    if as_json:
        click.echo(json.dumps([_facts(each) for each in found]))
        return
    for each in found:
        where = each.mount_point if each.type == "posix" else f"{each.hostname}/{each.bucket_name}"
        kind = "imported" if each.imported_storage else "written"
        click.echo(f"{each.id}  {each.name:<20}  {each.type:<5}  {kind:<8}  {where}")


@storage.command()
@click.argument("which")
@panel_options
def check(*, which: str, provider_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Try the storage with the id WHICH again: list it, and unless it is read-only write, read and clear a small file."""

    async def tried(panel: Onepanel) -> bool:
        details = await panel.storages.get(StorageId(which))
        change = wire.PosixStorageChange() if details.type == "posix" else wire.S3StorageChange()
        changed = await panel.storages.change(StorageId(which), details.name, change)
        return changed.verification_passed is True

    if not Speaker.of(token_file, ca_file).at_panel(provider_url, tried):
        raise StorageError(f"storage {which} cannot be used now: the node's log says why")
    click.echo(f"{which} works", err=True)


@storage.command()
@click.argument("which")
@click.argument("folder")
@panel_options
def move(*, which: str, folder: str, provider_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Find what the storage with the id WHICH holds in FOLDER from now on, a directory of the node's machine.

    FOLDER may be where it is already: a storage uses the very directory that stood there before, and no other that takes its place.
    Say so after a directory was restored from a backup or moved to another disk. What of an imported storage is not there is
    removed from its space by the next import.
    """

    async def moved(panel: Onepanel) -> None:
        details = await panel.storages.get(StorageId(which))
        await panel.storages.change_posix(StorageId(which), current_name=details.name, mount_point=folder)

    Speaker.of(token_file, ca_file).at_panel(provider_url, moved)
    click.echo(f"{which} is what stands at {folder} now", err=True)


@storage.command()
@click.argument("which")
@panel_options
def remove(*, which: str, provider_url: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Take the storage with the id WHICH from the list. What lies there stays."""
    Speaker.of(token_file, ca_file).at_panel(provider_url, lambda panel: panel.storages.delete(StorageId(which)))
    click.echo(f"{which} is no storage of the site any more", err=True)


@storage.command()
@click.argument("which")
@click.option("--allow/--forbid", default=None, help="Whether clients may be led there.")
@click.option("--at", "hostname", help="Where clients reach the store; '' for the address that the node uses itself.")
@panel_options
@JSON_OPTION
def direct(
    *,
    which: str,
    allow: bool | None,
    hostname: str | None,
    provider_url: str,
    token_file: Path | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """Show whether clients may read copies straight from the bucket with the id WHICH; say it anew with options.

    They then get addresses of single ranges that work for a minute, also for those who lose their access within it.
    """
    speaker, chosen = Speaker.of(token_file, ca_file), StorageId(which)
    found = speaker.at_panel(provider_url, lambda panel: panel.storages.direct(chosen))
    changed = structs.replace(
        found,
        allowed=found.allowed if allow is None else allow,
        hostname=found.hostname if hostname is None else hostname,
    )
    if changed != found:
        speaker.at_panel(provider_url, lambda panel: panel.storages.set_direct(chosen, changed))
        found = speaker.at_panel(provider_url, lambda panel: panel.storages.direct(chosen))
    if as_json:
        click.echo(wire.write(found).decode())
        return
    where = found.hostname or "the address that the node uses"
    click.echo(f"clients read straight from it, at {where}" if found.allowed else "clients read through the site only")


def _facts(found: wire.StorageDetails) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(wire.write(found))
    return facts
