"""Nobody waits for a slow store but what is copied there, and of what is copied there everybody has a turn."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.node.replication.buckets import Meanwhile
from tests.node.replication.moments import Moments
from tests.node.test_notices import delivered, somebody

from fs2od.node.index import replicas
from fs2od.node.index.replicas import Sum
from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.node.replication import Replicator, passes
from fs2od.node.replication.copying import PART_BYTES
from fs2od.node.settings import ReplicationSettings
from fs2od.onedata.ids import StorageId
from fs2od.testing.network import Delay, Proxy, Request
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import Dataset, Person, Site, World, open_world, wait_until, write_files

SMALL = {"a.mrc": b"0123456789", "deep/b.mrc": bytes(range(256))}
GB = 10**9


@dataclass
class Held:
    """A store that takes nothing until it is let go; counts what it holds up."""

    proxy: Proxy
    gate: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    now: int = 0
    most: int = 0

    def hold(self, what: str = "") -> None:
        def pause() -> None:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            self.gate.wait(60)
            with self.lock:
                self.now -= 1

        self.proxy.strike(Meanwhile(pause), when=lambda asked: puts(asked) and what in asked.target, times=10_000)


@dataclass
class Stage:
    """Datasets of one person, and two sites: one with a bucket behind a proxy, one with a disk."""

    world: World
    moments: Moments
    owner: Person
    slow: Site
    fast: Site
    proxy: Proxy
    held: Held
    bucket: StorageId

    @property
    def replicator(self) -> Replicator:
        return self.world.node.sites.replicator

    def dataset(self, name: str, files: dict[str, bytes], *sites: Site) -> Dataset:
        made = self.world.dataset(self.owner, files, name=name)
        for site in sites:
            self._support(made, site)
        self.moments.forward(60)
        return made

    def storage(self, dataset: Dataset, site: Site) -> StorageId:
        found = self.replicator.demands.storages(dataset.space)
        return next(each.id for each in found if each.provider == site.node_provider.record.id)

    async def require(self, dataset: Dataset, site: Site, path: str = "") -> None:
        expression = f"storageId={self.storage(dataset, site)}"
        body = {"fileId": self.world.id_of(dataset, path), "expression": expression, "replicasNum": 1}
        answer = await self.world.provider.post("/qos_requirements", json=body, headers=self.owner.headers)
        assert answer.status_code == 201, answer.text

    async def order(self, kind: str, dataset: Dataset, site: Site, path: str = "") -> str:
        end = "evictingProviderId" if kind == "eviction" else "replicatingProviderId"
        body = {"type": kind, "dataSourceType": "file", "fileId": self.world.id_of(dataset, path)}
        body[end] = site.node_provider.record.id
        answer = await self.world.provider.post("/transfers", json=body, headers=self.owner.headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["transferId"])

    async def seen(self, transfer: str) -> dict[str, Any]:
        answer = await self.world.provider.get(f"/transfers/{transfer}", headers=self.owner.headers)
        found: dict[str, Any] = answer.json()
        return found

    def counts(self, dataset: Dataset, site: Site) -> Sum:
        with self.world.node.provider.indexes.using(dataset.space) as index:
            return replicas.counts(index, self.storage(dataset, site))

    def is_there(self, dataset: Dataset, site: Site) -> bool:
        found = self.counts(dataset, site)
        return 0 < found.files == found.replicated_files

    def tick(self) -> None:
        """Let the node's clockwork come by."""
        self.moments.forward(2)
        self.world.node.sites.front.wishes.begin_due()
        self.replicator.start_due()

    def finish(self, *datasets: Dataset) -> None:
        """Let everything go, and wait for it."""
        self.held.gate.set()
        for dataset in datasets:
            self.replicator.wait(dataset.space, 60)

    def _support(self, dataset: Dataset, site: Site) -> None:
        if site is self.fast:
            self.world.also_support(dataset.space, site.node_provider)
            return
        with self.world.node.zone.database.writing() as db:
            site.node_provider.supports.grant(db, dataset.space, self.bucket, size_bytes=GB)
        self.world.node.zone.epoch.move()


@contextmanager
def staged(folder: Path, radosgw: Radosgw, *, turn_s: int = 0, bytes_s: int = 0) -> Iterator[Stage]:
    settings = ReplicationSettings(turn_s=turn_s, storages_at_once=2, bytes_s=bytes_s)
    moments = Moments()
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as proxy:
        own = radosgw.bucket()
        place = Bucket(f"http://127.0.0.1:{proxy.ports[0]}", own.bucket)
        held = Held(proxy)
        with open_world(folder, clock=moments, replication=settings) as world:
            owner = somebody(world, "Olive Example")
            slow, fast = world.site("slow"), world.site("fast")
            keys = Credentials(own.access_key, own.secret_key)
            bucket = slow.node_provider.storages.add_s3("bucket", place, keys)
            try:
                yield Stage(world, moments, owner, slow, fast, proxy, held, bucket)
            finally:
                held.gate.set()


