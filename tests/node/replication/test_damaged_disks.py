"""A disk with bad places: what lies on them is named, and everything else has its copy."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from tests.node.replication.moments import Moments
from tests.node.replication.scenes import Scene

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
