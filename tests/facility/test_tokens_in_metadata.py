"""No metadata file that holds the members' invite token is for everybody who has the link."""

from __future__ import annotations

from msgspec.structs import replace
from ruamel.yaml import YAML
from tests.facility.conftest import World

from fs2od.facility.journal import Journal, Phase, Record, Step
from fs2od.onedata.ids import SpaceId

NAME = "20261103_P2"


async def public(world: World) -> Record:
    """A dataset whose metadata file is for everybody who has the link."""
    world.dataset(running=True)
    configuration = world.configuration(publish={"metadata_file": True})
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    assert mode_for_others(world) == 0o4
    return world.records()[NAME]


def mode_for_others(world: World) -> int:
    with world.node.provider.indexes.using(SpaceId(world.records()[NAME].done[Step.SPACE])) as index:
        return {each.name: each.mode & 0o7 for each in index.children(1, limit=20)}["SPA.yml"]


def write(world: World, record: Record) -> None:
    with world.database() as database:
        Journal(database).write(record, now=world.clock())


async def test_where_an_earlier_version_wrote_a_token_into_a_public_file_it_is_closed_for_good(world: World) -> None:
    record = await public(world)
    write(world, replace(record, done={**record.done, Step.ACCESS_TAG: "written"}))
    configuration = world.configuration(publish={"metadata_file": True})
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, lambda: "closed" in world.history(NAME))
    assert mode_for_others(world) == 0


async def test_a_file_that_was_public_is_closed_before_a_token_is_written_into_it(world: World) -> None:
    record = await public(world)
    # Configured anew before the last two steps, and killed between them.
    done = {step: came for step, came in record.done.items() if step not in {Step.ACCESS_TAG, Step.ANNOUNCED}}
    write(world, replace(record, done=done, phase=Phase.ONBOARDING, begun=Step.ACCESS_TAG))
    writes = world.configuration(access={"write_to_metadata": True})
    async with world.facility(configuration=writes).opened() as one_pass:
        await world.until(one_pass, lambda: str(Step.ACCESS_TAG) in world.history(NAME)[-2:])
    kinds = world.history(NAME)
    assert kinds.index("closed") < len(kinds) - 1 - kinds[::-1].index(str(Step.ACCESS_TAG))
    assert YAML(typ="safe").load(record.path / "SPA.yml")["Onedata2"]["InviteToken"]
    assert mode_for_others(world) == 0
    assert world.records()[NAME].closed
    configuration = world.configuration(publish={"metadata_file": True})
    async with world.facility(configuration=configuration).opened() as one_pass:
        for _ in range(5):
            world.clock.move(hours=7)
            await one_pass()
    assert mode_for_others(world) == 0
