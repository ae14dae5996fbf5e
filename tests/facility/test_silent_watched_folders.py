"""A watched folder of a file server that is away: it is named, the others go on, and it is taken up again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from tests.facility.conftest import World
from tests.facility.test_running import real_time, wait_for_letters

from fs2od.configuration import Configuration
from fs2od.errors import StorageMissing
from fs2od.facility import Datasets
from fs2od.manifests import SIDECAR
from fs2od.testing.silent_folders import silent_folder

_PATIENCE_S = 120


def with_another(world: World) -> tuple[Configuration, Path]:
    """Return a configuration that watches one more folder, before the usual one, and that folder."""
    away = world.folder / "away"
    away.mkdir()
    configuration = world.configuration()
    (watch,) = configuration.watch
    return configuration.model_copy(update={"watch": (watch.model_copy(update={"path": away}), watch)}), away


def passed_over(world: World) -> list[tuple[str, str]]:
    with world.database() as database:
        return [(each.path, each.said) for each in Datasets(database).passed_over()]


async def test_one_that_does_not_answer_holds_up_no_other_and_is_taken_up_when_it_does(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    configuration, away = with_another(world)
    async with world.facility(configuration=configuration).opened() as one_pass:
        await one_pass()
        with silent_folder(away):
            world.dataset("there", running=True)
            async with asyncio.timeout(_PATIENCE_S):
                await world.until(one_pass, world.is_in("acquiring", "there"))
            ((path, said),) = passed_over(world)
            assert path == str(away)
            assert "does not answer" in said
            assert f"passed over: {path}: {said}" in caplog.messages
            assert world.letters()
        copytree(world.watched / "there", away / "back", ignore=ignore_patterns(SIDECAR))
        await world.until(one_pass, world.is_in("acquiring", "back"))
        assert passed_over(world) == []


async def test_a_start_names_it(world: World) -> None:
    configuration, away = with_another(world)
    with silent_folder(away):
        async with asyncio.timeout(_PATIENCE_S):
            with pytest.raises(StorageMissing, match="does not answer"):
                await world.facility(configuration=configuration).run(asyncio.Event())


async def test_one_that_falls_silent_at_work_holds_up_neither_the_others_nor_the_end(world: World) -> None:
    configuration, away = with_another(world)
    copytree(world.dataset("first", running=True), away / "second")
    stop = asyncio.Event()
    running = asyncio.create_task(real_time(world, configuration).run(stop))
    await wait_for_letters(world, 2, _PATIENCE_S)
    with silent_folder(away):
        world.dataset("third", running=True)
        await wait_for_letters(world, 3, _PATIENCE_S)
        stop.set()
        async with asyncio.timeout(_PATIENCE_S):
            await running
