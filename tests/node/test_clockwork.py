"""What a node does by itself while it runs: a part that fails by a mistake goes on, and is not passed over in silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fs2od.node.clockwork import Clockwork
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.testing.world import wait_until


class Time:
    """Seconds that pass only when somebody waits for them."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


class Broken:
    """Work that fails so often, after so many seconds each time, and then goes on for ever."""

    def __init__(
        self, time: Time, *, times: int, after_s: float = 0, said: Callable[[int], str] = lambda _: "oh"
    ) -> None:
        self.time = time
        self.left = times
        self.after_s = after_s
        self.said = said
        self.goes_on = asyncio.Event()

    async def __call__(self) -> None:
        self.time.now_s += self.after_s
        if self.left:
            self.left -= 1
            raise ZeroDivisionError(self.said(self.left))
        self.goes_on.set()
        await asyncio.Event().wait()


async def started(clockwork: Clockwork, work: Broken) -> None:
    """Let a part go until it goes on, and end it then."""
    task = asyncio.create_task(clockwork.keep_going("part", work))
    await asyncio.wait_for(work.goes_on.wait(), 30)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_fails_is_started_again_after_growing_pauses(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    clockwork = Clockwork(longest_pause_s=20, clock=time, sleep=time.sleep)
    await started(clockwork, Broken(time, times=7))
    assert time.pauses == [1, 2, 4, 8, 16, 20, 20]
    assert [record.levelname for record in caplog.records] == ["CRITICAL", *["WARNING"] * 6]
    assert caplog.text.count("Traceback") == 1


async def test_another_mistake_is_told_in_full(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    await started(Clockwork(clock=time, sleep=time.sleep), Broken(time, times=2, said=str))
    assert caplog.text.count("Traceback") == 2


async def test_what_has_run_well_for_long_begins_anew() -> None:
    time = Time()
    await started(Clockwork(longest_pause_s=20, clock=time, sleep=time.sleep), Broken(time, times=3, after_s=21))
    assert time.pauses == [1, 1, 1]


async def test_a_part_is_troubled_until_it_has_run_for_long() -> None:
    time = Time()
    clockwork = Clockwork(longest_pause_s=20, clock=time, sleep=time.sleep)
    assert clockwork.troubled() == ()
    await started(clockwork, Broken(time, times=1))
    assert clockwork.troubled() == ("part",)
    time.now_s += 21
    assert clockwork.troubled() == ()


async def test_what_comes_to_its_end_is_not_started_again() -> None:
    time, done = Time(), 0

    async def work() -> None:
        nonlocal done
        done += 1

    await Clockwork(clock=time, sleep=time.sleep).keep_going("part", work)
    assert (done, time.pauses) == (1, [])


async def test_a_node_goes_on_after_a_mistake_and_its_health_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def fail_once() -> None:
        calls.append("")
        if len(calls) == 1:
            raise ZeroDivisionError("a mistake")

    with open_node(NodeSettings(tmp_path, "zone.test", "provider.test")) as node:
        monkeypatch.setattr(node.sites.front.wishes, "begin_due", fail_once)
        async with node.working():
            await asyncio.to_thread(wait_until, lambda: len(calls) > 1, 30)
            assert node.zone.clockwork.troubled() == ("copies",)
    assert "copies failed and is started again in 1 s" in caplog.text
    assert "a mistake" in caplog.text
