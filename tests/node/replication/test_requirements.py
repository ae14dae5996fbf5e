"""Requirements that are kept true: what they say is what there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.node.replication.scenes import FILES, Scene, open_scene

from fs2od.manifests import SIDECAR
from fs2od.testing.sidecars import extend_sidecar


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


async def test_files_are_copied_and_only_then_is_the_requirement_fulfilled(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    assert await scene.status(requirement) == "pending"
    scene.look()
    assert scene.copies() == FILES
    assert await scene.status(requirement) == "fulfilled"


async def test_the_storage_where_the_data_is_counts_as_one(scene: Scene) -> None:
    one, two, three = [await scene.require("anyStorage", number) for number in (1, 2, 3)]
    assert [await scene.status(each) for each in (one, two, three)] == ["fulfilled", "pending", "impossible"]
    scene.look()
    assert [await scene.status(each) for each in (one, two, three)] == ["fulfilled", "fulfilled", "impossible"]
    summary = await scene.world.provider.get(f"/data/{scene.dataset.root}/qos/summary", headers=scene.owner.headers)
    assert summary.json()["status"] == "impossible"


async def test_a_requirement_on_a_folder_is_about_what_lies_in_it_alone(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}", path="deep")
    scene.look()
    assert set(scene.copies()) == {"deep/b.mrc"}
    assert await scene.status(requirement) == "fulfilled"


async def test_new_and_changed_files_of_a_live_acquisition_are_copied_as_they_settle(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    (scene.dataset.folder / "new.mrc").write_bytes(b"new")
    (scene.dataset.folder / "a.mrc").write_bytes(b"changed")
    scene.world.rescan(scene.dataset.space)
    assert await scene.status(requirement) == "pending"
    scene.moments.forward(-scene.moments.ahead_s)  # both were written just now
    scene.look()
    assert set(scene.copies()) == set(FILES)
    scene.moments.forward(60)
    scene.look()
    assert scene.copies() == FILES | {"new.mrc": b"new", "a.mrc": b"changed"}
    assert await scene.status(requirement) == "fulfilled"


async def test_a_file_that_changed_since_the_scan_waits_for_the_next_one(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    (scene.dataset.folder / "a.mrc").write_bytes(b"grown by much")
    scene.look()
    assert set(scene.copies()) == set(FILES) - {"a.mrc"}
    assert await scene.status(requirement) == "pending"
    scene.world.rescan(scene.dataset.space)
    scene.look()
    assert scene.copies()["a.mrc"] == b"grown by much"
    assert await scene.status(requirement) == "fulfilled"


async def test_rights_that_changed_send_nothing_again(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    before = (scene.folder / "a.mrc").stat().st_ino
    (scene.dataset.folder / "a.mrc").chmod(0o600)
    scene.world.rescan(scene.dataset.space)
    assert await scene.status(requirement) == "pending"
    scene.look()
    assert await scene.status(requirement) == "fulfilled"
    assert (scene.folder / "a.mrc").stat().st_ino == before


async def test_a_size_that_was_granted_is_never_exceeded(scene: Scene) -> None:
    (scene.dataset.folder / "large").write_bytes(b"x" * 1_500_000)
    scene.world.rescan(scene.dataset.space)
    requirement = await scene.require(f"storageId={scene.storage}")
    supports = scene.centre.node_provider.supports
    supports.change(scene.dataset.space, size_bytes=1_000_000)
    scene.look()
    assert "large" not in scene.copies()
    assert await scene.status(requirement) == "pending"
    assert "granted" in scene.problem
    supports.change(scene.dataset.space, size_bytes=2_000_000)
    scene.look()
    assert await scene.status(requirement) == "fulfilled"
    assert scene.problem == ""


async def test_a_storage_that_is_away_is_named_and_caught_up_with(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    mount = scene.folder.parent
    mount.rename(mount.with_name("away"))
    scene.look()
    assert "not there" in scene.problem
    assert await scene.status(requirement) == "pending"
    mount.with_name("away").rename(mount)
    scene.moments.forward(60)
    scene.tick()  # by itself, without being told
    assert await scene.status(requirement) == "fulfilled"


async def test_what_was_in_the_way_of_a_requirement_goes_with_it(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.folder.parent.rename(scene.folder.parent.with_name("away"))
    scene.look()
    assert scene.problem
    await scene.world.provider.delete(f"/qos_requirements/{requirement}", headers=scene.owner.headers)
    scene.look()
    assert scene.problem == ""


async def test_what_is_there_is_not_copied_again(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    written = {path.name: path.stat().st_ino for path in scene.folder.rglob("*.mrc")}
    scene.look()
    assert {path.name: path.stat().st_ino for path in scene.folder.rglob("*.mrc")} == written


async def test_a_change_wakes_the_replicator(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    (scene.dataset.folder / "new.mrc").write_bytes(b"new")
    scene.world.rescan(scene.dataset.space)
    scene.moments.forward(20)  # less than it lets a space rest in which nothing moves
    scene.tick()
    assert await scene.status(requirement) == "fulfilled"


async def test_ids_of_matching_storages_are_told_before_an_expression_is_used(scene: Scene) -> None:
    scene.centre.node_provider.storages.change(scene.storage, qos_parameters={"geo": "PL"})
    path = f"/spaces/{scene.dataset.space}/evaluate_qos_expression"
    answer = await scene.world.provider.post(path, json={"expression": "geo=PL"}, headers=scene.owner.headers)
    assert [each["id"] for each in answer.json()["matchingStorages"]] == [scene.storage]


async def test_a_file_that_is_not_what_its_manifest_says_is_never_called_replicated(scene: Scene) -> None:
    file = scene.dataset.folder / "a.mrc"
    extend_sidecar(scene.dataset.folder)
    before = file.stat()
    file.write_bytes(b"01234x6789")  # of the same size and time, as a failing disk would have it
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    scene.world.rescan(scene.dataset.space)
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert await scene.status(requirement) == "pending"
    assert "a.mrc" not in scene.copies()
    assert "not what its manifest says" in (scene.failed[1] or "")
    file.write_bytes(FILES["a.mrc"])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    scene.world.rescan(scene.dataset.space)
    scene.moments.forward(120)
    scene.tick()
    assert await scene.status(requirement) == "fulfilled"


async def test_a_manifest_that_comes_after_the_copy_is_compared_with_it(scene: Scene) -> None:
    file = scene.dataset.folder / "a.mrc"
    before = file.stat()
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    file.write_bytes(b"01234x6789")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    extend_sidecar(scene.dataset.folder)  # it names the bytes that are there now
    scene.world.node.provider.imports.force_start(scene.dataset.space)
    scene.world.settle(scene.dataset.space)
    scene.world.node.provider.checksums.load(scene.dataset.space)
    assert await scene.status(requirement) == "pending"
    scene.moments.forward(60)
    scene.look()
    assert scene.copies()["a.mrc"] == b"01234x6789"
    assert {path for path in scene.copies() if not path.startswith(SIDECAR)} == set(FILES)
    assert await scene.status(requirement) == "fulfilled"


async def test_people_are_told_how_far_it_is(scene: Scene) -> None:
    await scene.require(f"storageId={scene.storage}")
    (before,) = scene.replicator.progress(scene.dataset.space)
    assert (before.sum.files, before.sum.replicated_files, before.left_s) == (3, 0, None)
    scene.look()
    (after,) = scene.replicator.progress(scene.dataset.space)
    size = sum(map(len, FILES.values()))
    assert (after.sum.replicated_files, after.sum.replicated_bytes, after.problem) == (3, size, None)


async def test_members_see_how_it_stands_and_why_not(scene: Scene) -> None:
    met = await scene.require(f"storageId={scene.storage}")
    unmet = await scene.require("anyStorage", 3)
    scene.folder.parent.rename(scene.folder.parent.with_name("away"))
    scene.look()
    path = f"/fs2od/spaces/{scene.dataset.space}/replication"
    found = (await scene.world.provider.get(path, headers=scene.owner.headers)).json()
    states = {each["qosRequirementId"]: (each["status"], each["problem"]) for each in found["requirements"]}
    assert states == {
        met: ("pending", None),
        unmet: ("impossible", "2 of the space's storages match, and copies on 3 are asked for"),
    }
    (copies,) = found["copies"]
    size = sum(map(len, FILES.values()))
    assert (copies["files"], copies["size"], copies["copiedFiles"], copies["secondsLeft"]) == (3, size, 0, None)
    assert "not there" in copies["problem"]
    assert str(scene.folder.parent) not in str(found)


async def test_the_log_of_a_requirement_says_what_happened_to_each_file(scene: Scene) -> None:
    extend_sidecar(scene.dataset.folder)
    before = (scene.dataset.folder / "a.mrc").stat()
    (scene.dataset.folder / "a.mrc").write_bytes(b"01234x6789")
    os.utime(scene.dataset.folder / "a.mrc", ns=(before.st_atime_ns, before.st_mtime_ns))
    scene.world.rescan(scene.dataset.space)
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    path = f"/qos_requirements/{requirement}/audit_log"

    async def log(**asked: int) -> dict[str, Any]:
        found: dict[str, Any] = (await scene.world.provider.get(path, params=asked, headers=scene.owner.headers)).json()
        return found

    whole = await log()
    assert whole["isLast"]
    statuses = {each["content"]["fileId"]: each["content"]["status"] for each in whole["logEntries"]}
    assert statuses[scene.world.id_of(scene.dataset, "a.mrc")] == "failed"
    assert statuses[scene.world.id_of(scene.dataset, "deep/b.mrc")] == "completed"
    assert [each["index"] for each in whole["logEntries"]] == list(range(len(statuses)))
    page = await log(offset=1, limit=1)
    assert (page["isLast"], page["logEntries"]) == (False, whole["logEntries"][1:2])
    late = whole["logEntries"][-1]["timestamp"] + 1
    assert await log(timestamp=late) == {"isLast": True, "logEntries": []}
    assert (await log(limit=0))["error"]["id"] == "badValueNotInRange"


async def test_what_was_written_just_now_is_looked_at_again_as_soon_as_it_has_settled(scene: Scene) -> None:
    scene.moments.forward(-scene.moments.ahead_s)  # everything was written just now
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.tick()
    assert scene.copies() == {}
    scene.moments.forward(12)
    scene.tick()
    assert await scene.status(requirement) == "fulfilled"
