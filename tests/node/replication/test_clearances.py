"""What lies on a storage whose support ended is removed, whatever became of the space; nothing else is."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.node.replication.scenes import FILES, Scene, open_scene

from fs2od.errors import StorageBusy, StorageError
from fs2od.node.panel import emptying, granting
from fs2od.node.panel.clearances import Clearances
from fs2od.node.panel.emptying import empty, in_the_way
from fs2od.node.panel.storage_records import Bucket, StorageRecord
from fs2od.node.running import open_node
from fs2od.node.zone.offers import Offer
from fs2od.onedata.errors import Busy
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId
from fs2od.storage import PosixStorage

SPACE = SpaceId("ab" * 16 + "ch0123")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


async def remove_space(scene: Scene) -> None:
    answer = await scene.world.zone.delete(f"/spaces/{scene.dataset.space}", headers=scene.owner.headers)
    assert answer.status_code == 204, answer.text


def clear(scene: Scene, *, times: int = 1) -> None:
    """Let what was written down be removed, after the time that is left for what still arrives."""
    scene.moments.forward(90)
    for _ in range(times):
        scene.world.node.sites.emptying.go_on()


def waiting(scene: Scene) -> list[tuple[str, int, str | None]]:
    found = Clearances(scene.world.node.zone.database).of_provider(scene.centre.node_provider.record.id, limit=10)
    return [(each.name, each.removed, each.problem) for each in found]


def support_again(scene: Scene, storage: StorageId) -> None:
    with scene.world.node.zone.database.writing() as db:
        scene.centre.node_provider.supports.grant(db, scene.dataset.space, storage, size_bytes=1 << 30)


async def test_the_copies_of_a_space_that_is_removed_are_removed_with_their_folder(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    stranger = scene.folder.with_name(f"{scene.dataset.space}0")
    stranger.mkdir()
    (stranger / "a.mrc").write_bytes(b"another's")
    await remove_space(scene)
    clear(scene)
    assert not scene.folder.exists()
    assert (stranger / "a.mrc").read_bytes() == b"another's"
    assert {path: (scene.dataset.folder / path).read_bytes() for path in FILES} == FILES
    assert waiting(scene) == []


async def test_the_copies_of_a_space_whose_last_support_ends_are_removed(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    granting.end(scene.centre.node_provider, scene.dataset.space)
    granting.end(scene.world.node.provider, scene.dataset.space)
    clear(scene)
    assert not scene.folder.exists()
    assert (scene.dataset.folder / "a.mrc").exists()


async def test_what_is_to_be_removed_is_known_to_the_next_start(tmp_path: Path) -> None:
    with open_scene(tmp_path) as scene:
        await scene.require(f"storageId={scene.storage}")
        scene.look()
        folder = scene.folder
        await remove_space(scene)
    assert folder.exists()
    with open_node(scene.world.node.settings, clock=scene.moments) as node:
        scene.moments.forward(90)
        node.sites.emptying.go_on()
    assert not folder.exists()


DIES = """
import os, signal, sys
from pathlib import Path
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.storage import PosixStorage
from tests.node.replication.moments import Moments
left, delete = 2, PosixStorage.delete
def die_in_the_middle(storage, path):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    delete(storage, path)
PosixStorage.delete = die_in_the_middle
moments = Moments()
moments.forward(int(sys.argv[2]))
with open_node(NodeSettings(Path(sys.argv[1]), "zone.test", "provider.test"), clock=moments) as node:
    node.sites.emptying.go_on()
