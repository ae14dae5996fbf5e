"""Spaces, their members, their shares and their providers, as the zone knows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from fs2od.testing.world import World

Ask = Callable[..., Awaitable[httpx.Response]]


async def test_a_space_is_made_shown_changed_and_removed(world: World, ask: Ask) -> None:
    alex = world.person()
    made = await ask("onezone/create_space", alex, status=201, body={"name": "data"})
    assert made.content == b""
    space = made.headers["Location"].split("onezone/spaces/")[1]
    seen = (await ask("onezone/get_space", alex, id=space)).json()
    assert (seen["name"], seen["providers"], seen["tags"]) == ("data", {}, [])
    await ask("onezone/modify_space", alex, status=204, body={"name": "more", "description": "**x**"}, id=space)
    seen = (await ask("onezone/get_space", alex, id=space)).json()
    assert (seen["name"], seen["description"]) == ("more", "**x**")
    await ask("onezone/remove_space", alex, status=204, id=space)
    await ask("onezone/get_space", world.administrator, status=404, error="notFound", id=space)


async def test_a_space_has_users_with_privileges(world: World, ask: Ask) -> None:
    alex, blair, admin = world.person(), world.person("Blair Example"), world.administrator
    space = world.space(alex)
    member = {"id": space, "uid": blair.id}
    await ask("onezone/add_space_user", admin, status=201, body={"privileges": ["space_view"]}, **member)
    assert (await ask("onezone/list_space_users", blair, id=space)).json()["users"] == sorted([alex.id, blair.id])
    change = {"grant": ["space_read_data"], "revoke": []}
    await ask("onezone/update_user_space_privileges", alex, status=204, body=change, **member)
    held = await ask("onezone/list_user_space_privileges", alex, **member)
    assert held.json()["privileges"] == ["space_read_data", "space_view"]
    await ask("onezone/remove_space_user", alex, status=204, **member)
    await ask("onezone/list_space_users", blair, status=403, error="forbidden", id=space)


async def test_a_space_has_groups_with_privileges(world: World, ask: Ask) -> None:
    alex = world.person()
    space, group = world.space(alex), world.group(alex)
    member = {"id": space, "gid": group}
    granted = ["space_view", "space_view_privileges", "space_read_data", "space_add_support"]
    added = await ask("onezone/add_group_to_space", alex, status=201, body={"privileges": granted}, **member)
    assert added.headers["Location"].endswith(f"/spaces/{space}/groups/{group}")
    assert (await ask("onezone/list_space_groups", alex, id=space)).json()["groups"] == [group]
    held = await ask("onezone/list_group_space_privileges", alex, **member)
    assert held.json()["privileges"] == sorted(granted)
    change = {"revoke": ["space_add_support"]}
    await ask("onezone/update_group_space_privileges", alex, status=204, body=change, **member)
    held = await ask("onezone/list_group_space_privileges", alex, **member)
    assert held.json()["privileges"] == sorted(granted[:3])
    await ask("onezone/remove_space_group", alex, status=204, **member)


async def test_a_space_has_providers_and_shares(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a/b.txt": b"x"})
    share, other = world.share(alex, dataset), world.share(alex, dataset, "a/b.txt", name="file")
    provider = world.node.provider.record.id
    assert (await ask("onezone/list_space_providers", alex, id=dataset.space)).json()["providers"] == [provider]
    listed = (await ask("onezone/list_space_shares", alex, id=dataset.space)).json()["shares"]
    assert sorted(listed) == sorted([share, other])
    await ask("onezone/modify_share", alex, status=204, body={"name": "new", "description": "text"}, id=share)
    seen = (await ask("onezone/get_share", alex, id=share)).json()
    assert (seen["name"], seen["description"], seen["fileType"]) == ("new", "text", "dir")
    assert (await ask("onezone/get_space_share", alex, id=dataset.space, sid=share)).json() == seen
    public = (await ask("onezone/get_public_share_details", id=share)).json()
    assert public == {key: value for key, value in seen.items() if key not in ("spaceId", "creator")}
    assert public["publicUrl"] == f"https://zone.test/share/{share}"
    assert public["publicRestUrl"] == f"https://zone.test/api/v3/onezone/shares/{share}/public"
    assert (await ask("onezone/get_public_share_details", id=other)).json()["fileType"] == "file"


async def test_providers_are_listed_for_administrators(world: World, ask: Ask) -> None:
    dataset = world.dataset(world.person())
    provider, admin = world.node.provider.record, world.administrator
    assert (await ask("onezone/oz_providers_list", admin)).json()["providers"] == [provider.id]
    seen = (await ask("onezone/get_provider_details", admin, id=provider.id)).json()
    assert (seen["domain"], seen["online"], seen["clusterId"]) == ("provider.test", True, provider.cluster)
    spaces = await ask("onezone/list_provider_supported_spaces", admin, id=provider.id)
    assert spaces.json()["spaces"] == [dataset.space]


async def test_shared_data_leads_to_a_provider(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a.txt": b"hello"})
    file = world.id_of(dataset, "a.txt", share=world.share(alex, dataset))
    answer = await ask("onezone/get_shared_data", status=307, params={"x": "1 2"}, id=file, path="content")
    assert answer.headers["Location"] == f"https://provider.test/api/v3/oneprovider/data/{file}/content?x=1+2"
    assert answer.content == b""
    plain = await world.zone.get(f"/shares/data/{file}")
    assert plain.headers["Location"] == f"https://provider.test/api/v3/oneprovider/data/{file}"
    followed = await world.zone.get(f"/shares/data/{file}/content", follow_redirects=True)
    assert followed.content == b"hello"
