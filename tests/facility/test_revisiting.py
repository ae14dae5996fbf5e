"""Datasets that are complete are looked at again: what came or changed is imported, sealed anew, and said, once and quietly."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.facility.conftest import METADATA, OnePass, World

from fs2od.facility import Datasets
from fs2od.facility._revisits import Revisits, interval
from fs2od.facility.journal import Journal, Phase
from fs2od.manifests import SEAL, SIDECAR, SUMS
from fs2od.onedata.ids import FileId

NAME = "20261103_P2"


async def paths(world: World) -> set[str]:
    """Return the files that Onedata knows, but for the sidecar's."""
    async with world.onedata() as (_, provider, _):
        listed = provider.files.below(FileId(world.records()[NAME].root_file), ["path"])
        return {path async for file in listed if not (path := str(file.path)).startswith(SIDECAR)}


async def completed(world: World, one_pass: OnePass) -> Path:
    """Bring a dataset to its completion, and until its mail has been written and its checksums are sealed."""
    folder = world.dataset(running=True)
    await world.until(one_pass, world.is_in("acquiring", NAME))
    (folder / ".running").unlink()
    await world.until(one_pass, lambda: len(world.letters()) == 2 and (folder / SIDECAR / SEAL).exists())
    return folder


async def again_complete(world: World, one_pass: OnePass) -> None:
    await world.until(one_pass, lambda: bool(world.rows()[NAME].changed_later), step_s=5)
    await world.until(one_pass, world.is_in("complete", NAME))


async def test_files_that_came_after_the_completion_are_imported_sealed_and_said(world: World) -> None:
    async with world.facility().opened(checksums=True) as one_pass:
        folder = await completed(world, one_pass)
        (folder / "after.mrc").write_bytes(b"x" * 5000)
        (folder / "sub").mkdir()
        (folder / "sub" / "b.mrc").write_bytes(b"x" * 5000)
        await again_complete(world, one_pass)
        seal = folder / SIDECAR / SEAL
        await world.until(one_pass, lambda: seal.exists() and "sub/b.mrc" in (folder / SIDECAR / SUMS).read_text())
        for _ in range(5):
            world.clock.move(minutes=1)
            await one_pass()
    assert {"after.mrc", "sub/b.mrc"} < await paths(world)
    row = world.rows()[NAME]
    assert (row.state, row.files, row.changed_later) == ("complete", 5, "2 files more, 10.0 kB more")
    with world.database() as database:
        said = [event.said for event in Datasets(database).history(NAME) if event.kind == "data changed"]
    assert said[0] == "changed after completion: 2 files more, 10.0 kB more"
    assert len(world.letters()) == 2, "nobody is told twice"


async def test_a_file_that_grew_where_it_lies_after_the_completion_is_imported(world: World) -> None:
    async with world.facility().opened() as one_pass:
        folder = world.dataset(running=True)
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
        for _ in range(10):
            world.clock.move(minutes=2)
            await one_pass()
        assert world.rows()[NAME].changed_later == ""
        with (folder / "movie_0.mrc").open("ab") as file:
            file.write(b"x" * 50)
        await again_complete(world, one_pass)
    row = world.rows()[NAME]
    assert (row.size_bytes, row.changed_later) == (303 + 50, "50 B more")


async def test_a_running_file_that_comes_back_ends_in_another_mail(world: World) -> None:
    async with world.facility().opened() as one_pass:
        folder = world.dataset(running=True)
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 2)
        (folder / "late.mrc").touch()
        await again_complete(world, one_pass)
        (folder / ".running").touch()
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / "more.mrc").touch()
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 3)
    assert world.rows()[NAME].changed_later == ""


@given(st.timedeltas(timedelta(0), timedelta(days=2000)), st.timedeltas(timedelta(0), timedelta(days=2000)))
def test_young_datasets_are_looked_at_every_few_minutes_and_old_ones_once_a_day(
    age: timedelta, more: timedelta
) -> None:
    assert interval(age) <= interval(age + more) <= timedelta(days=1)
    if age <= timedelta(hours=5):
        assert interval(age) <= timedelta(minutes=5)


async def test_a_start_does_not_hurry_and_a_day_later_every_dataset_was_looked_at(world: World) -> None:
    names = [f"d{number}" for number in range(12)]
    for name in names:
        world.dataset(name, metadata=METADATA, running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", *names))
        for name in names:
            (world.watched / name / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", *names))
    for name in names:
        (world.watched / name / "late.mrc").touch()
    world.clock.move(days=300)
    with world.database() as database:
        journal = Journal(database)
        told: list[int] = []
        revisits = Revisits(world.configuration(), journal, world.clock, lambda: told.append(1))
        await revisits.all_due()
        assert not told
        world.clock.move(days=1)
        await revisits.all_due()
        assert len(told) == len(names)
        assert all(revisits.found(record) for record in journal.records())
        await revisits.all_due()
        assert len(told) == len(names), "what was found is dealt with first"


async def test_a_dataset_whose_folder_is_away_is_left_to_the_looks_at_folders(world: World) -> None:
    folder = await world.completed_dataset()
    with world.database() as database:
        journal = Journal(database)
        (record,) = journal.records()
        revisits = Revisits(world.configuration(), journal, world.clock)
        folder.rename(folder.with_name("away"))
        folder.mkdir()
        world.clock.move(hours=1)
        await revisits.all_due()
        assert revisits.found(record) is None
        assert record.phase is Phase.COMPLETE
