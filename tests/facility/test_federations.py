"""The facility at a federation, as far as a node without extensions can show it: what it lacks, and parts that have not heard yet."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.facility.conftest import PROVIDER, ZONE, Both, Clock, World

from fs2od.node.running import Node, open_node
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import GROUP_USER
from fs2od.onedata.errors import ServiceError, error_of, forbidden, not_found

NAME = "20261103_P2"
# What docs/how-to/join-a-federation.md tells to give.
GUIDE = {
    "managing_group": ["group_view", "group_add_space"],
    "parent_group": ["group_view", "group_add_child", "group_set_privileges"],
}


@dataclass
class Face:
    """What a federation answers in the place of the node, so many times."""

    method: str
    path: str
    error: ServiceError
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)

    def answers(self, request: httpx.Request) -> bool:
        fits = request.method == self.method and re.search(self.path, request.url.path) is not None
        return self.times > 0 and fits

    def answer(self) -> httpx.Response:
        self.times -= 1
        body = json.dumps(self.error.document()).encode()
        return httpx.Response(self.error.status, headers=self.headers, stream=httpx.ByteStream(body))


class Federation(Both):
    """The node, with other faces now and then. One request may be `lost`: it is done, and nobody hears of it; then come further faces."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.faces: list[Face] = []
        self.lost: tuple[str, str, Face] | None = None
        self.asked: Counter[str] = Counter()

    @property
    def asked_to_lose(self) -> bool:
        return self.lost is not None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked[f"{request.method} {request.url.path}"] += 1
        for face in self.faces:
            if face.answers(request):
                return face.answer()
        answer = await super().handle_async_request(request)
        if self.lost and request.method == self.lost[0] and re.search(self.lost[1], request.url.path):
            self.faces.append(self.lost[2])
            self.lost = None
            raise httpx.ReadError("the answer was lost")
        return answer


@pytest.fixture
def federation(tmp_path: Path, clock: Clock) -> Iterator[tuple[World, Federation]]:
    settings = NodeSettings(tmp_path / "node", zone_domain=ZONE, provider_domain=PROVIDER, plain=True)
    with open_node(settings) as node:
        node.ensure_administrator(tmp_path / "token")
        (tmp_path / "watched").mkdir()
        transport = Federation(node)
        yield World(tmp_path, node, transport, tmp_path / "token", clock), transport


async def onboarded(world: World, *, step_s: float = 0.5) -> None:
    world.dataset(running=True)
    async with world.node.working(), world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME), most=150, step_s=step_s)


def count(world: World, table: str) -> int:
    with world.node.zone.database.reading() as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def test_a_provider_that_has_not_heard_of_the_space_yet_gets_its_link_later(
    federation: tuple[World, Federation],
) -> None:
    world, transport = federation
    transport.faces.append(
        Face("POST", "/oneprovider/shares$", error_of("spaceNotSupportedBy", "The space is not supported here."))
    )
    await onboarded(world)
    assert count(world, "share") == 1
    assert transport.asked["POST /api/v3/oneprovider/shares"] == 2


@pytest.mark.parametrize(
    ("made", "shown", "error"),
    [
        ("/onezone/groups/[^/]+/spaces$", "/onezone/spaces/[^/]+$", forbidden()),
        ("/onepanel/provider/storages$", "/onepanel/provider/storages/[^/]+$", not_found()),
        ("/onezone/groups/[^/]+/children$", "/onezone/groups/[^/]+$", forbidden()),
        ("/oneprovider/shares$", "/oneprovider/shares/[^/]+$", not_found()),
    ],
)
async def test_what_was_made_and_is_listed_before_it_is_shown_is_not_made_twice(
    federation: tuple[World, Federation], made: str, shown: str, error: ServiceError
) -> None:
    world, transport = federation
    transport.lost = ("POST", made, Face("GET", shown, error, times=4))
    await onboarded(world)
    assert not transport.asked_to_lose
    tables = ("space", "storage", "share", "user_group")
    assert [count(world, table) for table in tables] == [1, 1, 1, 4]


async def test_what_is_never_shown_is_not_waited_for_for_ever(federation: tuple[World, Federation]) -> None:
    world, transport = federation
    transport.lost = ("POST", "/oneprovider/shares$", Face("GET", "/oneprovider/shares/[^/]+$", forbidden(), times=26))
    await onboarded(world, step_s=2)
    assert count(world, "share") == 2


async def test_a_service_that_asks_for_more_rest_gets_it(federation: tuple[World, Federation], clock: Clock) -> None:
    world, transport = federation
    throttled = error_of("tooManyRequests", "Too many requests.")
    transport.faces.append(Face("GET", "", throttled, times=10**6, headers={"Retry-After": "200"}))
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, lambda: transport.asked.total() > 0)
        first = transport.asked.total()
        for _ in range(19):
            clock.move(seconds=10)
            await one_pass()
        assert transport.asked.total() == first
        clock.move(seconds=15)
        await one_pass()
        assert transport.asked.total() > first


async def test_one_dataset_for_which_the_provider_has_never_time_does_not_hold_back_the_others(
    federation: tuple[World, Federation],
) -> None:
    world, transport = federation
    busy = error_of("serviceUnavailable", "The service is not available.")
    transport.faces.append(Face("POST", "/lookup-file-id/bad", busy, times=10**6))
    good = [f"good_{number}" for number in range(12)]
    for name in (*good, "bad_z"):
        world.dataset(name, running=True)
    async with world.node.working(), world.facility().opened() as one_pass:
        await world.until(one_pass, lambda: all(world.is_in("acquiring", name)() for name in good), most=200, step_s=5)


async def test_the_rights_that_the_guide_names_are_enough(federation: tuple[World, Federation]) -> None:
    world, _ = federation
    zone = world.node.zone
    admin = Caller(zone.users.by_username("admin").id)
    # Our own node has one machine for all, so that who names folders of it has to be who runs it.
    facility = zone.users.add("Facility Example", zone_privileges=["oz_providers_invite"])
    zone.users.join_cluster(facility, world.node.provider.record.cluster, ["cluster_view", "cluster_update"])
    groups = {}
    for key, privileges in GUIDE.items():
        groups[key] = zone.groups.create(admin, key)
        zone.memberships.add(GROUP_USER, groups[key], facility, privileges)
    world.token_file.write_text(zone.tokens.issue_named(facility, "fs2od").token.reveal())
    world.dataset(running=True)
    configuration = world.configuration(onedata={**groups, "provision": False})
    async with world.node.working(), world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME), most=60)
        (world.watched / NAME / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME), most=200)
    told = (Path(__file__).parents[2] / "docs" / "how-to" / "join-a-federation.md").read_text()
    for privilege in {each for bundle in GUIDE.values() for each in bundle}:
        assert f"*{privilege}*" in told