"""


async def test_a_node_that_is_killed_while_it_removes_goes_on(tmp_path: Path) -> None:
    with open_scene(tmp_path) as scene:
        await scene.require(f"storageId={scene.storage}")
        scene.look()
        folder, settings = scene.folder, scene.world.node.settings
        await remove_space(scene)
    told = ("-c", DIES, str(settings.data), str(scene.moments.ahead_s + 90))
    child = await asyncio.create_subprocess_exec(sys.executable, *told)
    assert await asyncio.wait_for(child.wait(), 60) == -9
    assert len([path for path in folder.rglob("*") if path.is_file()]) == len(FILES) - 1
    scene.moments.forward(90)
    with open_node(settings, clock=scene.moments) as node:
        node.sites.emptying.go_on()
    assert not folder.exists()


async def test_what_is_at_home_on_a_storage_stays_when_the_space_is_removed(scene: Scene) -> None:
    scene.dataset = results = scene.world.results(scene.owner)
    address = f"/data/{results.root}/path/map.mrc"
    answer = await scene.world.provider.put(address, content=b"map", headers=scene.owner.headers)
    assert answer.status_code in (200, 201), answer.text
    # The same folder under another name, and as the storage of another site: still it is where the space is at home.
    above = results.folder.parent
    link = above.parent / "link"
    link.mkdir()
    same = scene.centre.node_provider.storages.add_posix("same", str(link))
    link.rmdir()
    link.symlink_to(above)
    support_again(scene, same)
    await remove_space(scene)
    clear(scene)
    assert (results.folder / "map.mrc").read_bytes() == b"map"
    assert waiting(scene) == []


async def test_results_are_removed_with_their_data_and_their_dataset_stays(scene: Scene) -> None:
    site, zone = scene.centre.node_provider.record.id, scene.world.node.zone
    zone.offers.set(scene.world.administrator.caller, site, Offer(results_storage=scene.storage))
    results = zone.results.make(scene.owner.caller, scene.dataset.space, site)
    address = f"/data/{results}/path/run/map.mrc?create_parents=true"
    answer = await scene.centre.provider.put(address, content=b"map", headers=scene.owner.headers)
    assert answer.status_code == 201, answer.text
    folder = scene.folder.with_name(results)
    # Also where its support ended once, and came again.
    granting.end(scene.centre.node_provider, results)
    with zone.database.writing() as db:
        scene.centre.node_provider.supports.grant(db, results, scene.storage, size_bytes=1 << 30)
    assert (folder / "run/map.mrc").read_bytes() == b"map"
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    answer = await scene.world.zone.delete(f"/spaces/{results}", headers=scene.owner.headers)
    assert answer.status_code == 204
    clear(scene)
    assert not folder.exists()
    assert scene.copies() == FILES


async def test_what_was_once_at_home_there_is_never_removed(scene: Scene) -> None:
    provider = scene.centre.node_provider
    granting.end(scene.world.node.provider, scene.dataset.space)  # the centre is its home now
    scene.folder.mkdir(exist_ok=True)
    (scene.folder / "only.mrc").write_bytes(b"nowhere else")
    granting.end(provider, scene.dataset.space)
    clear(scene)
    with scene.world.node.zone.database.writing() as db:
        scene.world.node.provider.supports.grant(db, scene.dataset.space, scene.dataset.storage, size_bytes=1 << 30)
    support_again(scene, scene.storage)
    granting.end(provider, scene.dataset.space)
    clear(scene)
    assert (scene.folder / "only.mrc").read_bytes() == b"nowhere else"
    assert waiting(scene) == []


async def test_nothing_is_removed_where_an_imported_storage_lies(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    theirs = scene.world.folder / "theirs"
    theirs.mkdir()
    scene.centre.node_provider.storages.add_posix("theirs", str(theirs), imported=True)
    theirs.rmdir()
    theirs.symlink_to(scene.folder / "deep")
    await remove_space(scene)
    clear(scene, times=2)
    assert scene.copies() == FILES
    [(_, removed, problem)] = waiting(scene)
    assert removed == 0
    assert problem is not None
    assert "theirs" in problem


async def test_a_storage_that_is_away_is_tried_again_and_ends_with_a_new_support(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    granting.end(scene.centre.node_provider, scene.dataset.space)
    tries = 0

    def refuse(*_: object) -> NoReturn:
        nonlocal tries
        tries += 1
        raise StorageBusy("not now")

    with monkeypatch.context() as patched:
        patched.setattr(PosixStorage, "delete", refuse)
        clear(scene, times=3)
        assert tries == 1  # and then there is a pause
        assert waiting(scene) == [("dataset", 0, "not now")]
    scene.moments.forward(29)
    scene.world.node.sites.emptying.go_on()
    assert scene.copies() == FILES
    support_again(scene, scene.storage)
    assert waiting(scene) == []
    clear(scene)
    assert scene.copies() == FILES


async def test_several_folders_have_their_turns(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptying, "_TURN_S", 0.0)
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    others = [scene.world.results(scene.owner, name=f"results {number}").space for number in range(3)]
    for other in others:
        with scene.world.node.zone.database.writing() as db:
            scene.centre.node_provider.supports.grant(db, other, scene.storage, size_bytes=1 << 30)
        (scene.folder.with_name(other) / "deep").mkdir(parents=True)
        for name in ("a", "b", "deep/c"):
            (scene.folder.with_name(other) / name).touch()
        scene.world.node.zone.spaces.remove(scene.owner.caller, other)
    clear(scene, times=4)
    # Whose turn the fourth is, their ids say where they were begun in one second.
    assert sorted(removed for _, removed, _ in waiting(scene)) == [1, 1, 2]
    clear(scene, times=20)
    assert waiting(scene) == []
    assert scene.copies() == FILES


async def test_what_is_to_be_removed_is_forgotten_with_its_storage(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    folder = scene.folder
    await remove_space(scene)
    scene.centre.node_provider.storages.remove(scene.storage)
    clear(scene)
    assert waiting(scene) == []
    assert (folder / "a.mrc").exists()


async def test_an_end_is_taken_back_before_anything_is_removed(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    granting.end(scene.centre.node_provider, scene.dataset.space)
    assert waiting(scene) == [("dataset", 0, None)]
    support_again(scene, scene.storage)
    clear(scene)
    assert scene.copies() == FILES


async def test_nothing_is_supported_where_something_is_being_removed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emptying, "_TURN_S", 0.0)
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    granting.end(scene.centre.node_provider, scene.dataset.space)
    clear(scene)
    with pytest.raises(Busy, match="still being removed"):
        support_again(scene, scene.storage)
    clear(scene, times=5)
    support_again(scene, scene.storage)


def test_much_is_removed_a_little_at_a_time(tmp_path: Path) -> None:
    top = tmp_path / SPACE
    for number in range(30):
        (top / f"d{number % 3}").mkdir(parents=True, exist_ok=True)
        (top / f"d{number % 3}/{number}.mrc").touch()
    deep = top.joinpath(*["deeper"] * 300)
    deep.mkdir(parents=True)
    numbers = itertools.count(1)
    runs = [empty(PosixStorage(tmp_path), SPACE, goes_on=lambda: next(numbers) % 20 > 0)]
    while not runs[-1].is_gone:
        runs.append(empty(PosixStorage(tmp_path), SPACE, goes_on=lambda: next(numbers) % 20 > 0))
        assert runs[-1].removed > 0
    assert len(runs) > 3
    assert list(tmp_path.iterdir()) == []


def test_links_are_removed_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/raw.mrc").write_bytes(b"raw")
    storage = tmp_path / "storage"
    (storage / SPACE).mkdir(parents=True)
    (storage / SPACE / "file").symlink_to(outside / "deep/raw.mrc")
    (storage / SPACE / "folder").symlink_to(outside)
    assert empty(PosixStorage(storage), SPACE, goes_on=lambda: True).is_gone
    assert list(storage.iterdir()) == []
    (storage / SPACE).symlink_to(outside)
    found = empty(PosixStorage(storage), SPACE, goes_on=lambda: True)
    assert (found.removed, found.is_gone) == (0, False)
    assert found.problem is not None
    assert (storage / SPACE).is_symlink()
    assert (outside / "deep/raw.mrc").read_bytes() == b"raw"


def test_what_cannot_be_removed_keeps_only_the_folders_that_lead_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("a/keep", "a/gone", "b/c/gone", ".fs2od-partial/0123"):
        (tmp_path / SPACE / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / SPACE / path).touch()
    delete = PosixStorage.delete

    def refuse_one(storage: PosixStorage, path: str) -> None:
        if path.endswith("keep"):
            raise StorageError("it is held")
        delete(storage, path)

    monkeypatch.setattr(PosixStorage, "delete", refuse_one)
    found = empty(PosixStorage(tmp_path), SPACE, goes_on=lambda: True)
    assert (found.is_gone, found.problem) == (False, "it is held")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["keep"]


def record(storage: str, place: Path | Bucket, *, imported: bool = False) -> StorageRecord:
    return StorageRecord(StorageId(storage), ProviderId("p"), storage, place, imported, False, {})


@pytest.mark.parametrize(
    ("mine", "other", "supports"),
    [
        (record("a", Path("/disk"), imported=True), None, ()),
        (record("a", Path("/disk")), None, ("a",)),
        (record("a", Path("/disk")), record("b", Path("/disk"), imported=True), ()),
        (record("a", Path("/disk")), record("b", Path("/"), imported=True), ()),
        (record("a", Path("/disk")), record("b", Path(f"/disk/{SPACE}/raw"), imported=True), ()),
        (record("a", Path("/disk")), record("b", Path(f"/disk/{SPACE}/sub")), ()),
        (record("a", Path("/disk")), record("b", Path("/disk")), ("b",)),
        (record("a", Bucket("https://s3", "em")), record("b", Bucket("https://s3.example", "em"), imported=True), ()),
        (record("a", Bucket("https://s3", "em")), record("b", Bucket("https://s3.example", "em")), ("b",)),
    ],
)
def test_something_is_in_the_way(mine: StorageRecord, other: StorageRecord | None, supports: tuple[str, ...]) -> None:
    others = [mine] if other is None else [mine, other]
    assert in_the_way(mine, SPACE, others, {StorageId(each) for each in supports}) is not None


@pytest.mark.parametrize("space", ["", ".", "..", "a/b", "raw data", "UPPER"])
def test_only_a_folder_that_is_named_after_a_space_is_removed(space: str) -> None:
    mine = record("a", Path("/disk"))
    assert in_the_way(mine, SpaceId(space), [mine], set()) is not None


@pytest.mark.parametrize(
    "other",
    [
        record("b", Path("/disk2"), imported=True),
        record("b", Path("/disk")),
        record("b", Path(f"/disk/{SPACE}0"), imported=True),
        record("b", Bucket("https://s3", "em"), imported=True),
    ],
)
def test_other_storages_are_not_in_the_way(other: StorageRecord) -> None:
    mine = record("a", Path("/disk"))
    assert in_the_way(mine, SPACE, [mine, other], set()) is None
