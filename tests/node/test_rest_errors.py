"""Bad input: the right id, status and details for each, in Onedata's one shape."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fs2od.onedata.tokens import InviteToken, InviteType, Time
from fs2od.testing.descriptions import judge_error
from fs2od.testing.world import Dataset, World, open_world

UNKNOWN = "f" * 32
LONG = "a" * 129


class Scene:
    """One node with one user, one dataset and one of everything that bad requests are about."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owner = world.administrator
        zone = world.node.zone
        self.dataset: Dataset = world.dataset(self.owner, {"a.txt": b"hello", "b/c.txt": b"x"}, name="data")
        self.share = world.share(self.owner, self.dataset)
        self.other = world.person("Other Example")
        group, their_space = world.group(self.owner), world.space(self.other)
        taken = zone.tokens.issue_named(self.owner.id, "taken", kind=InviteToken(InviteType.USER_JOIN_GROUP, group))
        gone = zone.tokens.issue_named(
            self.owner.id, "gone", kind=InviteToken(InviteType.USER_JOIN_GROUP, group), revoked=True
        )
        self.words = {
            "space": self.dataset.space,
            "bare": world.space(self.owner, "bare"),
            "theirs": their_space,
            "root": self.dataset.root,
            "file": world.id_of(self.dataset, "a.txt"),
            "shared": world.id_of(self.dataset, "a.txt", share=self.share),
            "missing": world.id_of(self.dataset, "a.txt")[:-8] + "66666666",
            "share": self.share,
            "storage": self.dataset.storage,
            "group": group,
            "user": self.owner.id,
            "unknown": UNKNOWN,
            "invite": taken.token.reveal(),
            "revoked": gone.token.reveal(),
            "access": self.owner.token.reveal(),
            "support": self._support(self.dataset.space),
            "fresh": self._support(world.space(self.owner)),
            "expired": self._support(self.dataset.space, ends_in_s=-1),
            "provider": world.node.provider.record.id,
            "folder": str(world.folder),
        }

    def _support(self, space: str, ends_in_s: int = 600) -> str:
        kind = InviteToken(InviteType.SUPPORT_SPACE, space)
        caveats = [Time(int(time.time()) + ends_in_s)]
        return self.world.node.zone.tokens.issue_temporary(self.owner.id, kind=kind, caveats=caveats).reveal()

    def filled(self, text: str) -> str:
        """Return `text` with every "<word>" in it replaced."""
        for word, meaning in self.words.items():
            text = text.replace(f"<{word}>", meaning)
        return text


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with open_world(tmp_path_factory.mktemp("errors")) as world:
        yield Scene(world)


def invite(**inner: object) -> dict[str, Any]:
    return {"name": "new", "type": {"inviteToken": inner}}


def support(**changes: object) -> dict[str, Any]:
    return {"token": "<fresh>", "size": 1_000_000, "storageId": "<storage>"} | changes


