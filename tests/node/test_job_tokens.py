"""The token for a job: what it opens, what it does not, and the space for its results."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.node.zone.offers import Offer
from fs2od.node.zone.results import room_of
from fs2od.onedata.errors import Rejected
from fs2od.onedata.ids import ProviderId
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import Dataset, Person, Site, World, open_world

HOUR_S = 3600
GB, TB = 10**9, 10**12
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
        assert (
            await make(world, owner, dataset)
        ).status_code == 405  # as a Onezone says of what it takes for one of its pages


def offered(world: World, site: Site, *, total_bytes: int, largest_bytes: int | None = None) -> ProviderId:
    """Let a site say how much it has for results, and return it."""
    provider, offers = site.node_provider.record.id, world.node.zone.offers
    offer = replace(offers.of(provider), largest_bytes=largest_bytes, results_total_bytes=total_bytes)
    offers.set(world.administrator.caller, provider, offer)
    return provider


async def test_all_results_together_get_what_the_site_has_for_them(
    world: World, mary: Person, dataset: Dataset, centre: Site
) -> None:
    site = offered(world, centre, largest_bytes=4 * GB, total_bytes=6 * GB)
    other = world.person("Other Example")
    world.join_space(dataset.space, other, READER)

    async def make_one(who: Person, name: str, **size: int) -> httpx.Response:
        return await make(world, who, dataset, name=name, results=True, providerId=site, **size)

    spaces = [(await make_one(who, "first", resultsSize=25 * GB // 10)).json() for who in (mary, other)]
    refused = (await make_one(other, "second", resultsSize=2 * GB)).json()["error"]
    assert (refused["id"], refused["details"]["key"], refused["details"]["limit"]) == (
        "badValueTooHigh", "resultsSize", GB,
    )  # fmt: skip
    # What nobody says is small enough for several, and never more than there is.
    assert (await make_one(other, "third")).status_code == 201
    assert world.node.zone.results.room(site).granted_bytes == 56 * GB // 10
    assert (await make_one(mary, "fourth", resultsSize=4 * GB // 10)).status_code == 201
    full = (await make_one(mary, "fifth")).json()["error"]
    assert (full["id"], full["details"]["limit"]) == ("badValueTooHigh", 0)
    gone = spaces[0]["resultsSpaceId"]
    assert (await world.zone.delete(f"/spaces/{gone}", headers=other.headers)).status_code == 403
    assert (await world.zone.delete(f"/spaces/{gone}", headers=mary.headers)).status_code == 204
    assert (await make_one(other, "sixth", resultsSize=2 * GB)).status_code == 201


def test_results_that_are_asked_for_at_once_get_no_more_than_there_is(
    world: World, mary: Person, dataset: Dataset, centre: Site
) -> None:
    site, results = offered(world, centre, total_bytes=2 * GB), world.node.zone.results

    def make_one(number: int) -> object:
        try:
            results.make(mary.caller, dataset.space, site, name=f"run {number}", size_bytes=GB)
        except Rejected as error:
            return error.details["limit"]
        return "made"

    before = len(world.node.zone.rights.effective_spaces(mary.id))
    with ThreadPoolExecutor(8) as threads:
        assert sorted(map(str, threads.map(make_one, range(8)))) == ["0"] * 6 + ["made"] * 2
    assert len(world.node.zone.rights.effective_spaces(mary.id)) == before + 2


@pytest.mark.parametrize(
    ("offer", "granted_bytes", "room"),
    [
        (Offer(), 0, (10 * TB, TB, TB)),
        (Offer(), 9 * TB + 1, (10 * TB, 999 * GB, 999 * GB)),
        (Offer(largest_bytes=5 * TB), 0, (5 * TB, 5 * TB, TB // 2)),
        (Offer(largest_bytes=50 * TB), 49 * TB, (50 * TB, TB, TB)),
        (Offer(largest_bytes=50 * TB, results_total_bytes=2 * TB), 0, (2 * TB, 2 * TB, TB // 5)),
        (Offer(largest_bytes=TB, results_total_bytes=200 * TB), 0, (200 * TB, TB, TB)),
        (Offer(results_total_bytes=TB), TB - 999_999, (TB, 0, 0)),
        (Offer(results_total_bytes=TB), 3 * TB, (TB, 0, 0)),
    ],
)
def test_what_is_left_for_results(offer: Offer, granted_bytes: int, room: tuple[int, int, int]) -> None:
    found = room_of(offer, granted_bytes)
    assert (found.total_bytes, found.most_bytes, found.proposed_bytes) == room
