"""Sites that are removed: only when they support nothing, by whom, and that nothing of them is left."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings, SiteSettings
from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors, privileges
from fs2od.testing.world import NoSockets, Person, World, serve_world, wait_until


@pytest.fixture
def admin(world: World) -> Person:
    return world.administrator


async def test_a_site_that_supports_something_stays(world: World, admin: Person) -> None:
    owner, centre = world.person(), world.site("centre")
    dataset = world.dataset(owner, {"a": b"1"})
    storage, site = world.also_support(dataset.space, centre.node_provider), centre.node_provider.record.id
    refused = await world.zone.delete(f"/providers/{site}", headers=admin.headers)
    assert (refused.status_code, refused.json()["error"]["id"]) == (400, "storageInUse")
    assert "supports 1 space: end its supports first" in refused.json()["error"]["description"]
    assert (await centre.panel.get("/provider/storages", headers=admin.headers)).json()["ids"] == [storage]
    ended = await centre.panel.delete(f"/provider/spaces/{dataset.space}", headers=admin.headers)
    assert ended.status_code == 204
    assert (await world.zone.delete(f"/providers/{site}", headers=admin.headers)).status_code == 204
    assert (await world.zone.get(f"/providers/{site}", headers=admin.headers)).status_code == 404
    names = [each["name"] for each in (await world.zone.get("/fs2od/sites", headers=owner.headers)).json()["sites"]]
    assert names == ["facility"]
    again = world.site("centre")
    assert again.node_provider.record.id != site


async def test_only_administrators_remove_a_site(world: World) -> None:
    centre, looker = world.site("centre"), world.person()
    cluster = centre.node_provider.record.cluster
    world.node.zone.users.join_cluster(looker.id, cluster, privileges.CLUSTER_MEMBER)
    site = centre.node_provider.record.id
    assert (await world.zone.delete(f"/providers/{site}", headers=looker.headers)).status_code == 403
    assert (await centre.panel.delete("/provider", headers=looker.headers)).status_code == 403
    local = world.person("Lee Local")
    world.node.zone.users.join_cluster(local.id, cluster, privileges.CLUSTER_ADMIN)
    assert (await centre.panel.delete("/provider", headers=local.headers)).status_code == 204
    assert site not in {each.record.id for each in world.node.sites}


async def test_the_nodes_own_provider_stays(world: World, admin: Person) -> None:
    for answer in (
        await world.zone.delete(f"/providers/{world.node.provider.record.id}", headers=admin.headers),
        await world.panel.delete("/provider", headers=admin.headers),
    ):
        assert (answer.status_code, answer.json()["error"]["id"]) == (400, "notSupported")
    missing = await world.zone.delete(f"/providers/{'0' * 32}", headers=admin.headers)
    assert missing.status_code == 404


def test_a_configured_site_is_taken_out_of_the_configuration_first(tmp_path: Path) -> None:
    settings = NodeSettings(tmp_path, "zone.test", "provider.test", sites=(SiteSettings("centre"),))
    with open_node(settings) as node:
        node.sites.open_all(NoSockets({}))
        node.ensure_administrator(tmp_path / "token")
        admin = Caller(node.zone.users.by_username("admin").id)
        (site,) = [each.record.id for each in node.sites if each is not node.provider]
        with pytest.raises(errors.Rejected, match="stands in the configuration"):
            node.zone.providers.remove(admin, site)
        assert node.sites.get(site).record.name == "centre"
    with open_node(NodeSettings(tmp_path, "zone.test", "provider.test")) as node:
        node.sites.open_all(NoSockets({}))
        node.zone.providers.remove(admin, site)
        assert [each.record.name for each in node.sites] == ["facility"]


def test_its_port_is_let_go_while_the_others_go_on(tmp_path: Path) -> None:
    with serve_world(tmp_path) as world:
        trusted = ssl.create_default_context(cafile=str(world.ca))
        site = world.site("centre").node_provider.record
        with httpx.Client(verify=trusted, trust_env=False) as client:
            assert client.get(f"{site.url}/api/v3/onepanel/configuration").status_code == 200
            headers = world.administrator.headers
            removed = client.delete(f"{site.url}/api/v3/onepanel/provider", headers=headers)
            assert removed.status_code == 204

            def is_gone() -> bool:
                place = urlsplit(site.url)
                try:
                    socket.create_connection((place.hostname or "", place.port or 443), timeout=10).close()
                except OSError:
                    return True
                return False

            wait_until(is_gone, 60)
            assert client.get(f"{world.node.settings.provider_url}/api/v3/onepanel/configuration").status_code == 200