@pytest.fixture
def stage(tmp_path: Path, radosgw: Radosgw) -> Iterator[Stage]:
    with staged(tmp_path, radosgw) as opened:
        yield opened


def puts(request: Request) -> bool:
    return request.method == "PUT"


def sent_to(proxy: Proxy) -> list[str]:
    """Return the paths of the files that were sent, in their order."""
    sent = (found.request.path for found in proxy.exchanges if puts(found.request))
    return [path for path in sent if path.endswith(".mrc")]


def many(count: int, size_bytes: int = 1000, folder: str = "") -> dict[str, bytes]:
    return {f"{folder}{number:03}.mrc": os.urandom(size_bytes) for number in range(count)}


async def test_a_dataset_is_copied_and_its_letter_sent_while_others_wait_for_a_slow_store(stage: Stage) -> None:
    held = [stage.dataset(f"held {number}", many(40), stage.slow) for number in range(3)]
    free = stage.dataset("free", SMALL, stage.fast)
    stage.held.hold()
    for dataset in held:
        await stage.require(dataset, stage.slow)
    stage.tick()
    wait_until(lambda: stage.held.now > 0, 20)
    stage.world.node.sites.front.wishes.make(stage.owner.caller, free.space, stage.fast.node_provider.record.id)
    stage.tick()
    wait_until(lambda: stage.is_there(free, stage.fast), 20)
    stage.replicator.wait(free.space, 20)
    assert [subject for _, subject, _ in delivered(stage.world)] == ["fast has all of it: free"]
    assert [stage.counts(each, stage.slow).replicated_files for each in held] == [0, 0, 0]
    stage.finish(*held)
    assert all(stage.is_there(each, stage.slow) for each in held)
    stage.tick()
    stage.replicator.wait(free.space, 20)
    assert delivered(stage.world) == []


async def test_the_spaces_of_a_slow_store_take_turns_and_nothing_is_sent_twice(stage: Stage) -> None:
    stage.proxy.strike(Delay(0.02), when=puts, times=10_000)
    spaces = [stage.dataset(f"space {number}", many(20), stage.slow) for number in range(3)]
    for dataset in spaces:
        await stage.require(dataset, stage.slow)
    stage.tick()
    stage.finish(*spaces)
    sent = sent_to(stage.proxy)
    firsts = [min(number for number, path in enumerate(sent) if each.space in path) for each in spaces]
    lasts = [max(number for number, path in enumerate(sent) if each.space in path) for each in spaces]
    assert max(firsts) < min(lasts)
    assert len(sent) == len(set(sent)) == 60
    assert all(stage.is_there(each, stage.slow) for each in spaces)


async def test_who_waits_for_a_turn_is_told_so(stage: Stage) -> None:
    first, second = stage.dataset("first", SMALL, stage.slow), stage.dataset("second", SMALL, stage.slow)
    stage.held.hold()
    await stage.require(first, stage.slow)
    stage.tick()
    wait_until(lambda: stage.held.now > 0, 20)
    await stage.require(second, stage.slow)
    stage.tick()
    wait_until(lambda: [each.waits for each in stage.replicator.progress(second.space)] == [True], 20)
    assert [each.waits for each in stage.replicator.progress(first.space)] == [False]
    path = f"/fs2od/spaces/{second.space}/replication"
    (copies,) = (await stage.world.provider.get(path, headers=stage.owner.headers)).json()["copies"]
    assert (copies["waits"], copies["problem"]) == (True, None)
    stage.finish(first, second)
    assert [each.waits for each in stage.replicator.progress(second.space)] == [False]


async def test_a_fast_site_of_a_space_gets_its_copies_and_later_ones_while_a_slow_one_hangs(stage: Stage) -> None:
    dataset = stage.dataset("both", SMALL, stage.slow, stage.fast)
    stage.held.hold()
    await stage.require(dataset, stage.slow)
    await stage.require(dataset, stage.fast)
    stage.tick()
    wait_until(lambda: stage.held.now > 0 and stage.is_there(dataset, stage.fast), 20)
    write_files(dataset.folder, {"later.mrc": b"later"})
    stage.world.rescan(dataset.space)
    assert not stage.is_there(dataset, stage.fast)
    stage.moments.forward(60)
    stage.tick()
    wait_until(lambda: stage.is_there(dataset, stage.fast), 20)
    assert stage.counts(dataset, stage.slow).replicated_files == 0
    stage.finish(dataset)
    stage.moments.forward(60)
    stage.tick()
    stage.replicator.wait(dataset.space, 20)
    assert stage.is_there(dataset, stage.slow)


