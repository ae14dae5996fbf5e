"""Results whose space lies in a bucket of a real S3 server: whole, checked, and under their own names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
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


async def test_a_large_file_arrives_under_its_own_name_and_is_never_copied_within_the_store(
    desk: Desk, objects: Objects, proxy: Proxy
) -> None:
    desk.write({"run/large": BIG, "run/larger": BIG + b"more"})
    report = await desk.put("run", to="in a bucket")
    assert [file.outcome for file in report.files] == ["put", "put"]
    assert objects.all() == {"run/large": BIG, "run/larger": BIG + b"more"}
    assert desk.listed() == {"run/large": len(BIG), "run/larger": len(BIG) + 4}
    assert not [path for _, path, _ in desk.way.sent if path.startswith("/cdmi")]
    assert not [each for each in proxy.exchanges if "x-amz-copy-source" in each.request.headers]
    assert [file.outcome for file in (await desk.put("run", to="in a bucket")).files] == ["kept", "kept"]


async def test_a_file_longer_than_any_body_is_named_with_advice_and_nothing_of_it_stays(
    desk: Desk, objects: Objects
) -> None:
    desk.world.node.provider.bodies._most_bytes = 8 << 20
    desk.write({"run/large": BIG, "run/small": b"small"})
    report = await desk.put("run", to="in a bucket")
    large, small = report.files
    assert (large.outcome, small.outcome, report.exit_code) == ("failed", "put", 7)
    assert str(large.problem).startswith("run/large (0.0 GiB) is larger than the service takes in one piece")
    assert "split it" in str(large.problem)
    assert objects.all() == {"run/small": b"small"}
    assert desk.listed() == {"run/small": 5}


@pytest.mark.parametrize("other", [BIG, BIG[::-1]], ids=["the same", "another"])
async def test_of_two_large_files_of_one_name_at_once_one_is_put_and_stays(
    other: bytes, desk: Desk, objects: Objects
) -> None:
    desk.write({"a/file": BIG, "b/file": other})
    reports = await asyncio.gather(*(desk.put(f"{name}/file", to="in a bucket") for name in "ab"))
    outcomes = [report.files[0].outcome for report in reports]
    assert sorted(outcomes) == (["kept", "put"] if other == BIG else ["put", "refused"])
    assert objects.all() == {"file": (BIG, other)[outcomes.index("put")]}
    assert desk.listed() == {"file": len(BIG)}


async def test_a_large_file_replaces_another_only_when_asked(desk: Desk, objects: Objects) -> None:
    desk.write({"file": BIG})
    await desk.put("file", to="in a bucket")
    desk.write({"file": BIG[::-1], "beside": BIG})
    report = await desk.put("file", to="in a bucket")
    assert (report.files[0].outcome, report.exit_code) == ("refused", 7)
    assert objects.all() == {"file": BIG}
    report = await desk.put("beside", "file", to="in a bucket", replace=True, jobs=1)
    assert [file.outcome for file in report.files] == ["put", "replaced"]
    assert objects.all() == {"beside": BIG, "file": BIG[::-1]}


async def test_a_large_file_that_changes_while_it_is_sent_is_not_put(desk: Desk, objects: Objects) -> None:
    desk.write({"file": BIG})
    looked: list[str] = []

    def grow(request: httpx.Request) -> httpx.Request:
        if b"offset" in request.url.query and not looked:
            looked.append(str(request.url))
            os.utime(desk.home / "file", ns=(1, 1))  # it was looked at, and is not yet read
        return request

    desk.way.judge = grow
    report = await desk.put("file", to="in a bucket")
    assert looked
    assert "changed while it was sent" in str(report.files[0].problem)
    assert objects.all() == {}
    assert desk.listed() == {}


async def test_of_a_large_file_it_is_said_that_it_goes_in_one_piece(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs2od.results._sending._LARGE_BYTES", 8 << 20)
    desk.write({"large": BIG, "small": BIG[: 5 << 20]})
    await desk.put("large", "small", to="in a bucket")
    assert len(desk.said) == 1
    assert desk.said[0].startswith("large goes in one piece")
