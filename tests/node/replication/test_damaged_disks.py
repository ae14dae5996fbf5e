"""A disk with bad places: what lies on them is named, and everything else has its copy."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.node.replication.moments import Moments
from tests.node.replication.scenes import Scene, open_scene

from fs2od.node.index import replicas
from fs2od.node.replication.copying import PART_BYTES
from fs2od.testing.folding_disks import Folding, folding_disk
from fs2od.testing.world import open_world, write_files


async def test_files_that_cannot_be_read_are_named_and_keep_no_other_from_its_copy(tmp_path: Path) -> None:
    files = {f"{number}.mrc": os.urandom(100 * number) for number in range(1, 9)} | {
        "large.mrc": os.urandom(2 * PART_BYTES)
    }
    damaged, behind, disk, moments = {"2.mrc", "large.mrc"}, tmp_path / "behind", tmp_path / "disk", Moments()
    disk.mkdir()
    write_files(behind, files)
    with ExitStack() as stack:
        stack.enter_context(folding_disk(disk, behind, Folding.NOTHING, damaged=damaged))
        world = stack.enter_context(open_world(tmp_path / "world", clock=moments))
        owner, centre = world.person("Owner Example"), world.site("centre")
        space = world.space(owner, "dataset")
        home = world.node.provider.storages.add_posix("disk", str(disk), imported=True, readonly=True)
        dataset = world.support(space, home, disk)
        scene = Scene(world, moments, owner, dataset, centre, world.also_support(dataset.space, centre.node_provider))
        moments.forward(60)
        requirement = await scene.require(f"storageId={scene.storage}")
        scene.look()
        # Of the large one an upload stays, to be gone on with.
        copies = {name: content for name, content in scene.copies().items() if name in files}
        assert copies == {name: content for name, content in files.items() if name not in damaged}
        count, said = scene.failed
        assert count == len(damaged)
        assert "cannot be read or written" in str(said)
        assert await scene.status(requirement) == "pending"
        url = f"/data/{world.id_of(dataset, '2.mrc')}/content"
        answer = await world.provider.get(url, headers=owner.headers)
        assert answer.json()["error"]["details"] == {"errno": "eio"}
        url = f"/data/{world.id_of(dataset, '3.mrc')}/content"
        assert (await world.provider.get(url, headers=owner.headers)).content == files["3.mrc"]


def test_what_fails_again_and_again_is_tried_ever_seldomer_and_anew_when_it_is_another(tmp_path: Path) -> None:
    with (
        open_scene(tmp_path, {"a.mrc": b"x"}) as scene,
        scene.world.node.provider.indexes.using(scene.dataset.space) as index,
    ):
        far, now_s, pauses = 2**62, 1_000_000, []

        def lacking(at_s: int) -> list[replicas.Lacking]:
            return replicas.lacking(index, scene.storage, settled_ns=far, now_s=at_s, limit=10)

        def is_left_alone(at_s: int) -> bool:
            return not lacking(at_s)

        (lacks,) = lacking(now_s)
        failure = replicas.Failure(lacks.row, lacks.path, lacks.version, "bad place", pause_s=30)
        for _ in range(12):
            replicas.note_failure(index, scene.storage, [failure], now_s=now_s)
            pauses.append(next(pause for pause in range(0, 7200, 10) if not is_left_alone(now_s + pause)))
        assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600]
        assert not is_left_alone(now_s - 86_400)  # a clock that was set back puts nothing off
        other = replicas.Version(2, lacks.version.mtime_ns + 1, lacks.version.ctime_ns, lacks.version.inode)
        replicas.note_failure(index, scene.storage, [replace(failure, version=other)], now_s=now_s)
        with index.database.writing() as db:
            db.execute("UPDATE entry SET size = 2, mtime_ns = mtime_ns + 1 WHERE id = ?", (lacks.row,))
        assert is_left_alone(now_s + 20)
        assert not is_left_alone(now_s + 30)
