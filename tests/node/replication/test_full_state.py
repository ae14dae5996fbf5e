"""The disk of the node's own state is full: people are told whose disk it is, and all is caught up by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.node.replication.scenes import Scene, open_scene

from fs2od.errors import StateError, StateFull
from fs2od.node.copy_problems import PROBLEMS, for_people
from fs2od.node.index import SpaceIndex
from fs2od.node.replication.copying import PART_BYTES

FILES = {f"{number:03}.mrc": os.urandom(number) for number in range(300)} | {"large.mrc": os.urandom(PART_BYTES)}


def allow(index: SpaceIndex, more_pages: int) -> None:
    """Leave the database so much room: SQLite itself says that its disk is full."""
    with index.database.writing() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + more_pages}")


def told(scene: Scene) -> str:
    scene.moments.forward(600)
    scene.tick()
    return scene.problem


async def test_copies_come_when_there_is_room_for_the_nodes_own_state_again(tmp_path: Path) -> None:
    with open_scene(tmp_path, FILES) as scene:
        requirement = await scene.require(f"storageId={scene.storage}")
        with scene.world.node.provider.indexes.using(scene.dataset.space) as index:
            for more_pages in (0, 1, 3):
                allow(index, more_pages)
                assert "the node's own disk is full" in told(scene)
                assert str(tmp_path) not in scene.problem
                assert await scene.status(requirement) == "pending"
            allow(index, 1_000_000)
            assert told(scene) == ""
        assert await scene.status(requirement) == "fulfilled"
        assert {path: content for path, content in scene.copies().items() if path in FILES} == FILES


@pytest.mark.parametrize("kind", [StateFull, StateError])
def test_members_do_not_learn_where_the_nodes_state_is(kind: type[StateFull | StateError]) -> None:
    said = for_people(kind("no space left for /somewhere/spaces/x.db: make room"))
    assert "/somewhere" not in said
    assert said in PROBLEMS
