"""The facility at a federation, as far as a node without extensions can show it: what it lacks, and parts that have not heard yet."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.facility.conftest import PROVIDER, ZONE, Both, Clock, World

from fs2od.node.running import Node, open_node
from fs2od.node.settings import NodeSettings
from fs2od.onedata.errors import ServiceError, error_of

NAME = "20261103_P2"


@dataclass
class Face:
    """What a federation answers in the place of the node, so many times: by the method and the end of the path."""

    method: str
    path: Callable[[str], bool]
    error: ServiceError
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)

    def answers(self, request: httpx.Request) -> bool:
        return self.times > 0 and request.method == self.method and self.path(request.url.path)


class Federation(Both):
    """The node, with other faces now and then."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.faces: list[Face] = []
        self.asked: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked[f"{request.method} {request.url.path}"] += 1
        for face in self.faces:
            if face.answers(request):
                face.times -= 1
                body = json.dumps(face.error.document()).encode()
                return httpx.Response(face.error.status, headers=face.headers, stream=httpx.ByteStream(body))
        return await super().handle_async_request(request)


@pytest.fixture
def federation(tmp_path: Path, clock: Clock) -> Iterator[tuple[World, Federation]]:
    settings = NodeSettings(tmp_path / "node", zone_domain=ZONE, provider_domain=PROVIDER, plain=True)
    with open_node(settings) as node, contextlib.ExitStack():
        node.ensure_administrator(tmp_path / "token")
        (tmp_path / "watched").mkdir()
        transport = Federation(node)
        yield World(tmp_path, node, transport, tmp_path / "token", clock), transport


def ends_with(end: str) -> Callable[[str], bool]:
    return lambda path: path.endswith(end)


async def onboarded(world: World) -> None:
    world.dataset(running=True)
    async with world.node.working(), world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME), most=60)


def count(world: World, table: str) -> int:
    with world.node.zone.database.reading() as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def test_a_provider_that_has_not_heard_of_the_space_yet_gets_its_link_later(
    federation: tuple[World, Federation],
) -> None:
    world, transport = federation
    unknown = error_of("spaceNotSupportedBy", "not supported yet")
    transport.faces.append(Face("POST", ends_with("/oneprovider/shares"), unknown))
    await onboarded(world)
    assert count(world, "share") == 1
    assert transport.asked["POST /api/v3/oneprovider/shares"] == 2
