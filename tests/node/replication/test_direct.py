"""Addresses that lead straight to a store: who gets them, for what, and that they end."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
import requests
from msgspec import structs
from tests.node.replication.scenes import FILES, Scene, open_bucket_scene

from fs2od.node.panel.storage_records import Bucket
from fs2od.node.provider.direct import Addressed
from fs2od.node.settings import ReplicationSettings
from fs2od.onedata.caveats import Asn, Consumer, DataPath, DataReadonly, GeoCountry, GeoRegion, Interface, Ip, Service
from fs2od.onedata.ids import ShareId
from fs2od.onedata.tokens import Caveat, IdentityToken, Time, Token
from fs2od.onedata.tokens import is_bound_to_bearer as is_bound
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import open_world, write_files

LARGE = os.urandom(1_000_000)
ODD = "sub dir+č/a&b%25=?#\n'\".mrc"
LIFETIME_S = 2
LONGEST_S = 60.0


@pytest.fixture
async def scene(tmp_path: Path, bucket: S3Settings) -> AsyncIterator[Scene]:
    """A dataset with a copy in a bucket, to which clients may be led; addresses live for two seconds."""
    with open_bucket_scene(
        tmp_path,
        bucket,
        FILES | {"large.mrc": LARGE, ODD: b"odd"},
        replication=ReplicationSettings(direct_s=LIFETIME_S),
    ) as opened:
        await opened.require(f"storageId={opened.storage}")
        opened.look()
        opened.centre.node_provider.storages.lead_to(opened.storage, allowed=True)
        yield opened


async def ask(
    scene: Scene,
    *ranges: tuple[int, int],
    path: str = "large.mrc",
    token: Token | None = None,
    share: ShareId | None = None,
    provider: httpx.AsyncClient | None = None,
) -> httpx.Response:
    file = scene.world.id_of(scene.dataset, path, share=share)
    body = {"ranges": [{"offset": first, "size": size} for first, size in ranges]}
    shown = (token or scene.owner.token).reveal()
    asked = provider or scene.centre.provider
    return await asked.post(f"/fs2od/data/{file}/addresses", json=body, headers={"X-Auth-Token": shown})


async def given(
    scene: Scene, *ranges: tuple[int, int], path: str = "large.mrc", token: Token | None = None
) -> list[str]:
    answer = await ask(scene, *ranges, path=path, token=token)
    assert answer.status_code == 200, answer.text
    return [each["url"] for each in answer.json()["addresses"]]


def fetched(url: str, first: int, size: int, *, method: str = "GET") -> requests.Response:
    return requests.request(method, url, headers={"Range": f"bytes={first}-{first + size - 1}"}, timeout=30)


def ended(url: str, first: int, size: int) -> bool:
    """Wait until the store gives nothing under an address any more."""
    until_s = time.monotonic() + LONGEST_S
    while fetched(url, first, size).status_code != 403:
        if time.monotonic() > until_s:
            return False
        time.sleep(0.2)
    return True


async def test_ranges_come_from_the_store_without_credentials_and_no_others(scene: Scene) -> None:
    wanted = [(0, 10), (500_000, 400_000), (999_999, 1)]
    answer = await ask(scene, *wanted)
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    assert told["validFor"] == LIFETIME_S
    assert [(each["offset"], each["size"]) for each in told["addresses"]] == wanted
    for (first, size), each in zip(wanted, told["addresses"], strict=True):
        got = fetched(each["url"], first, size)
        assert (got.status_code, got.content) == (206, LARGE[first : first + size])
    url = told["addresses"][0]["url"]
    assert fetched(url, 0, 11).status_code == 403
    assert fetched(url, 0, 10, method="DELETE").status_code == 403
    other = url.replace("large.mrc", "a.mrc")
    assert fetched(other, 0, 10).status_code == 403


async def test_a_file_of_any_name_has_an_address_that_is_plain_ascii(scene: Scene) -> None:
    (url,) = await given(scene, (0, 3), path=ODD)
    assert url.isascii()
    assert not set(url) & set(" \n\"'")
    assert fetched(url, 0, 3).content == b"odd"


async def test_the_operator_of_the_node_can_forbid_it_everywhere(tmp_path: Path, bucket: S3Settings) -> None:
    with open_bucket_scene(tmp_path, bucket, replication=ReplicationSettings(direct_s=0)) as scene:
        scene.centre.node_provider.storages.lead_to(scene.storage, allowed=True)
        assert (await ask(scene, (0, 1), path="a.mrc")).json()["error"]["id"] == "notSupported"


async def test_a_revoked_token_gets_no_new_address_and_old_ones_end(scene: Scene) -> None:
    issued = scene.world.node.zone.tokens.issue_named(scene.owner.id, "job")
    (url,) = await given(scene, (0, 10), token=issued.token)
    assert fetched(url, 0, 10).content == LARGE[:10]
    revoked = await scene.world.zone.patch(
        f"/tokens/named/{issued.id}", json={"revoked": True}, headers=scene.owner.headers
    )
    assert revoked.status_code == 204
    assert (await ask(scene, (0, 10), token=issued.token)).status_code == 401
    assert ended(url, 0, 10)


async def test_a_removed_member_gets_no_new_address_and_old_ones_end(scene: Scene) -> None:
    member = scene.world.person("Mary Member")
    scene.world.join_space(scene.dataset.space, member)
    (url,) = await given(scene, (0, 10), token=member.token)
    assert fetched(url, 0, 10).content == LARGE[:10]
    removed = await scene.world.zone.delete(
        f"/spaces/{scene.dataset.space}/users/{member.id}", headers=scene.owner.headers
    )
    assert removed.status_code == 204
    assert (await ask(scene, (0, 10), token=member.token)).status_code in (401, 403)
    assert ended(url, 0, 10)


async def test_no_address_outlives_its_token(scene: Scene) -> None:
    now_s = scene.moments.now_s()
    short = await ask(scene, (0, 10), token=scene.world.token(scene.owner, Time(now_s + 2)))
    told = short.json()
    assert told["validFor"] <= 2
    for each in told["addresses"]:
        assert int(parse_qs(urlsplit(each["url"]).query)["X-Amz-Expires"][0]) == told["validFor"]
    scene.moments.forward(1)
    last = await ask(scene, (0, 10), token=scene.world.token(scene.owner, Time(scene.moments.now_s() + 1)))
    assert last.status_code == 401 or last.json()["validFor"] <= 1


@pytest.mark.parametrize(
    "caveat", [Ip(("127.0.0.0/8",)), Consumer(("usr-*",))], ids=lambda caveat: type(caveat).__name__
)
async def test_a_token_that_is_bound_gets_none(scene: Scene, caveat: Caveat) -> None:
    headers = {"X-Auth-Token": scene.world.token(scene.owner, caveat, Time(scene.moments.now_s() + 600)).reveal()}
    identity = scene.world.node.zone.tokens.issue_named(scene.owner.id, "identity", kind=IdentityToken()).token
    headers["X-Onedata-Consumer-Token"] = identity.reveal()
    file = scene.world.id_of(scene.dataset, "large.mrc")
    read = await scene.centre.provider.get(f"/data/{file}/content", headers=headers | {"Range": "bytes=0-9"})
    assert read.content == LARGE[:10]
    body = {"ranges": [{"offset": 0, "size": 10}]}
    answer = await scene.centre.provider.post(f"/fs2od/data/{file}/addresses", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["id"]) == (403, "forbidden")


def test_every_caveat_is_either_known_to_bind_nobody_or_binds() -> None:
    free: list[Caveat] = [Time(1), Service(("opw-*",)), Interface("rest"), DataReadonly(), DataPath(("/s",))]
    binding: list[Caveat] = [
        Ip(("10.0.0.0/8",)),
        Asn((1,)),
        GeoCountry("whitelist", ("CZ",)),
        GeoRegion("whitelist", ("EU",)),
    ]
    assert not any(is_bound(each) for each in free)
    assert all(is_bound(each) for each in [*binding, Consumer(("usr-*",))])


async def test_a_token_for_some_of_the_data_gets_addresses_of_that_only(scene: Scene) -> None:
    token = scene.world.token(scene.owner, DataPath((f"/{scene.dataset.space}/deep",)), DataReadonly())
    (url,) = await given(scene, (0, 256), path="deep/b.mrc", token=token)
    assert fetched(url, 0, 256).content == FILES["deep/b.mrc"]
    refused = await ask(scene, (0, 10), token=token)
    assert refused.json()["error"]["details"]["errno"] == "eacces"


async def test_strangers_and_readers_of_links_get_none(scene: Scene) -> None:
    stranger = scene.world.person("Sam Stranger")
    assert (await ask(scene, (0, 10), token=stranger.token)).status_code == 403
    share = scene.world.share(scene.owner, scene.dataset)
    shared = scene.world.id_of(scene.dataset, "large.mrc", share=share)
    assert (await ask(scene, (0, 10), share=share)).status_code in (400, 403)
    guest = await scene.centre.provider.post(f"/fs2od/data/{shared}/addresses", json={"ranges": []})
    assert guest.status_code == 401


async def test_only_a_checked_copy_of_the_present_state_is_led_to(scene: Scene) -> None:
    write_files(scene.dataset.folder, {"large.mrc": b"changed" * 100_000, "new.mrc": b"new"})
    scene.world.rescan(scene.dataset.space)
    assert (await ask(scene, (0, 10))).json() == {"validFor": 0, "addresses": []}
    assert await given(scene, (0, 3), path="new.mrc") == []
    scene.moments.forward(60)
    scene.tick()
    (url,) = await given(scene, (0, 10))
    assert fetched(url, 0, 10).content == (b"changed" * 2)[:10]


async def test_what_a_home_inherited_is_led_to_and_what_was_written_there_is_not(scene: Scene) -> None:
    headers = scene.world.administrator.headers
    ended = await scene.world.panel.delete(f"/provider/spaces/{scene.dataset.space}", headers=headers)
    assert ended.status_code == 204
    (url,) = await given(scene, (0, 10))
    assert fetched(url, 0, 10).content == LARGE[:10]
    address = f"/data/{scene.world.id_of(scene.dataset, 'large.mrc')}/content"
    written = await scene.centre.provider.put(address, content=b"written anew", headers=scene.owner.headers)
    assert written.status_code == 204
    assert await given(scene, (0, 10)) == []


async def test_it_is_off_until_the_site_says_so(scene: Scene) -> None:
    scene.centre.node_provider.storages.lead_to(scene.storage, allowed=False)
    refused = await ask(scene, (0, 10))
    assert (refused.status_code, refused.json()["error"]["id"]) == (400, "notSupported")
    at_home = await ask(scene, (0, 10), provider=scene.world.provider)
    assert at_home.json()["error"]["id"] == "notSupported"


@pytest.mark.parametrize(
    ("ranges", "error"),
    [
        ([], "badValueNotInRange"),
        ([(0, 1)] * 17, "badValueNotInRange"),
        ([(0, (64 << 20) + 1)], "badValueTooHigh"),
        ([(999_999, 2)], "badValueTooHigh"),
        ([(-1, 2)], "badValue"),
        ([(0, 0)], "badValue"),
    ],
)
async def test_ranges_that_cannot_be_had_are_refused(scene: Scene, ranges: list[tuple[int, int]], error: str) -> None:
    answer = await ask(scene, *ranges)
    assert answer.status_code == 400
    assert answer.json()["error"]["id"].startswith(error)


async def test_what_is_handed_out_counts_as_taken(scene: Scene) -> None:
    await given(scene, (0, 1000), (2000, 500))
    events = scene.world.node.zone.activity.of_space(scene.dataset.space, seen_by=scene.owner.id)
    (taken,) = [each for each in events if each.kind == "downloaded"]
    assert (taken.actor, taken.sent_bytes) == (scene.owner.id, 1500)


async def test_an_address_is_in_no_log_and_no_representation(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="fs2od"):
        (url,) = await given(scene, (0, 10))
        scene.centre.node_provider.storages.lead_to(scene.storage, allowed=False)
        await ask(scene, (0, 10))
    assert "X-Amz-Signature" in url
    assert "X-Amz" not in caplog.text
    assert "X-Amz" not in repr(Addressed(0, 10, url))


async def test_an_administrator_says_where_clients_reach_the_bucket(scene: Scene) -> None:
    headers, path = scene.world.administrator.headers, f"/fs2od/storages/{scene.storage}/direct"
    panel = scene.centre.panel
    assert (await panel.get(path, headers=headers)).json() == {"allowed": True, "hostname": ""}
    wanted = {"allowed": True, "hostname": "s3.example.org:9443"}
    assert (await panel.put(path, json=wanted, headers=headers)).status_code == 204
    assert (await panel.get(path, headers=headers)).json()["hostname"] == "https://s3.example.org:9443"
    (url,) = await given(scene, (0, 10))
    assert url.startswith("https://s3.example.org:9443/")
    assert scene.centre.node_provider.storages.tried(scene.storage).failure is None
    for hostname in ("http://s3.example.org", "https://key@s3.example.org", "ftp://x", "https://[x"):
        refused = await panel.put(path, json={"allowed": True, "hostname": hostname}, headers=headers)
        assert refused.json()["error"]["id"] == "badValueString"
    moved = {"bucket": {"type": "s3", "hostname": "http://s3.example.org"}}
    assert (await panel.put(path, json={"allowed": True}, headers=headers)).status_code == 204
    refused = await panel.patch(f"/provider/storages/{scene.storage}", json=moved, headers=headers)
    assert refused.json()["error"]["id"] == "badValueString"
    disk = scene.world.node.provider.storages.every()[0]
    on_disk = await scene.world.panel.put(f"/fs2od/storages/{disk}/direct", json={"allowed": True}, headers=headers)
    assert on_disk.json()["error"]["id"] == "notSupported"


async def test_a_plain_node_gives_none(tmp_path: Path) -> None:
    with open_world(tmp_path, plain=True) as world:
        owner = world.person()
        dataset = world.dataset(owner, {"a": b"1"})
        file = world.id_of(dataset, "a")
        answer = await world.provider.post(f"/fs2od/data/{file}/addresses", json={}, headers=owner.headers)
        assert answer.status_code == 404


async def test_a_bucket_that_is_moved_while_clients_are_led_to_it_stays_moved(scene: Scene) -> None:
    storages, database = scene.centre.node_provider.storages, scene.world.node.zone.database
    bucket = storages.get(scene.storage).place
    assert isinstance(bucket, Bucket)
    moved = msgspec.json.encode(structs.replace(bucket, region="moved")).decode()
    with database.writing() as db:
        db.execute("UPDATE storage SET details = ? WHERE id = ?", (moved, scene.storage))
        leading = asyncio.create_task(asyncio.to_thread(storages.lead_to, scene.storage, allowed=False))
        await asyncio.sleep(0.2)  # until it waits for the end of this transaction
    await leading
    place = storages.get(scene.storage).place
    assert isinstance(place, Bucket)
    assert (place.region, place.direct) == ("moved", False)
