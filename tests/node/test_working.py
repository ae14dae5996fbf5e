"""What requests do in worker threads: nothing of it is left behind, whoever goes away."""

from __future__ import annotations

import asyncio
import threading

import pytest

from fs2od.node.http.working import in_worker


async def test_work_is_done_in_another_thread_and_its_result_comes_back() -> None:
    assert await in_worker(threading.get_ident) != threading.get_ident()
    assert await in_worker(divmod, 7, 2) == (3, 1)


async def test_an_error_comes_back_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_worker(divmod, 1, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_is_cancelled_waits_for_the_end_of_what_was_begun(fails: bool) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(60)
        ended.set()
        if fails:
            raise OSError("nobody hears of it")

    task = asyncio.create_task(in_worker(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
