"""Watching a transfer outlives a provider that is away for a while, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fs2od.cli.transfer_watching import TransferFailed, required_completed, until_ended
from fs2od.client import Connection, Oneprovider, Retries
from fs2od.node.provider.transfers import Order
from fs2od.onedata import wire
from fs2od.onedata.errors import ConnectionLost, NotFound
from fs2od.onedata.ids import TransferId
from fs2od.testing.world import Person, World, open_world


class Away(httpx.AsyncBaseTransport):
    """The way to a world's provider, on which the first requests are lost."""

    def __init__(self, world: World, lost: int) -> None:
        self._way = world.transports[world.node.settings.provider_url]
        self.left = lost

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.left:
            self.left -= 1
            raise httpx.ConnectError("away", request=request)
        return await self._way.handle_async_request(request)


class Pauses:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    async def sleep(self, pause_s: float) -> None:
        self.now_s += pause_s

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
def owner(world: World) -> Person:
    return world.person()


@pytest.fixture
def transfer(world: World, owner: Person) -> TransferId:
    """One that has ended, and failed: nothing takes away what is at home."""
    dataset, provider = world.dataset(owner, {"a": b"1"}), world.node.provider
    located = provider.access.locate(owner.caller, dataset.root)
    return provider.transfers.create(Order("eviction", located, None, provider.record.id, None))


async def watched(world: World, owner: Person, transfer: TransferId, pauses: Pauses, lost: int) -> wire.TransferDetails:
    async with Connection(token=owner.token, transport=Away(world, lost), retries=Retries(tries=1)) as connection:
        provider = Oneprovider(connection, world.node.settings.provider_url)
        return await until_ended(provider, transfer, lambda _: None, sleep=pauses.sleep, monotonic=pauses.monotonic)


async def test_a_provider_may_be_away_for_minutes(world: World, owner: Person, transfer: TransferId) -> None:
    pauses = Pauses()
    found = await watched(world, owner, transfer, pauses, 500)
    assert (found.transfer_status, pauses.now_s) == ("failed", 500)
    with pytest.raises(TransferFailed, match="1 of 1 files, 1 failed"):
        required_completed(transfer, found)


async def test_one_that_stays_away_is_given_up(world: World, owner: Person, transfer: TransferId) -> None:
    pauses = Pauses()
    with pytest.raises(ConnectionLost):
        await watched(world, owner, transfer, pauses, 10_000)
    assert 600 <= pauses.now_s <= 602


async def test_a_transfer_that_is_not_there_is_not_waited_for(world: World, owner: Person) -> None:
    pauses = Pauses()
    with pytest.raises(NotFound):
        await watched(world, owner, TransferId("nothing"), pauses, 0)
    assert pauses.now_s == 0
