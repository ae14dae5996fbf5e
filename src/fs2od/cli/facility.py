"""`fs2od facility`: the facility's side, with the operator's page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from fs2od.cli.hosts import address_option, public_host, with_port
from fs2od.cli.operator import operator_service
from fs2od.cli.running import announce, run, set_up_logging
from fs2od.cli.watched import require_apart
from fs2od.client import Connection
from fs2od.configuration import Configuration, judged, load_configuration
from fs2od.facility import Facility
from fs2od.node.serving import listen, serve
from fs2od.onedata.tokens import Token

if TYPE_CHECKING:
    from fs2od.testing.faults import KillAt

__all__ = ["facility"]

DEFAULT_PORT = 8445
# A service that is away is no reason not to start.
_PREPARED_WITHIN_S = 20.0


@click.command(
    epilog="Examples:\n\n  fs2od facility --config /etc/fs2od.toml --data /var/lib/fs2od/facility\n\n"
    "  fs2od facility --config fs2od.toml --data ./state --once",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The configuration file; see `fs2od config example`.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where the journal and the outbox are kept.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="The port of the operator's page. 0 takes any.",
)
@click.option(
    "--host", default="localhost", show_default=True, callback=public_host, help="The host name of the operator's page."
)
@address_option
@click.option(
    "--tls",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the local authority. Default: DATA/tls.",
)
@click.option("--zone", help="Instead of the file's onedata.zone.")
@click.option("--provider", help="Instead of the file's onedata.provider.")
@click.option("--ca", type=click.Path(path_type=Path, dir_okay=False), help="Instead of the file's onedata.ca_file.")
@click.option(
    "--no-ca", is_flag=True, help="Trust the system's authorities alone, whatever the file's onedata.ca_file is."
)
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False), help="Instead of the file's onedata.token_file."
)
# For the folder, click's own type of paths would ask it, and it may not answer.
@click.option("--watch", type=Path, multiple=True, help="Watch this folder, too.")
@click.option("--outbox", type=click.Path(path_type=Path, file_okay=False), help="Instead of the file's mail.folder.")
@click.option("--once", is_flag=True, help="Look once, do what can be done now, and end. No operator's page.")
@click.option("--json", "as_json", is_flag=True, help="Once ready, print one JSON line on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
@click.option("--fault-at", type=int, hidden=True, help="For tests: die at this fault point.")
@click.option(
    "--fault-counter", type=click.Path(path_type=Path), hidden=True, help="For tests: count fault points here."
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input closes.")
def facility(
    *,
    config: Path,
    data: Path,
    port: int,
    host: str,
    address: str,
    tls: Path | None,
    zone: str | None,
    provider: str | None,
    ca: Path | None,
    no_ca: bool,
    token_file: Path | None,
    watch: tuple[Path, ...],
    outbox: Path | None,
    once: bool,
    as_json: bool,
    verbose: bool,
    fault_at: int | None,
    fault_counter: Path | None,
    with_parent: bool,
) -> None:
    """Run the facility's side: watch folders, onboard datasets, send mail, serve the operator's page."""
    set_up_logging(verbose=verbose)
    configuration = _adjusted(
        load_configuration(config),
        onedata={"zone": zone, "provider": provider, "ca_file": ca, "token_file": token_file},
        no_ca=no_ca,
        mail={"folder": outbox},
        watch=watch,
    )
    home = data.absolute()
    for each in configuration.watch:
        require_apart(each.path, home)
    daemon = _daemon(configuration, home, _faults(fault_at, fault_counter), named_in=_named_in(config, watch))
    if once:
        asyncio.run(daemon.once())
        return
    socket = listen(port, address=address)
    origin = configuration.network.public_operator or f"https://{with_port(host, socket.getsockname()[1])}"

    async def work(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_stopped(daemon, stop))
            service, certificate, key_file = await operator_service(
                configuration,
                home,
                socket,
                tls=tls or home / "tls",
                host=urlsplit(origin).hostname or host,
                origin=origin,
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(daemon.prepared.wait(), _PREPARED_WITHIN_S)
            ready = asyncio.Event()
            group.create_task(serve([service], certificate, stop=stop, ready=ready))
            await ready.wait()
            facts = {"operator": origin, "operator_key_file": str(key_file)}
            announce(facts, as_json=as_json, lines=[f"The operator's page is {origin} (key: {key_file})"])

    run(work, with_parent=with_parent)


async def _until_stopped(daemon: Facility, stop: asyncio.Event) -> None:
    try:
        await daemon.run(stop)
    finally:
        stop.set()


def _named_in(config: Path, watch: Sequence[Path]) -> str:
    return f"{config} and --watch" if watch else str(config)


def _daemon(configuration: Configuration, data: Path, faults: KillAt | None, *, named_in: str) -> Facility:
    if faults is None:
        return Facility(configuration, data=data, named_in=named_in)

    def connect(token: Token) -> Connection:
        return Connection(token=token, ca_file=configuration.onedata.ca_file, observer=faults)

    return Facility(configuration, data=data, connect=connect, fault_point=faults, named_in=named_in)


def _faults(at: int | None, counter: Path | None) -> KillAt | None:
    if at is None:
        return None
    from fs2od.testing.faults import KillAt  # tests only

    return KillAt(at, counter=counter)


def _adjusted(
    configuration: Configuration,
    *,
    onedata: dict[str, str | Path | None],
    no_ca: bool,
    mail: dict[str, Path | None],
    watch: Sequence[Path],
) -> Configuration:
    """Return the configuration with what the command line says in its place, judged as the file is."""
    document = configuration.model_dump()
    document["onedata"] |= {key: value for key, value in onedata.items() if value is not None}
    document["onedata"] |= {"ca_file": None} if no_ca else {}
    document["mail"] |= {key: value.absolute() for key, value in mail.items() if value is not None}
    known = {entry["path"] for entry in document["watch"]}
    document["watch"] = [
        *document["watch"],
        *({"path": path.absolute()} for path in watch if path.absolute() not in known),
    ]
    return judged(document, Configuration, where="the command's options")
