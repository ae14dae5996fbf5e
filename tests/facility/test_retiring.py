"""Datasets whose folder is gone for good: put away by a command, with what the operator says of Onedata, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.facility.conftest import OnePass, World

from fs2od.cli.main import fs2od
from fs2od.errors import Interrupted
from fs2od.facility import NothingToRetire
from fs2od.facility.journal import Record, Step
from fs2od.onedata.errors import Forbidden, NotFound
from fs2od.onedata.ids import ShareId, SpaceId, StorageId, TokenId

NAME = "20261103_P2"


def asked(world: World, *options: str, answer: str | None = None) -> Result:
    command = ["datasets", "retire", NAME, "--data", str(world.state), *options]
    return CliRunner().invoke(fs2od, command, input=answer)


async def gone(world: World, one_pass: OnePass) -> Record:
    """Bring up a dataset and remove its folder."""
    folder = world.dataset(running=True)
    await world.until(one_pass, world.is_in("acquiring", NAME))
    shutil.rmtree(folder)
    await world.until(one_pass, world.is_in("needs you", NAME))
    return world.records()[NAME]


async def there(world: World, record: Record) -> dict[str, bool]:
    """Say what Onedata has of a dataset."""
    found = {}
    async with world.onedata() as (zone, provider, panel):
        asking: dict[str, Callable[[], Awaitable[object]]] = {
            "space": lambda: zone.spaces.get(SpaceId(record.done[Step.SPACE])),
            "link": lambda: provider.shares.get(ShareId(record.done[Step.SHARE])),
            "members": lambda: zone.tokens.named(TokenId(record.done[Step.MEMBERS_TOKEN])),
            "owners": lambda: zone.tokens.named(TokenId(record.done[Step.OWNERS_TOKEN])),
            "storage": lambda: panel.storages.get(StorageId(record.done[Step.STORAGE])),
        }
        for what, ask in asking.items():
            try:
                await ask()
            except (NotFound, Forbidden):
                found[what] = False
            else:
                found[what] = True
    return found


@pytest.mark.parametrize(
    ("onedata", "left"),
    [("keep", {"space", "link", "members", "owners", "storage"}), ("close", {"space", "storage"}), ("delete", set())],
)
async def test_one_is_put_away_and_onedata_keeps_what_the_operator_says(
    world: World, onedata: str, left: set[str]
) -> None:
    async with world.facility().opened() as one_pass:
        record = await gone(world, one_pass)
        assert f"fs2od datasets retire {NAME}" in world.rows()[NAME].stuck
        done = asked(world, "--onedata", onedata, "--yes", "--json")
        assert (done.exit_code, json.loads(done.stdout)["onedata"]) == (0, onedata)
        await world.until(one_pass, world.is_in("retired", NAME))
        for _ in range(3):
            await one_pass()
        assert {what for what, is_there in (await there(world, record)).items() if is_there} == left
        told = world.history(NAME)
        assert asked(world, "--onedata", onedata, "--yes").exit_code == 0
        for _ in range(3):
            await one_pass()
        assert world.rows()[NAME].state == "retired"
    async with world.facility().opened() as one_pass:
        await one_pass()
    assert world.rows()[NAME].state == "retired"
    assert len(world.history(NAME)) <= len(told) + 2
    assert len(world.letters()) == 1


@pytest.mark.parametrize("onedata", ["keep", "close", "delete"])
async def test_one_that_comes_back_after_all_is_taken_up_when_somebody_says_so(
    world: World, onedata: str, tmp_path: Path
) -> None:
    async with world.facility().opened() as one_pass:
        folder = world.dataset(running=True)
        await world.until(one_pass, world.is_in("acquiring", NAME))
        kept = folder.rename(tmp_path / "kept")
        await world.until(one_pass, world.is_in("needs you", NAME))
        assert asked(world, "--onedata", onedata, "--yes").exit_code == 0
        await world.until(one_pass, world.is_in("retired", NAME))
        kept.rename(folder)
        for _ in range(4):
            await one_pass()
            world.clock.move(seconds=5)
        assert world.rows()[NAME].state == "retired"
        world.retry(NAME)
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
        assert list(world.rows()) == [NAME]


async def test_letters_that_wait_are_withdrawn_where_they_would_bring_a_dead_link(world: World) -> None:
    outbox = world.state / "outbox"
    world.state.mkdir()
    outbox.touch()  # no folder: letters wait
    async with world.facility().opened() as one_pass:
        await gone(world, one_pass)
        asked(world, "--onedata", "close", "--yes")
        await world.until(one_pass, world.is_in("retired", NAME))
        await world.until(one_pass, lambda: world.records()[NAME].retiring is None)
        outbox.unlink()
        world.clock.move(hours=2)
        await one_pass()
    assert world.letters() == []


async def test_one_whose_folder_is_there_is_not_put_away(world: World) -> None:
    async with world.facility().opened() as one_pass:
        world.dataset(running=True)
        await world.until(one_pass, world.is_in("acquiring", NAME))
        assert isinstance(asked(world, "--yes").exception, NothingToRetire)
        assert world.rows()[NAME].state == "acquiring"


async def test_it_is_said_what_is_lost_and_asked_first(world: World) -> None:
    async with world.facility().opened() as one_pass:
        await gone(world, one_pass)
        done = asked(world, "--onedata", "delete", answer="n\n")
        assert isinstance(done.exception, Interrupted)
        assert "its space is deleted for everybody" in done.stderr
        await one_pass()
        assert world.rows()[NAME].state == "needs you"


class Lost:
    """Dies with the answer of the first request that makes something of a kind."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.has_died = False

    def before_request(self, _: str, operation: str) -> None:
        """Nothing to do."""

    def after_response(self, _: str, operation: str, __: int) -> None:
        if operation == self.operation and not self.has_died:
            self.has_died = True
            raise RuntimeError("killed")


