"""Other folders under the names of datasets: whose data it is, is for a person to say, and nobody sees it before."""

from __future__ import annotations

import shutil
from pathlib import Path

from click.testing import CliRunner
from tests.facility.conftest import METADATA, World

from fs2od.cli.main import fs2od
from fs2od.configuration import Configuration
from fs2od.facility import NothingToAccept

NAME = "20261103_P2"
OTHERS = METADATA.replace("@", "-of-somebody-else@")


def replaced(world: World, folder: Path) -> None:
    """Put somebody else's folder where a dataset was, while the dataset's own one is still there."""
    folder.rename(world.folder / "aside")
    world.dataset(NAME, metadata=OTHERS)


async def test_trying_again_does_not_take_another_folder_for_the_dataset_s(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        replaced(world, folder)
        for _ in range(2):
            await world.until(one_pass, world.is_in("needs you", NAME))
            assert "another folder now has this name" in world.rows()[NAME].stuck
            world.retry(NAME)
            for _ in range(8):
                world.clock.move(seconds=5)
                await one_pass()
    assert world.rows()[NAME].state == "needs you"
    assert len(world.letters()) == 1


async def test_trying_again_where_a_folder_is_gone_makes_nobody_the_dataset_s_owner(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        shutil.rmtree(folder)
        await world.until(one_pass, world.is_in("needs you", NAME))
        world.retry(NAME)
        await one_pass()
        world.dataset(NAME, metadata=OTHERS)
        for _ in range(8):
            world.clock.move(seconds=5)
            await one_pass()
    assert "another folder now has this name" in world.rows()[NAME].stuck
    assert len(world.letters()) == 1


async def test_an_operator_accepts_the_folder_all_the_same(world: World) -> None:
    folder = world.dataset(running=True)
    asked = ["datasets", "accept", NAME, "--data", str(world.state)]
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        early = CliRunner().invoke(fs2od, asked)
        assert isinstance(early.exception, NothingToAccept)
        replaced(world, folder)
        await world.until(one_pass, world.is_in("needs you", NAME))
        said = CliRunner().invoke(fs2od, asked)
        assert (said.exit_code, said.stdout) == (0, "")
        await world.until(one_pass, lambda: len(world.letters()) == 2)
        assert "accept" in world.history(NAME)
        assert world.rows()[NAME].stuck == ""


async def test_a_watched_folder_that_was_moved_is_said_with_each_dataset_and_goes_on_when_it_is_back(
    world: World,
) -> None:
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    moved = world.watched.rename(world.folder / "moved")
    document = world.configuration().model_dump()
    document["watch"] = [{**document["watch"][0], "path": moved}]
    async with world.facility(configuration=Configuration.model_validate(document)).opened() as one_pass:
        await world.until(one_pass, world.is_in("needs you", NAME))
        assert f"seems to be called {moved}/{NAME} now" in world.rows()[NAME].stuck
    moved.rename(world.watched)
    document["watch"] = [{**document["watch"][0], "path": world.folder, "glob": f"{world.watched.name}/*"}]
    async with world.facility(configuration=Configuration.model_validate(document)).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        assert list(world.rows()) == [NAME]
        (world.watched / NAME / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
    assert len(world.letters()) == 2
