"""Reading through a site that has copies, and what is told of where data lies."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.node.replication.scenes import FILES, Scene, open_bucket_scene, open_scene

from fs2od.node.index import replicas
from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.network import Proxy, Refuse
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import write_files


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    with open_scene(tmp_path) as opened:
        await opened.require(f"storageId={opened.storage}")
        opened.look()
        yield opened


@pytest.fixture
def in_bucket(tmp_path: Path, bucket: S3Settings) -> Iterator[Scene]:
    with open_bucket_scene(tmp_path, bucket, FILES | {"large.mrc": os.urandom(20_000_000)}) as opened:
        yield opened


async def read(scene: Scene, path: str, **headers: str) -> httpx.Response:
    file = scene.world.id_of(scene.dataset, path)
    return await scene.centre.provider.get(f"/data/{file}/content", headers=scene.owner.headers | headers)


def has_copy(scene: Scene, path: str) -> bool:
    """Say whether a checked copy of a file is known."""
    with scene.world.node.provider.indexes.using(scene.dataset.space) as index:
        entry = index.lookup(path.split("/"))
        return entry is not None and bool(replicas.holders(index, entry.row))


async def test_a_site_reads_its_own_copy_while_the_facility_is_away(scene: Scene) -> None:
    scene.dataset.folder.rename(scene.dataset.folder.with_name("away"))
    for path, content in FILES.items():
        answer = await read(scene, path)
        assert (answer.status_code, answer.content) == (200, content)
    part = await read(scene, "deep/b.mrc", Range="bytes=3-5")
    assert part.content == FILES["deep/b.mrc"][3:6]


async def test_the_facility_gives_a_sites_copy_while_its_own_storage_is_away(scene: Scene) -> None:
    scene.dataset.folder.rename(scene.dataset.folder.with_name("away"))
    file = scene.world.id_of(scene.dataset, "a.mrc")
    answer = await scene.world.provider.get(f"/data/{file}/content", headers=scene.owner.headers)
    assert answer.content == FILES["a.mrc"]


async def test_archives_and_streams_of_many_files_take_copies_while_the_facility_is_away(scene: Scene) -> None:
    scene.dataset.folder.rename(scene.dataset.folder.with_name("away"))
    for client in (scene.world.provider, scene.centre.provider):
        answer = await client.get(
            f"/data/{scene.dataset.root}/content", headers=scene.owner.headers, follow_redirects=True
        )
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            files = {entry.name: archive.extractfile(entry) for entry in archive if entry.isfile()}
            found = {name.partition("/")[2]: file.read() for name, file in files.items() if file is not None}
        assert {path: found[path] for path in FILES} == FILES


async def test_both_give_the_same_tag_so_that_a_download_goes_on_anywhere(scene: Scene) -> None:
    file = scene.world.id_of(scene.dataset, "a.mrc")
    tags = [
        (await client.get(f"/data/{file}/content", headers=scene.owner.headers)).headers["ETag"]
        for client in (scene.world.provider, scene.centre.provider)
    ]
    assert tags[0] == tags[1]


async def test_a_copy_that_vanished_is_passed_over_and_made_anew(scene: Scene) -> None:
    (scene.folder / "a.mrc").unlink()
    assert (await read(scene, "a.mrc")).content == FILES["a.mrc"]
    scene.moments.forward(10)
    scene.tick()
    assert scene.copies() == FILES


@pytest.mark.parametrize("home", ["there", "away"])
async def test_a_copy_that_became_another_of_the_same_size_is_never_given_and_made_anew(
    scene: Scene, home: str
) -> None:
    path, right = scene.folder / "deep" / "b.mrc", FILES["deep/b.mrc"]
    facts = path.stat()
    path.write_bytes(bytes(reversed(right)))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    if home == "away":
        scene.dataset.folder.rename(scene.dataset.folder.with_name("away"))
    answer = await read(scene, "deep/b.mrc")
    assert (answer.status_code == 200) == (home == "there")
    assert home == "away" or answer.content == right
    if home == "away":
        scene.dataset.folder.with_name("away").rename(scene.dataset.folder)
    scene.moments.forward(60)
    scene.tick()
    assert scene.copies() == FILES


async def test_a_copy_that_became_another_is_noticed_though_nobody_reads_it(scene: Scene) -> None:
    (scene.folder / "deep" / "b.mrc").write_bytes(bytes(reversed(FILES["deep/b.mrc"])))
    scene.moments.forward(7 * 3600)
    scene.look()
    scene.look()
    assert scene.copies() == FILES


async def test_a_copy_of_which_only_rights_changed_is_read_back_and_counts_again(scene: Scene) -> None:
    path = scene.folder / "deep" / "b.mrc"
    before = path.stat()
    path.chmod(0o640)
    assert (await read(scene, "deep/b.mrc")).content == FILES["deep/b.mrc"]
    assert has_copy(scene, "deep/b.mrc") is False
    scene.moments.forward(60)
    scene.tick()
    assert has_copy(scene, "deep/b.mrc") is True
    assert path.stat().st_ino == before.st_ino  # nothing was sent


async def test_copies_that_were_checked_before_their_own_times_were_kept_go_on_and_get_them(scene: Scene) -> None:
    forgotten = "UPDATE replica SET own_mtime_ns = NULL, own_ctime_ns = NULL, own_inode = NULL"
    with scene.world.node.provider.indexes.using(scene.dataset.space) as index, index.database.writing() as db:
        db.execute(forgotten)
    assert has_copy(scene, "deep/b.mrc") is True
    assert (await read(scene, "deep/b.mrc")).content == FILES["deep/b.mrc"]
    scene.moments.forward(7 * 3600)
    scene.look()
    (scene.folder / "deep" / "b.mrc").write_bytes(bytes(reversed(FILES["deep/b.mrc"])))
    assert (await read(scene, "deep/b.mrc")).content == FILES["deep/b.mrc"]
    assert has_copy(scene, "deep/b.mrc") is False


async def test_an_object_that_became_another_of_the_same_size_is_never_given(
    in_bucket: Scene, bucket: S3Settings
) -> None:
    await in_bucket.require(f"storageId={in_bucket.storage}")
    in_bucket.look()
    key = f"{in_bucket.dataset.space}/deep/b.mrc"
    client_of(bucket).put_object(Bucket=bucket.bucket, Key=key, Body=bytes(reversed(FILES["deep/b.mrc"])))
    answer = await read(in_bucket, "deep/b.mrc")
    assert answer.content == FILES["deep/b.mrc"]


async def test_a_copy_of_an_earlier_state_is_not_given(scene: Scene) -> None:
    write_files(scene.dataset.folder, {"a.mrc": b"changed"})
    scene.world.rescan(scene.dataset.space)
    assert (await read(scene, "a.mrc")).content == b"changed"


async def test_it_is_told_which_site_has_which_bytes(scene: Scene) -> None:
    other = scene.world.site("other")
    scene.world.also_support(scene.dataset.space, other.node_provider)
    file = scene.world.id_of(scene.dataset, "deep/b.mrc")
    found = (await scene.world.provider.get(f"/data/{file}/distribution", headers=scene.owner.headers)).json()
    ids = [scene.world.node.provider.record.id, scene.centre.node_provider.record.id, other.node_provider.record.id]
    blocks = {
        provider: [each["blocks"] for each in told["distributionPerStorage"].values()]
        for provider, told in found["distributionPerProvider"].items()
    }
    assert blocks == {ids[0]: [[[0, 256]]], ids[1]: [[[0, 256]]], ids[2]: [[]]}
    whole = (
        await scene.world.provider.get(f"/data/{scene.dataset.root}/distribution", headers=scene.owner.headers)
    ).json()
    sizes = {
        provider: [each["physicalSize"] for each in told["distributionPerStorage"].values()]
        for provider, told in whole["distributionPerProvider"].items()
    }
    size = sum(map(len, FILES.values()))
    assert sizes == {ids[0]: [size], ids[1]: [size], ids[2]: [0]}


def test_what_a_site_holds_counts_as_occupied(scene: Scene) -> None:
    assert scene.centre.node_provider.supports.occupancy_bytes(scene.dataset.space) == sum(map(len, FILES.values()))


async def test_ranges_come_from_a_bucket_as_from_a_disk(in_bucket: Scene) -> None:
    await in_bucket.require(f"storageId={in_bucket.storage}")
    in_bucket.look()
    content = (in_bucket.dataset.folder / "large.mrc").read_bytes()
    in_bucket.dataset.folder.rename(in_bucket.dataset.folder.with_name("away"))
    assert (await read(in_bucket, "large.mrc")).content == content
    part = await read(in_bucket, "large.mrc", Range="bytes=9999990-10000009")
    assert (part.status_code, part.content) == (206, content[9_999_990:10_000_010])


async def test_a_copy_that_breaks_while_it_is_read_gives_way_to_the_file(in_bucket: Scene, bucket: S3Settings) -> None:
    await in_bucket.require(f"storageId={in_bucket.storage}")
    in_bucket.look()
    located = in_bucket.centre.node_provider.access.locate(
        in_bucket.owner.caller, in_bucket.world.id_of(in_bucket.dataset, "large.mrc")
    )
    with in_bucket.centre.node_provider.sources.open(located) as file:
        first = file.read(100)
        client_of(bucket).put_object(Bucket=bucket.bucket, Key=f"{in_bucket.dataset.space}/large.mrc", Body=b"other")
        rest = file.read()
    assert first + rest == (in_bucket.dataset.folder / "large.mrc").read_bytes()


async def test_a_store_that_does_not_answer_is_left_alone_for_a_minute_and_then_tried_by_one(
    tmp_path: Path, bucket: S3Settings, radosgw: Radosgw
) -> None:
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as proxy:
        way = replace(bucket, endpoint=f"http://127.0.0.1:{proxy.ports[0]}")
        with open_bucket_scene(tmp_path, way) as scene:
            await scene.require(f"storageId={scene.storage}")
            scene.look()
            proxy.forget()
            assert (await read(scene, "a.mrc")).content == FILES["a.mrc"]
            assert proxy.exchanges
            proxy.strike(Refuse(503), when=lambda _: True, times=1000)
            for is_asked, passed_s in ((True, 0), (False, 0), (False, 55), (True, 10), (False, 0)):
                proxy.forget()
                scene.moments.forward(passed_s)
                assert (await read(scene, "a.mrc")).content == FILES["a.mrc"]
                assert bool(proxy.exchanges) == is_asked
            # While home is away it is asked all the same.
            scene.dataset.folder.rename(scene.dataset.folder.with_name("away"))
            proxy.forgive()
            assert (await read(scene, "a.mrc")).content == FILES["a.mrc"]
            scene.moments.forward(60)
            proxy.forget()
            for _ in range(2):
                assert (await read(scene, "deep/b.mrc")).content == FILES["deep/b.mrc"]
            assert len(proxy.exchanges) == 4