async def killed_at(world: World, making: str) -> None:
    """Bring up a dataset until the answer of a request is lost, and remove its folder."""
    folder, lost = world.dataset(running=True), Lost(making)
    async with world.facility(observer=lost).opened() as one_pass:
        await world.until(one_pass, lambda: lost.has_died)
    shutil.rmtree(folder)


async def put_away(world: World, onedata: str) -> None:
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("needs you", NAME))
        assert asked(world, "--onedata", onedata, "--yes").exit_code == 0
        await world.until(one_pass, world.is_in("retired", NAME))
        await world.until(one_pass, lambda: world.records()[NAME].retiring is None)


@pytest.mark.parametrize(
    "making", ["create_space_for_group", "add_storage", "create_child_group", "create_named_token_for_current_user"]
)
async def test_what_was_made_and_not_noted_before_it_was_killed_is_deleted_as_well(world: World, making: str) -> None:
    await killed_at(world, making)
    assert any(await at_onedata(world))
    await put_away(world, "delete")
    assert not any(await at_onedata(world))


async def test_a_link_that_was_made_and_not_noted_before_it_was_killed_ends_as_well(world: World) -> None:
    await killed_at(world, "create_share")
    await put_away(world, "close")
    async with world.onedata() as (zone, _, _):
        (space,) = await zone.user.effective_spaces()
        assert await zone.spaces.shares(space) == ()


async def at_onedata(world: World) -> list[Sequence[str]]:
    """Return the spaces, storages and groups of datasets, and the invites into one, that there are."""
    async with world.onedata() as (zone, _, panel):
        parents = [each for each in await zone.user.groups() if (await zone.groups.get(each)).name == "fs2od datasets"]
        groups = [child for parent in parents for child in await zone.groups.children(parent)]
        tokens = [each for each in await zone.tokens.list_named() if NAME in (await zone.tokens.named(each)).name]
        return [await zone.user.effective_spaces(), await panel.storages.list(), groups, tokens]


async def test_killed_at_any_request_it_is_put_away_at_the_next_start(world: World) -> None:
    async with world.facility().opened() as one_pass:
        record = await gone(world, one_pass)
        asked(world, "--onedata", "delete", "--yes")

    class Dies:
        def __init__(self) -> None:
            self.left = 0

        def before_request(self, method: str, _: str) -> None:
            if method == "DELETE":
                if self.left == 0:
                    raise RuntimeError("killed")
                self.left -= 1

        def after_response(self, method: str, _: str, status: int) -> None:
            """Nothing to do."""

    for most in range(7):
        dies = Dies()
        dies.left = most
        async with world.facility(observer=dies).opened() as one_pass:
            await one_pass()
        world.clock.move(minutes=10)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("retired", NAME))
    assert not any((await there(world, record)).values())
