"""Where a site's store may be: anywhere in the Internet, and at the node's own networks only where whoever runs it said so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.test_storages import request

from fs2od.node.panel.named_stores import NamedStores
from fs2od.node.settings import NodeSettings, SiteSettings, StorageSettings
from fs2od.onedata import privileges
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import World, open_world


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[World]:
    """A node that was told of no store."""
    with open_world(tmp_path / "strict", store_hosts=()) as opened:
        yield opened


async def test_a_sites_administrator_cannot_send_the_node_to_its_own_machine(strict: World, bucket: S3Settings) -> None:
    invited = strict.person("Invited Example", cluster_privileges=privileges.CLUSTER_ADMIN)
    for person in (invited, strict.administrator):
        body = {"objects": request(bucket)}
        answer = await strict.panel.post("/provider/storages", json=body, headers=person.headers)
        assert answer.status_code == 400
        error = answer.json()["objects"]["error"]
        assert (error["id"], error["details"]) == ("storageTestFailed", {"operation": "read"})
        assert (
            "127.0.0.1 has no public address: whoever runs the node must name it in store_hosts" in error["description"]
        )
    assert strict.node.provider.storages.every() == []


async def test_a_store_that_is_no_longer_named_is_used_no_longer(tmp_path: Path, bucket: S3Settings) -> None:
    with open_world(tmp_path / "kept") as world:
        body = {"objects": request(bucket)}
        await world.panel.post("/provider/storages", json=body, headers=world.administrator.headers)
        (storage,) = world.node.provider.storages.every()
        moved = {"objects": request(bucket, hostname="http://127.0.0.2:1")}
        path, headers = f"/provider/storages/{storage}", world.administrator.headers
        refused = await world.panel.patch(path, json=moved, headers=headers)
        assert "127.0.0.2 has no public address" in refused.json()["error"]["description"]
        assert world.node.provider.storages.tried(storage).failure is None
    with open_world(tmp_path / "kept", store_hosts=()) as world:
        failure = world.node.provider.storages.tried(storage).failure
        assert failure is not None
        assert "store_hosts" in failure.reason


def test_hosts_are_named_for_all_ports_or_one_and_configured_storages_by_their_very_address() -> None:
    configured = SiteSettings("centre", storages=(StorageSettings("o", endpoint="http://127.0.0.1:7480", bucket="b"),))
    hosts = ("s3.example.org", "10.0.0.5:9000", "[fd00::5]", "plain.example.org:80")
    named = NamedStores(NodeSettings(Path(), "z", "p", sites=(configured,), store_hosts=hosts))
    for endpoint in (
        "https://s3.example.org", "http://S3.example.org:9000", "https://10.0.0.5:9000", "https://[fd00::5]:1",
        "http://127.0.0.1:7480", "http://plain.example.org",
    ):  # fmt: skip
        assert endpoint in named, endpoint
    for endpoint in (
        "https://example.org", "https://10.0.0.5", "http://127.0.0.1:7481", "https://plain.example.org", "https://[::1]:7480",
    ):  # fmt: skip
        assert endpoint not in named, endpoint