Z, P, N = "onezone", "oneprovider", "onepanel"
NAMED = "POST /user/tokens/named"
CASES: list[tuple[str, str, object, str, dict[str, Any]]] = [
    # Names: 2 to 128 characters, some of them only inside.
    *(
        (Z, "POST /user/groups", {"name": name}, "badValueName", {"key": "name"})
        for name in ("", "a", LONG, " ab", "ab ", ".ab", "ab.", "-ab", "ab-", "a/b", "a\nb", "a:b", "a\u0000b")
    ),
    (Z, "POST /user/groups", {}, "missingRequiredValue", {"key": "name"}),
    (Z, "POST /user/groups", {"name": 5}, "badValueString", {"key": "name"}),
    (Z, "POST /user/groups", {"name": None}, "badValueString", {"key": "name"}),
    (Z, "POST /user/groups", {"name": "ok", "type": "gang"}, "badValueNotAllowed", {"key": "type"}),
    (Z, "POST /groups/<group>/spaces", {"name": "x"}, "badValueName", {"key": "name"}),
    (Z, "PATCH /spaces/<space>", {"name": "x"}, "badValueName", {"key": "name"}),
    (Z, "PATCH /shares/<share>", {"name": ""}, "badValueName", {"key": "name"}),
    # Bodies that are no JSON objects.
    *((Z, "POST /user/groups", body, "malformedData", {}) for body in (b"{", b"[]", b"nope", b'"x"', b"\xff\xfe", b"[" * 9999)),
    # Tokens that are asked for.
    (Z, NAMED, {"name": "taken"}, "badValueIdentifierOccupied", {"key": "name"}),
    (Z, NAMED, {"name": "x"}, "badValueName", {"key": "name"}),
    (Z, NAMED, {}, "missingRequiredValue", {"key": "name"}),
    (Z, NAMED, {"name": "new", "type": {"magic": {}}}, "badValueTokenType", {"key": "type"}),
    (Z, NAMED, invite(), "missingRequiredValue", {"key": "inviteType"}),
    (Z, NAMED, invite(inviteType="userJoinParty"), "badValueInviteType", {"key": "inviteType"}),
    (Z, NAMED, invite(inviteType="userJoinGroup"), "missingRequiredValue", {"key": "groupId"}),
    (Z, NAMED, invite(inviteType="userJoinGroup", groupId="<unknown>"), "inviteTokenTargetIdInvalid", {"id": UNKNOWN}),
    (Z, NAMED, invite(inviteType="userJoinSpace", spaceId="<theirs>"), "inviteTokenSubjectNotAuthorized", {}),
    (Z, NAMED, invite(inviteType="userJoinCluster", clusterId="<unknown>"), "inviteTokenTargetIdInvalid", {"id": UNKNOWN}),
    (Z, NAMED, invite(inviteType="groupJoinCluster", clusterId="<unknown>"), "notSupported", {}),
    (Z, NAMED, {"name": "new", "caveats": [{"type": "time"}]}, "badValueCaveat", {"caveat": {"type": "time"}}),
    (Z, NAMED, {"name": "new", "caveats": [{"type": "ip", "whitelist": []}]}, "badValueCaveat", {}),
    (Z, NAMED, {"name": "new", "revoked": "yes"}, "badValueBoolean", {"key": "revoked"}),
    (Z, NAMED, {"name": "new", "usageLimit": 0}, "badValueTooLow", {"key": "usageLimit"}),
    (Z, NAMED, {"name": "new", "usageLimit": 2**70}, "badValueTooHigh", {"key": "usageLimit"}),
    (
        Z, NAMED, invite(inviteType="userJoinGroup", groupId="<group>") | {"caveats": [{"type": "data.readonly"}]},
        "badValueCaveat", {"caveat": {"type": "data.readonly"}},
    ),
    (
        Z, NAMED, invite(inviteType="userJoinGroup", groupId="<group>") | {"privileges": ["group_fly"]},
        "badValueListNotAllowed", {"key": "privileges"},
    ),
    (Z, "POST /user/tokens/temporary", {}, "tokenTimeCaveatRequired", {"maxTtl": 2_592_000}),
    (
        Z, "POST /user/tokens/temporary", {"caveats": [{"type": "time", "validUntil": 2**40}]},
        "tokenTimeCaveatRequired", {"maxTtl": 2_592_000},
    ),
    (Z, "PATCH /tokens/named/<unknown>", {"name": "new"}, "notFound", {}),
    (Z, "GET /user/tokens/named/name/none", None, "notFound", {}),
    # Tokens that are shown in a body.
    *(
        (service, route, {**rest, "token": token}, error, details)
        for service, route, rest in (
            (Z, "POST /user/groups/join", {}),
            (Z, "POST /user/spaces/join", {}),
            (Z, "POST /tokens/infer_access_token_scope", {}),
            (Z, "POST /tokens/examine", {}),
            (Z, "POST /tokens/verify_access_token", {}),
            (Z, "POST /tokens/verify_invite_token", {}),
            (N, "POST /provider/spaces", support()),
        )
        for token, error, details in (
            ("", "badValueEmpty", {"key": "token"}),
            ("no!", "badValueToken", {"key": "token"}),
            ("MDAxbad", "badValueToken", {"key": "token"}),
            (7, "badValueString", {"key": "token"}),
        )
    ),
    (Z, "POST /user/groups/join", {}, "missingRequiredValue", {"key": "token"}),
    (Z, "POST /user/groups/join", {"token": "<access>"}, "notAnInviteToken", {}),
    (Z, "POST /user/groups/join", {"token": "<revoked>"}, "tokenRevoked", {}),
    (Z, "POST /user/groups/join", {"token": "<support>"}, "notAnInviteToken", {"expectedInviteType": "userJoinGroup"}),
    (Z, "POST /tokens/infer_access_token_scope", {"token": "<invite>"}, "notAnAccessToken", {}),
    (
        Z, "POST /user/groups/join", {"token": "<invite>"}, "relationAlreadyExists",
        {"childType": "user", "parentType": "group"},
    ),
    # Members.
    (
        Z, "PUT /spaces/<space>/groups/<group>", {"privileges": ["space_fly"]},
        "badValueListNotAllowed", {"key": "privileges"},
    ),
    (
        Z, "PUT /spaces/<space>/groups/<group>", {"privileges": "space_view"},
        "badValueListOfStrings", {"key": "privileges"},
    ),
    (Z, "PUT /spaces/<space>/groups/<unknown>", {}, "notFound", {}),
    (Z, "PUT /groups/<group>/children/<group>", {}, "cannotAddRelationToSelf", {}),
    (Z, "GET /spaces/<space>/groups/<group>/privileges", None, "notFound", {}),
    # What is not there.
    *(
        (Z, f"GET {path}", None, "notFound", {})
        for path in (
            "/nothing", "/groups/<unknown>", "/spaces/<unknown>", "/tokens/named/<unknown>", "/shares/<unknown>",
            "/shares/<unknown>/public", "/providers/<unknown>", "/user/spaces/<unknown>", "/groups/join",
        )
    ),
    (Z, "GET /shares/data/zz/children", None, "badData", {"key": "FileId"}),
    (Z, "GET /shares/data/<file>", None, "badData", {"key": "FileId"}),
    # Files.
    (P, "GET /spaces/<unknown>", None, "forbidden", {}),
    (P, "GET /spaces/<theirs>", None, "forbidden", {}),
    (P, "GET /spaces/<bare>", None, "spaceNotSupportedBy", {"spaceId": "<bare>", "providerId": "<provider>"}),
    (P, "GET /data/<bare>", None, "spaceNotSupportedBy", {}),
    (P, "GET /data/zz", None, "spaceNotSupportedBy", {}),
    (P, "GET /data/%00", None, "spaceNotSupportedBy", {}),
    (P, "GET /data/00", None, "spaceNotSupportedBy", {}),
    (P, "GET /data/<missing>", None, "forbidden", {}),
    (P, "GET /data/<file>", {"attributes": ["nice"]}, "badValueNotAllowed", {"key": "attributes"}),
    (P, "GET /data/<file>", {"attributes": "name"}, "badValueListOfStrings", {"key": "attributes"}),
    (P, "GET /data/<file>?attribute=nice", None, "badValueNotAllowed", {"key": "attribute"}),
    (P, "GET /data/<shared>", {"attributes": ["displayUid"]}, "badValueNotAllowed", {"key": "attributes"}),
    (P, "GET /data/<shared>?attribute=owner_id", None, "badValueNotAllowed", {"key": "attribute"}),
    (P, "GET /data/<root>/children?limit=0", None, "badValueNotInRange", {"key": "limit", "low": 1, "high": 10_000}),
    (P, "GET /data/<root>/children?limit=10001", None, "badValueNotInRange", {"key": "limit"}),
    (P, "GET /data/<root>/children?limit=many", None, "badValueInteger", {"key": "limit"}),
    (P, "GET /data/<root>/children", {"limit": "5"}, "badValueInteger", {"key": "limit"}),
    (P, "GET /data/<root>/children?offset=501", None, "badValueNotInRange", {"key": "offset"}),
    (P, "GET /data/<root>/children?token=%25%25", None, "posix", {"errno": "einval"}),
    (P, "GET /data/<file>/files", None, "posix", {"errno": "enotdir"}),
    (P, "GET /data/<root>/files?token=%ff", None, "posix", {"errno": "einval"}),
    (P, "GET /data/<root>/path/no", None, "posix", {"errno": "enoent"}),
    (P, "GET /data/<root>/path/a.txt/b", None, "posix", {"errno": "enotdir"}),
    (P, "GET /data/<root>/path/b/..%2Fa.txt", None, "badValueFilePath", {}),
    (P, "GET /data/<file>/symlink_value", None, "posix", {"errno": "einval"}),
    (P, "GET /data/<file>/content?follow_symlinks=perhaps", None, "badValueBoolean", {"key": "follow_symlinks"}),
    (P, "PUT /data/<file>", {}, "missingRequiredValue", {"key": "mode"}),
    (P, "PUT /data/<file>", {"mode": "0493"}, "badValueInteger", {"key": "mode"}),
    (P, "PUT /data/<file>", {"mode": ""}, "badValueInteger", {"key": "mode"}),
    (P, "PUT /data/<file>", {"mode": "2000"}, "badValueNotInRange", {"key": "mode"}),
    (P, "PUT /data/<file>", {"mode": 511}, "badValueString", {"key": "mode"}),
    (P, "PUT /data/<shared>", {"mode": "0777"}, "posix", {"errno": "eacces"}),
    *(
        (P, f"POST /lookup-file-id/{path}", None, "posix", {"errno": errno})
        for path, errno in (
            ("nowhere", "enoent"), ("data/no", "enoent"), ("data/a.txt/b", "enotdir"), ("other@<space>", "enoent"),
            ("data@<unknown>", "enoent"), ("data/%2E%2E", "enoent"), ("%00", "enoent"),
        )
    ),
    (P, "POST /lookup-file-id/bare", None, "spaceNotSupportedBy", {}),
    (P, "GET /data/<file>/metadata/json", None, "posix", {"errno": "enodata"}),
    (P, "GET /data/<file>/metadata/rdf", None, "posix", {"errno": "enodata"}),
    (P, "GET /data/<file>/metadata/xattrs?attribute=no", None, "posix", {"errno": "enodata"}),
    (P, "PUT /data/<file>/metadata/json", b"{", "badValueJSON", {"key": "metadata"}),
    (P, "PUT /data/<file>/metadata/json", b"", "badValueJSON", {"key": "metadata"}),
    (P, "PUT /data/<file>/metadata/rdf", b"\xff", "badValueString", {"key": "metadata"}),
    (P, "PUT /data/<file>/metadata/xattrs", b"[1]", "malformedData", {}),
    (P, "DELETE /data/<file>/metadata/xattrs", {}, "missingRequiredValue", {"key": "keys"}),
    # Shares, QoS and transfers.
    (P, "POST /shares", {"fileId": "<root>"}, "missingRequiredValue", {"key": "name"}),
    (P, "POST /shares", {"name": "ok"}, "missingRequiredValue", {}),
    (P, "POST /shares", {"name": "x", "fileId": "<root>"}, "badValueName", {"key": "name"}),
    (P, "POST /shares", {"name": "ok", "fileId": "<shared>"}, "posix", {"errno": "eacces"}),
    (P, "GET /shares/<unknown>", None, "notFound", {}),
    (P, "POST /qos_requirements", {"fileId": "<root>"}, "missingRequiredValue", {"key": "expression"}),
    (P, "POST /qos_requirements", {"fileId": "<root>", "expression": "a &"}, "invalidQosExpression", {}),
    (
        P, "POST /qos_requirements", {"fileId": "<root>", "expression": "anyStorage", "replicasNum": 0},
        "badValueTooLow", {"key": "replicasNum"},
    ),
    (P, "GET /qos_requirements/<unknown>", None, "notFound", {}),
    (P, "POST /spaces/<space>/evaluate_qos_expression", {"expression": "("}, "invalidQosExpression", {}),
    (P, "POST /transfers", {}, "missingRequiredValue", {"key": "type"}),
    (P, "POST /transfers", {"type": "teleport", "dataSourceType": "file"}, "badValueNotAllowed", {"key": "type"}),
    (P, "POST /transfers", {"type": "replication", "dataSourceType": "view"}, "notSupported", {}),
    (P, "POST /transfers", {"type": "replication", "dataSourceType": "file"}, "missingRequiredValue", {"key": "fileId"}),
    (
        P, "POST /transfers", {"type": "replication", "dataSourceType": "file", "fileId": "<root>"},
        "missingRequiredValue", {"key": "replicatingProviderId"},
    ),
    (
        P, "POST /transfers",
        {"type": "replication", "dataSourceType": "file", "fileId": "<root>", "replicatingProviderId": "<unknown>"},
        "spaceNotSupportedBy", {"providerId": UNKNOWN},
    ),
    (P, "GET /transfers/<unknown>", None, "notFound", {}),
    (P, "GET /spaces/<space>/transfers?state=lost", None, "badValueNotAllowed", {"key": "state"}),
    (P, "GET /spaces/<space>/transfers?limit=0", None, "badValueNotInRange", {"key": "limit"}),
    (P, "GET /spaces/<space>/transfers?limit=x", None, "badValueInteger", {"key": "limit"}),
    # The panel.
    (N, "GET /provider/storages/<unknown>", None, "notFound", {}),
    (N, "DELETE /provider/storages/<storage>", None, "storageInUse", {}),
    (N, "PATCH /provider/storages/<storage>", {"other": {"type": "posix"}}, "missingRequiredValue", {"key": "data"}),
    (N, "POST /provider/storages", {"new": {"type": "tape"}}, "badValueNotAllowed", {}),
    (N, "POST /provider/storages", {"new": {"type": "posix"}}, "missingRequiredValue", {"key": "mountPoint"}),
    (N, "POST /provider/spaces", support(size=999_999), "badValueTooLow", {"key": "size", "limit": 1_000_000}),
    (N, "POST /provider/spaces", support(size=2**80), "badValueTooHigh", {"key": "size"}),
    (N, "POST /provider/spaces", support(size="big"), "badValueInteger", {"key": "size"}),
    (N, "POST /provider/spaces", support(storageId="<unknown>"), "badValueIdNotFound", {"key": "storageId"}),
    (N, "POST /provider/spaces", support(), "storageInUse", {}),
    (N, "POST /provider/spaces", support(token="<expired>"), "tokenCaveatUnverified", {}),
    (N, "POST /provider/spaces", support(token="<invite>"), "notAnInviteToken", {"expectedInviteType": "supportSpace"}),
    (
        N, "POST /provider/spaces", support(token="<support>"), "relationAlreadyExists",
        {"childType": "space", "parentType": "storage", "parentId": "<storage>"},
    ),
    (N, "PATCH /provider/spaces/<space>", {"size": 5}, "badValueTooLow", {"key": "size"}),
    (
        N, "PATCH /provider/spaces/<space>", {"autoStorageImportConfig": {"scanInterval": 0}},
        "badValueTooLow", {"key": "autoStorageImportConfig.scanInterval"},
    ),
    (
        N, "PATCH /provider/spaces/<space>", {"autoStorageImportConfig": {"maxDepth": 2**65}},
        "badValueTooHigh", {"key": "autoStorageImportConfig.maxDepth"},
    ),
    (N, "GET /provider/spaces/<unknown>", None, "notFound", {}),
    (N, "GET /provider/spaces/<unknown>/storage-import/auto/info", None, "notFound", {}),
    (N, "POST /provider/spaces/<unknown>/storage-import/auto/force-start", None, "notFound", {}),
    (N, "GET /provider/spaces/<space>/storage-import/auto/stats", None, "missingRequiredValue", {"key": "period"}),
    (
        N, "GET /provider/spaces/<space>/storage-import/auto/stats?period=year&metrics=createdFiles", None,
        "badValueNotAllowed", {"key": "period"},
    ),
    (
        N, "GET /provider/spaces/<space>/storage-import/auto/stats?period=day&metrics=x", None,
        "badValueListNotAllowed", {"key": "metrics"},
    ),
    (N, "GET /provider/spaces/<space>/storage-import/manual/example", None, "notSupported", {}),
]  # fmt: skip


