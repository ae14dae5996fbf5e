"""What an upload left under its partial name is removed once nobody has gone on with it for a week."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.replication.moments import Moments

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.onedata.ids import SpaceId
from fs2od.results._decide import partial_name
from fs2od.results._sources import Source
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import Dataset, Person, World, open_world

DAY_S = 24 * 3600


@pytest.fixture
def moments() -> Moments:
    return Moments()


@pytest.fixture
def world(tmp_path: Path, moments: Moments) -> Iterator[World]:
    with open_world(tmp_path, clock=moments) as opened:
        yield opened


async def put(world: World, space: SpaceId, owner: Person, path: str) -> None:
    url = f"/data/{world.node.provider.files.root_id(space)}/path/{path}?create_parents=true"
    made = await world.provider.put(url, headers=owner.headers, content=b"1234")
    assert made.status_code == 201, made.text


def listed(world: World, space: SpaceId) -> set[str]:
    with world.node.provider.indexes.using(space) as index:
        root = index.get(1)
        assert root is not None
        return {path for path, _ in index.walk(root)}


async def test_the_remains_of_uploads_go_after_a_week_and_nothing_else(world: World, moments: Moments) -> None:
    owner = world.person()
    space: Dataset = world.results(owner)
    source = Source(Path("/scratch/a.mrc"), "run/a.mrc", 5, 7)
    by_put, by_mount = f"run/{partial_name(source)}", f".fs2od-{secrets.token_hex(12)}.partial"
    others = {"run/a.mrc", "run/.fs2od-notes.partial", f"run/x{by_mount}", f"run/{by_mount}.txt"}
    for path in (by_put, by_mount, *others):
        await put(world, space.space, owner, path)
    abandoned = world.node.sites.abandoned
    assert abandoned.spaces() == [space.space]
    moments.forward(6 * DAY_S)
    assert abandoned.sweep(space.space) == 0
    moments.forward(2 * DAY_S)
    assert abandoned.sweep(space.space) == 2
    assert listed(world, space.space) == {"run", *others}
    assert not (space.folder / by_put).exists()
    assert not (space.folder / by_mount).exists()
    assert (space.folder / "run/a.mrc").read_bytes() == b"1234"
    assert abandoned.sweep(space.space) == 0


async def test_one_that_somebody_goes_on_with_stays(world: World, moments: Moments) -> None:
    owner = world.person()
    space, name = world.results(owner).space, f".fs2od-{secrets.token_hex(12)}.partial"
    await put(world, space, owner, name)
    moments.forward(8 * DAY_S)
    with world.node.provider.indexes.using(space) as index:
        (row,) = [entry.row for entry in index.children(1, limit=9)]
        with index.database.writing() as db:
            db.execute("UPDATE entry SET mtime_ns = ? WHERE id = ?", (moments.now_s() * 10**9, row))
    assert world.node.sites.abandoned.sweep(space) == 0
    assert listed(world, space) == {name}


async def test_what_lies_where_nothing_is_written_is_the_facility_s(world: World, moments: Moments) -> None:
    owner, name = world.person(), f".fs2od-{secrets.token_hex(12)}.partial"
    dataset = world.dataset(owner, {name: b"1"})
    old_s = time.time() - 30 * DAY_S
    os.utime(dataset.folder / name, (old_s, old_s))
    moments.forward(30 * DAY_S)
    assert world.node.sites.abandoned.spaces() == []
    assert (dataset.folder / name).exists()


async def test_a_storage_that_is_away_is_looked_at_again(
    world: World, moments: Moments, caplog: pytest.LogCaptureFixture
) -> None:
    owner = world.person()
    space, name = world.results(owner), f".fs2od-{secrets.token_hex(12)}.partial"
    await put(world, space.space, owner, name)
    moments.forward(8 * DAY_S)
    away = space.folder.parent.rename(space.folder.parent.with_name("away"))
    assert world.node.sites.abandoned.sweep(space.space) == 0
    assert "a part of an upload stays in space" in caplog.text
    away.rename(space.folder.parent)
    assert world.node.sites.abandoned.sweep(space.space) == 1


async def test_they_go_from_a_bucket_as_well(world: World, moments: Moments, bucket: S3Settings) -> None:
    owner, provider = world.person(), world.node.provider
    space, name = world.space(owner, "results"), f".fs2od-{secrets.token_hex(12)}.partial"
    place, keys = Bucket(bucket.endpoint, bucket.bucket), Credentials(bucket.access_key, bucket.secret_key)
    storage = provider.storages.add_s3("bucket", place, keys)
    with world.node.zone.database.writing() as db:
        provider.supports.grant(db, space, storage, size_bytes=1 << 30)
    world.node.zone.epoch.move()
    await put(world, space, owner, f"run/{name}")
    moments.forward(8 * DAY_S)
    assert world.node.sites.abandoned.sweep(space) == 1
    assert list(provider.storages.get(storage).opened_for(space).list("")) == []
