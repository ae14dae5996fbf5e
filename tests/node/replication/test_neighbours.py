"""Storages that do not answer keep nobody from copies elsewhere, and nothing goes that may be theirs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.node.replication.buckets import Objects
from tests.node.replication.scenes import FILES, Scene, open_bucket_scene, open_scene
from tests.node.replication.test_transfers import order, seen

from fs2od.errors import StorageBusy
from fs2od.node.panel import overlaps
from fs2od.node.panel.storage_records import Bucket, Credentials, seal
from fs2od.onedata.ids import StorageId
from fs2od.storage.s3 import S3Settings
from fs2od.testing.network import Proxy, Refuse
from fs2od.testing.silent_folders import silent_folder


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


def also_in_bucket(scene: Scene, own: S3Settings, endpoint: str) -> StorageId:
    """Let a third storage support the dataset, with a bucket of the same name at another address, as it may have been added before."""
    elsewhere = scene.world.site("elsewhere").node_provider
    storage, zone = scene.world.also_support(scene.dataset.space, elsewhere), scene.world.node.zone
    details = msgspec.json.encode(Bucket(endpoint, own.bucket)).decode()
    secret = seal(zone.keys, storage, Credentials(own.access_key, own.secret_key))
    query = "UPDATE storage SET type = 's3', mount_point = '', details = ?, secret = ? WHERE id = ?"
    with zone.database.writing() as db:
        db.execute(query, (details, secret, storage))
    return storage


def closed_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


async def test_a_store_that_is_away_keeps_no_copies_from_a_bucket_of_the_same_name(
    tmp_path: Path, own: S3Settings
) -> None:
    with open_bucket_scene(tmp_path, own) as scene:
        also_in_bucket(scene, own, closed_address())
        ordered = await order(scene, "replication")
        requirement = await scene.require(f"storageId={scene.storage}")
        scene.look()
        scene.tick()
        objects = Objects(own, scene.dataset.space)
        assert objects.all() == FILES
        assert await scene.status(requirement) == "fulfilled"
        assert (await seen(scene, ordered))["transferStatus"] == "completed"
        # But nothing is removed there as long as nobody knows whether the other one has it, too.
        answer = await scene.centre.provider.delete(f"/qos_requirements/{requirement}", headers=scene.owner.headers)
        assert answer.status_code == 204
        await order(scene, "eviction")
        scene.tick()
        assert objects.all() == FILES


async def test_a_bucket_that_was_once_seen_to_be_another_ones_stays_so_while_that_is_away(
    tmp_path: Path, own: S3Settings, proxy: Proxy
) -> None:
    with open_bucket_scene(tmp_path, own) as scene:
        also_in_bucket(scene, own, f"http://127.0.0.1:{proxy.ports[0]}")
        requirement = await scene.require(f"storageId={scene.storage}")
        scene.look()
        assert "lies in the same place as another" in scene.problem
        overlaps.ask_anew()  # as a node that is started again
        proxy.strike(Refuse(status=503), when=lambda _: True, times=1000)
        scene.look()
        assert "lies in the same place as another" in scene.problem
        assert await scene.status(requirement) == "pending"
        assert Objects(own, scene.dataset.space).all() == {}


async def test_a_folder_that_does_not_answer_keeps_no_copies_from_another(scene: Scene) -> None:
    world, away = scene.world, scene.world.folder / "away"
    away.mkdir()
    storage = world.also_support(scene.dataset.space, world.site("elsewhere").node_provider)
    with world.node.zone.database.writing() as db:
        db.execute("UPDATE storage SET mount_point = ? WHERE id = ?", (str(away), storage))
    with silent_folder(away):
        await order(scene, "replication")
        scene.tick()
        assert scene.copies() == FILES
        evicted = await order(scene, "eviction")
        scene.tick()
        assert (await seen(scene, evicted))["filesEvicted"] == 0
        assert scene.copies() == FILES
    again = await order(scene, "eviction")
    scene.tick()
    assert (await seen(scene, again))["filesEvicted"] == len(FILES)
    assert scene.copies() == {}


async def test_support_by_a_folder_that_does_not_answer_ends_once_it_does_and_holds_up_nobody(scene: Scene) -> None:
    world, away = scene.world, scene.world.folder / "away"
    away.mkdir()
    provider = world.site("elsewhere").node_provider
    storage = world.also_support(scene.dataset.space, provider)
    with world.node.zone.database.writing() as db:
        db.execute("UPDATE storage SET mount_point = ? WHERE id = ?", (str(away), storage))
    with silent_folder(away):
        with pytest.raises(StorageBusy, match="does not answer"):
            provider.supports.end(scene.dataset.space)
        assert provider.supports.find(scene.dataset.space) is not None
        # Whoever adds a folder elsewhere meanwhile does not wait for it, either.
        place = world.folder / "another"
        place.mkdir()
        assert scene.centre.node_provider.storages.add_posix("another", str(place))
    provider.supports.end(scene.dataset.space)
    assert provider.supports.find(scene.dataset.space) is None
