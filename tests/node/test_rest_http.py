"""What holds for every request: how a token is shown, slashes, HEAD, bodies on GET, bounds, and no answer but JSON."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fs2od.node.apps import endpoints_of
from fs2od.onedata import privileges
from fs2od.onedata.errors import NotFound
from fs2od.onedata.tokens import Consumer, IdentityToken
from fs2od.testing.descriptions import compact, judge_error
from fs2od.testing.world import Person, World, open_world


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("http")) as world:
        yield world


def forms(person: Person) -> dict[str, dict[str, str]]:
    text = person.token.reveal()
    return {
        "x-auth-token": {"x-auth-token": text},
        "bearer": {"Authorization": f"Bearer {text}"},
        "lower bearer": {"authorization": f"bearer {text}"},
        "macaroon": {"macaroon": text},
    }


@pytest.mark.parametrize("form", ["x-auth-token", "bearer", "lower bearer", "macaroon"])
async def test_a_token_is_taken_from_each_header(world: World, form: str) -> None:
    alex = world.person()
    answer = await world.zone.get("/user", headers=forms(alex)[form])
    assert answer.json()["userId"] == alex.id


async def test_x_auth_token_goes_before_bearer_and_bearer_before_macaroon(world: World) -> None:
    alex, blair = world.person(), world.person("Blair Example")
    first = forms(alex)["x-auth-token"] | forms(blair)["bearer"]
    assert (await world.zone.get("/user", headers=first)).json()["userId"] == alex.id
    second = forms(alex)["bearer"] | forms(blair)["macaroon"]
    assert (await world.zone.get("/user", headers=second)).json()["userId"] == alex.id
    wrong = {"X-Auth-Token": "wrong"} | forms(blair)["bearer"]
    judge_error(await world.zone.get("/user", headers=wrong), "unauthorized")


async def test_a_guest_gets_401_without_a_reason_and_a_wrong_token_401_with_one(world: World) -> None:
    assert judge_error(await world.zone.get("/user"), "unauthorized") == {}
    for token in (b"MDAxbad", b"", b"with blank", b"0", b"\xc3\xa9"):
        answer = await world.zone.get("/user", headers={b"X-Auth-Token": token})
        assert judge_error(answer, "unauthorized")["authError"]["id"] == "badToken"
    basic = await world.zone.get("/user", headers={"Authorization": "Basic YTpi"})
    assert judge_error(basic, "unauthorized") == {}


@pytest.mark.parametrize("service", ["zone", "provider", "panel"])
async def test_a_wrong_token_is_refused_even_where_none_is_needed(world: World, service: str) -> None:
    client = {"zone": world.zone, "provider": world.provider, "panel": world.panel}[service]
    assert (await client.get("/configuration")).status_code == 200
    judge_error(await client.get("/configuration", headers={"X-Auth-Token": "wrong"}), "unauthorized")


async def test_a_consumer_is_proven_by_an_identity_token(world: World) -> None:
    alex, blair = world.person(), world.person("Blair Example")
    team = world.group(blair)
    issue = world.node.zone.tokens.issue_named
    identity = issue(blair.id, "identity", kind=IdentityToken()).token.reveal()
    for whitelist in ((f"usr-{blair.id}",), (f"grp-{team}",), ("usr-*",)):
        shown = {"X-Auth-Token": world.token(alex, Consumer(whitelist)).reveal()}
        assert (await world.zone.get("/user", headers=shown)).status_code == 401
        proven = shown | {"X-Onedata-Consumer-Token": identity}
        assert (await world.zone.get("/user", headers=proven)).json()["userId"] == alex.id
        by_access = shown | {"X-Onedata-Consumer-Token": blair.token.reveal()}
        details = judge_error(await world.zone.get("/user", headers=by_access), "unauthorized")
        assert details["authError"]["id"] == "notAnIdentityToken"
    confined = world.token(alex, Consumer((f"usr-{blair.id}",))).reveal()
    scope = {"token": confined, "consumerToken": identity}
    assert (await world.zone.post("/tokens/infer_access_token_scope", json=scope)).status_code == 200
    del scope["consumerToken"]
    judge_error(await world.zone.post("/tokens/infer_access_token_scope", json=scope), "tokenCaveatUnverified")


async def test_a_trailing_slash_changes_nothing(world: World) -> None:
    admin = world.administrator
    for client, path in (
        (world.zone, "/providers/"),
        (world.provider, "/spaces/"),
        (world.panel, "/provider/storages/"),
    ):
        assert (await client.get(path, headers=admin.headers)).status_code == 200


async def test_head_answers_as_get_does(world: World) -> None:
    dataset = world.dataset(world.administrator, {"a.txt": b"hello"})
    path = f"/data/{world.id_of(dataset, 'a.txt')}/content"
    head = await world.provider.head(path, headers=world.administrator.headers)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "5", b"")
    assert (await world.provider.head("/configuration")).status_code == 200


async def test_another_method_is_refused_with_those_that_there_are(world: World) -> None:
    for answer in (
        await world.zone.delete("/configuration"),
        await world.provider.delete("/configuration/"),
        await world.panel.request("TRACE", "/provider/storages", headers=world.administrator.headers),
    ):
        assert (answer.status_code, answer.content) == (405, b"")
        assert answer.request.method not in answer.headers["Allow"].split(", ")
    assert (await world.zone.post("/user")).headers["Allow"] == "GET, HEAD"
    assert (await world.zone.post("/no")).status_code == 404


async def test_the_query_goes_before_the_body(world: World) -> None:
    dataset = world.dataset(world.administrator, {"a.txt": b"", "b.txt": b""})
    body = {"limit": 1, "attributes": ["name"]}
    answer = await world.provider.request(
        "GET", f"/data/{dataset.root}/children?limit=2", json=body, headers=world.administrator.headers
    )
    assert answer.json()["children"] == [{"name": "a.txt"}, {"name": "b.txt"}]


async def test_every_json_answer_is_compact_and_tells_its_request(world: World) -> None:
    for answer in (
        await world.zone.get("/configuration"),
        await world.zone.get("/user"),
        await world.provider.get("/no"),
    ):
        assert answer.text == compact(answer.json())
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    first, second = await world.zone.get("/health"), await world.zone.get("/user")
    assert len({first.headers["X-Request-Id"], second.headers["X-Request-Id"]}) == 2


async def test_only_the_provider_answers_other_origins(world: World) -> None:
    assert (await world.provider.get("/configuration")).headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in (await world.zone.get("/configuration")).headers


async def test_a_body_beyond_the_bound_is_refused(world: World) -> None:
    content = b'{"name": "' + b"a" * (1 << 20) + b'"}'
    answer = await world.zone.post("/user/groups", content=content, headers=world.administrator.headers)
    judge_error(answer, "badData", key="body")


@pytest.mark.parametrize("damage", ["DROP TABLE user_privilege", "UPDATE user SET emails = '{'"])
async def test_a_failure_inside_is_told_as_json_and_without_its_reason(world: World, damage: str) -> None:
    with world.node.zone.database.writing() as db:
        db.execute(damage)
    path = "/user/privileges" if "DROP" in damage else "/user"
    answer = await world.zone.get(path, headers=world.administrator.headers)
    judge_error(answer, "internalServerError")
    assert "user_privilege" not in answer.text
    assert "JSON" not in answer.text


async def test_changes_are_written_down_and_questions_are_not(world: World) -> None:
    alex = world.person()
    made = await world.zone.post("/user/groups", json={"name": "team"}, headers=alex.headers)
    group = made.headers["Location"].rpartition("/")[2]
    await world.zone.post("/tokens/examine", json={"token": alex.token.reveal()}, headers=alex.headers)
    await world.zone.get("/user", headers=alex.headers)
    await world.zone.delete(f"/groups/{group}", headers=world.person().headers)
    await world.zone.patch(f"/groups/{group}", json={"name": "unit"}, headers=alex.headers)
    changes = [(change.user, change.action, change.subject) for change in world.node.zone.audit.latest()]
    assert changes == [
        (alex.id, "modify_group", f"/api/v3/onezone/groups/{group}"),
        (alex.id, "create_user_group", "/api/v3/onezone/user/groups"),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["name", "token", "caveats", "type", "privileges", "grant", "revoke", "size", "storageId", "attributes", "limit",
     "index", "offset", "mode", "expression", "replicasNum", "fileId", "dataSourceType", "description", "usageLimit",
     "autoStorageImportConfig", "revoked", "keys", "idGeneratorSeed", "storageImport", "prefix", "start_after"]
)  # fmt: skip
BODIES = st.dictionaries(KEYS, JSON, max_size=5).map(lambda body: ("json", body)) | st.binary(max_size=30).map(
    lambda content: ("content", content)
)
NASTY = st.sampled_from(
    [
        rb'{"name": "\ud800x"}',
        b'{"size": 1e400}',
        b'{"size": ' + b"9" * 5000 + b"}",
        b'{"a":' * 3000,
        b'{"name": "a\x00b"}',
    ]
).map(lambda content: ("content", content))
SEGMENT = st.text(string.ascii_letters + string.digits + "@%._- é#?", min_size=1, max_size=40)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_input_makes_the_node_fail(shared: World, data: st.DataObject) -> None:
    service, endpoint = data.draw(st.sampled_from(endpoints_of(shared.node.provider)), label="endpoint")
    known = [shared.administrator.id, shared.node.provider.record.id]
    segments = [data.draw(SEGMENT | st.sampled_from(known)) for _ in range(endpoint.path.count("{"))]
    path = "/".join(segments.pop(0) if part.startswith("{") else part for part in endpoint.path.split("/"))
    kind, body = data.draw(BODIES | NASTY, label="body")
    params = data.draw(st.dictionaries(KEYS, st.text(max_size=10), max_size=2), label="query")
    client = {"onezone": shared.zone, "oneprovider": shared.provider, "onepanel": shared.panel}[service]
    given_body: dict[str, Any] = {kind: body}
    answer = await client.request(endpoint.method, path, params=params, headers=user(shared).headers, **given_body)
    assert answer.status_code < 500, answer.text
    # A word in the place of an id may make it another address, which has other methods.
    if answer.status_code >= 400 and answer.status_code != 405 and endpoint.operation != "add_storage":
        judge_error(answer)


def user(world: World) -> Person:
    """Return somebody who may do anything, but is not the one whom the other tests ask as."""
    zone = world.node.zone
    try:
        found = zone.users.by_username("fuzz").id
    except NotFound:
        found = zone.users.add("Fuzz Example", username="fuzz", zone_privileges=privileges.ZONE_ADMIN)
        zone.users.join_cluster(found, world.node.provider.record.cluster, privileges.CLUSTER_ADMIN)
    try:
        return Person(found, zone.tokens.named_by_name(found, "fuzz").token)
    except NotFound:
        return Person(found, zone.tokens.issue_named(found, "fuzz").token)
