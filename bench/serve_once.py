"""Serve a folder through a node, as `fs2od node` does, until standard input closes.

Usage: python -m bench.serve_once STATE FOLDER plain|tls. Prints JSON: the provider's port, the paths of FOLDER and of the
file "large" in it through a share, and the CA's file.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from bench.imported import imported_share

from fs2od.node.apps import provider_app
from fs2od.node.certificates import ensure_certificate
from fs2od.node.running import Node, open_node
from fs2od.node.serving import Service, listen, serve
from fs2od.node.settings import NodeSettings
from fs2od.onedata.ids import FileId, file_id


def share(node: Node, folder: Path) -> tuple[FileId, FileId]:
    """Return the public ids of a folder and of the file "large" in it."""
    root, public = imported_share(node, folder)
    with node.provider.indexes.using(root.space) as index:
        large = index.lookup(["large"])
        assert large is not None
        return file_id(root.ref.through(public)), file_id(index.ref(large.row).through(public))


async def work(state: Path, folder: Path, *, tls: bool) -> None:
    socket = listen(0)
    port = socket.getsockname()[1]
    certificate = ensure_certificate(state / "tls", ["localhost"])
    with open_node(NodeSettings(state / "node", "localhost:1", f"localhost:{port}")) as node:
        root, large = await asyncio.to_thread(share, node, folder)
        stop, ready = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            services = [Service(provider_app(node.provider), socket)]
            group.create_task(serve(services, certificate if tls else None, stop=stop, ready=ready))
            await ready.wait()
            base = "/api/v3/oneprovider/data"
            print(
                json.dumps(
                    {
                        "port": port,
                        "folder": f"{base}/{root}/content",
                        "large": f"{base}/{large}/content",
                        "ca": str(certificate.ca),
                        "certificate": str(certificate.certificate),
                        "key": str(certificate.key),
                    }
                ),
                flush=True,
            )
            await asyncio.to_thread(sys.stdin.read)
            stop.set()


uvloop.run(work(Path(sys.argv[1]), Path(sys.argv[2]), tls=sys.argv[3] == "tls"))
