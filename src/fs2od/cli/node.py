"""`fs2od node`: the single-machine Onedata alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread
import click

from fs2od.cli.hosts import address_option, public_host_option
from fs2od.cli.reception import read_reception
from fs2od.cli.running import NODE_PORT, announce, run, set_up_logging
from fs2od.cli.shown_certificates import Addresses, authority_file, node_certificate
from fs2od.node.apps import provider_app, zone_app
from fs2od.node.http.script import script_route
from fs2od.node.origins import SocketOrigins
from fs2od.node.running import Node, open_node
from fs2od.node.serving import Service, listen, serve
from fs2od.node.settings import NodeSettings
from fs2od.portal import Texts, compile_pages
from fs2od.portal.public import public_pages

__all__ = ["Ports", "node"]

# The zone, the provider and the operator's page come first.
_BESIDE_SITES = 3


@dataclass(frozen=True)
class Ports:
    """The sockets of a node: the zone on N, the provider on N + 1."""

    zone: int
    provider: int


@click.command(
    epilog="Examples:\n\n  fs2od node --data /var/lib/fs2od/node\n\n"
    "  fs2od node --data ./node --port 9443 --host data.example.org --address 0.0.0.0",
)
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where the node keeps its state."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65534),
    default=NODE_PORT,
    show_default=True,
    help="The zone's port; the provider's is the next one, further sites' follow. 0 takes any.",
)
@public_host_option
@address_option
@click.option(
    "--asn-database",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File (.mmdb) of autonomous systems, to judge tokens confined to some; instead of the file's.",
)
@click.option(
    "--country-database",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File (.mmdb) of countries, to judge tokens confined to some; instead of the file's.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The facility's configuration file, for [mail], [signin], [pages], [network], [replication] and [[site]]; it need not be there yet.",
)
@click.option(
    "--outbox",
    type=click.Path(path_type=Path, file_okay=False),
    help="Instead of the file's mail.folder. Default: DATA/outbox.",
)
@click.option(
    "--keep-out",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    help="A folder that no storage may show, such as the facility's state; repeatable. DATA and the outbox never are shown.",
)
@click.option("--plain", is_flag=True, help="Switch off every extension beyond Onedata's REST.")
@click.option("--json", "as_json", is_flag=True, help="Once ready, print one JSON line on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input closes.")
def node(
    *,
    data: Path,
    port: int,
    host: str,
    address: str,
    asn_database: Path | None,
    country_database: Path | None,
    config: Path | None,
    outbox: Path | None,
    keep_out: tuple[Path, ...],
    plain: bool,
    as_json: bool,
    verbose: bool,
    with_parent: bool,
) -> None:
    """Run the node: a single-machine Onedata, with its pages."""
    set_up_logging(verbose=verbose)
    reception = read_reception(config, data.absolute(), outbox=outbox)
    zone_socket = listen(port, address=address)
    provider_socket = listen(port + 1 if port else 0, address=address)
    ports = Ports(zone_socket.getsockname()[1], provider_socket.getsockname()[1])
    network, tls = reception.network, data.absolute() / "tls"
    addresses = Addresses.of(network, host, (ports.zone, ports.provider))
    settings = NodeSettings(
        data=data.absolute(),
        zone_domain=addresses.zone,
        provider_domain=addresses.provider,
        own_folders=tuple(each.absolute() for each in (*keep_out, *(() if outbox is None else (outbox,)))),
        plain=plain,
        asn_database=asn_database or network.asn_database,
        country_database=country_database or network.country_database,
        trusted_proxies=network.trusted_proxies,
        store_hosts=network.store_hosts,
        closed_names=reception.closed_names,
        facility_name=reception.facility_name,
        mail_sender=reception.sender,
        mail_language=reception.language,
        mail_templates=reception.templates,
        page_language=reception.page_language,
        page_texts=reception.page_texts,
        sites=reception.sites,
        replication=reception.replication,
        own_authority=network.shows_own_authority or network.authority is not None,
    )

    async def work(stop: asyncio.Event) -> None:
        with open_node(settings, transport=reception.transport) as opened:
            token_file = settings.data / "admin.token"
            opened.ensure_administrator(token_file)
            scripts = [] if plain else [script_route(partial(_script, settings.zone_url))]
            origins = SocketOrigins(
                addresses.sites_host,
                address,
                ports.zone + _BESIDE_SITES if port else 0,
                app=lambda provider: provider_app(provider, extra=scripts),
                certify=lambda hosts: node_certificate(network, tls, addresses.hosts, hosts),
            )
            opened.sites.open_all(origins)
            certificate = origins.started()
            authority = authority_file(network, tls)
            texts = Texts.of(settings.page_language, settings.page_texts)
            pages = public_pages(
                opened.zone,
                opened.sites.front,
                ca_pem=None if authority is None else authority.read_bytes(),
                sign_in=reception.sign_in,
                sites=opened.sites,
                texts=texts,
            )
            services = [
                Service(zone_app(opened.zone, pages=[*scripts, *pages]), zone_socket),
                Service(provider_app(opened.provider, front=opened.sites.front, extra=scripts), provider_socket),
                *origins.services,
            ]
            ready = asyncio.Event()
            async with opened.working(), asyncio.TaskGroup() as group:
                group.create_task(serve(services, certificate, stop=stop, ready=ready, later=origins.later))
                await ready.wait()
                _say_ready(opened, authority, token_file, as_json=as_json)
                # By the way of every page: what that imports only when it is first gone, no visitor waits for either.
                await anyio.to_thread.run_sync(compile_pages, texts)

    run(work, with_parent=with_parent)


def _script(zone_url: str) -> str:
    from fs2od.transfer import bundle  # takes a moment to load, which few starts of a node need

    return bundle(zone_url)


def _say_ready(node: Node, authority: Path | None, token_file: Path, *, as_json: bool) -> None:
    settings, further = node.settings, [each.record for each in node.sites if each is not node.provider]
    facts: dict[str, object] = {
        "portal": settings.zone_url,
        "zone": settings.zone_url,
        "provider": settings.provider_url,
        "ca": None if authority is None else str(authority),
        "admin_token_file": str(token_file),
        "sites": {record.name: record.url for record in further},
    }
    lines = [
        f"The node is ready: {settings.zone_url}",
        f"  provider and panel   {settings.provider_url}",
        f"  CA certificate       {authority or 'none needed: a public authority signed it'}",
        f"  administrator token  {token_file}",
        *(f"  site {record.name:<15} {record.url}" for record in further),
    ]
    announce(facts, as_json=as_json, lines=lines)
