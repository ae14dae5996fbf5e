"""The daemon: real notices, real time, and bad days."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.facility.conftest import METADATA, Requests, World

from fs2od.cli.main import fs2od
from fs2od.configuration import Configuration
from fs2od.errors import (
    ConfigurationError,
    Fs2odError,
    StateInUse,
    StateTooNew,
    StateTooOld,
    StorageFull,
    StorageMissing,
)
from fs2od.facility import DATABASE_NAME, JOURNAL_SCHEMA, Facility, plan
from fs2od.facility._passes import Passes
from fs2od.facility.journal import Journal, Phase, Record, Step
from fs2od.facility.onboarding import Groups, OnedataAction, Performer, Services
from fs2od.facility.watching import Sighting
from fs2od.sqlite import Database, Schema, hold_folder

NAME = "20261103_P2"


def real_time(world: World, configuration: Configuration | None = None) -> Facility:
    return Facility(
        configuration or world.configuration(watch={"settle": "200 ms", "data_settle": "200 ms"}),
        data=world.state,
        connect=world.connection,
    )


async def test_a_single_look_takes_up_what_is_new(world: World) -> None:
    world.dataset(running=True)
    await real_time(world).once()
    assert list(world.rows()) == [NAME]


async def wait_for_letters(world: World, count: int, at_most_s: float = 60) -> None:
    outbox = world.state / "outbox"
    await wait_for(world, lambda: len(list(outbox.glob("*.eml"))) >= count, f"{count} letters", at_most_s)


async def wait_for(world: World, condition: Callable[[], bool], what: str, at_most_s: float = 60) -> None:
    """Wait for what a daemon does in its own time; if it does not come, say how its datasets stand."""
    try:
        async with asyncio.timeout(at_most_s):
            while not condition():  # noqa: ASYNC110 - another program's files
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"in {at_most_s} s there came no {what}: {world.rows()}, {world.trouble()}") from None


async def test_it_works_by_itself_until_it_is_told_to_stop(world: World) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(real_time(world).run(stop))
    await asyncio.sleep(0.5)
    folder = world.dataset(running=True)
    await wait_for_letters(world, 1)
    (folder / "late.mrc").write_bytes(b"x" * 10)
    (folder / ".running").unlink()
    await wait_for_letters(world, 2)
    stop.set()
    async with asyncio.timeout(60):
        await running
    assert world.rows()[NAME].state == "complete"


async def test_what_comes_while_many_are_made_known_does_not_wait_for_all_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        world.dataset(f"batch{number:02}")
    begun: list[str] = []
    really = Performer.perform

    async def counted(
        performer: Performer, action: OnedataAction, sighting: Sighting, services: Services, groups: Groups
    ) -> None:
        if sighting.folder.relative not in begun:
            begun.append(sighting.folder.relative)
            if len(begun) == 2:
                world.dataset("urgent", running=True)
        await really(performer, action, sighting, services, groups)

    monkeypatch.setattr(Performer, "perform", counted)
    one_by_one = world.configuration(watch={"settle": "0 s"}, onedata={"requests_at_once": 1})
    async with world.facility(configuration=one_by_one).opened() as one_pass:
        await one_pass()
    assert begun.index("urgent") == 4
    assert sorted(begun) == sorted(world.rows())


async def test_it_rests_when_it_waits_for_a_person(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    really = Passes.one

    async def counted(passes: Passes) -> None:
        nonlocal looks
        looks += 1
        await really(passes)

    monkeypatch.setattr(Passes, "one", counted)
    world.dataset("lonely", metadata="Sample: {Name: lonely}\n")
    world.dataset("bad", metadata="[")
    stop = asyncio.Event()
    # No look comes by time alone, however long the rest lasts here.
    rarely = world.configuration(watch={"settle": "200 ms", "data_settle": "200 ms"}, scan={"poll": "1 h"})
    running = asyncio.create_task(real_time(world, rarely).run(stop))

    def is_at_rest() -> bool:
        rows = world.rows() if looks > 1 else {}
        return len(rows) == 2 and rows["lonely"].steps_done == 14 and rows["bad"].state == "needs you"

    await wait_for(world, is_at_rest, "rest")
    await asyncio.sleep(1)
    looks_before = looks
    await asyncio.sleep(3)
    stop.set()
    await running
    assert world.rows()["lonely"].steps_done == 14
    assert looks - looks_before <= 4


async def test_stopped_in_the_middle_it_goes_on_where_it_was(world: World) -> None:
    folder = world.dataset(running=True)
    for _ in range(4):
        stop = asyncio.Event()
        running = asyncio.create_task(real_time(world).run(stop))
        await asyncio.sleep(0.4)
        stop.set()
        await running
    stop = asyncio.Event()
    running = asyncio.create_task(real_time(world).run(stop))
    await wait_for_letters(world, 1)
    (folder / ".running").unlink()
    await wait_for_letters(world, 2)
    stop.set()
    await running


async def test_stopped_while_a_thread_writes_it_ends_well_and_goes_on_from_there(world: World) -> None:
    writing, stop = threading.Event(), asyncio.Event()
    facility = Facility(
        world.configuration(watch={"settle": "200 ms", "data_settle": "200 ms"}),
        data=world.state,
        connect=world.connection,
        fault_point=lambda name: writing.set() if name == "journal add: before" else None,
    )
    running = asyncio.create_task(facility.run(stop))
    await facility.prepared.wait()
    with contextlib.closing(sqlite3.connect(world.state / DATABASE_NAME, check_same_thread=False)) as other:
        # The thread that writes the new dataset down waits in SQLite, beyond the end of the task that it works for.
        other.execute("BEGIN IMMEDIATE")
        folder = world.dataset(running=True)
        assert await asyncio.to_thread(writing.wait, 60)
        stop.set()
        later = threading.Timer(1, other.rollback)
        later.start()
        await running
        later.join()
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", folder.name))


async def test_a_second_daemon_on_one_folder_says_so_and_leaves(world: World) -> None:
    world.state.mkdir()
    with hold_folder(world.state, "facility"), pytest.raises(StateInUse, match="is used by another facility"):
        await world.facility().run(asyncio.Event())


async def test_a_second_daemon_with_a_state_of_its_own_leaves_the_watched_folder_alone(world: World) -> None:
    stop = asyncio.Event()
    first = real_time(world)
    running = asyncio.create_task(first.run(stop))
    await first.prepared.wait()
    (world.state.parent / "link").symlink_to(world.watched)
    others = [
        Facility(world.configuration(watch={"path": path}), data=world.state.parent / "other", connect=world.connection)
        for path in (world.watched, world.state.parent / "link")
    ]
    for second in others:
        with pytest.raises(StateInUse, match="is watched by another fs2od"):
            await second.run(asyncio.Event())
    stop.set()
    await running
    async with others[0].opened():
        pass  # free again


async def test_its_groups_are_there_before_the_first_dataset(world: World) -> None:
    stop = asyncio.Event()
    facility = real_time(world)
    running = asyncio.create_task(facility.run(stop))
    async with asyncio.timeout(60):
        await facility.prepared.wait()
    async with world.onedata() as (zone, _, _):
        names = {(await zone.groups.get(group)).name for group in await zone.user.groups()}
    assert names == {"fs2od managers", "fs2od datasets"}
    stop.set()
    await running


async def test_a_state_of_a_newer_version_is_left_untouched(world: World) -> None:
    world.state.mkdir()
    database = Database(world.state / DATABASE_NAME, JOURNAL_SCHEMA)
    with database.writing() as db:
        db.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StateTooNew):
        await world.facility().run(asyncio.Event())


@pytest.mark.parametrize("command", ["list", "show", "retry", "accept"])
def test_a_state_of_an_older_version_is_migrated_by_no_command_beside_the_facility(world: World, command: str) -> None:
    world.state.mkdir()
    older = Schema(JOURNAL_SCHEMA.name, JOURNAL_SCHEMA.steps[:2])
    Database(world.state / DATABASE_NAME, older).close()
    names = [] if command == "list" else ["x"]
    with pytest.raises(StateTooOld, match="nothing was changed"):
        fs2od(["datasets", command, *names, "--data", str(world.state)], standalone_mode=False)
    with pytest.raises(StateTooOld, match="nothing was changed"):
        plan(world.configuration(), world.state, world.clock())
    Database(world.state / DATABASE_NAME, older).close()


async def test_a_missing_watched_folder_is_one_clear_line(world: World) -> None:
    world.watched.rmdir()
    with pytest.raises(StorageMissing, match="the watched folder"):
        await world.facility().run(asyncio.Event())


async def test_a_missing_token_is_one_clear_line(world: World) -> None:
    world.dataset(running=True)
    world.token_file.unlink()
    with pytest.raises(ConfigurationError, match=r"onedata\.token_file"):
        async with asyncio.timeout(60):
            await real_time(world).run(asyncio.Event())


async def test_while_onedata_is_away_detection_goes_on_and_then_it_catches_up(world: World) -> None:
    requests = Requests()
    async with world.facility(observer=requests).opened() as one_pass:
        world.dataset("before", running=True)
        await world.until(one_pass, world.is_in("acquiring", "before"))
        world.transport.away = True
        world.dataset("meanwhile", running=True)
        world.dataset("bad", metadata="- no mapping\n", running=True)
        sent = sum(requests.sent.values())
        for _ in range(360):
            await one_pass()
            world.clock.move(seconds=10)
        assert sum(requests.sent.values()) - sent < 200, "an hour away costs few requests"
        rows = world.rows()
        assert rows["meanwhile"].phase is Phase.ONBOARDING
        assert rows["meanwhile"].title == "70S ribosome, grid 2"
        assert rows["bad"].state == "needs you"
        assert "nobody answers" in world.trouble()
        world.transport.away = False
        await world.until(one_pass, world.is_in("acquiring", "meanwhile"))
        assert world.trouble() == ""


async def test_a_refused_token_is_read_again_from_its_file(world: World) -> None:
    world.dataset(running=True)
    good = world.token_file.read_text()
    world.token_file.write_text("MDAxwrong\n")
    async with world.facility().opened() as one_pass:
        for _ in range(8):
            await one_pass()
            world.clock.move(seconds=1)
        assert world.trouble()
        world.token_file.write_text(good)
        world.clock.move(minutes=1)
        await world.until(one_pass, world.is_in("acquiring", NAME))


async def test_a_full_disk_loses_nothing(world: World) -> None:
    """Every write of the journal finds the disk full once, in turn."""
    folder = world.dataset(running=True)
    failed: set[int] = set()
    count = 0

    def full_once(name: str) -> None:
        nonlocal count
        if not name.endswith("before"):
            return
        count += 1
        if count % 2 and len(failed) < 40:
            failed.add(count)
            raise StorageFull("no space left for facility.db")

    async with world.facility(fault_point=full_once).opened() as one_pass:

        async def tolerant() -> None:
            try:
                await one_pass()
            except StorageFull:
                return

        await world.until(
            tolerant, lambda: len(world.letters()) == 1 if (world.state / DATABASE_NAME).exists() else False
        )
        (folder / ".running").unlink()
        await world.until(tolerant, lambda: len(world.letters()) == 2)
    assert len(failed) > 20
    async with world.onedata() as (_, _, panel):
        assert list(await panel.spaces.list()) == [world.rows()[NAME].space]


async def test_really_full_sqlite_says_so_and_recovers(world: World) -> None:
    world.dataset(running=True)
    world.state.mkdir()
    database = Database(world.state / DATABASE_NAME, JOURNAL_SCHEMA)
    journal = Journal(database)
    with database.writing() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    database._writer.execute(f"PRAGMA max_page_count = {pages}")
    record = Record(0, "/data", "A", "A" * 20_000, "A-x", 1, 1, datetime.now(UTC))
    with pytest.raises(StorageFull):
        journal.add(record, said="x" * 20_000, now=datetime.now(UTC))
    assert journal.records() == ()
    database._writer.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert journal.add(record, said="x", now=datetime.now(UTC)).id == 1
    database.close()


async def test_a_renamed_folder_is_reported_and_goes_on_when_it_is_named_back(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        renamed = folder.rename(folder.with_name("renamed"))
        await one_pass()
        world.clock.move(seconds=5)
        await one_pass()
        assert list(world.rows()) == [NAME]
        assert "seems to be called" in world.rows()[NAME].stuck
        renamed.rename(folder)
        await world.until(one_pass, world.is_in("acquiring", NAME))
    assert len(world.letters()) == 1


async def test_a_dataset_inside_another_is_refused(world: World) -> None:
    folder = world.dataset("outer", running=True)
    (folder / "inner").mkdir()
    (folder / "inner" / "SPA.yml").write_text(METADATA)
    document = world.configuration().model_dump()
    document["watch"] = [*document["watch"], {"path": world.folder, "glob": "watched/*/*"}]
    async with world.facility(configuration=Configuration.model_validate(document)).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "outer"))
        row = world.rows()["watched/outer/inner"]
    assert row.state == "needs you"
    assert "nested datasets are not taken up" in row.stuck
    assert row.space == ""


async def test_the_plan_says_what_would_be_done_and_does_nothing(world: World) -> None:
    folder = world.dataset(running=True)
    os.utime(folder / "SPA.yml", (time.time() - 60, time.time() - 60))
    (step,) = plan(world.configuration(), world.state, datetime.now(UTC))
    assert (step.dataset, step.what) == (NAME, f"take up {NAME} as a new dataset")
    assert not world.state.exists()
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    (folder / "new.mrc").touch()
    world.clock.move(seconds=10)
    assert [each.what for each in plan(world.configuration(), world.state, world.clock())] == [
        "ask for an import of what has changed"
    ]


async def test_no_token_is_in_the_journal_or_in_an_error(world: World) -> None:
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    record = world.records()[NAME]
    with world.database() as database, database.reading() as db:
        said = str(
            [tuple(row) for table in ("dataset", "event", "known") for row in db.execute(f"SELECT * FROM {table}")]
        )
    assert record.done[Step.SPACE] in said
    assert "MDAx" not in said


def test_the_journal_refuses_what_cannot_be_sent_and_writes_nothing(tmp_path: Path) -> None:
    journal = Journal(Database(tmp_path / "facility.db", JOURNAL_SCHEMA))
    now = datetime.now(UTC)
    record = journal.add(Record(0, "/data", "A", "A", "A-x", 1, 1, now), said="", now=now)

    def die(_: str) -> None:
        raise Fs2odError("stop")

    journal._fault_point = die
    with pytest.raises(Fs2odError):
        journal.write(replace(record, phase=Phase.COMPLETE), now=now)
    again = Journal(Database(tmp_path / "facility.db", JOURNAL_SCHEMA))
    assert again.records() == (record,)
