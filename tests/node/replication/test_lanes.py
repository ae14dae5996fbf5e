"""Turns at storages: who has the next one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from fs2od.node.clock import SystemClock
from fs2od.node.replication.copying import Copying
from fs2od.node.replication.lanes import Key, Lanes
from fs2od.node.replication.pacing import Pace
from fs2od.node.replication.passes import Pass
from fs2od.node.settings import ReplicationSettings
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.testing.world import wait_until

LONGEST_S = 60.0


class Worked:
    """Lanes whose turns last until they are let go, one after the other."""

    def __init__(self, at_once: int) -> None:
        self.begun: list[str] = []
        self._go = threading.Semaphore(0)
        copying = Copying(Pace(ReplicationSettings(), lambda: datetime.now(UTC)))
        self.lanes = Lanes(self._work, [Pass(copying, SystemClock()) for _ in range(at_once)])

    def add(self, name: str, *, is_urgent: bool = False) -> None:
        """Add a space and a storage, such as "x1"."""
        self.lanes.add(key(name), is_urgent=is_urgent)

    def has_begun(self, *names: str) -> bool:
        wait_until(lambda: len(self.begun) >= len(names), LONGEST_S)
        return self.begun == list(names)

    def end_turn(self) -> None:
        self._go.release()

    def close(self) -> None:
        for _ in range(100):
            self._go.release()
        self.lanes.close()

    def _work(self, key: Key, _: Pass) -> None:
        self.begun.append("".join(key))
        self._go.acquire()


def key(name: str) -> Key:
    return SpaceId(name[0]), StorageId(name[1])


@pytest.fixture
def one() -> Iterator[Worked]:
    """Lanes with one turn at a time."""
    worked = Worked(1)
    yield worked
    worked.close()


@pytest.fixture
def two() -> Iterator[Worked]:
    worked = Worked(2)
    yield worked
    worked.close()


def test_the_spaces_of_a_storage_come_one_after_another_in_their_order(two: Worked) -> None:
    for name in ("a1", "b1", "c1"):
        two.add(name)
    assert two.has_begun("a1")
    assert [two.lanes.waits(key(name)) for name in ("a1", "b1", "c1")] == [False, True, True]
    for begun in (("a1", "b1"), ("a1", "b1", "c1")):
        two.end_turn()
        assert two.has_begun(*begun)


def test_several_storages_have_turns_at_once(two: Worked) -> None:
    two.add("a1")
    assert two.has_begun("a1")
    two.add("b1")
    two.add("b2")
    assert two.has_begun("a1", "b2")


def test_a_storage_of_one_space_waits_for_no_more_than_one_turn_of_a_storage_of_many(one: Worked) -> None:
    one.add("a1")
    assert one.has_begun("a1")
    for name in ("b1", "c1", "d1", "a2"):
        one.add(name)
    one.end_turn()
    assert one.has_begun("a1", "a2")
    one.end_turn()
    assert one.has_begun("a1", "a2", "b1")


def test_what_is_urgent_comes_first_and_presses_those_in_its_way_alone(two: Worked) -> None:
    two.add("a1")
    assert two.has_begun("a1")
    two.add("a1", is_urgent=True)
    assert not two.lanes.is_pressed(key("a1"))  # by itself
    two.add("b1")
    assert (two.lanes.is_pressed(key("a1")), two.lanes.is_pressed(key("a1"), urgently=True)) == (True, False)
    two.add("c1", is_urgent=True)
    assert two.lanes.is_pressed(key("a1"), urgently=True)
    two.add("x2")
    assert two.has_begun("a1", "x2")
    assert not two.lanes.is_pressed(key("x2"), urgently=True)
    for _ in range(3):
        two.end_turn()
    wait_until(lambda: len(two.begun) > 3, LONGEST_S)
    assert two.begun[2:4] == ["a1", "c1"]


def test_whoever_asks_again_during_a_turn_has_another_one_and_waits_once(one: Worked) -> None:
    one.add("a1")
    assert one.has_begun("a1")
    one.add("b1")
    one.add("a1")
    one.add("a1")
    for _ in range(2):
        one.end_turn()
    assert one.has_begun("a1", "b1", "a1")
    one.end_turn()
    assert one.lanes.wait(SpaceId("a"), LONGEST_S)
    assert one.begun == ["a1", "b1", "a1"]


def test_a_space_that_is_dropped_waits_for_nothing_any_more(one: Worked) -> None:
    one.add("a1")
    assert one.has_begun("a1")
    one.add("b1")
    assert not one.lanes.wait(SpaceId("b"), 0)
    one.lanes.drop(SpaceId("b"))
    assert one.lanes.wait(SpaceId("b"), 0)


def test_a_turn_that_fails_unexpectedly_gives_its_place_to_the_next(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[Key] = []

    def work(found: Key, _: Pass) -> None:
        begun.append(found)
        raise ValueError("unexpected")

    copying = Copying(Pace(ReplicationSettings(), lambda: datetime.now(UTC)))
    lanes = Lanes(work, [Pass(copying, SystemClock())])
    lanes.add(key("a1"))
    lanes.add(key("b1"))
    wait_until(lambda: len(begun) == 2, LONGEST_S)
    lanes.close()
    assert "ended unexpectedly" in caplog.text
