"""Storages that lie in one place: refused when they are added, and no copies of each other where they are there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.node.replication.buckets import Objects
from tests.node.replication.scenes import FILES, Scene, open_scene
from tests.node.replication.test_transfers import order, seen
from tests.node.test_storages import request
from tests.storage.conftest import bucket, radosgw

from fs2od.node.configured_storages import ensure_storages
from fs2od.node.panel.overlaps import overlap, same
from fs2od.node.panel.storage_records import Bucket, Credentials, seal
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings, SiteSettings, StorageSettings
from fs2od.onedata.errors import ServiceError
from fs2od.storage.s3 import S3Settings
from fs2od.testing.killed_writing import results_in_bucket
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import NoSockets

__all__ = ["bucket", "radosgw"]

TAKEN = "give a folder or bucket that is for this storage alone"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("one", "other", "is_same", "overlaps"),
    [
        (Path("/a"), Path("/a"), True, True),
        (Path("/a"), Path("/a/b"), False, True),
        (Path("/a/b"), Path("/a/bc"), False, False),
        (Path("/a"), Bucket("https://s3.test", "a"), False, False),
        (Bucket("https://s3.test", "a"), Bucket("https://S3.test:443", "a", "eu"), True, True),
        (Bucket("https://s3.test", "a"), Bucket("https://s3.test", "b"), False, False),
        (Bucket("https://s3.test", "a"), Bucket("https://other.test", "a"), False, False),
    ],
)
def test_places_are_judged_by_their_names(
    one: Path | Bucket, other: Path | Bucket, is_same: bool, overlaps: bool
) -> None:
    assert (same(one, other), same(other, one)) == (is_same, is_same)
    assert (overlap(one, other), overlap(other, one)) == (overlaps, overlaps)


def test_folders_of_other_storages_and_of_the_node_itself_are_refused(scene: Scene) -> None:
    storages, own = scene.centre.node_provider.storages, scene.world.node.provider.storages
    root, data = scene.folder.parent, scene.world.node.settings.data
    link = scene.world.folder / "link"
    link.symlink_to(root)
    (root / "deep").mkdir()
    (data / "deep").mkdir()
    for place, whose in (
        (root, "the storage “disk” lies there"),
        (link, "the storage “disk” lies there"),
        (root / "deep", "the storage “disk” lies there"),
        (scene.world.folder, "the node keeps its own state there"),
        (scene.dataset.folder, "a storage of another site lies there"),
        (data, "the node keeps its own state there"),
        (data / "deep", "the node keeps its own state there"),
    ):
        with pytest.raises(ServiceError) as refused:
            storages.add_posix("more", str(place))
        assert refused.value.error_id == "storageTestFailed"
        assert whose in refused.value.description
        assert TAKEN in refused.value.description
    with pytest.raises(ServiceError, match="a storage of another site lies there"):
        own.add_posix("more", str(root), imported=True)
    scene.folder.mkdir()
    with pytest.raises(ServiceError, match="a storage of another site lies there"):
        own.add_posix("more", str(scene.folder), imported=True)
    assert own.add_posix("beside spaces", str(root / "deep"), imported=True, readonly=True)
    assert own.add_posix("again", str(scene.dataset.folder), imported=True, readonly=True)
    assert storages.every() == [scene.storage]


def test_a_configured_storage_waits_while_another_lies_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    sites = tuple(SiteSettings(name, storages=(StorageSettings("disk", folder=folder),)) for name in ("one", "two"))
    settings = NodeSettings(tmp_path / "node", "zone.test", "provider.test", sites=sites)
    with open_node(settings) as node:
        node.sites.open_all(NoSockets({}))
        assert not ensure_storages(node.sites)
        counts = {provider.record.name: len(provider.storages.every()) for provider in node.sites}
    assert sorted(counts[name] for name in ("one", "two")) == [0, 1]
    assert TAKEN in caplog.text


async def test_a_bucket_is_for_one_storage_by_whatever_address(scene: Scene, bucket: S3Settings) -> None:
    world, headers = scene.world, scene.world.administrator.headers
    answer = await world.panel.post("/provider/storages", json={"first": request(bucket)}, headers=headers)
    assert answer.status_code == 200, answer.text
    elsewhere = bucket.endpoint.replace("127.0.0.1", "localhost")
    assert elsewhere != bucket.endpoint
    for hostname in (bucket.endpoint, elsewhere):
        body = {"more": request(bucket, hostname=hostname)}
        answer = await scene.centre.panel.post("/provider/storages", json=body, headers=headers)
        assert answer.status_code == 400
        said = answer.json()["more"]["error"]["description"]
        assert "a storage of another site lies there" in said
        assert TAKEN in said
    # The store's address of a storage may change, for it stays the same bucket.
    (storage,) = [each for each in world.node.provider.storages.every() if each != scene.dataset.storage]
    body = {"first": {"type": "s3", "hostname": elsewhere}}
    answer = await world.panel.patch(f"/provider/storages/{storage}", json=body, headers=headers)
    assert answer.json().get("verificationPassed") is True, answer.text


async def test_what_lies_in_the_place_of_its_home_is_no_copy_and_is_never_removed(scene: Scene) -> None:
    await order(scene, "replication")
    scene.tick()
    assert scene.copies() == FILES
    # As it may have been added before that was refused.
    with scene.world.node.zone.database.writing() as db:
        above = str(scene.dataset.folder.parent)
        db.execute("UPDATE storage SET mount_point = ? WHERE id = ?", (above, scene.storage))
    assert scene.folder == scene.dataset.folder
    evicted = await order(scene, "eviction")
    scene.tick()
    assert (await seen(scene, evicted))["filesEvicted"] == len(FILES)
    assert scene.copies() == FILES
    file = scene.world.id_of(scene.dataset, "a.mrc")
    answer = await scene.world.provider.get(f"/data/{file}/distribution", headers=scene.owner.headers)
    there = answer.json()["distributionPerProvider"][scene.centre.node_provider.record.id]
    assert there["distributionPerStorage"][scene.storage]["blocks"] == []
    again = await order(scene, "replication")
    scene.tick()
    assert (await seen(scene, again))["transferStatus"] == "failed"
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert await scene.status(requirement) == "pending"
    assert "lies in the same place as another" in scene.problem
    (scene.dataset.folder / "a.mrc").unlink()
    scene.world.rescan(scene.dataset.space)
    (scene.dataset.folder / "a.mrc").write_bytes(b"anew")
    scene.look()
    assert (scene.dataset.folder / "a.mrc").read_bytes() == b"anew"


async def test_copies_in_the_bucket_of_the_home_are_never_removed_though_its_store_is_reached_otherwise(
    scene: Scene, radosgw: Radosgw
) -> None:
    home, other = radosgw.bucket(), radosgw.bucket()
    scene.dataset = results_in_bucket(scene.world, scene.owner, home, "in a bucket")
    made = f"/data/{scene.dataset.space}/path/a.mrc"
    answer = await scene.world.provider.put(made, content=b"0123456789", headers=scene.owner.headers)
    assert answer.status_code == 201, answer.text
    provider, zone = scene.centre.node_provider, scene.world.node.zone
    keys = Credentials(other.access_key, other.secret_key)
    scene.storage = provider.storages.add_s3("copies", Bucket(other.endpoint, other.bucket), keys)
    with zone.database.writing() as db:
        provider.supports.grant(db, scene.dataset.space, scene.storage, size_bytes=1 << 30)
    await order(scene, "replication")
    scene.tick()
    assert Objects(other, scene.dataset.space).all() == {"a.mrc": b"0123456789"}
    # As it may have been added before that was refused.
    same_bucket = Bucket(home.endpoint.replace("127.0.0.1", "localhost"), home.bucket)
    secret = seal(zone.keys, scene.storage, Credentials(home.access_key, home.secret_key))
    details = msgspec.json.encode(same_bucket).decode()
    with zone.database.writing() as db:
        db.execute("UPDATE storage SET details = ?, secret = ? WHERE id = ?", (details, secret, scene.storage))
    evicted = await order(scene, "eviction")
    scene.tick()
    assert (await seen(scene, evicted))["filesEvicted"] == 1
    again = await order(scene, "replication")
    scene.tick()
    assert (await seen(scene, again))["transferStatus"] == "failed"
    assert Objects(home, scene.dataset.space).all() == {"a.mrc": b"0123456789"}
