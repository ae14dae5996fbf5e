"""The home of a space ends while copies of it exist: what was copied is read on, what was not is never taken for it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.replication.scenes import FILES, Scene, open_bucket_scene, open_scene

from fs2od.node.index import replicas
from fs2od.node.panel.granted import ending
from fs2od.portal.members._copies import Counting
from fs2od.testing.radosgw import Radosgw


@pytest.fixture(params=["disk", "bucket"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    if request.param == "disk":
        with open_scene(tmp_path) as opened:
            yield opened
    else:
        radosgw: Radosgw = request.getfixturevalue("radosgw")
        with open_bucket_scene(tmp_path, radosgw.bucket()) as opened:
            yield opened


async def end_home(scene: Scene) -> None:
    """End the home as its administrator does, and take its files out of reach."""
    path = f"/provider/spaces/{scene.dataset.space}"
    answer = await scene.world.panel.delete(path, headers=scene.world.administrator.headers)
    assert answer.status_code == 204, answer.text
    assert (scene.dataset.folder / "a.mrc").exists()  # raw data stays where it is
    scene.dataset.folder.rename(scene.dataset.folder.with_name("away"))


async def read(scene: Scene, path: str) -> tuple[int, bytes, str]:
    """Return how the centre answers for a file: status, bytes and entity tag."""
    address = f"/data/{scene.world.id_of(scene.dataset, path)}/content"
    answer = await scene.centre.provider.get(address, headers=scene.owner.headers)
    return answer.status_code, answer.content, answer.headers.get("ETag", "")


async def write(scene: Scene, path: str, content: bytes) -> None:
    """Write a file anew, or a new one."""
    try:
        address = f"/data/{scene.world.id_of(scene.dataset, path)}/content"
    except FileNotFoundError:
        address = f"/data/{scene.dataset.root}/path/{path}"
    answer = await scene.centre.provider.put(address, content=content, headers=scene.owner.headers)
    assert answer.status_code in (200, 201, 204), answer.text


async def test_everything_that_was_copied_is_read_on_as_it_was(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    before = {path: await read(scene, path) for path in FILES}
    share = scene.world.share(scene.owner, scene.dataset)
    assert ending(scene.world.node.provider, scene.dataset.space).lost_files == 0
    await end_home(scene)
    assert {path: await read(scene, path) for path in FILES} == before
    assert {path: content for path, (_, content, _) in before.items()} == FILES
    listed = await scene.centre.provider.get(f"/data/{scene.dataset.root}/children", headers=scene.owner.headers)
    assert [child["name"] for child in listed.json()["children"]] == ["a.mrc", "deep", "empty"]
    plain = scene.world.client(scene.centre.node_provider.record.url)
    archive = await plain.get(f"/share/{share}/archive.tar")
    assert archive.status_code == 200
    assert FILES["deep/b.mrc"] in archive.content
    scene.look()
    assert await scene.status(requirement) == "fulfilled"


async def test_what_was_not_copied_is_told_before_and_is_never_called_replicated(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    (scene.dataset.folder / "late.mrc").write_bytes(b"not copied yet")
    scene.world.rescan(scene.dataset.space)
    assert ending(scene.world.node.provider, scene.dataset.space).lost_files == 1
    await end_home(scene)
    assert (await read(scene, "a.mrc"))[1] == FILES["a.mrc"]
    status, _, _ = await read(scene, "late.mrc")
    assert status == 400
    scene.moments.forward(7 * 3600)
    scene.look()
    assert await scene.status(requirement) == "pending"
    await write(scene, "late.mrc", b"brought again")
    assert (await read(scene, "late.mrc"))[1] == b"brought again"
    assert await scene.status(requirement) == "fulfilled"


async def test_what_is_lost_counts_nowhere_as_being_there(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    (scene.dataset.folder / "deep" / "late.mrc").write_bytes(b"not copied yet")
    scene.world.rescan(scene.dataset.space)
    await end_home(scene)
    there, whole = sum(map(len, FILES.values())), sum(map(len, FILES.values())) + len(b"not copied yet")
    supports, provider = scene.centre.node_provider.supports, scene.centre.node_provider
    assert supports.occupancy_bytes(scene.dataset.space) == there
    with provider.indexes.using(scene.dataset.space) as index:
        assert replicas.lost(index, scene.storage) == replicas.Lost(1, whole - there)
    for path, lost in (("", 14), ("deep", 14), ("deep/late.mrc", 14), ("a.mrc", 0)):
        located = provider.access.locate(scene.owner.caller, scene.world.id_of(scene.dataset, path))
        (share,) = provider.sources.distribution(located)
        assert share.size_bytes == located.entry.size_bytes - lost
    _, refused, _ = await read(scene, "deep/late.mrc")
    assert b'"enodata"' in refused
    (counted,) = Counting(provider).of(scene.dataset.space, 0).values()
    assert (counted.size_bytes, counted.copied_bytes, counted.copied_files) == (whole, there, counted.files - 1)
    await write(scene, "deep/late.mrc", b"brought again!")
    assert supports.occupancy_bytes(scene.dataset.space) == whole


async def test_a_copy_of_an_earlier_state_is_never_given_for_the_file(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    (scene.dataset.folder / "a.mrc").write_bytes(b"9876543210")
    scene.world.rescan(scene.dataset.space)
    await end_home(scene)
    assert (await read(scene, "a.mrc"))[0] == 400
    assert (await read(scene, "deep/b.mrc"))[1] == FILES["deep/b.mrc"]


async def test_the_new_home_is_written_to_and_copied_from(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    await end_home(scene)
    await write(scene, "a.mrc", b"written anew")
    await write(scene, "deep/new.mrc", b"new")
    further = scene.world.site("further")
    storage = scene.world.also_support(scene.dataset.space, further.node_provider)
    requirement = await scene.require(f"storageId={storage}", at=scene.centre)
    scene.moments.forward(60)
    scene.look()
    assert await scene.status(requirement) == "fulfilled"
    place = further.node_provider.storages.get(storage).place
    assert isinstance(place, Path)
    folder = place / scene.dataset.space
    copies = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert copies == FILES | {"a.mrc": b"written anew", "deep/new.mrc": b"new"}
    # And when that home ends as well, the next one has everything.
    scene.centre.node_provider.supports.end(scene.dataset.space)
    address = f"/data/{scene.world.id_of(scene.dataset, 'deep/b.mrc')}/content"
    answer = await further.provider.get(address, headers=scene.owner.headers)
    assert answer.content == FILES["deep/b.mrc"]


@pytest.mark.parametrize("spoilt", [b"", b"others"], ids=["gone", "another"])
async def test_what_a_home_inherited_is_checked_and_missed_until_it_is_there_again(
    scene: Scene, spoilt: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    before = await read(scene, "deep/b.mrc")
    await end_home(scene)
    storage = scene.centre.node_provider.storages.get(scene.storage).opened_for(scene.dataset.space)
    storage.delete("deep/b.mrc")
    if spoilt:
        storage.write("deep/b.mrc", [spoilt])
    scene.moments.forward(7 * 3600)
    scene.look()
    assert "1 files of space" in caplog.text
    assert (await read(scene, "deep/b.mrc"))[0] == 400
    assert (await read(scene, "a.mrc"))[1] == FILES["a.mrc"]
    assert await scene.status(requirement) == "pending"
    storage.write("deep/b.mrc", [FILES["deep/b.mrc"]])
    scene.moments.forward(3600)
    scene.look()
    assert await read(scene, "deep/b.mrc") == before
    assert await scene.status(requirement) == "fulfilled"


async def test_what_a_home_inherited_is_read_when_its_times_are_others(scene: Scene) -> None:
    if not isinstance(scene.centre.node_provider.storages.get(scene.storage).place, Path):
        pytest.skip("a bucket says the MD5")
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    before = {path: await read(scene, path) for path in FILES}
    await end_home(scene)
    (scene.folder / "a.mrc").touch()
    (scene.folder / "deep" / "b.mrc").write_bytes(bytes(reversed(FILES["deep/b.mrc"])))
    scene.moments.forward(7 * 3600)
    scene.look()
    assert await read(scene, "a.mrc") == before["a.mrc"]
    assert (await read(scene, "deep/b.mrc"))[0] == 400
    (scene.folder / "deep" / "b.mrc").write_bytes(FILES["deep/b.mrc"])
    scene.moments.forward(3600)
    scene.look()
    assert await read(scene, "deep/b.mrc") == before["deep/b.mrc"]
    assert await scene.status(requirement) == "fulfilled"


async def test_a_copy_that_was_to_be_read_back_as_the_home_ended_is_not_lost(scene: Scene) -> None:
    if not isinstance(scene.centre.node_provider.storages.get(scene.storage).place, Path):
        pytest.skip("a bucket says the MD5")
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    (scene.folder / "a.mrc").touch()
    (scene.folder / "deep" / "b.mrc").write_bytes(bytes(reversed(FILES["deep/b.mrc"])))
    for path in FILES:
        assert (await read(scene, path))[1] == FILES[path]
    await end_home(scene)
    scene.moments.forward(60)
    scene.look()
    assert (await read(scene, "a.mrc"))[1] == FILES["a.mrc"]
    assert (await read(scene, "deep/b.mrc"))[0] == 400
    assert await scene.status(requirement) == "pending"
    (scene.folder / "deep" / "b.mrc").write_bytes(FILES["deep/b.mrc"])
    scene.moments.forward(3600)
    scene.look()
    assert (await read(scene, "deep/b.mrc"))[1] == FILES["deep/b.mrc"]


async def test_a_storage_that_is_away_says_nothing_about_what_was_inherited(scene: Scene) -> None:
    if not isinstance(scene.centre.node_provider.storages.get(scene.storage).place, Path):
        pytest.skip("only a disk is unmounted")
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    before = await read(scene, "a.mrc")
    await end_home(scene)
    scene.folder.rename(scene.folder.with_name("away"))
    scene.moments.forward(7 * 3600)
    scene.look()
    scene.folder.with_name("away").rename(scene.folder)
    assert await read(scene, "a.mrc") == before


async def test_what_only_a_third_site_has_is_read_from_there(scene: Scene) -> None:
    further = scene.world.site("further")
    storage = scene.world.also_support(scene.dataset.space, further.node_provider)
    await scene.require(f"storageId={storage}", path="a.mrc")
    await scene.require(f"storageId={scene.storage}", path="deep")
    await scene.require(f"storageId={scene.storage}", path="empty")
    scene.look()
    assert ending(scene.world.node.provider, scene.dataset.space).lost_files == 0
    share = scene.world.share(scene.owner, scene.dataset)
    await end_home(scene)
    assert {path: (await read(scene, path))[1] for path in FILES} == FILES
    archive = await scene.world.client(scene.centre.node_provider.record.url).get(f"/share/{share}/archive.tar")
    with tarfile.open(fileobj=io.BytesIO(archive.content)) as opened:
        members = {each.name.partition("/")[2]: opened.extractfile(each) for each in opened if each.isfile()}
        assert {path: file.read() for path, file in members.items() if file is not None} == FILES
