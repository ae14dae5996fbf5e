"""Tokens: made, listed, changed, ended, and looked at."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from fs2od.onedata.tokens import DataReadonly, IdentityToken, InviteToken, InviteType, Service, Time
from fs2od.testing.world import World

Ask = Callable[..., Awaitable[httpx.Response]]


def until(seconds: int) -> dict[str, Any]:
    return {"type": "time", "validUntil": int(time.time()) + seconds}


async def test_a_user_has_named_tokens(world: World, ask: Ask) -> None:
    alex = world.person()
    group = world.group(alex)
    # The limit inside the type is what the predecessor sends; Onezone does not look there.
    kind = {"inviteToken": {"inviteType": "userJoinGroup", "groupId": group, "usageLimit": 3}}
    body = {"name": "invite", "type": kind, "usageLimit": 7, "privileges": ["group_view"], "customMetadata": {"a": 1}}
    made = await ask("onezone/create_named_token_for_current_user", alex, status=201, body=body)
    token = made.json()["tokenId"]
    assert made.headers["Location"].endswith(f"/{token}")
    seen = (await ask("onezone/get_named_token", alex, id=token)).json()
    assert seen["type"] == {"inviteToken": {"inviteType": "userJoinGroup", "groupId": group, "parameters": {}}}
    assert seen["metadata"].items() >= {"usageLimit": 7, "usageCount": 0, "privileges": ["group_view"]}.items()
    assert seen["metadata"]["custom"] == {"a": 1}
    assert seen["token"] == made.json()["token"]
    assert (await ask("onezone/get_named_token_of_current_user_by_name", alex, name="invite")).json() == seen
    assert token in (await ask("onezone/list_named_tokens_of_current_user", alex)).json()["tokens"]
    await ask("onezone/modify_named_token", alex, status=204, body={"name": "renamed", "revoked": True}, id=token)
    assert (await ask("onezone/get_named_token_status", alex, id=token)).json() == {"revoked": True}
    await ask("onezone/delete_named_token", alex, status=204, id=token)
    await ask("onezone/get_named_token", alex, status=404, error="notFound", id=token)


async def test_an_administrator_makes_tokens_for_others(world: World, ask: Ask) -> None:
    alex, admin = world.person(), world.administrator
    made = await ask("onezone/create_named_token_for_user", admin, status=201, body={"name": "given"}, id=alex.id)
    token = made.json()["tokenId"]
    assert token in (await ask("onezone/list_named_tokens_of_user", admin, id=alex.id)).json()["tokens"]
    seen = (await ask("onezone/get_named_token_of_user_by_name", admin, id=alex.id, name="given")).json()
    assert seen["subject"] == {"type": "user", "id": alex.id}
    body = {"caveats": [until(60)]}
    temporary = await ask("onezone/create_temporary_token_for_user", admin, status=201, body=body, id=alex.id)
    headers = {"x-auth-token": temporary.json()["token"]}
    assert (await world.zone.get("/user", headers=headers)).json()["userId"] == alex.id
    await ask("onezone/revoke_all_temporary_tokens_of_user", admin, status=204, id=alex.id)
    assert (await world.zone.get("/user", headers=headers)).status_code == 401


async def test_temporary_tokens_end_together(world: World, ask: Ask) -> None:
    alex = world.person()
    space = world.space(alex)
    kind = {"inviteToken": {"inviteType": "supportSpace", "spaceId": space, "parameters": {}}}
    body = {"type": kind, "caveats": [until(120)]}
    made = await ask("onezone/create_temporary_token_for_current_user", alex, status=201, body=body)
    assert "Location" not in made.headers
    token = made.json()["token"]
    assert token.isalnum()
    await ask("onezone/revoke_all_temporary_tokens_of_current_user", alex, status=204)
    await ask("onezone/verify_invite_token", status=400, error="tokenRevoked", body={"token": token})


async def test_a_token_tells_what_it_reaches(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, name="data")
    plain = world.space(alex, "unsupported")
    provider = world.node.provider.record.id
    end = int(time.time()) + 60
    token = world.token(alex, Time(end), DataReadonly(), Service(("ozw-onezone", "opw-*")))
    scope = (
        await ask("onezone/infer_access_token_scope", body={"token": token.reveal(), "consumerToken": None})
    ).json()
    assert scope["validUntil"] == end
    assert scope["dataAccessScope"] == {
        "readonly": True,
        "spaces": {
            dataset.space: {"name": "data", "supports": {provider: {"readonly": True}}},
            plain: {"name": "unsupported", "supports": {}},
        },
        "providers": {provider: {"name": "facility", "domain": "provider.test", "version": "21.02.8", "online": True}},
    }


async def test_a_token_is_examined_and_confined_by_anybody(world: World, ask: Ask) -> None:
    alex = world.person()
    token = alex.token.reveal()
    said = (await ask("onezone/examine_token", body={"token": token})).json()
    assert said.items() >= {"onezoneDomain": "zone.test", "persistence": "named", "caveats": []}.items()
    assert said["subject"] == {"type": "user", "id": alex.id}
    caveats = [until(60), {"type": "data.readonly"}]
    confined = (await ask("onezone/confine_token", body={"token": token, "caveats": caveats})).json()["token"]
    assert (await ask("onezone/examine_token", body={"token": confined})).json()["caveats"] == caveats
    assert (await world.zone.get("/user", headers={"X-Auth-Token": confined})).status_code == 200
    assert (await world.zone.get("/user/groups", headers={"X-Auth-Token": confined})).status_code == 401


async def test_tokens_of_each_kind_are_verified(world: World, ask: Ask) -> None:
    alex = world.person()
    group = world.group(alex)
    issue = world.node.zone.tokens.issue_named
    identity = issue(alex.id, "identity", kind=IdentityToken()).token.reveal()
    invite = issue(alex.id, "invite", kind=InviteToken(InviteType.USER_JOIN_GROUP, group)).token.reveal()
    access = alex.token.reveal()
    subject = {"subject": {"type": "user", "id": alex.id}, "ttl": None}
    assert (await ask("onezone/verify_access_token", body={"token": access})).json() == subject
    assert (await ask("onezone/verify_identity_token", body={"token": identity})).json() == subject
    body = {"token": invite, "expectedInviteType": "userJoinGroup"}
    assert (await ask("onezone/verify_invite_token", body=body)).json() == subject
    await ask("onezone/verify_access_token", status=400, error="notAnAccessToken", body={"token": invite})
    await ask("onezone/verify_identity_token", status=400, error="notAnIdentityToken", body={"token": access})
    await ask("onezone/verify_invite_token", status=400, error="notAnInviteToken", body={"token": access})
    confined = world.token(alex, Time(int(time.time()) + 60)).reveal()
    assert 0 < (await ask("onezone/verify_access_token", body={"token": confined})).json()["ttl"] <= 60