@pytest.mark.parametrize("is_other", [False, True])
async def test_an_eviction_comes_before_the_rest_of_a_long_copy(
    tmp_path: Path, radosgw: Radosgw, *, is_other: bool
) -> None:
    with staged(tmp_path, radosgw, turn_s=3600) as stage:
        long = stage.dataset("long", many(300, folder="bulk/") | SMALL, stage.slow)
        other = stage.dataset("other", SMALL, stage.slow) if is_other else long
        await stage.order("replication", other, stage.slow, "deep")
        stage.tick()
        stage.replicator.wait(other.space, 20)
        assert stage.counts(other, stage.slow).replicated_files == 1
        stage.proxy.strike(Delay(0.2), when=puts, times=10_000)
        await stage.require(long, stage.slow, "bulk")
        stage.tick()
        wait_until(lambda: stage.counts(long, stage.slow).replicated_files > 1, 20)
        eviction = await stage.order("eviction", other, stage.slow, "deep")
        stage.tick()
        stage.replicator.wait(other.space, 60) if is_other else wait_until(
            lambda: not stage.world.node.sites.replicator.transfers.open_ones(other.space), 60
        )
        found = await stage.seen(eviction)
        assert (found["transferStatus"], found["filesEvicted"], found["filesFailed"]) == ("completed", 1, 0)
        assert stage.counts(long, stage.slow).replicated_files < 300
        stage.proxy.forgive()
        stage.finish(long)
        assert stage.counts(long, stage.slow).replicated_files == 300


async def test_transfers_that_take_turns_count_right(stage: Stage) -> None:
    spaces = [stage.dataset(f"space {number}", many(12), stage.slow) for number in range(2)]
    transfers = [await stage.order("replication", each, stage.slow) for each in spaces]
    stage.tick()
    stage.finish(*spaces)
    for transfer in transfers:
        found = await stage.seen(transfer)
        counted = ("transferStatus", "filesProcessed", "filesReplicated", "bytesReplicated", "filesFailed")
        assert [found[key] for key in counted] == ["completed", 12, 12, 12_000, 0]
    evictions = [await stage.order("eviction", each, stage.slow) for each in spaces]
    stage.tick()
    stage.finish(*spaces)
    for transfer in evictions:
        found = await stage.seen(transfer)
        assert [found[key] for key in ("transferStatus", "filesEvicted", "filesFailed")] == ["completed", 12, 0]
    sent = sent_to(stage.proxy)
    assert len(sent) == len(set(sent)) == 24


async def test_a_transfer_is_cancelled_while_it_waits_for_its_turn(stage: Stage) -> None:
    first, second = stage.dataset("first", SMALL, stage.slow), stage.dataset("second", SMALL, stage.slow)
    stage.held.hold()
    await stage.require(first, stage.slow)
    stage.tick()
    wait_until(lambda: stage.held.now > 0, 20)
    transfer = await stage.order("replication", second, stage.slow)
    stage.tick()
    wait_until(lambda: stage.replicator.waits(second.space, stage.storage(second, stage.slow)), 20)
    await stage.world.provider.delete(f"/transfers/{transfer}", headers=stage.owner.headers)

    def is_over() -> bool:
        stage.tick()  # one that comes while the space is being looked at leaves it to the next
        return not stage.replicator.transfers.open_ones(second.space)

    wait_until(is_over, 20)
    assert (await stage.seen(transfer))["transferStatus"] == "cancelled"
    stage.finish(first, second)
    assert stage.counts(second, stage.slow).replicated_files == 0


async def test_what_is_under_way_to_a_store_is_bounded_in_bytes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "_HELD_BYTES", 3_500_000)
    dataset = stage.dataset("bulk", many(12, 1_000_000), stage.slow)
    stage.held.hold()
    await stage.require(dataset, stage.slow)
    stage.tick()
    wait_until(lambda: stage.held.now == 3, 20)
    stage.finish(dataset)
    assert stage.is_there(dataset, stage.slow)
    assert stage.held.most == 3


async def test_a_limit_on_bandwidth_is_for_all_storages_together(tmp_path: Path, radosgw: Radosgw) -> None:
    with staged(tmp_path, radosgw, bytes_s=1_000_000) as stage:
        dataset = stage.dataset("both", many(10, 100_000), stage.slow, stage.fast)
        await stage.require(dataset, stage.slow)
        await stage.require(dataset, stage.fast)
        began_s = time.monotonic()
        stage.tick()
        stage.finish(dataset)
        assert time.monotonic() - began_s > 1.8  # 2 MB, of which the last 100 kB wait for those before them
        assert stage.is_there(dataset, stage.slow)
        assert stage.is_there(dataset, stage.fast)


async def test_a_large_file_is_copied_to_its_end_though_another_space_waits(stage: Stage) -> None:
    large = stage.dataset("large", {"large.mrc": os.urandom(2 * PART_BYTES + 5), "z.mrc": b"z"}, stage.slow)
    small = stage.dataset("small", SMALL, stage.slow)
    stage.held.hold("partNumber=3")
    await stage.require(large, stage.slow)
    stage.tick()
    wait_until(lambda: stage.held.now > 0, 30)
    await stage.require(small, stage.slow)
    stage.tick()
    wait_until(lambda: stage.replicator.waits(small.space, stage.storage(small, stage.slow)), 20)
    stage.finish(large, small)
    assert stage.is_there(large, stage.slow)
    assert stage.is_there(small, stage.slow)
    parts = [each.request.target for each in stage.proxy.exchanges if "partNumber=" in each.request.target]
    assert len(parts) == len(set(parts)) == 3
