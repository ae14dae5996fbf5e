"""What services say of themselves, and what a user sees of themself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from fs2od.node.zone.memberships import GROUP_GROUP
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.testing.world import World

Ask = Callable[..., Awaitable[httpx.Response]]


async def _fail() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("service", ["onezone", "oneprovider"])
async def test_a_node_of_which_a_part_fails_says_that_it_is_not_well(world: World, ask: Ask, service: str) -> None:
    failing = asyncio.create_task(world.node.zone.clockwork.keep_going("imports", _fail))
    await asyncio.sleep(0.01)
    assert (await ask(f"{service}/health")).json() == {"status": "unhealthy"}
    failing.cancel()


@pytest.mark.parametrize("service", ["onezone", "oneprovider", "onepanel"])
async def test_services_say_what_they_are(world: World, ask: Ask, service: str) -> None:
    assert (await ask(f"{service}/health")).json() == {"status": "healthy"}
    said = (await ask(f"{service}/get_configuration")).json()
    assert said["version"] == "21.02.8"
    domains = {"onezone": ("domain", "zone.test"), "oneprovider": ("domain", "provider.test")}
    key, domain = domains.get(service, ("zoneDomain", "zone.test"))
    assert said[key] == domain
    if service != "onezone":
        assert said["providerId"] == world.node.provider.record.id
    if service == "onepanel":
        assert said["serviceType"] == "oneprovider"


async def test_privileges_are_listed_by_role(ask: Ask) -> None:
    assert "oz_users_list" in (await ask("onezone/list_privileges")).json()["viewer"]
    of_space = (await ask("onezone/list_space_privileges")).json()
    assert of_space["member"] == ["space_read_data", "space_view", "space_view_transfers", "space_write_data"]
    assert set(of_space["member"]) < set(of_space["manager"]) < set(of_space["admin"])
    assert (await ask("onezone/list_group_privileges")).json()["member"] == ["group_view"]


async def test_a_user_sees_themself_and_what_they_belong_to(world: World, ask: Ask) -> None:
    alex = world.person()
    group = world.group(alex)
    parent = world.group(world.administrator)
    world.node.zone.memberships.add(GROUP_GROUP, parent, group, {"group_view"})
    dataset = world.dataset(alex)
    provider = world.node.provider.record.id
    assert (await ask("onezone/get_current_user", alex)).json()["userId"] == alex.id
    assert (await ask("onezone/list_user_groups", alex)).json()["groups"] == [group]
    assert (await ask("onezone/list_effective_user_groups", alex)).json()["groups"] == sorted([group, parent])
    for operation in ("list_user_spaces", "list_effective_user_spaces"):
        assert (await ask(f"onezone/{operation}", alex)).json()["spaces"] == [dataset.space]
    seen = (await ask("onezone/get_user_space", alex, id=dataset.space)).json()
    assert seen["providers"] == {provider: 1 << 30}
    assert seen["creator"] == {"type": "user", "id": alex.id}
    assert (await ask("onezone/get_effective_user_space", alex, id=dataset.space)).json() == seen
    assert (await ask("onezone/list_effective_user_providers", alex)).json()["providers"] == [provider]
    assert (await ask("onezone/get_user_effective_provider", alex, pid=provider)).json()["domain"] == "provider.test"
    for operation in ("list_current_user_admin_privileges", "list_current_user_effective_admin_privileges"):
        assert (await ask(f"onezone/{operation}", alex)).json()["privileges"] == []
        assert "oz_users_list" in (await ask(f"onezone/{operation}", world.administrator)).json()["privileges"]


async def test_a_user_makes_and_leaves_spaces_and_groups(world: World, ask: Ask) -> None:
    alex = world.person()
    made = await ask("onezone/create_user_space", alex, status=201, body={"name": "mine", "idGeneratorSeed": "one"})
    assert made.content == b""
    space = SpaceId(made.headers["Location"].split("/user/spaces/")[1])
    assert int(space, 18) > 0
    await ask("onezone/leave_space", alex, status=400, error="cannotRemoveLastOwner", id=space)
    world.join_space(space, world.administrator)
    await ask("onezone/leave_space", alex, status=204, id=space)
    made = await ask("onezone/create_user_group", alex, status=201, body={"name": "team", "type": "team"})
    group = made.headers["Location"].split("/user/groups/")[1]
    assert made.headers["Location"].startswith("https://zone.test/api/v3/onezone/user/groups/")
    await ask("onezone/leave_group", alex, status=204, id=group)
    await ask("onezone/leave_group", alex, status=404, error="notFound", id=group)


async def test_a_user_joins_by_invite(world: World, ask: Ask) -> None:
    alex, blair = world.person(), world.person("Blair Example")
    group, space = world.group(alex), world.space(alex)
    tokens = world.node.zone.tokens
    to_group = tokens.issue_named(
        alex.id, "to group", kind=InviteToken(InviteType.USER_JOIN_GROUP, group), usage_limit=1
    ).token
    to_space = tokens.issue_named(alex.id, "to space", kind=InviteToken(InviteType.USER_JOIN_SPACE, space)).token
    joined = await ask("onezone/join_group", blair, status=201, body={"token": to_group.reveal()})
    assert joined.headers["Location"] == f"https://zone.test/api/v3/onezone/user/groups/{group}"
    assert joined.content == b""
    joined = await ask("onezone/join_space", blair, status=201, body={"token": to_space.reveal()})
    assert joined.headers["Location"] == f"https://zone.test/api/v3/onezone/user/spaces/{space}"
    assert tokens.named_by_name(alex.id, "to group").usage_count == 1


async def test_an_administrator_sees_and_blocks_users(world: World, ask: Ask) -> None:
    alex, admin = world.person(), world.administrator
    assert set((await ask("onezone/oz_users_list", admin)).json()["users"]) == {alex.id, admin.id}
    assert (await ask("onezone/get_user", admin, id=alex.id)).json()["blocked"] is False
    await ask("onezone/toggle_user_access_block", admin, status=204, body={"blocked": True}, id=alex.id)
    assert (await ask("onezone/get_user", admin, id=alex.id)).json()["blocked"] is True
    await ask("onezone/get_current_user", alex, status=401, error="unauthorized")
    await ask("onezone/toggle_user_access_block", admin, status=204, body={"blocked": False}, id=alex.id)
    await ask("onezone/get_current_user", alex)
    await ask("onezone/get_user", alex, status=403, error="forbidden", id=alex.id)
