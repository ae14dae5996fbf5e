"""Which sites support the datasets and how copies stand, as the facility hears it for its operator's page."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.facility.conftest import World

from fs2od.facility import DATABASE_NAME, JOURNAL_SCHEMA, DatasetRow, Datasets
from fs2od.facility._whereabouts import Whereabouts
from fs2od.facility.journal import Journal
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.callers import Caller
from fs2od.onedata.ids import FileId, SpaceId, StorageId
from fs2od.sqlite import Database
from fs2od.testing.world import NoSockets, wait_until


class Requests:
    """Counts requests by operation."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def before_request(self, _: str, operation: str) -> None:
        self.sent[operation] += 1

    def after_response(self, method: str, operation: str, status: int) -> None:
        """Nothing to count."""


@dataclass
class Rounds:
    """The rounds over a facility's journal, and what the operator is shown then."""

    world: World
    database: Database
    requests: Requests

    async def make(self) -> None:
        rounds = Whereabouts(
            self.world.configuration().onedata,
            Journal(self.database),
            connect=lambda token: self.world.connection(token, observer=self.requests),
            clock=self.world.clock,
        )
        await rounds.round()

    def row(self) -> DatasetRow:
        (row,) = Datasets(self.database).list()
        return row


@pytest.fixture
def rounds(world: World) -> Iterator[Rounds]:
    world.state.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Database(world.state / DATABASE_NAME, JOURNAL_SCHEMA)) as database:
        yield Rounds(world, database, Requests())


def site(world: World) -> Oneprovider:
    """Return a further site of the node."""
    node = world.node
    node.sites.open_all(NoSockets({}))
    administrator = node.zone.users.by_username("admin").id
    return node.sites.get(node.zone.providers.add(Caller(administrator), "centre").id)


def supported(world: World, provider: Oneprovider, space: str) -> tuple[StorageId, Path]:
    folder = world.folder / "scratch"
    folder.mkdir()
    storage = provider.storages.add_posix("scratch", str(folder))
    with world.node.zone.database.writing() as db:
        provider.supports.grant(db, SpaceId(space), storage, size_bytes=5_000_000_000)
    world.node.zone.epoch.move()
    return storage, folder


async def onboarded(world: World) -> None:
    world.dataset()
    async with world.facility().opened() as one_pass:
        for _ in range(4):
            await one_pass()
            world.clock.move(seconds=20)


async def test_where_there_are_no_further_sites_three_requests_are_all(world: World, rounds: Rounds) -> None:
    await onboarded(world)
    for _ in range(3):
        await rounds.make()
    assert rounds.requests.sent == {"health": 3, "get_configuration": 3, "fs2od_list_sites": 3}
    assert (rounds.row().sites, rounds.row().sites_asked_at) == ((), None)


async def test_the_operator_sees_where_copies_are_and_what_is_in_the_way(world: World, rounds: Rounds) -> None:
    await onboarded(world)
    provider, space = site(world), rounds.row().space
    _, folder = supported(world, provider, space)
    await rounds.make()
    own, centre = rounds.row().sites
    assert (own.is_own, centre.is_own, centre.name, centre.granted_bytes) == (True, False, "centre", 5_000_000_000)
    assert (centre.files, centre.problem) == (None, "")
    async with world.onedata() as (_, onedata, _):
        await onedata.qos.add(FileId(_root(rounds)), f"providerId={provider.record.id}")
    replicator = world.node.sites.replicator
    away = folder.rename(folder.with_name("away"))
    replicator.look_now(SpaceId(space))
    replicator.start_due()
    wait_until(lambda: any(each.problem for each in replicator.progress(SpaceId(space))), 20)
    await rounds.make()
    (stuck,) = rounds.row().copies_stuck
    assert (stuck.name, stuck.copied_files) == ("centre", 0)
    assert "folder or bucket is not there" in stuck.problem
    away.rename(folder)

    def is_whole() -> bool:
        replicator.look_now(SpaceId(space))
        replicator.start_due()
        return all(each.sum.files == each.sum.replicated_files for each in replicator.progress(SpaceId(space)))

    wait_until(is_whole, 30)
    await rounds.make()
    _, centre = rounds.row().sites
    assert (centre.copied_files, centre.problem, centre.is_under_way) == (centre.files, "", False)
    assert centre.copied_bytes == centre.size_bytes > 0


def _root(rounds: Rounds) -> str:
    (record,) = Journal(rounds.database).records()
    return record.root_file


async def test_what_was_known_stays_while_onedata_is_away(world: World, rounds: Rounds) -> None:
    await onboarded(world)
    supported(world, site(world), rounds.row().space)
    await rounds.make()
    known = rounds.row().sites
    world.transport.away = True
    with pytest.raises(Exception, match="answer"):
        await rounds.make()
    assert rounds.row().sites == known


async def _fail() -> None:
    raise ZeroDivisionError


async def _end() -> None:
    """Come to an end as it should be."""


async def test_the_operator_hears_that_onedata_is_not_well_and_that_it_is_again(rounds: Rounds) -> None:
    await rounds.make()
    assert not Datasets(rounds.database).onedata_unwell()
    failing = asyncio.create_task(rounds.world.node.zone.clockwork.keep_going("imports", _fail))
    await asyncio.sleep(0.01)
    await rounds.make()
    assert Datasets(rounds.database).onedata_unwell()
    failing.cancel()
    await rounds.world.node.zone.clockwork.keep_going("imports", _end)
    await rounds.make()
    assert not Datasets(rounds.database).onedata_unwell()
