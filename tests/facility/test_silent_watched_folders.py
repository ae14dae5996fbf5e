"""A watched folder of a file server that is away: it is named, the others go on, and it is taken up again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from tests.facility.conftest import World
from tests.facility.test_running import real_time, wait_for, wait_for_letters

from fs2od.answering import in_thread, open_folder
from fs2od.configuration import Configuration
from fs2od.errors import StorageMissing
from fs2od.facility import Datasets, plan
from fs2od.facility.deciding import ReadMetadata
from fs2od.facility.hashing import Hashing
from fs2od.facility.journal import Journal
from fs2od.facility.onboarding import Performer
from fs2od.facility.watching import Answers, Sighting, Surveys, look
from fs2od.manifests import MANIFEST, SIDECAR
from fs2od.testing.silent_folders import silent_folder

_PATIENCE_S = 120


def with_another(world: World, **settings: object) -> tuple[Configuration, Path]:
    """Return a configuration that watches one more folder, before the usual one, and that folder."""
    away = world.folder / "away"
    away.mkdir()
    configuration = world.configuration(watch=settings)
    (watch,) = configuration.watch
    return configuration.model_copy(update={"watch": (watch.model_copy(update={"path": away}), watch)}), away


async def acquiring_in_two(world: World) -> tuple[Configuration, Path]:
    """Take up a dataset in each of two folders, "second" in the one that may fall silent; else as `with_another`."""
    configuration, away = with_another(world)
    copytree(world.dataset("first", running=True), away / "second")
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "first", "second"))
    return configuration, away


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


async def test_a_start_goes_on_with_the_others_and_takes_it_up_when_it_answers(world: World) -> None:
    configuration, away = with_another(world)
    copytree(world.dataset("first", running=True), away / "second")
    stop = asyncio.Event()
    with silent_folder(away):
        running = asyncio.create_task(real_time(world, configuration).run(stop))
        await wait_for_letters(world, 1, _PATIENCE_S)
        assert list(world.rows()) == ["first"]
        assert "does not answer" in dict(passed_over(world))[str(away)]
    await wait_for_letters(world, 2, _PATIENCE_S)
    assert {row.state for row in world.rows().values()} == {"acquiring"}
    stop.set()
    async with asyncio.timeout(_PATIENCE_S):
        await running


async def test_one_that_was_silent_at_the_start_keeps_the_name_by_which_its_datasets_are_known(world: World) -> None:
    configuration, away = with_another(world)
    copytree(world.dataset("first", running=True), away / "second")
    (world.folder / "link").symlink_to(away)
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "first", "second"))
    one, other = configuration.watch
    renamed = configuration.model_copy(
        update={"watch": (one.model_copy(update={"path": world.folder / "link"}), other)}
    )
    stop = asyncio.Event()
    with silent_folder(away):
        running = asyncio.create_task(real_time(world, renamed).run(stop))
        await wait_for(world, lambda: bool(passed_over(world)), "word of the silent folder", _PATIENCE_S)
    await wait_for(world, lambda: not passed_over(world), "end of the silence", _PATIENCE_S)
    await wait_for(world, world.is_in("acquiring", "first", "second"), "datasets under their names", _PATIENCE_S)
    assert len(world.rows()) == 2
    assert len(world.letters()) == 2
    stop.set()
    async with asyncio.timeout(_PATIENCE_S):
        await running


async def test_a_single_look_does_what_can_be_done(world: World) -> None:
    configuration, away = with_another(world, settle="0 s")
    world.dataset("there", running=True)
    with silent_folder(away):
        async with asyncio.timeout(_PATIENCE_S):
            with pytest.raises(StorageMissing, match=f"of {away} nothing is known: it does not answer"):
                await world.facility(configuration=configuration).once()
    assert list(world.rows()) == ["there"]


async def test_a_plan_names_it_and_says_what_is_done_with_the_others(world: World) -> None:
    configuration, away = with_another(world)
    world.dataset("there")
    with silent_folder(away):
        async with asyncio.timeout(_PATIENCE_S):
            work = in_thread(lambda: plan(configuration, world.state, world.clock() + timedelta(seconds=10)))
            planned = await asyncio.wrap_future(work)
    said = {each.dataset: each.what for each in planned}
    assert "does not answer" in said["away"]
    assert said["there"] == "take up there as a new dataset"


@pytest.mark.parametrize("is_left", [False, True], ids=["it answers again", "something else is mounted there"])
async def test_checksums_of_the_others_are_made_while_one_is_silent_and_its_own_afterwards(
    world: World, is_left: bool
) -> None:
    configuration, away = await acquiring_in_two(world)
    with world.database() as database:
        journal = Journal(database)
        hashing = Hashing(configuration, journal, clock=world.clock)
        folders = {record.name: record.path / SIDECAR / MANIFEST for record in journal.records()}

        async def work() -> None:
            for _ in range(3):
                async with asyncio.timeout(_PATIENCE_S):
                    await asyncio.wrap_future(in_thread(hashing.work))
                world.clock.move(minutes=5)

        with silent_folder(away) as leave:
            await work()
            assert list(folders["first"].iterdir())
            if is_left:
                leave()
                await work()
                assert list(folders["second"].iterdir())
        await work()
        assert list(folders["second"].iterdir())


async def test_where_one_is_unmounted_lazily_what_is_there_then_is_asked(tmp_path: Path) -> None:
    answers, asking = Answers(), partial(open_folder, tmp_path)
    with silent_folder(tmp_path) as leave:
        for _ in range(2):
            with pytest.raises(TimeoutError, match="does not answer"):
                await answers.of(tmp_path, asking)
        leave()
        await answers.of(tmp_path, asking)


async def test_a_metadata_file_in_one_that_falls_silent_is_not_waited_for(world: World) -> None:
    configuration, away = await acquiring_in_two(world)
    with world.database() as database:
        journal = Journal(database)
        record = next(each for each in journal.records() if each.name == "second")
        (seen,) = (each for each in look(configuration.watch).folders if each.relative == "second")
        performer = Performer(configuration, journal, Surveys(), world.clock)
        with silent_folder(away):
            async with asyncio.timeout(_PATIENCE_S):
                with pytest.raises(TimeoutError, match="does not answer"):
                    await performer.perform_local(ReadMetadata(record.id), Sighting(seen, world.clock()))


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
