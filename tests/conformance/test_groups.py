"""Groups: members that are users or groups, and their spaces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from fs2od.onedata.ids import GroupId
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.testing.world import World

Ask = Callable[..., Awaitable[httpx.Response]]


async def test_a_group_is_made_shown_changed_and_removed(world: World, ask: Ask) -> None:
    alex = world.person()
    made = await ask("onezone/create_group", alex, status=201, body={"name": "team (1)", "type": "team"})
    assert made.content == b""
    group = made.headers["Location"].split("onezone/groups/")[1]
    seen = (await ask("onezone/get_group", alex, id=group)).json()
    assert (seen["groupId"], seen["name"], seen["type"]) == (group, "team (1)", "team")
    assert seen["creator"] == {"type": "user", "id": alex.id}
    await ask("onezone/modify_group", alex, status=204, body={"name": "unit", "type": "unit"}, id=group)
    seen = (await ask("onezone/get_group", alex, id=group)).json()
    assert (seen["name"], seen["type"]) == ("unit", "unit")
    await ask("onezone/remove_group", alex, status=204, id=group)
    await ask("onezone/get_group", alex, status=403, error="forbidden", id=group)
    await ask("onezone/get_group", world.administrator, status=404, error="notFound", id=group)


async def test_groups_belong_to_groups(world: World, ask: Ask) -> None:
    alex = world.person()
    group = world.group(alex)
    made = await ask("onezone/create_child_group", alex, status=201, body={"name": "child", "type": "team"}, id=group)
    location = made.headers["Location"]
    child = location.split("children/")[1]
    assert location == f"https://zone.test/api/v3/onezone/groups/{group}/children/{child}"
    assert (await ask("onezone/list_child_groups", alex, id=group)).json()["groups"] == [child]
    assert (await ask("onezone/list_parent_groups", alex, id=child)).json()["groups"] == [group]
    made = await ask("onezone/create_parent_group", alex, status=201, body={"name": "above", "type": "unit"}, id=group)
    above = made.headers["Location"].split("/parents/")[1]
    assert (await ask("onezone/list_child_groups", alex, id=above)).json()["groups"] == [group]
    other = world.group(alex, "other")
    await ask("onezone/add_child_group", alex, status=201, id=group, cid=other)
    held = await ask("onezone/list_child_group_privileges", alex, id=group, cid=other)
    assert held.json()["privileges"] == ["group_view"]
    change = {"grant": ["group_add_user"], "revoke": ["group_view"]}
    await ask("onezone/update_child_group_privileges", alex, status=204, body=change, id=group, cid=other)
    held = await ask("onezone/list_child_group_privileges", alex, id=group, cid=other)
    assert held.json()["privileges"] == ["group_add_user"]
    await ask("onezone/remove_child_group", alex, status=204, id=group, cid=other)
    assert (await ask("onezone/list_child_groups", alex, id=group)).json()["groups"] == [child]


async def test_an_administrator_puts_users_into_a_group(world: World, ask: Ask) -> None:
    alex, blair, admin = world.person(), world.person("Blair Example"), world.administrator
    group = world.group(alex)
    below = world.group(alex, "below", parent=group)
    member = {"id": group, "uid": blair.id}
    added = await ask("onezone/add_group_user", admin, status=201, body={"privileges": ["group_view"]}, **member)
    assert added.content == b""
    assert (await ask("onezone/list_group_users", blair, id=group)).json()["users"] == sorted([alex.id, blair.id])
    assert (await ask("onezone/list_effective_group_users", blair, id=group)).json()["users"] == sorted(
        [alex.id, blair.id]
    )
    assert (await ask("onezone/list_effective_group_users", alex, id=below)).json()["users"] == [alex.id]
    await ask("onezone/update_user_group_privileges", alex, status=204, body={"grant": ["group_update"]}, **member)
    held = await ask("onezone/list_user_group_privileges", alex, **member)
    assert held.json()["privileges"] == ["group_update", "group_view"]
    await ask("onezone/remove_group_user", alex, status=204, **member)
    assert (await ask("onezone/list_group_users", alex, id=group)).json()["users"] == [alex.id]


async def test_a_group_has_spaces_and_joins_more(world: World, ask: Ask) -> None:
    alex, blair = world.person(), world.person("Blair Example")
    group = world.group(alex)
    made = await ask("onezone/create_space_for_group", alex, status=201, body={"name": "data 1"}, id=group)
    assert made.content == b""
    location = made.headers["Location"]
    space = location.split("spaces/")[1]
    assert location == f"https://zone.test/api/v3/onezone/groups/{group}/spaces/{space}"
    other, parent = world.space(blair), world.group(blair, "parent")
    tokens = world.node.zone.tokens
    to_space = tokens.issue_named(blair.id, "to space", kind=InviteToken(InviteType.GROUP_JOIN_SPACE, other)).token
    to_group = tokens.issue_named(blair.id, "to group", kind=InviteToken(InviteType.GROUP_JOIN_GROUP, parent)).token
    joined = await ask("onezone/group_join_space", alex, status=201, body={"token": to_space.reveal()}, id=group)
    assert joined.headers["Location"].endswith(f"/groups/{group}/spaces/{other}")
    assert (await ask("onezone/list_group_spaces", alex, id=group)).json()["spaces"] == sorted([space, other])
    joined = await ask("onezone/join_parent_group", alex, status=201, body={"token": to_group.reveal()}, id=group)
    assert joined.headers["Location"].endswith(f"/groups/{group}/parents/{parent}")
    assert world.node.zone.rights.effective_groups(alex.id) == sorted([group, GroupId(parent)])
