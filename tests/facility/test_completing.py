"""Complete is what Onedata has, too: files that grow where they lie, imports that fail, times ahead of the clock."""

from __future__ import annotations

import asyncio
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.facility.conftest import World

from fs2od.configuration import Configuration
from fs2od.facility import Datasets
from fs2od.facility.journal import Record, Step
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import FileId, ShareId, SpaceId, TokenId

NAME = "20261103_P2"


async def sizes(world: World, record: Record) -> dict[str, int]:
    """Return what Onedata's index has, but for the sidecar."""
    async with world.onedata() as (_, provider, _):
        listed = provider.files.below(FileId(record.root_file), ["path", "size"])
        return {str(file.path): int(str(file.size)) async for file in listed if "sidecar" not in str(file.path)}


def let_folders_be_quiet(world: World, record: Record) -> None:
    """Let the node's own scans pass over the folders, as they do a while after something was last new in them."""
    with world.node.provider.indexes.using(SpaceId(record.done[Step.SPACE])) as index, index.database.writing() as db:
        db.execute("UPDATE folder SET changed = listed - 100")


async def test_a_file_that_grew_where_it_lies_is_imported_before_the_dataset_is_complete(world: World) -> None:
    folder = world.dataset(running=True)
    (folder / "stack").mkdir()
    grows = folder / "stack" / "TS_1.mrc"
    grows.write_bytes(b"x" * 1000)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        await world.until(one_pass, lambda: bool(world.records()[NAME].imported))
        for _ in range(4):
            world.clock.move(seconds=6)
            await one_pass()
        let_folders_be_quiet(world, world.records()[NAME])
        with grows.open("ab") as file:
            file.write(b"x" * 500)
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
    record = world.records()[NAME]
    assert (await sizes(world, record))["stack/TS_1.mrc"] == 1500
    assert record.tally is not None
    assert record.tally.size_bytes == 1500 + 100 + 101 + 102


def seen_elsewhere(world: World) -> tuple[Configuration, Path]:
    """Return a configuration with which the provider sees the watched folder elsewhere, and where."""
    other = world.folder / "as the provider sees it"
    other.mkdir()
    return world.configuration(onedata={"path_map": {str(world.watched): str(other)}}), other


async def test_a_dataset_is_not_complete_while_onedata_has_less_than_lies_there(world: World) -> None:
    configuration, other = seen_elsewhere(world)
    folder = world.dataset(running=True)
    shutil.copytree(folder, other / NAME)
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / "one_more.mrc").write_bytes(b"x" * 1000)
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("waiting", NAME))
        for _ in range(200):
            await one_pass()
            world.clock.move(seconds=1)
        row = world.rows()[NAME]
        assert row.state == "waiting"
        assert row.stuck == (
            "the last import did not bring everything: Onedata has 3 files, 303 B of 4 files, 1.30 kB that lie here"
        )
        assert world.history(NAME).count("waits") == 1
        assert world.records()[NAME].unfinished <= 9, "with growing pauses"
        assert len(world.letters()) == 1
        shutil.copy(folder / "one_more.mrc", other / NAME)
        await world.until(one_pass, world.is_in("complete", NAME), step_s=5)
    assert world.records()[NAME].unfinished == 0
    assert len(world.letters()) == 2


async def test_a_last_import_that_fails_is_repeated_with_growing_pauses_and_shown(world: World) -> None:
    configuration, other = seen_elsewhere(world)
    folder = world.dataset(running=True)
    shutil.copytree(folder, other / NAME)
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (other / NAME).rename(other / "away")
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("waiting", NAME))
        steps = len(world.history(NAME))
        for _ in range(200):
            await one_pass()
            world.clock.move(seconds=1)
        assert world.rows()[NAME].stuck == f"the last import failed: can the provider read {other / NAME}?"
        assert len(world.history(NAME)) <= steps + 1
        (other / "away").rename(other / NAME)
        await world.until(one_pass, world.is_in("complete", NAME), step_s=5)


async def test_a_time_ahead_of_the_clock_does_not_put_the_completion_off(world: World) -> None:
    folder = world.dataset(running=True)
    os.utime(folder / "movie_0.mrc", (4_102_444_800, 4_102_444_800))
    hour = world.clock.now.timestamp() + 3600
    os.utime(folder / "movie_1.mrc", (hour, hour))
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        began = world.clock.now
        await world.until(one_pass, world.is_in("complete", NAME))
    assert (world.clock.now - began).total_seconds() < 60


async def test_without_a_running_file_growth_that_only_the_last_count_sees_puts_the_completion_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs2od.facility.watching._survey._FRESH_NS", 0)  # every file has stood still for long
    folder = world.dataset()
    written = datetime.now(UTC)
    async with world.facility(configuration=world.configuration(watch={"quiet": "1 min"})).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        await asyncio.sleep(2.5)
        await one_pass()
        with (folder / "movie_0.mrc").open("ab") as file:
            file.write(b"x")
        world.clock.now = written + timedelta(seconds=61)
        await one_pass()
        assert world.rows()[NAME].state == "acquiring"
        await world.until(one_pass, world.is_in("complete", NAME))
    assert (await sizes(world, world.records()[NAME]))["movie_0.mrc"] == 101


async def test_a_link_that_somebody_ended_stops_nothing_and_is_sent_to_nobody(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened(checksums=True) as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        async with world.onedata() as (_, provider, _):
            await provider.shares.delete(ShareId(world.records()[NAME].done[Step.SHARE]))
        (folder / "later.mrc").write_bytes(b"x")
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
        await world.until(one_pass, lambda: bool(world.records()[NAME].told))
        (folder / "much later.mrc").write_bytes(b"xy")
        told = world.records()[NAME].told
        await world.until(one_pass, lambda: world.records()[NAME].told != told)
    row = world.rows()[NAME]
    assert (row.state, row.stuck) == ("complete", "")
    with world.database() as database:
        said = [event.said for event in Datasets(database).history(NAME)]
    assert "complete; no mail: its public link was ended by somebody" in said
    assert "metadata, as allowed; its public link was ended by somebody" in said
    assert len(world.letters()) == 1


async def test_a_corrected_address_after_the_link_was_ended_gets_no_mail_and_the_old_invite_ends(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        record = world.records()[NAME]
        (first,) = record.announcements
        async with world.onedata() as (zone, provider, _):
            await provider.shares.delete(ShareId(record.done[Step.SHARE]))
            text = (folder / "SPA.yml").read_text()
            (folder / "SPA.yml").write_text(text.replace("alex@example.org", "sam@example.org"))
            (folder / ".running").unlink()
            await world.until(one_pass, lambda: bool(world.records()[NAME].told))
            with pytest.raises(NotFound):
                await zone.tokens.named(TokenId(first.invite))
    row = world.rows()[NAME]
    assert (row.state, row.stuck) == ("complete", "")
    assert len(world.letters()) == 1
