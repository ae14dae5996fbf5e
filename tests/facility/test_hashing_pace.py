"""When files are read for their checksums, how fast, and when what was read is published: decided from facts."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest
from tests.facility.conftest import Clock

from fs2od.errors import Interrupted
from fs2od.facility.hashing._publishing import MOST_FILES, is_due
from fs2od.facility.hashing._reading import Budget, be_gentle
from fs2od.facility.hashing._settling import FileSettling
from fs2od.facility.hashing._store import State


def test_a_part_appears_when_it_is_worth_while() -> None:
    minute = timedelta(minutes=1)
    none = timedelta()
    assert not is_due(State(), 0, timedelta(days=9), minute)
    assert not is_due(State(), 255, none, minute)
    assert is_due(State(), 256, none, minute)
    assert is_due(State(), 1, minute, minute)
    assert not is_due(State(parts=3, listed=1), 1, 7 * minute, minute)
    assert is_due(State(parts=3, listed=1), 1, 8 * minute, minute)
    assert not is_due(State(parts=1, listed=1000), 499, none, minute)
    assert is_due(State(parts=1, listed=10**6), MOST_FILES, none, minute)


@pytest.mark.parametrize("hours", [1, 10, 100])
def test_the_number_of_parts_grows_with_the_logarithm(hours: int) -> None:
    state, waiting, waited, minute = State(), 0, timedelta(), timedelta(minutes=1)
    for _ in range(hours * 60):
        waiting, waited = waiting + 5, waited + minute
        if is_due(state, waiting, waited, minute):
            state = State(parts=state.parts + 1, listed=state.listed + waiting)
            waiting, waited = 0, timedelta()
    assert state.parts <= 20


def test_settling_is_judged_by_our_own_eyes_and_bounded(clock: Clock) -> None:
    settling = FileSettling(timedelta(seconds=2))
    ahead = int((clock().timestamp() + 3600) * 1e9)
    version = (1, 5, ahead, ahead)
    assert not settling.has_settled("a", version, clock())
    clock.move(seconds=2)
    assert settling.has_settled("a", version, clock())
    assert not settling.has_settled("a", (1, 6, ahead, ahead), clock())
    for number in range(100_001):
        settling.has_settled(str(number), version, clock())
    assert len(settling._since) == 100_000


def test_the_budget_is_kept_and_every_wait_can_be_ended() -> None:
    waits: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            return False

    budget = Budget(1000, Stop(), clock_s=lambda: 100.0)
    for _ in range(3):
        budget.spend(1000)
    assert waits == [pytest.approx(1), pytest.approx(2)]
    stop = threading.Event()
    stop.set()
    for rate in (0, 1):
        with pytest.raises(Interrupted):
            Budget(rate, stop).spend(10**9)


def test_only_the_thread_that_reads_becomes_gentle() -> None:
    niceness: list[int] = []

    def work() -> None:
        be_gentle()
        niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert niceness == [19]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