async def answer_to(scene: Scene, service: str, route: str, body: object) -> httpx.Response:
    world = scene.world
    client = {Z: world.zone, P: world.provider, N: world.panel}[service]
    method, _, path = scene.filled(route).partition(" ")
    content = body if isinstance(body, bytes) else None
    written = None if isinstance(body, bytes) or body is None else json.loads(scene.filled(json.dumps(body)))
    return await client.request(method, path, content=content, json=written, headers=scene.owner.headers)


@pytest.mark.parametrize(
    ("service", "route", "body", "error", "details"), CASES, ids=[f"{case[1]} {case[3]}"[:60] for case in CASES]
)
async def test_bad_input_gets_its_own_error(
    scene: Scene, service: str, route: str, body: object, error: str, details: dict[str, Any]
) -> None:
    answer = await answer_to(scene, service, route, body)
    judge_error(answer, error, **json.loads(scene.filled(json.dumps(details))))


@pytest.mark.parametrize("name", ["ab", "a" * 128, "_x", "(1)", "été 2 - x.y_(z)", "日本"])
async def test_a_good_name_is_taken(world: World, name: str) -> None:
    answer = await world.zone.post("/user/groups", json={"name": name}, headers=world.administrator.headers)
    assert answer.status_code == 201


async def test_a_used_up_invite_says_so_and_counts_no_more(world: World) -> None:
    group = world.group(world.administrator)
    kind = InviteToken(InviteType.USER_JOIN_GROUP, group)
    invite = world.node.zone.tokens.issue_named(world.administrator.id, "once", kind=kind, usage_limit=1)
    body = {"token": invite.token.reveal()}
    first = await world.zone.post("/user/groups/join", json=body, headers=world.person().headers)
    assert first.status_code == 201
    late = world.person()
    judge_error(
        await world.zone.post("/user/groups/join", json=body, headers=late.headers), "inviteTokenUsageLimitReached"
    )
    assert world.node.zone.rights.effective_groups(late.id) == []
    assert world.node.zone.tokens.named(invite.id).usage_count == 1


