"""Adding people at the zone's panel: who may, and what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fs2od.node.zone.accounts import Proof
from fs2od.node.zone.rest.accounts import panel_endpoints
from fs2od.onedata.tokens import DataReadonly
from fs2od.testing.descriptions import Description
from fs2od.testing.world import Person, World, open_world

OPENAPI = Path(__file__).parents[3] / "shared" / "onedata" / "openapi"
ALEX = {"username": "alex", "password": "never-kept", "fullName": "Alex Example"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        yield opened


async def ask(
    world: World, who: Person | None, method: str = "GET", path: str = "", body: object = None, token: str = ""
) -> httpx.Response:
    url = f"{world.node.settings.zone_url}/api/v3/onepanel/zone/users{path}"
    headers = {"X-Auth-Token": token} if token else who.headers if who else {}
    return await world.zone.request(method, url, headers=headers, json=body)


async def test_an_administrator_adds_somebody_as_onepanel_has_it(world: World) -> None:
    group = world.group(world.administrator)
    added = await ask(world, world.administrator, "POST", body=ALEX | {"groups": [group]})
    assert added.status_code == 201
    user = added.json()["id"]
    assert added.headers["Location"] == f"https://zone.test/api/v3/onepanel/zone/users/{user}"
    assert user in (await ask(world, world.administrator)).json()["ids"]
    seen = (await ask(world, world.administrator, path=f"/{user}")).json()
    assert seen == {"userId": user, "fullName": "Alex Example", "username": "alex"}
    assert world.node.zone.users.groups(user) == [group]
    again = await ask(world, world.administrator, "POST", body=ALEX)
    assert (again.status_code, again.json()["error"]["id"]) == (409, "alreadyExists")


async def test_a_password_is_taken_and_thrown_away(world: World, tmp_path: Path) -> None:
    await ask(world, world.administrator, "POST", body=ALEX)
    for path in (tmp_path / "node").glob("zone.db*"):
        assert b"never-kept" not in path.read_bytes()


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("GET", "/somebody")])
async def test_nobody_else_may(world: World, method: str, path: str) -> None:
    alex = world.person()
    confined = world.token(world.administrator, DataReadonly()).reveal()
    assert (await ask(world, None, method, path, ALEX)).status_code == 401
    assert (await ask(world, alex, method, path, ALEX)).status_code == 403
    assert (await ask(world, None, method, path, ALEX, token=confined)).status_code == 401
    assert len(world.node.zone.users.every()) == 2


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "missingRequiredValue"),
        ({"username": 7}, "badValueString"),
        ({"username": "x"}, "badValueName"),
        ({"username": "<script>"}, "badValueName"),
        (ALEX | {"emails": ["alex"]}, "badData"),
        (ALEX | {"emails": ["alex@example.org"] * 21}, "badData"),
        (ALEX | {"groups": ["nowhere"]}, "notFound"),
    ],
)
async def test_bad_input_gets_its_own_error_and_adds_nobody(world: World, body: object, error: str) -> None:
    answer = await ask(world, world.administrator, "POST", body=body)
    assert answer.json()["error"]["id"] == error
    assert len(world.node.zone.users.every()) == 1


async def test_a_plain_node_knows_nothing_of_our_addresses(tmp_path: Path) -> None:
    with open_world(tmp_path, plain=True) as world:
        added = await ask(world, world.administrator, "POST", body=ALEX | {"emails": ["alex@example.org"]})
        assert added.status_code == 201
        assert world.node.zone.accounts.identities.find(Proof.of_address("alex@example.org")) is None


@pytest.mark.skipif(not OPENAPI.exists(), reason="the published API descriptions are not here")
def test_every_route_is_published_with_that_method_and_path(world: World) -> None:
    published = Description(OPENAPI, "onepanel").operations
    for endpoint in panel_endpoints(world.node.zone):
        found = published[f"onepanel/{endpoint.operation}"]
        assert (found.method, found.path) == (endpoint.method, endpoint.path)


async def test_a_user_sees_how_they_can_sign_in(world: World) -> None:
    alex = world.person()
    world.node.zone.accounts.link(alex.id, Proof.of_address("Alex@example.org"))
    seen = (await world.zone.get("/user", headers=alex.headers)).json()
    assert seen["linkedAccounts"] == [{"idp": "mail", "subjectId": "alex@example.org"}]
    assert seen["emails"] == ["Alex@example.org"]
