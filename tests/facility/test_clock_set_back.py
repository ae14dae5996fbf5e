"""A clock that ran a day ahead and is set back: nothing waits as long as that was, also after a restart. Nor does a leap end anything."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace as changed
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.facility.conftest import Clock, World
from tests.facility.test_deciding import NOW, RULES, announced, decided, sighting, tally
from tests.facility.test_hashing import Bench

from fs2od.configuration import Watch
from fs2od.facility import DATABASE_NAME, JOURNAL_SCHEMA
from fs2od.facility._moments import is_awaited
from fs2od.facility._revisits import Revisits
from fs2od.facility._whereabouts import Whereabouts
from fs2od.facility.deciding import AskImport, ImportSidecar, Take, due_at, pause_after_setback, standing
from fs2od.facility.hashing._settling import FileSettling
from fs2od.facility.journal import Journal, Phase, Problem, ProblemKind
from fs2od.facility.watching import Look, Settling, Survey, look
from fs2od.sqlite import Database

NAME = "20261103_P2"
DAY = timedelta(days=1)
_DAY_NS = 86_400 * 10**9


def test_no_wait_is_longer_than_it_can_be() -> None:
    minute = timedelta(minutes=1)
    found = {ahead: is_awaited(NOW + ahead * minute, NOW, at_most=minute) for ahead in (-1, 0, 0.5, 1, 1.5)}
    assert found == {-1: False, 0: False, 0.5: True, 1: True, 1.5: False}


@pytest.mark.parametrize("kind", [ProblemKind.WAITING, ProblemKind.REFUSED])
def test_what_failed_is_tried_again(kind: ProblemKind) -> None:
    pause = pause_after_setback(kind, 50)
    record = announced(attempts=50, trouble=Problem(kind, "no", NOW), next_attempt_at=NOW + pause)
    record = replace(record, done={})
    assert decided(record, sighting()) is None
    assert isinstance(decided(record, sighting(), NOW - timedelta(seconds=1)), Take)
    assert due_at(record, sighting(), RULES, NOW - DAY) is None


def test_imports_are_asked_for() -> None:
    running = sighting(running=True, count=tally(signature="more"))
    record = announced(running_seen=True, continuous=True, import_asked_at=NOW)
    assert decided(record, running) is None
    assert isinstance(decided(record, running, NOW - DAY), AskImport)
    seen = changed(sighting(count=tally()), sidecar="1 sealed")
    record = announced(phase=Phase.COMPLETE, completed_at=NOW, told="s", import_asked_at=NOW)
    assert decided(record, seen) is None
    assert isinstance(decided(record, seen, NOW - DAY), ImportSidecar)


async def test_complete_datasets_are_looked_at(world: World) -> None:
    world.clock.move(days=1)
    folder = await world.completed_dataset()
    with world.database() as database:
        journal = Journal(database)
        (record,) = journal.records()
        running = Revisits(world.configuration(), journal, world.clock)
        await running.all_due()
        world.clock.move(hours=1)
        await running.all_due()
        world.clock.move(days=-1, hours=-1)
        restarted = Revisits(world.configuration(), journal, world.clock)
        (folder / "late.mrc").touch()
        for revisits in (running, restarted):
            await revisits.all_due()
            assert revisits.found(record) is not None


async def test_onedata_is_asked_though_it_was_away(world: World) -> None:
    world.clock.move(days=1)
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        world.transport.away = True
        for _ in range(20):
            await one_pass()
            world.clock.move(seconds=10)
        world.transport.away = False
        world.clock.move(days=-1)
        await world.until(one_pass, world.is_in("acquiring", NAME), step_s=0.1)


def test_files_are_read_and_looked_for_again(tmp_path: Path, clock: Clock) -> None:
    bench = Bench(tmp_path, clock, settings={"recheck": "2h"})
    bench.write("a.mrc", b"1")
    clock.move(days=1)
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
        bench.require_whole(sealed=True)
        bench.write("b.mrc", b"2")
        clock.move(days=-1, hours=-1)
        bench.settle(hashing)
        assert "b.mrc" in bench.require_whole(sealed=True)
    clock.move(days=1)
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
    bench.write("c.mrc", b"3")
    clock.move(days=-1)
    with bench.opened() as (hashing, _):
        bench.settle(hashing)
        assert "c.mrc" in bench.require_whole(sealed=True)


def test_files_settle_as_long_as_always(clock: Clock) -> None:
    settling = FileSettling(timedelta(seconds=2))
    ahead_ns = int((clock().timestamp() + 3600) * 1e9)
    version = (1, 5, ahead_ns, ahead_ns)
    assert not settling.has_settled("a", version, clock())
    clock.move(minutes=-30)
    assert not settling.has_settled("a", version, clock())
    clock.move(seconds=2)
    assert settling.has_settled("a", version, clock())


def test_a_metadata_file_settles_as_long_as_always(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "SPA.yml").touch()
    seen, settling = look([Watch(path=tmp_path)]).folders, Settling()
    since = [each.unchanged_since for now in (NOW + DAY, NOW) for each in settling.note(seen, now).values()]
    assert since == [NOW + DAY, NOW]
    missing = Look((), {"/data": "gone"})
    assert set(standing(missing, (), standing(missing, (), {}, NOW + DAY), NOW).values()) == {NOW}


def test_data_settle_as_long_as_always(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    survey, now_ns = Survey(tmp_path), time.time_ns()
    for path in (tmp_path / "a", tmp_path):
        os.utime(path, ns=(now_ns + 3 * _DAY_NS, now_ns + 3 * _DAY_NS))
    survey.look(now_ns=now_ns + _DAY_NS)
    assert survey.look(now_ns=now_ns).newest_ns <= now_ns


def test_data_that_is_written_is_not_at_rest_when_the_clock_leaps_ahead(tmp_path: Path) -> None:
    survey, began_ns, second_ns = Survey(tmp_path), time.time_ns(), 10**9

    def write(name: str, after_s: int) -> None:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(began_ns, began_ns + after_s * second_ns))

    def newest_s(after_s: int) -> int:
        found = survey.look(now_ns=began_ns + after_s * second_ns).newest_ns - began_ns
        return found // second_ns

    write("a", 0)
    assert newest_s(10) <= 1
    write("b", 15)
    assert 15 <= newest_s(20) <= 20
    day_s = 86_400
    for leap_s in (day_s, 2 * day_s, -day_s):
        assert leap_s - 60 < newest_s(leap_s) <= leap_s
    write("c", 25)
    assert newest_s(2 * day_s) > 2 * day_s - 60


def test_all_datasets_are_asked_about(tmp_path: Path, clock: Clock, world: World) -> None:
    with contextlib.closing(Database(tmp_path / DATABASE_NAME, JOURNAL_SCHEMA)) as database:
        journal = Journal(database)
        for number in range(200):
            name = f"d{number}"
            journal.add(announced(relative=name, name=name, unique_name=name), said="", now=clock())
        onedata = world.configuration().onedata
        rounds = Whereabouts(onedata, journal, connect=world.connection, clock=clock)
        asked = {record.id for record in rounds._due({})}
        known = {record.id: (clock() if record.id in asked else clock() + DAY, ()) for record in journal.records()}
        assert asked.isdisjoint(record.id for record in rounds._due(known))
