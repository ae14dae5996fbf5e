"""Results whose space lies in a bucket of a real S3 server: whole, checked, and under their own names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.replication.buckets import Meanwhile, Objects
from tests.results.desk import BIG, Desk
from tests.storage.conftest import radosgw

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.onedata.ids import FileId
from fs2od.storage.s3 import S3Settings
from fs2od.testing.network import Proxy, Request
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import Dataset, open_world

__all__ = ["radosgw"]


@pytest.fixture
def proxy(radosgw: Radosgw) -> Iterator[Proxy]:
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as proxy:
        yield proxy


@pytest.fixture
def own(radosgw: Radosgw) -> S3Settings:
    return radosgw.bucket()


@pytest.fixture
def desk(tmp_path: Path, own: S3Settings, proxy: Proxy) -> Iterator[Desk]:
    with open_world(tmp_path / "world") as world:
        desk = Desk(world, tmp_path / "home")
        space, provider = world.space(desk.alex, "in a bucket"), world.node.provider
        place = Bucket(endpoint=f"http://127.0.0.1:{proxy.ports[0]}", name=own.bucket)
        storage = provider.storages.add_s3("bucket", place, Credentials(own.access_key, own.secret_key))
        with world.node.zone.database.writing() as db:
            provider.supports.grant(db, space, storage, size_bytes=1 << 30)
        world.node.zone.epoch.move()
        desk.dataset = Dataset(space, storage, tmp_path, FileId(provider.files.root_id(space)))
        yield desk


@pytest.fixture
def objects(own: S3Settings, desk: Desk) -> Objects:
    return Objects(own, desk.dataset.space)


@pytest.mark.parametrize("content", [b"small", BIG], ids=["small", "large"])
async def test_what_comes_to_lie_otherwise_in_the_store_is_removed_and_sent_again(
    content: bytes, desk: Desk, objects: Objects, proxy: Proxy
) -> None:
    desk.write({"file": content})
    flipped: list[str] = []

    def is_first_look(request: Request) -> bool:
        return request.method == "HEAD" and any(size > 0 for size in objects.sizes().values())

    def flip() -> None:
        (name,) = objects.sizes()
        objects.flip(name)
        flipped.append(name)

    proxy.strike(Meanwhile(flip), when=is_first_look)
    report = await desk.put("file", to="in a bucket")
    assert flipped
    assert [file.outcome for file in report.files] == ["put"]
    assert objects.all() == {"file": content}
    assert desk.listed() == {"file": len(content)}