async def test_an_invite_ends_with_its_creators_right(world: World) -> None:
    alex = world.person()
    group = world.group(world.administrator)
    world.join_group(group, alex, {"group_view", "group_add_user"})
    kind = InviteToken(InviteType.USER_JOIN_GROUP, group)
    invite = world.node.zone.tokens.issue_named(alex.id, "invite", kind=kind)
    path = f"/groups/{group}/users/{alex.id}/privileges"
    await world.zone.patch(path, json={"revoke": ["group_add_user"]}, headers=world.administrator.headers)
    answer = await world.zone.post(
        "/user/groups/join", json={"token": invite.token.reveal()}, headers=world.person().headers
    )
    judge_error(answer, "inviteTokenSubjectNotAuthorized")


async def test_each_storage_that_cannot_be_added_says_why_and_the_others_are_added(world: World) -> None:
    good = world.folder / "good"
    good.mkdir()
    requests = {
        "good": {"type": "posix", "mountPoint": str(good)},
        "gone": {"type": "posix", "mountPoint": str(world.folder / "gone")},
        "relative": {"type": "posix", "mountPoint": "good"},
        "strict": {"type": "posix", "mountPoint": str(good), "readonly": True},
        "bucket": {"type": "s3", "hostname": "https://s3.example", "bucketName": "b", "storagePathType": "flat"},
    }
    answer = await world.panel.post("/provider/storages", json=requests, headers=world.administrator.headers)
    assert answer.status_code == 400
    results = answer.json()
    ids = {name: result["error"]["id"] for name, result in results.items() if "error" in result}
    assert ids == {
        "gone": "storageTestFailed",
        "relative": "badValueFilePath",
        "strict": "requiresImportedStorage",
        "bucket": "badValueNotAllowed",
    }
    listed = await world.panel.get("/provider/storages", headers=world.administrator.headers)
    assert listed.json()["ids"] == [results["good"]["id"]]
