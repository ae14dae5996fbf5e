"""Another folder in a dataset's place, or none: nothing of it reaches Onedata, and the import goes on once the folder is back."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.facility.conftest import METADATA, OnePass, World
from tests.facility.test_deciding import NOW, RULES, announced, decided, sighting
from tests.facility.test_hashing import Bench
from tests.facility.test_hashing_interruptions import At, new_bench
from tests.facility.test_interruptions import KillAt, Killed

from fs2od.errors import StorageReplaced
from fs2od.facility import Datasets
from fs2od.facility.deciding import EndImport, TellFolder, due_at
from fs2od.facility.journal import Phase, Problem, ProblemKind
from fs2od.manifests import SIDECAR, parse_part
from fs2od.onedata.ids import FileId, SpaceId, StorageId

NAME = "20261103_P2"
OTHERS = METADATA.replace("@", "-of-somebody-else@")
SLICES, MOST_POINTS = 2, 200


def gone(world: World) -> Path:
    return world.watched.joinpath(NAME).rename(world.folder / "aside")


def replaced(world: World) -> Path:
    """Somebody else's folder gets the dataset's name."""
    away = gone(world)
    world.dataset(NAME, metadata=OTHERS, files=5)
    return away


def by_link(world: World) -> Path:
    away = replaced(world)
    other = world.watched.joinpath(NAME).rename(world.folder / "others")
    world.watched.joinpath(NAME).symlink_to(other)
    return away


def renamed(world: World) -> Path:
    return world.watched.joinpath(NAME).rename(world.watched / "other name")


def put_back(world: World, away: Path) -> None:
    there = world.watched / NAME
    if there.is_symlink():
        there.unlink()
    elif there.exists():
        shutil.rmtree(there)
    away.rename(there)


async def is_continuous(world: World) -> bool:
    async with world.onedata() as (_, _, panel):
        settings = (await panel.spaces.get(SpaceId(world.rows()[NAME].space))).storage_import
    assert settings
    assert settings.auto_storage_import_config
    return settings.auto_storage_import_config.continuous_scan is True


async def files(world: World) -> set[str]:
    async with world.onedata() as (_, provider, _):
        return {
            str(file.path) async for file in provider.files.below(FileId(world.records()[NAME].root_file), ["path"])
        }


def read(world: World, name: str) -> bytes:
    """What the node serves of a file."""
    with world.node.provider.sources.tree(SpaceId(world.rows()[NAME].space)).open(name) as file:
        return file.read()


OURS = {"SPA.yml", ".running", "movie_0.mrc", "movie_1.mrc", "movie_2.mrc"}


@pytest.mark.parametrize("replace", [gone, replaced, by_link, renamed])
async def test_an_import_ends_with_the_folder_and_goes_on_when_it_is_back(
    world: World, replace: Callable[[World], Path]
) -> None:
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        assert await is_continuous(world)
        await until_imported(world, one_pass)
        away = replace(world)
        await world.until(one_pass, lambda: world.records()[NAME].import_ended)
        assert not await is_continuous(world)
        assert world.rows()[NAME].state == "needs you"
        assert await files(world) == OURS
        (away / "late.mrc").write_bytes(b"late")
        put_back(world, away)
        await world.until(one_pass, lambda: world.records()[NAME].continuous)
        assert await is_continuous(world)
        (world.watched / NAME / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
    assert await files(world) == OURS - {".running"} | {"late.mrc"}
    assert not world.records()[NAME].import_ended


async def until_imported(world: World, one_pass: OnePass) -> None:
    for _ in range(300):
        if await files(world) == OURS:
            return
        await world.until(one_pass, lambda: True)
        world.clock.move(seconds=5)
        world.node.provider.imports.start_due()
    raise AssertionError("it is not imported")


@pytest.mark.parametrize("part", range(SLICES))
async def test_killed_anywhere_the_import_ends_and_goes_on_again(world: World, part: int) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    for number in range(part + 1, MOST_POINTS, SLICES):
        killer, away = KillAt(number), replaced(world)
        untouched = False
        with contextlib.suppress(Killed):
            async with world.facility(observer=killer, fault_point=killer).opened() as one_pass:
                await world.until(one_pass, lambda: world.records()[NAME].import_ended)
                put_back(world, away)
                await world.until(one_pass, lambda: world.records()[NAME].continuous)
                untouched = True
        async with world.facility().opened() as one_pass:
            if not untouched:
                if away.exists():
                    await world.until(one_pass, lambda: world.records()[NAME].import_ended)
                    assert not await is_continuous(world)
                    put_back(world, away)
                await world.until(one_pass, lambda: world.records()[NAME].continuous)
            assert await is_continuous(world)
        if untouched:
            break
    else:
        raise AssertionError("no run was ever untouched")
    assert number > 8
    assert folder.is_dir()
    assert len(world.letters()) == 1


async def test_the_folder_that_a_person_accepts_is_imported_and_served(world: World) -> None:
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        replaced(world)
        await world.until(one_pass, lambda: world.records()[NAME].import_ended)
        with pytest.raises(StorageReplaced):
            read(world, "movie_0.mrc")
        with world.database() as database:
            Datasets(database).accept(NAME, world.clock())
        await world.until(one_pass, lambda: not world.records()[NAME].other_folder and world.rows()[NAME].stuck == "")
        await world.until(one_pass, world.is_in("complete", NAME), step_s=3600)
    assert await files(world) == {"SPA.yml", *(f"movie_{number}.mrc" for number in range(5))}
    storage = StorageId(world.records()[NAME].done["storage"])  # type: ignore[index]  # a step is its word
    root_of = world.node.provider.storages.get(storage).root
    assert root_of is not None
    assert root_of.inode == (world.watched / NAME).stat().st_ino


async def test_a_copy_that_is_put_back_with_its_times_is_imported_and_served(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
        away = gone(world)
        shutil.copytree(away, folder)
        with pytest.raises(StorageReplaced):
            read(world, "movie_0.mrc")
        await world.until(one_pass, lambda: folder.stat().st_ino == world.records()[NAME].inode)
        await world.until(one_pass, lambda: not world.records()[NAME].other_folder)
        assert read(world, "movie_0.mrc") == (away / "movie_0.mrc").read_bytes()
        await world.until(one_pass, world.is_in("complete", NAME), step_s=60)
    assert len(world.letters()) == 2


def held(kind: ProblemKind) -> Problem:
    return Problem(kind, "x", NOW)


@pytest.mark.parametrize("kind", [ProblemKind.REPLACED, ProblemKind.REMOVED, ProblemKind.RENAMED])
@pytest.mark.parametrize("phase", [Phase.ONBOARDING, Phase.ACQUIRING, Phase.FINISHING, Phase.COMPLETE])
def test_the_import_of_a_held_dataset_is_ended_once(kind: ProblemKind, phase: Phase) -> None:
    record = announced(problem=held(kind), phase=phase)
    for seen in (None, sighting(running=True)):
        assert decided(record, seen) == EndImport(1)
        assert decided(announced(problem=held(kind), phase=phase, import_ended=True), seen) is None
    later = NOW + timedelta(minutes=1)
    resting = announced(problem=held(kind), phase=phase, next_attempt_at=later)
    assert decided(resting, None) is None
    assert due_at(resting, None, RULES, NOW) == later


def test_what_was_never_supported_needs_no_end_of_its_import() -> None:
    assert decided(announced(problem=held(ProblemKind.REPLACED), done={}), None) is None


def test_the_provider_hears_of_an_accepted_folder_before_anything_else() -> None:
    assert decided(announced(other_folder=True), sighting(running=True)) == TellFolder(1)


def test_nothing_of_a_folder_that_takes_the_place_while_files_are_read_is_in_the_checksums(
    tmp_path: Path,
) -> None:
    for number in range(1, MOST_POINTS):
        bench = new_bench(tmp_path, number)
        ours = {hashlib.sha256(file.read_bytes()).hexdigest() for file in bench.dataset.rglob("*") if file.is_file()}
        aside = bench.folder / "aside"

        def swap(bench: Bench = bench, aside: Path = aside) -> None:
            bench.dataset.rename(aside)
            shutil.copytree(aside, bench.dataset, ignore=lambda *_: [SIDECAR])
            for file in bench.dataset.rglob("*.mrc"):
                file.write_bytes(b"theirs")

        with bench.opened(At(number, swap)) as (hashing, journal):
            for _ in range(2):
                bench.settle(hashing)
                bench.clock.move(seconds=61)
            bench.complete(journal)
            bench.settle(hashing, seconds=4000)
        if not aside.exists():
            break
        assert not (bench.dataset / SIDECAR).exists(), number
        for part in (aside / SIDECAR).rglob("*.jsonl"):
            assert {entry.sha256 for entry in parse_part(part.read_bytes()).entries} <= ours, number
    else:
        raise AssertionError("no run was ever untouched")
    assert number > 5
