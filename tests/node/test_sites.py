"""Further sites of one node: each a provider of its own, over one index of a space's files."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest

from fs2od.errors import ConfigurationError
from fs2od.node.apps import zone_app
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings, SiteSettings
from fs2od.onedata import privileges
from fs2od.onedata.tokens import Service
from fs2od.portal.public import public_pages
from fs2od.testing.world import Dataset, Person, Site, World, serve_world

FILES = {"a.txt": b"0123456789", "deep/b.bin": bytes(range(256))}


@pytest.fixture
def owner(world: World) -> Person:
    return world.person("Owner Example")


@pytest.fixture
def dataset(world: World, owner: Person) -> Dataset:
    return world.dataset(owner, FILES)


@pytest.fixture
def centre(world: World, dataset: Dataset) -> Site:
    site = world.site("centre")
    world.also_support(dataset.space, site.node_provider)
    return site


async def test_a_site_has_its_own_id_name_and_address(world: World, centre: Site) -> None:
    own, further = [(await client.get("/configuration")).json() for client in (world.provider, centre.provider)]
    assert own["providerId"] != further["providerId"]
    assert (further["name"], further["domain"]) == ("centre", "centre.test")
    panel = (await centre.panel.get("/configuration")).json()
    assert panel["providerId"] == further["providerId"]
    assert panel["clusterId"] != (await world.panel.get("/configuration")).json()["clusterId"]


async def test_a_site_shows_the_same_files_by_the_same_ids(
    world: World, owner: Person, dataset: Dataset, centre: Site
) -> None:
    for client in (world.provider, centre.provider):
        listed = (await client.get(f"/data/{dataset.root}/children", headers=owner.headers)).json()
        assert [child["name"] for child in listed["children"]] == ["a.txt", "deep"]
        found = (await client.post(f"/lookup-file-id/dataset@{dataset.space}/deep/b.bin", headers=owner.headers)).json()
        assert found["fileId"] == world.id_of(dataset, "deep/b.bin")


async def test_a_site_without_the_bytes_reads_them_through(
    world: World, owner: Person, dataset: Dataset, centre: Site
) -> None:
    path = f"/data/{world.id_of(dataset, 'a.txt')}/content"
    whole = await centre.provider.get(path, headers=owner.headers)
    assert whole.content == FILES["a.txt"]
    part = await centre.provider.get(path, headers=owner.headers | {"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


async def test_a_space_is_answered_only_where_it_is_supported(world: World, owner: Person, dataset: Dataset) -> None:
    site = world.site("elsewhere")
    answer = await site.provider.get(f"/data/{dataset.root}", headers=owner.headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["id"] == "spaceNotSupportedBy"
    assert answer.json()["error"]["details"]["providerId"] == site.node_provider.record.id
    spaces = (await site.provider.get("/spaces", headers=owner.headers)).json()
    assert [space["spaceId"] for space in spaces] == [dataset.space]


async def test_the_zone_tells_every_supporting_provider(
    world: World, owner: Person, dataset: Dataset, centre: Site
) -> None:
    scope = (await world.zone.post("/tokens/infer_access_token_scope", json={"token": owner.token.reveal()})).json()
    ids = {world.node.provider.record.id, centre.node_provider.record.id}
    reached = scope["dataAccessScope"]
    assert set(reached["spaces"][dataset.space]["supports"]) == set(reached["providers"]) == ids
    assert reached["providers"][centre.node_provider.record.id]["domain"] == "centre.test"
    assert reached["providers"][centre.node_provider.record.id]["online"] is True
    # The imported storage is read-only, the site's is not.
    assert {each["readonly"] for each in reached["spaces"][dataset.space]["supports"].values()} == {True, False}
    space = (await centre.provider.get(f"/spaces/{dataset.space}", headers=owner.headers)).json()
    assert {each["providerId"] for each in space["providers"]} == ids
    details = (await world.zone.get(f"/spaces/{dataset.space}", headers=owner.headers)).json()
    assert set(details["providers"]) == ids


@pytest.mark.usefixtures("centre")
async def test_shared_data_leads_to_a_provider_that_supports_it(world: World, owner: Person, dataset: Dataset) -> None:
    share = world.share(owner, dataset)
    file = world.id_of(dataset, "a.txt", share=share)
    first = await world.zone.get(f"/shares/data/{file}/content")
    assert first.headers["Location"].startswith("https://provider.test/")
    world.node.provider.supports.end(dataset.space)
    second = await world.zone.get(f"/shares/data/{file}/content")
    assert second.status_code == 307
    assert second.headers["Location"] == f"https://centre.test/api/v3/oneprovider/data/{file}/content"


async def test_a_sites_share_shows_the_same_through_it(
    world: World, owner: Person, dataset: Dataset, centre: Site
) -> None:
    share = world.share(owner, dataset)
    file = world.id_of(dataset, "deep/b.bin", share=share)
    assert (await centre.provider.get(f"/data/{file}/content")).content == FILES["deep/b.bin"]
    plain = world.client(centre.node_provider.record.url)
    assert (await plain.get(f"/share/{share}/files/a.txt")).content == FILES["a.txt"]
    assert (await plain.get(f"/share/{share}/archive.zip")).content.startswith(b"PK")


async def test_each_site_has_administrators_of_its_own(world: World, dataset: Dataset, centre: Site) -> None:
    local = world.person("Local Example")
    world.node.zone.users.join_cluster(local.id, centre.node_provider.record.cluster, privileges.CLUSTER_ADMIN)
    for path in ("/provider/storages", "/provider/spaces", f"/provider/spaces/{dataset.space}"):
        assert (await centre.panel.get(path, headers=local.headers)).status_code == 200, path
        assert (await world.panel.get(path, headers=local.headers)).status_code == 403, path
    facility = world.person("Facility Example", cluster_privileges=privileges.CLUSTER_ADMIN)
    assert (await centre.panel.get("/provider/storages", headers=facility.headers)).status_code == 403
    mine = (await centre.panel.get("/provider/storages", headers=local.headers)).json()["ids"]
    assert dataset.storage not in mine
    foreign = await centre.panel.get(f"/provider/storages/{dataset.storage}", headers=local.headers)
    assert foreign.status_code == 404


async def test_occupancy_is_of_the_site_that_is_asked(world: World, dataset: Dataset, centre: Site) -> None:
    headers = world.administrator.headers
    said = [
        (await panel.get(f"/provider/spaces/{dataset.space}", headers=headers)).json()["spaceOccupancy"]
        for panel in (world.panel, centre.panel)
    ]
    assert said == [sum(map(len, FILES.values())), 0]


async def test_the_index_lives_as_long_as_any_support(
    world: World, owner: Person, dataset: Dataset, centre: Site
) -> None:
    world.node.provider.supports.end(dataset.space)
    listed = (await centre.provider.get(f"/data/{dataset.root}/children", headers=owner.headers)).json()
    assert [child["name"] for child in listed["children"]] == ["a.txt", "deep"]
    centre.node_provider.supports.end(dataset.space)
    assert not (world.node.settings.data / "spaces" / f"{dataset.space}.db").exists()


async def test_qos_expressions_see_the_storages_of_all_sites(
    world: World, owner: Person, dataset: Dataset, centre: Site
) -> None:
    expression = {"expression": f"providerId={centre.node_provider.record.id}"}
    for client in (world.provider, centre.provider):
        path = f"/spaces/{dataset.space}/evaluate_qos_expression"
        found = (await client.post(path, json=expression, headers=owner.headers)).json()["matchingStorages"]
        assert [each["providerId"] for each in found] == [centre.node_provider.record.id]


async def test_a_token_for_one_service_opens_no_other_site(
    world: World, owner: Person, dataset: Dataset, centre: Site
) -> None:
    token = world.token(owner, Service((f"opw-{centre.node_provider.record.id}",)))
    headers = {"X-Auth-Token": token.reveal()}
    assert (await centre.provider.get(f"/data/{dataset.root}", headers=headers)).status_code == 200
    assert (await world.provider.get(f"/data/{dataset.root}", headers=headers)).status_code == 401


def test_a_site_added_while_the_node_runs_is_served_at_once(tmp_path: Path) -> None:
    with serve_world(tmp_path) as world:
        owner = world.person()
        dataset = world.dataset(owner, FILES)
        site = world.site("late")
        world.also_support(dataset.space, site.node_provider)
        url = f"{site.node_provider.record.url}/api/v3/oneprovider/data/{world.id_of(dataset, 'a.txt')}/content"
        context = ssl.create_default_context(cafile=str(world.ca))
        with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
            assert client.get(url, headers=owner.headers).content == FILES["a.txt"]
        assert site.node_provider.record.domain.startswith("localhost:")


def test_configured_sites_are_known_by_their_names_and_keep_their_ids(tmp_path: Path) -> None:
    settings = NodeSettings(tmp_path, "zone.test", "provider.test", sites=(SiteSettings("centre", "c.test", 8450),))
    with open_node(settings) as node:
        first = {record.name: record.id for record in node.zone.providers.all_known()}
    with open_node(settings) as node:
        assert {record.name: record.id for record in node.zone.providers.all_known()} == first
    assert set(first) == {"facility", "centre"}


def test_a_site_may_not_take_the_name_of_the_nodes_own_provider(tmp_path: Path) -> None:
    settings = NodeSettings(tmp_path, "zone.test", "provider.test", sites=(SiteSettings("facility"),))
    with pytest.raises(ConfigurationError, match="take another"), open_node(settings):
        pass


async def test_a_site_that_is_not_served_yet_is_offline(tmp_path: Path) -> None:
    settings = NodeSettings(tmp_path, "zone.test", "provider.test", sites=(SiteSettings("centre"),))
    with open_node(settings) as node:
        online = {record.name: node.zone.providers.is_online(record.id) for record in node.zone.providers.all_known()}
    assert online == {"facility": True, "centre": False}


async def test_a_link_to_what_only_a_further_site_has_works_at_the_nodes_own_addresses(
    world: World, owner: Person
) -> None:
    site, space = world.site("centre"), world.space(owner, "results")
    world.also_support(space, site.node_provider)
    made = await site.provider.put(f"/data/{space}/path/r.txt", content=b"result", headers=owner.headers)
    assert made.status_code == 201, made.text
    located = site.node_provider.access.locate(owner.caller, space)
    share = world.node.zone.shares.create(owner.caller, located.ref, "dir", "results").id
    plain = world.client(world.node.settings.provider_url)
    assert (await plain.get(f"/share/{share}/files/r.txt")).content == b"result"
    assert (await plain.get(f"/share/{share}/archive.zip")).content.startswith(b"PK")
    pages = public_pages(world.node.zone, world.node.sites.front)
    app = httpx.ASGITransport(zone_app(world.node.zone, pages=pages))
    async with httpx.AsyncClient(transport=app, base_url="https://zone.test", trust_env=False) as browser:
        page = await browser.get(f"/share/{share}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "r.txt" in page.text
    # Onedata's own REST tells sites apart.
    strict = await world.provider.get(f"/data/{space}", headers=owner.headers)
    assert strict.json()["error"]["id"] == "spaceNotSupportedBy"
