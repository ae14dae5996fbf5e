"""A running node does by its own clockwork what the other tests ask for."""

from __future__ import annotations

from pathlib import Path

from tests.node.replication.moments import Moments
from tests.node.replication.scenes import FILES

from fs2od.node.provider.transfers import Order
from fs2od.testing.world import serve_world, wait_until


def test_a_running_node_copies_and_transfers_without_being_asked_twice(tmp_path: Path) -> None:
    moments = Moments()
    moments.forward(60)
    with serve_world(tmp_path, clock=moments) as world:
        owner = world.person("Owner Example")
        dataset = world.dataset(owner, FILES)
        centre, other = world.site("centre").node_provider, world.site("other").node_provider
        storage = world.also_support(dataset.space, centre)
        world.also_support(dataset.space, other)
        provider = world.node.provider
        located = provider.access.locate(owner.caller, dataset.root)
        made = provider.qos.add(located, f"storageId={storage}", 1)
        transfer = provider.transfers.create(Order("replication", located, other.record.id, None, None))
        wait_until(lambda: provider.qos.status(provider.qos.get(owner.caller, made)) == "fulfilled", 60)
        wait_until(lambda: provider.transfers.get(owner.caller, transfer).transfer_status == "completed", 60)
        copies = [path for path in tmp_path.rglob("a.mrc") if path.read_bytes() == FILES["a.mrc"]]
        assert len(copies) == 3
