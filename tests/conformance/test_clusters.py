"""Clusters and their members, as the zone answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from fs2od.onedata import privileges
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.testing.world import World

Ask = Callable[..., Awaitable[httpx.Response]]


async def test_a_cluster_has_members_who_come_and_go(world: World, ask: Ask) -> None:
    admin, lee = world.administrator, world.person("Lee Local")
    cluster = world.node.provider.record.cluster
    roles = (await ask("onezone/list_cluster_privileges", None)).json()
    assert roles["admin"] == sorted(privileges.CLUSTER_ADMIN)
    assert (await ask("onezone/oz_clusters_list", admin)).json() == {"clusters": [cluster]}
    await ask("onezone/oz_clusters_list", lee, status=403, error="forbidden")
    assert (await ask("onezone/get_cluster", admin, id=cluster)).json()["clusterId"] == cluster
    await ask("onezone/get_cluster", lee, status=403, error="forbidden", id=cluster)
    member = {"id": cluster, "uid": lee.id}
    body = {"privileges": ["cluster_view"]}
    await ask("onezone/add_cluster_user", lee, status=403, error="forbidden", body=body, **member)
    await ask("onezone/add_cluster_user", admin, status=204, body=body, **member)
    assert lee.id in (await ask("onezone/list_cluster_users", lee, id=cluster)).json()["users"]
    seen = (await ask("onezone/get_cluster_user", lee, **member)).json()
    assert (seen["userId"], seen["fullName"]) == (lee.id, "Lee Local")
    change = {"grant": ["cluster_update"], "revoke": []}
    await ask("onezone/update_user_cluster_privileges", lee, status=403, error="forbidden", body=change, **member)
    await ask("onezone/update_user_cluster_privileges", admin, status=204, body=change, **member)
    held = (await ask("onezone/list_user_cluster_privileges", admin, **member)).json()["privileges"]
    assert held == ["cluster_update", "cluster_view"]
    await ask("onezone/remove_cluster_user", admin, status=204, **member)
    await ask("onezone/get_cluster_user", admin, status=404, error="notFound", **member)


async def test_a_user_joins_and_leaves_a_cluster(world: World, ask: Ask) -> None:
    lee, cluster = world.person("Lee Local"), world.node.provider.record.cluster
    kind = InviteToken(InviteType.USER_JOIN_CLUSTER, cluster)
    body = {"token": world.node.zone.tokens.issue_named(world.administrator.id, "in", kind=kind).token.reveal()}
    joined = await ask("onezone/user_join_cluster", lee, status=201, body=body)
    assert joined.headers["Location"].endswith(f"/user/clusters/{cluster}")
    assert (await ask("onezone/list_user_clusters", lee)).json()["clusters"] == [cluster]
    assert (await ask("onezone/get_user_cluster", lee, cid=cluster)).json()["clusterId"] == cluster
    await ask("onezone/user_leave_cluster", lee, status=204, cid=cluster)
    await ask("onezone/get_user_cluster", lee, status=404, error="notFound", cid=cluster)
    foreign = world.node.zone.tokens.issue_named(lee.id, "mine", kind=kind).token.reveal()
    refused = await ask("onezone/user_join_cluster", world.person(), status=400, body={"token": foreign})
    assert refused.json()["error"]["id"] == "badValueToken" or "NotAuthorized" in refused.text
