"""Serve a folder as a shared dataset, zone and provider, as `fs2od node` does, until standard input closes.

Usage: python -m bench.share_once STATE FOLDER plain|tls ADDRESS. Prints JSON: the link, the address of the data, the CA's
file. The public host name is the address itself, or localhost for 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fs2od.node import Node, NodeSettings, open_node
from fs2od.node.apps import provider_app, zone_app
from fs2od.node.certificates import ensure_certificate
from fs2od.node.serving import Service, listen, serve
from fs2od.node.zone.callers import Caller
from fs2od.onedata.ids import ShareId


class PlainSettings(NodeSettings):
    """Addresses without TLS, as no node has them that people reach."""

    @property
    def zone_url(self) -> str:
        """The zone's origin."""
        return f"http://{self.zone_domain}"

    @property
    def provider_url(self) -> str:
        """The provider's origin."""
        return f"http://{self.provider_domain}"


class PlainRedirects:
    """Lets what leads to https lead to http."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, but for where redirects lead."""

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, value.replace(b"https://", b"http://", 1) if name == b"location" else value)
                    for name, value in message["headers"]
                ]
            await send(message)

        await self._app(scope, receive, said)


def share(node: Node, folder: Path) -> ShareId:
    """Return the share of a folder, imported."""
    zone, provider = node.zone, node.provider
    caller = Caller(zone.users.add("Alex Example"))
    space = zone.spaces.create_for_user(caller, "bench")
    storage = provider.storages.add_posix("bench", str(folder), imported=True, readonly=True)
    with zone.database.writing() as db:
        provider.supports.grant(db, space, storage, size_bytes=1 << 40)
    zone.epoch.move()
    provider.imports.start_due()
    while provider.imports.info(space).status != "completed":
        time.sleep(0.01)
    root = provider.access.locate(caller, provider.files.root_id(space))
    return zone.shares.create(caller, root.ref, "dir", "bench").id


async def work(state: Path, folder: Path, address: str, *, tls: bool) -> None:
    sockets = [listen(0, address=address), listen(0, address=address)]
    host = "localhost" if address == "127.0.0.1" else address
    zone_domain, provider_domain = (f"{host}:{each.getsockname()[1]}" for each in sockets)
    certificate = ensure_certificate(state / "tls", [host])
    settings = (NodeSettings if tls else PlainSettings)(state / "node", zone_domain, provider_domain)
    with open_node(settings) as node:
        public = await asyncio.to_thread(share, node, folder)
        stop, ready = asyncio.Event(), asyncio.Event()
        zone = zone_app(node.zone)
        services = [
            Service(zone if tls else PlainRedirects(zone), sockets[0]),
            Service(provider_app(node.provider), sockets[1]),
        ]
        async with node.working(), asyncio.TaskGroup() as group:
            group.create_task(serve(services, certificate if tls else None, stop=stop, ready=ready))
            await ready.wait()
            facts = {
                "link": f"{settings.zone_url}/share/{public}",
                "data": f"{settings.provider_url}/share/{public}",
                "ca": str(certificate.ca),
            }
            print(json.dumps(facts), flush=True)
            await asyncio.to_thread(sys.stdin.read)
            stop.set()


if __name__ == "__main__":
    uvloop.run(work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[4], tls=sys.argv[3] == "tls"))
