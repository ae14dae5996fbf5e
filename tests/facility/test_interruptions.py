"""Killed at the n-th fault point, for every n: in the end there is exactly one of everything, and one mail per event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import httpx
import pytest
from tests.facility.conftest import World

from fs2od.client import Onezone
from fs2od.onedata.ids import GroupId

SLICES = 4
MOST_POINTS = 400


class Killed(BaseException):
    """Stands for the death of the process: nothing of ours catches it."""


@dataclass
class KillAt:
    """Dies at the n-th call: before or after a write of the journal, before a request, or with its answer lost."""

    number: int
    calls: int = 0

    def __call__(self, _: str) -> None:
        self.calls += 1
        if self.calls == self.number:
            raise Killed

    def before_request(self, method: str, operation: str) -> None:
        self(f"{method} {operation}: before")

    def after_response(self, method: str, operation: str, status: int) -> None:
        self(f"{method} {operation}: {status}")


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.timeout(600)
async def test_killed_anywhere_there_is_one_of_everything_and_one_mail_per_event(world: World, part: int) -> None:
    names = []
    for number in range(part + 1, MOST_POINTS, SLICES):
        name = f"killed_{number:03}"
        untouched = await _killed_once(world, name, number)
        await _finished(world, name, KillAt(0))
        names.append(name)
        if untouched:
            break
    else:
        raise AssertionError("no run was ever untouched")
    assert len(names) > 60 / SLICES
    await _require_one_of_everything(world, names)
    told = Counter(str(letter["Subject"]) for letter in world.letters())
    assert told == Counter(
        subject
        for name in names
        for subject in (f"Your data from the microscope: {name}", f"Your data from the microscope is complete: {name}")
    )


async def test_when_every_reply_is_lost_once_there_is_still_one_of_everything(world: World) -> None:
    """The network drops the answer of each request's first try; nobody dies."""
    lost: set[tuple[str, str]] = set()
    carry = world.transport.handle_async_request

    async def losing(request: httpx.Request) -> httpx.Response:
        response = await carry(request)
        if (request.method, request.url.path) not in lost and request.method != "GET":
            lost.add((request.method, request.url.path))
            raise httpx.ReadError("the answer was lost")
        return response

    world.transport.handle_async_request = losing  # type: ignore[method-assign]  # the line in between loses answers
    await _finished(world, "lossy", KillAt(0))
    assert len(lost) > 15
    await _require_one_of_everything(world, ["lossy"])
    assert len(world.letters()) == 2


async def _killed_once(world: World, name: str, number: int) -> bool:
    """Work on a new dataset until the process dies at fault point `number`; say whether it did not."""
    killer = KillAt(number)
    try:
        await _finished(world, name, killer)
    except Killed:
        return False
    return True


async def _finished(world: World, name: str, killer: KillAt) -> None:
    """Bring a dataset from its folder to the mail that says that it is complete."""
    folder = world.watched / name
    if not folder.exists():
        world.dataset(name, metadata=f"Sample: {{Name: {name}}}\nUser: {{Email: alex@example.org}}\n", running=True)
    facility = world.facility(observer=killer, fault_point=killer)
    async with facility.opened() as one_pass:
        await world.until(one_pass, lambda: _told(world, name, "Your data from the microscope: "))
        (folder / ".running").unlink(missing_ok=True)
        await _complete(world, one_pass, name)


async def _complete(world: World, one_pass: Callable[[], Awaitable[None]], name: str) -> None:
    await world.until(one_pass, lambda: _told(world, name, "Your data from the microscope is complete: "))


def _told(world: World, name: str, beginning: str) -> bool:
    return f"{beginning}{name}" in world.subjects()


async def _require_one_of_everything(world: World, names: list[str]) -> None:
    records = {name: record for name, record in world.records().items() if name in names}
    assert len(records) == len(names)
    async with world.onedata() as (zone, provider, panel):
        managing, parent = await _group(zone, "fs2od managers"), await _group(zone, "fs2od datasets")
        spaces = {space: (await zone.spaces.get(space)).name for space in await zone.groups.spaces(managing)}
        groups = [(await zone.groups.get(group)).name for group in await zone.groups.children(parent)]
        storages = [(await panel.storages.get(storage)).name for storage in await panel.storages.list()]
        tokens = [(await zone.tokens.named(token)).name for token in await zone.tokens.list_named()]
        supported = await panel.spaces.list()
        shares = {space: await zone.spaces.shares(space) for space in spaces}
        for record in records.values():
            unique = record.unique_name
            assert _count(spaces.values(), unique) == 1, unique
            assert _count(storages, unique) == 1, unique
            for kind in ("owners", "members"):
                assert _count(groups, f"{unique} {kind}") == 1, (unique, kind)
                assert _count(tokens, f"{unique} {kind}") == 1, (unique, kind)
            (space,) = (space for space, name in spaces.items() if name == unique)
            assert space in supported
            assert len(shares[space]) == 1, unique
            assert (await provider.shares.get(shares[space][0])).public_url == record.share_url
            assert len(await zone.spaces.groups(space)) == 3
    assert len(spaces) == len(storages) == len(records), "something was made that belongs to no dataset"


def _count(names: Iterable[str], name: str) -> int:
    return sum(each == name for each in names)


async def _group(zone: Onezone, name: str) -> GroupId:
    found = [group for group in await zone.user.groups() if (await zone.groups.get(group)).name == name]
    assert len(found) == 1, f"{len(found)} groups called {name}"
    return found[0]
