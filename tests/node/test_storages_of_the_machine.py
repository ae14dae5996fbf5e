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
