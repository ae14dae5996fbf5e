"""What the facility asks of Onedata: little, and nothing where nothing changes."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace
from tests.facility.conftest import Requests, World

from fs2od.facility import DATABASE_NAME, JOURNAL_SCHEMA
from fs2od.facility.deciding import OPEN
from fs2od.facility.journal import Journal, Phase, Record, Step
from fs2od.facility.metadata import fact_rules, facts_of, publication_of
from fs2od.facility.watching import look
from fs2od.onedata.roles import bundles_fingerprint
from fs2od.sqlite import Database

NAME = "20261103_P2"


async def test_a_look_at_2000_known_datasets_sends_no_request(world: World) -> None:
    _known_datasets(world, 2000)
    requests = Requests()
    async with world.facility(observer=requests).opened() as one_pass:
        await one_pass()
        await one_pass()
    assert not requests.sent


async def test_nothing_is_asked_while_nothing_changes(world: World) -> None:
    world.dataset(running=True)
    requests = Requests()
    async with world.facility(observer=requests).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        await world.until(one_pass, lambda: bool(world.records()[NAME].imported))
        for _ in range(4):
            world.clock.move(seconds=6)
            await one_pass()
        before = sum(requests.sent.values())
        for _ in range(20):
            world.clock.move(seconds=6)
            await one_pass()
        assert sum(requests.sent.values()) == before


async def test_import_is_asked_for_at_most_every_five_seconds(world: World) -> None:
    folder = world.dataset(running=True)
    requests = Requests()
    async with world.facility(observer=requests).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        before = requests.sent["POST force_start_auto_storage_import_scan"]
        for number in range(30):
            (folder / f"new_{number}").touch()
            world.clock.move(seconds=1)
            await one_pass()
    asked = requests.sent["POST force_start_auto_storage_import_scan"] - before
    assert 3 <= asked <= 7


async def test_onboarding_costs_few_requests(world: World) -> None:
    requests = Requests()
    async with world.facility(observer=requests).opened() as one_pass:
        world.dataset("first", running=True)
        await world.until(one_pass, world.is_in("acquiring", "first"))
        before = sum(requests.sent.values()) - requests.sent["POST lookup_file_id"]
        world.dataset("second", running=True)
        await world.until(
            one_pass, lambda: "announced" in world.history("second") if "second" in world.rows() else False
        )
        spent = sum(requests.sent.values()) - requests.sent["POST lookup_file_id"] - before
    assert spent <= 24


def _known_datasets(world: World, count: int) -> None:
    """Write datasets and their records as they are long after their completion."""
    configuration = world.configuration()
    facts = facts_of({"User": {"Email": "a@example.org"}}, folder="x", configuration=configuration, watch=None)
    now = datetime.now(UTC)
    world.state.mkdir()
    for number in range(count):
        folder = world.watched / f"d{number:04}"
        folder.mkdir()
        (folder / "SPA.yml").write_text("a: 1\n")
    database = Database(world.state / DATABASE_NAME, JOURNAL_SCHEMA)
    database._writer.execute("PRAGMA synchronous = OFF")
    journal = Journal(database)
    for folder_seen in look(configuration.watch).folders:
        record = Record(
            id=0, root=folder_seen.root, relative=folder_seen.relative, name=folder_seen.relative,
            unique_name=folder_seen.relative, device=folder_seen.device, inode=folder_seen.inode, detected_at=now,
            phase=Phase.COMPLETE, done=dict.fromkeys(Step, "x"), facts=facts, metadata=folder_seen.metadata,
            closed=folder_seen.fingerprint, completed_at=now, links=OPEN, taken_by=fact_rules(configuration, None),
        )  # fmt: skip
        published = publication_of(record, configuration.facility).fingerprint
        journal.add(
            replace(
                record, done={**record.done, Step.PUBLISHED: published, Step.MEMBERS_RIGHTS: bundles_fingerprint()}
            ),
            said="",
            now=now,
        )
    database.close()
