"""Directories of the node's machine as storages: all sites share it, so only who runs the node names them."""

from __future__ import annotations

import pytest

from fs2od.onedata import privileges
from fs2od.onedata.ids import StorageId
from fs2od.testing.world import Person, World


@pytest.fixture
def invited(world: World) -> Person:
    return world.person("Invited Example", cluster_privileges=privileges.CLUSTER_ADMIN)


async def test_who_was_invited_to_a_site_cannot_read_the_nodes_keys_by_a_storage(world: World, invited: Person) -> None:
    data = world.node.zone.settings.data
    for imported in (True, False):
        body = {"keys": {"type": "posix", "mountPoint": str(data), "importedStorage": imported}}
        answer = await world.panel.post("/provider/storages", json=body, headers=invited.headers)
        assert answer.status_code == 403
        assert answer.json()["error"]["id"] == "forbidden"
        assert "add a bucket" in answer.json()["error"]["description"]
    assert world.node.provider.storages.every() == []


async def test_one_directory_among_buckets_lets_none_be_added(world: World, invited: Person) -> None:
    body = {
        "bucket": {"type": "s3", "hostname": "https://s3.example.org", "bucketName": "b"},
        "keys": {"type": "posix", "mountPoint": str(world.folder)},
    }
    answer = await world.panel.post("/provider/storages", json=body, headers=invited.headers)
    assert answer.status_code == 403


async def test_who_runs_the_node_adds_directories_at_sites_that_they_administer(world: World) -> None:
    folder = world.folder / "scratch"
    folder.mkdir()
    body = {"scratch": {"type": "posix", "mountPoint": str(folder)}}
    answer = await world.panel.post("/provider/storages", json=body, headers=world.administrator.headers)
    assert answer.status_code == 200
    (storage,) = (StorageId(each) for each in world.node.provider.storages.every())
    assert world.node.provider.storages.get(storage).place == folder


async def test_who_runs_the_node_says_which_directory_is_meant_and_nobody_else(world: World, invited: Person) -> None:
    folder = world.folder / "scratch"
    folder.mkdir()
    storages = world.node.provider.storages
    storage = storages.add_posix("scratch", str(folder))
    folder.rename(folder.with_name("before"))
    folder.mkdir()
    body = {"scratch": {"type": "posix", "mountPoint": str(folder)}}
    path = f"/provider/storages/{storage}"
    assert (await world.panel.patch(path, json=body, headers=invited.headers)).status_code == 403
    checked = await world.panel.patch(path, json={"scratch": {"type": "posix"}}, headers=world.administrator.headers)
    assert checked.json()["verificationPassed"] is False
    answer = await world.panel.patch(path, json=body, headers=world.administrator.headers)
    assert (answer.status_code, answer.json()["verificationPassed"]) == (200, True)
    assert storages.get(storage).opened().stat("").inode == folder.stat().st_ino


async def test_who_asks_for_a_file_does_not_learn_where_its_folder_is(world: World) -> None:
    dataset = world.dataset(world.administrator, {"map.mrc": b"ours"})
    file = world.id_of(dataset, "map.mrc")
    (other := world.folder / "other").mkdir()
    (other / "map.mrc").write_bytes(b"theirs")
    dataset.folder.rename(dataset.folder.with_name("away"))
    dataset.folder.symlink_to(other)
    answer = await world.provider.get(f"/data/{file}/content", headers=world.administrator.headers)
    assert answer.status_code >= 400
    assert "theirs" not in answer.text
    assert str(world.folder) not in answer.text
