"""What copies leave behind when nobody wants them any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.node.replication.scenes import FILES, Scene, open_scene

from fs2od.errors import StorageError
from fs2od.node.replication import clearing
from fs2od.node.replication.copying import WHOLE_BYTES
from fs2od.storage import PosixStorage
from fs2od.testing.world import Dataset


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


@pytest.fixture
def results(scene: Scene) -> Dataset:
    """A space that people write into, whose copies go to the centre as well."""
    results = scene.world.results(scene.owner)
    scene.storage = scene.world.also_support(results.space, scene.centre.node_provider)
    scene.dataset = results
    return results


async def put(scene: Scene, path: str, content: bytes) -> None:
    address = f"/data/{scene.dataset.root}/path/{path}"
    answer = await scene.world.provider.put(address, content=content, headers=scene.owner.headers)
    assert answer.status_code in (200, 201, 204), answer.text


async def move(scene: Scene, path: str, to: str) -> None:
    cdmi = scene.world.client(scene.world.node.settings.provider_url)
    headers = scene.owner.headers | {
        "X-CDMI-Specification-Version": "1.1.1", "Content-Type": "application/cdmi-object",
    }  # fmt: skip
    moved = await cdmi.put(f"/cdmi/results/{to}", json={"move": f"results/{path}"}, headers=headers)
    assert moved.status_code in (200, 201), moved.text


async def test_a_result_is_copied_changed_and_removed_with_its_copy(scene: Scene, results: Dataset) -> None:
    await put(scene, "map.mrc", b"first")
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.moments.forward(60)
    scene.look()
    assert scene.copies() == {"map.mrc": b"first"}
    await scene.world.provider.delete(f"/data/{scene.world.id_of(results, 'map.mrc')}", headers=scene.owner.headers)
    scene.look()
    assert scene.copies() == {}
    assert await scene.status(requirement) == "fulfilled"


@pytest.mark.usefixtures("results")
async def test_a_result_that_moved_has_its_copy_in_its_new_place(scene: Scene) -> None:
    await put(scene, "map.mrc", b"one")
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.moments.forward(60)
    scene.look()
    await move(scene, "map.mrc", "better.mrc")
    await put(scene, "map.mrc", b"another")
    scene.moments.forward(60)
    scene.look()
    assert scene.copies() == {"better.mrc": b"one", "map.mrc": b"another"}
    assert await scene.status(requirement) == "fulfilled"


@pytest.mark.usefixtures("results")
async def test_a_large_result_that_moved_leaves_nothing_in_its_old_place(scene: Scene) -> None:
    content = bytes(WHOLE_BYTES + 1)
    await put(scene, "map.mrc", content)
    await scene.require(f"storageId={scene.storage}")
    for path, to in (("map.mrc", "better.mrc"), ("better.mrc", "best.mrc")):
        scene.moments.forward(60)
        scene.look()
        scene.look()  # what was left behind is cleared before the next copies
        assert scene.copies() == {path: content}
        await move(scene, path, to)
    scene.moments.forward(60)
    scene.look()
    scene.look()
    assert scene.copies() == {"best.mrc": content}


@pytest.mark.usefixtures("results")
async def test_results_that_changed_places_and_failed_at_first_leave_nothing_behind(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(scene, "a.mrc", b"one")
    await put(scene, "b.mrc", b"two")
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.moments.forward(60)
    scene.look()

    def refuse(*_: object, **__: object) -> NoReturn:
        raise StorageError("not now")

    await move(scene, "b.mrc", "c.mrc")
    await move(scene, "a.mrc", "b.mrc")
    scene.moments.forward(60)
    with monkeypatch.context() as patched:
        patched.setattr(PosixStorage, "write", refuse)
        scene.look()
    assert scene.failed[0] == 2
    scene.moments.forward(3600)
    scene.look()
    scene.look()
    assert scene.copies() == {"b.mrc": b"one", "c.mrc": b"two"}
    assert await scene.status(requirement) == "fulfilled"


async def test_copies_of_raw_data_that_vanished_stay(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    (scene.dataset.folder / "a.mrc").unlink()
    scene.world.rescan(scene.dataset.space)
    scene.look()
    assert scene.copies() == FILES


async def test_a_support_that_ends_takes_its_copies_along(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    folder = scene.folder
    scene.centre.node_provider.supports.end(scene.dataset.space)
    answer = await scene.world.provider.get(f"/qos_requirements/{requirement}", headers=scene.owner.headers)
    assert answer.json()["status"] == "impossible"
    scene.moments.forward(10)
    scene.tick()
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert (scene.dataset.folder / "a.mrc").exists()


async def test_what_stays_on_one_storage_keeps_nothing_on_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "_AT_ONCE", 1)
    further = scene.world.site("further")
    storage = scene.world.also_support(scene.dataset.space, further.node_provider)
    await scene.require("anyStorage", 3)
    scene.look()
    place = further.node_provider.storages.get(storage).place
    assert isinstance(place, Path)
    assert len([path for path in place.rglob("*") if path.is_file()]) == len(FILES)
    (scene.dataset.folder / "a.mrc").unlink()
    (scene.dataset.folder / "deep/b.mrc").unlink()
    scene.world.rescan(scene.dataset.space)
    further.node_provider.supports.end(scene.dataset.space)
    for _ in range(len(FILES) + 1):
        scene.look()
    assert not [path for path in place.rglob("*") if path.is_file()]
    assert scene.copies() == FILES


async def test_what_cannot_be_removed_keeps_nobody_from_the_rest(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "_AT_ONCE", 1)
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    delete = PosixStorage.delete

    def refuse_the_first(storage: PosixStorage, path: str) -> None:
        if path == "a.mrc":
            raise StorageError("no")
        delete(storage, path)

    monkeypatch.setattr(PosixStorage, "delete", refuse_the_first)
    scene.centre.node_provider.supports.end(scene.dataset.space)
    for _ in range(len(FILES) + 1):
        scene.look()
    assert list(scene.copies()) == ["a.mrc"]
    monkeypatch.undo()
    scene.look()
    assert scene.copies() == {}


async def test_a_directory_in_the_place_of_a_copy_is_left_and_forgotten(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    (scene.folder / "a.mrc").unlink()
    (scene.folder / "a.mrc").mkdir()
    scene.centre.node_provider.supports.end(scene.dataset.space)
    scene.look()
    assert scene.copies() == {}
    assert await scene.status(requirement) == "impossible"


async def test_a_space_that_is_gone_is_looked_at_no_more(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    answer = await scene.world.zone.delete(f"/spaces/{scene.dataset.space}", headers=scene.owner.headers)
    assert answer.status_code == 204
    scene.tick()
    assert not scene.folder.parent.is_dir() or not [path for path in scene.folder.rglob("*") if path.is_file()]
