"""`fs2od up`: node and facility together on this machine, each in a process of its own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fs2od.answering import require_readable
from fs2od.cli.children import Child, run_children
from fs2od.cli.first_configuration import first_configuration
from fs2od.cli.hosts import address_option, public_host_option
from fs2od.cli.running import NODE_PORT, announce, run, set_up_logging
from fs2od.cli.watched import require_apart
from fs2od.errors import StorageMissing

__all__ = ["node_arguments", "up"]


@click.command(
    epilog="Examples:\n\n  fs2od up --data ./state --watch /data/krios1\n\n"
    "  fs2od up --data ./state --watch /data/krios1 --port 9443 --json",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where all state is kept: the node's, the facility's, the outbox.",
)
@click.option(
    "--watch",
    type=Path,  # click's own type would ask the folder, which may not answer
    required=True,
    multiple=True,
    help="A folder that a microscope writes datasets into. Can be given several times.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65533),
    default=NODE_PORT,
    show_default=True,
    help="The portal's port; the next two are the provider's and the operator's page's.",
)
@public_host_option
@address_option
@click.option(
    "--asn-database",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File (.mmdb) of autonomous systems, to judge tokens confined to some; instead of the file's network.asn_database.",
)
@click.option(
    "--country-database",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File (.mmdb) of countries, to judge tokens confined to some; instead of the file's network.country_database.",
)
@click.option(
    "--simulate", is_flag=True, help="Let a simulated microscope write a small session into the first watched folder."
)
@click.option("--json", "as_json", is_flag=True, help="Once ready, print one JSON line on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def up(
    *,
    data: Path,
    watch: tuple[Path, ...],
    port: int,
    host: str,
    address: str,
    asn_database: Path | None,
    country_database: Path | None,
    simulate: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Run node and facility together on this machine.

    DATA/fs2od.toml is written at the first start and then yours to edit; `fs2od config check` judges it.
    """
    set_up_logging(verbose=verbose)
    home, watched = data.absolute(), tuple(dict.fromkeys(each.absolute() for each in watch))
    for each in watched:
        _require_there(each)
        require_apart(each, home)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageMissing(f"the data folder {home} cannot be made ({error.strerror})") from error
    more = ["--verbose"] if verbose else []
    place = ["--host", host, "--address", address]
    databases = {"--asn-database": asn_database, "--country-database": country_database}
    node = Child("node", node_arguments(home, port, [*place, *more], databases))

    async def work(stop: asyncio.Event) -> None:
        async with run_children(stop) as children:
            facts = await children.start(node)
            facility = Child("facility", _facility(home, watched, facts, port + 2, [*place, *more]))
            with first_configuration(home / "fs2od.toml", node=facts, watch=watched):
                facts |= await children.start(facility)
            _say_ready(facts, home, as_json=as_json)
            if simulate:
                await children.start_once(Child("simulated microscope", _microscope(watched[0])))
            await children.watch()

    run(work)


def _require_there(watched: Path) -> None:
    try:
        require_readable(watched)
    except TimeoutError:
        return  # the facility says so, serves the others, and takes it up when it answers
    except OSError as error:
        wrong = (
            "is not there: make it" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        )
        raise StorageMissing(f"the watched folder {watched} {wrong}, or name another with --watch") from error


def node_arguments(home: Path, port: int, more: Sequence[str], files: Mapping[str, Path | None]) -> list[str]:
    """Return the arguments of the node's process; of `files`, options that name one, those that were given are passed on."""
    given = [word for option, path in files.items() if path is not None for word in (option, str(path.absolute()))]
    return [
        "node", "--data", str(home / "node"), "--port", str(port), "--json", "--config", str(home / "fs2od.toml"),
        "--outbox", str(home / "outbox"), "--keep-out", str(home / "facility"), *more, *given,
    ]  # fmt: skip


def _facility(home: Path, watched: Sequence[Path], node: dict[str, Any], port: int, more: list[str]) -> list[str]:
    trust = ["--no-ca"] if node["ca"] is None else ["--ca", node["ca"]]
    return [
        "facility", "--config", str(home / "fs2od.toml"), "--data", str(home / "facility"),
        *(word for each in watched for word in ("--watch", str(each))),
        "--outbox", str(home / "outbox"), "--zone", node["zone"], "--provider", node["provider"], *trust,
        "--token-file", node["admin_token_file"], "--tls", str(home / "node" / "tls"), "--port", str(port), "--json", *more,
    ]  # fmt: skip


def _microscope(watched: Path) -> list[str]:
    name = time.strftime("%Y%m%d_%H%M%S_demo")
    return ["simulate", str(watched / name), "--files", "300", "--size", "120MB", "--duration", "90s"]


def _say_ready(facts: dict[str, Any], home: Path, *, as_json: bool) -> None:
    shown = {key: facts[key] for key in ("portal", "zone", "provider", "operator", "ca", "admin_token_file", "sites")}
    shown |= {"outbox": str(home / "outbox"), "operator_key_file": facts["operator_key_file"]}
    lines = [
        f"fs2od is ready: {facts['portal']}",
        f"  operator's page   {facts['operator']}   (key: {facts['operator_key_file']})",
        *(f"  site {name:<12} {url}" for name, url in facts["sites"].items()),
        f"  outbox            {shown['outbox']}",
        f"  configuration     {home / 'fs2od.toml'}",
        f"  CA certificate    {facts['ca'] or 'none needed: a public authority signed it'}",
        "  Ctrl-C stops it; the same command goes on where it was.",
    ]
    announce(shown, as_json=as_json, lines=lines)
    sys.stderr.flush()
