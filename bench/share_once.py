"""Serve a folder as a shared dataset, zone and provider, as `fs2od node` does, until standard input closes.

Usage: python -m bench.share_once STATE FOLDER plain|tls ADDRESS. Prints JSON: the link, the address of the data, the CA's
file, and a token of the space's owner for clients that take no link. The public host name is the address itself, or localhost for 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from bench.imported import imported_share
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fs2od.node.apps import provider_app, zone_app
from fs2od.node.certificates import ensure_certificate
from fs2od.node.running import open_node
from fs2od.node.serving import Service, listen, serve
from fs2od.node.settings import NodeSettings


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


async def work(state: Path, folder: Path, address: str, *, tls: bool) -> None:
    sockets = [listen(0, address=address), listen(0, address=address)]
    host = "localhost" if address == "127.0.0.1" else address
    zone_domain, provider_domain = (f"{host}:{each.getsockname()[1]}" for each in sockets)
    certificate = ensure_certificate(state / "tls", [host])
    settings = (NodeSettings if tls else PlainSettings)(state / "node", zone_domain, provider_domain)
    with open_node(settings) as node:
        root, public = await asyncio.to_thread(imported_share, node, folder)
        assert root.caller.user is not None
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
                "token": node.zone.tokens.issue_named(root.caller.user, "bench").token.reveal(),
            }
            print(json.dumps(facts), flush=True)
            await asyncio.to_thread(sys.stdin.read)
            stop.set()


if __name__ == "__main__":
    uvloop.run(work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[4], tls=sys.argv[3] == "tls"))
