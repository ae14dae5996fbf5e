"""The token for a job: what it opens, what it does not, and the space for its results."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.node.zone.offers import Offer
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import Dataset, Person, Site, World, open_world

HOUR_S = 3600
READER = {"space_view", "space_read_data"}


@pytest.fixture
def owner(world: World) -> Person:
    return world.person("Olive Example")


@pytest.fixture
def dataset(world: World, owner: Person) -> Dataset:
    return world.dataset(owner, {"a.txt": b"0123456789"}, name="grid 7")


@pytest.fixture
def mary(world: World, dataset: Dataset) -> Person:
    """A member, who may read."""
    member = world.person("Mary Example")
    world.join_space(dataset.space, member, READER)
    return member


@pytest.fixture
def centre(world: World) -> Site:
    site = world.site("centre")
    folder = world.folder / "results at the centre"
    folder.mkdir()
    storage = site.node_provider.storages.add_posix("results", str(folder))
    offer = Offer(accepts=True, largest_bytes=10**12, results_storage=storage)
    world.node.zone.offers.set(world.administrator.caller, site.node_provider.record.id, offer)
    return site


async def make(world: World, who: Person, dataset: Dataset, **body: object) -> httpx.Response:
    path = f"/fs2od/spaces/{dataset.space}/job_token"
    return await world.zone.post(path, json={"name": "motion correction", **body}, headers=who.headers)


async def test_a_token_for_reading_reads_this_dataset_and_does_nothing_else(
    world: World, mary: Person, dataset: Dataset
) -> None:
    other = world.dataset(world.person(), {"b.txt": b"b"}, name="other")
    world.join_space(other.space, mary, READER)
    made = await make(world, mary, dataset, interface="rest", networks=["127.0.0.0/8"])
    assert made.status_code == 201, made.text
    document = made.json()
    assert document["validUntil"] == pytest.approx(time.time() + 72 * HOUR_S, abs=60)
    assert {caveat["type"] for caveat in document["caveats"]} == {
        "time", "ip", "interface", "data.path", "data.readonly",
    }  # fmt: skip
    assert (document["resultsSpaceId"], document["mayWriteDataset"]) == (None, False)
    headers = {"X-Auth-Token": document["token"]}
    file = f"/data/{world.id_of(dataset, 'a.txt')}/content"
    assert (await world.provider.get(file, headers=headers)).content == b"0123456789"
    elsewhere = f"/data/{world.id_of(other, 'b.txt')}/content"
    assert (await world.provider.get(elsewhere, headers=headers)).status_code in (400, 403)
    assert (await world.zone.get("/user/groups", headers=headers)).status_code == 401


async def test_with_results_one_token_reads_the_dataset_and_writes_a_space_of_its_own(
    world: World, mary: Person, dataset: Dataset, centre: Site
) -> None:
    site = centre.node_provider.record.id
    made = (await make(world, mary, dataset, results=True, providerId=site, resultsSize=10**9)).json()
    space, headers = made["resultsSpaceId"], {"X-Auth-Token": made["token"]}
    assert made["mayWriteDataset"] is False
    details = (await world.zone.get(f"/spaces/{space}", headers=mary.headers)).json()
    assert (details["name"], details["providers"]) == ("grid 7 results", {site: 10**9})
    written = await centre.provider.put(
        f"/data/{space}/path/out/r.txt?create_parents=true", content=b"r", headers=headers
    )
    assert written.status_code == 201, written.text
    refused = await world.provider.put(f"/data/{dataset.space}/path/r.txt", content=b"r", headers=headers)
    assert refused.json()["error"]["details"]["errno"] == "eacces"
    file = f"/data/{world.id_of(dataset, 'a.txt')}/content"
    assert (await world.provider.get(file, headers=headers)).content == b"0123456789"
    scope = (await world.zone.post("/tokens/infer_access_token_scope", json={"token": made["token"]})).json()
    assert set(scope["dataAccessScope"]["spaces"]) == {dataset.space, space}
    assert scope["dataAccessScope"]["readonly"] is False


async def test_where_results_come_from_is_known_both_ways(
    world: World, owner: Person, mary: Person, dataset: Dataset, centre: Site
) -> None:
    site = centre.node_provider.record.id
    made = (await make(world, mary, dataset, results=True, providerId=site)).json()
    space = made["resultsSpaceId"]

    async def results(headers: dict[str, str]) -> object:
        found = await world.zone.get(f"/fs2od/spaces/{dataset.space}/results", headers=headers)
        return [(each["spaceId"], each["name"]) for each in found.json()["results"]]

    assert await results(mary.headers) == [(space, "grid 7 results")]
    # Who is not in the results is not told of them.
    assert await results(owner.headers) == []
    assert await results({"X-Auth-Token": made["token"]}) == [(space, "grid 7 results")]
    metadata = await centre.provider.get(f"/data/{space}/metadata/json", headers=mary.headers)
    assert metadata.json() == {"prov:wasDerivedFrom": [{"name": "grid 7", "space": dataset.space}]}


async def test_later_jobs_write_into_the_same_results(
    world: World, mary: Person, dataset: Dataset, centre: Site
) -> None:
    site = centre.node_provider.record.id
    first = (await make(world, mary, dataset, results=True, providerId=site)).json()["resultsSpaceId"]
    again = await make(world, mary, dataset, name="second", results=True, resultsSpaceId=first)
    assert again.json()["resultsSpaceId"] == first
    foreign = world.space(world.person(), "foreign")
    assert (await make(world, mary, dataset, name="third", results=True, resultsSpaceId=foreign)).status_code == 403


async def test_a_token_that_cannot_be_made_leaves_no_space(
    world: World, mary: Person, dataset: Dataset, centre: Site
) -> None:
    site = centre.node_provider.record.id
    before = world.node.zone.rights.effective_spaces(mary.id)

    async def error(**body: object) -> str:
        return str((await make(world, mary, dataset, results=True, **body)).json()["error"]["id"])

    assert await error() == "missingRequiredValue"
    assert await error(providerId=world.node.provider.record.id) == "badValueIdNotFound"
    assert await error(providerId=site, resultsSize=10**15) == "badValueTooHigh"
    assert await error(providerId=site, resultsSize=10) == "badValueTooLow"
    assert await error(providerId=site, name="access") == "badValueIdentifierOccupied"
    assert await error(providerId=site, networks=["nowhere"]) == "badValueCaveat"
    assert await error(providerId=site, resultsName="?!") == "badValueName"
    assert world.node.zone.rights.effective_spaces(mary.id) == before


async def test_who_may_write_into_the_dataset_is_told_so(
    world: World, owner: Person, dataset: Dataset, centre: Site
) -> None:
    body = {"results": True, "providerId": centre.node_provider.record.id}
    assert (await make(world, owner, dataset, **body)).json()["mayWriteDataset"] is True


async def test_a_dataset_that_is_not_mine_to_read_gets_no_token(world: World, dataset: Dataset) -> None:
    viewer = world.person()
    world.join_space(dataset.space, viewer, {"space_view"})
    assert (await make(world, viewer, dataset)).status_code == 403
    assert (await make(world, world.person(), dataset)).status_code == 403


async def test_results_go_to_a_bucket_under_readable_keys(
    world: World, mary: Person, dataset: Dataset, bucket: S3Settings
) -> None:
    site = world.site("bucket centre")
    provider = site.node_provider
    place = Bucket(bucket.endpoint, bucket.bucket)
    storage = provider.storages.add_s3("bucket", place, Credentials(bucket.access_key, bucket.secret_key))
    world.node.zone.offers.set(world.administrator.caller, provider.record.id, Offer(results_storage=storage))
    made = (await make(world, mary, dataset, results=True, providerId=provider.record.id)).json()
    space, headers = made["resultsSpaceId"], {"X-Auth-Token": made["token"]}
    path = f"/data/{space}/path/out/map.mrc"
    written = await site.provider.put(f"{path}?create_parents=true", content=b"map", headers=headers)
    assert written.status_code == 201, written.text
    with provider.storages.get(storage).opened().open(f"{space}/out/map.mrc") as file:
        assert file.read(9) == b"map"
    back = await site.provider.get(f"/data/{written.json()['fileId']}/content", headers=headers)
    assert back.content == b"map"


async def test_nothing_of_it_in_plain_mode(tmp_path: Path) -> None:
    with open_world(tmp_path / "plain", plain=True) as world:
        owner = world.person()
        dataset = world.dataset(owner)
        assert (await make(world, owner, dataset)).status_code == 404
