"""Child processes of `fs2od up`: started, waited for until they are ready, started again when they die, stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fs2od.errors import Fs2odError

__all__ = ["Child", "ChildFailed", "Children", "run_children"]

_READY_WITHIN_S = 120
_STOP_WITHIN_S = 15
_LONGEST_PAUSE_S = 30.0
_SETTLED_AFTER_S = 60.0
# Exit codes that a new start cannot mend: usage, configuration, disk, state.
_FINAL = frozenset({2, 3, 7, 9})
_log = logging.getLogger(__name__)


class ChildFailed(Fs2odError):
    """A child process could not start. It has said why on stderr itself."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"the {name} did not start")
        self.exit_code = code


@dataclass
class Child:
    """One child process: `arguments` are those of `fs2od`."""

    name: str
    arguments: list[str]
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)


class Children:
    """The child processes of one supervisor."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._kept: list[Child] = []
        self._once: list[Child] = []

    async def start(self, child: Child) -> dict[str, Any]:
        """Start a child that is kept running, and return what its ready line says.

        Raises:
            ChildFailed: It ended before it was ready, or we were told to stop.
        """
        self._kept.append(child)
        return await self._spawn(child)

    async def start_once(self, child: Child) -> None:
        """Start a child that may end by itself."""
        self._once.append(child)
        child.process = await _process(child, ready_line=False)

    async def watch(self) -> None:
        """Start children again when they die, with growing pauses, until told to stop.

        Raises:
            ChildFailed: One ended with a reason that a new start cannot mend.
        """
        async with asyncio.TaskGroup() as group:
            for child in self._kept:
                group.create_task(self._keep(child))

    async def end(self) -> None:
        """Ask all children to stop, and make sure that they did."""
        running = [child for child in (*self._once, *reversed(self._kept)) if _runs(child)]
        for child in running:
            _ask_to_stop(child)
        for child in running:
            await _ended(child)

    async def _keep(self, child: Child) -> None:
        pause_s = 1.0
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            started = loop.time()
            code = await self._outcome(child)
            if code is None:
                return
            if code in _FINAL:
                raise ChildFailed(child.name, code)
            if loop.time() - started > _SETTLED_AFTER_S:
                pause_s = 1.0
            _log.warning("the %s ended (%d); it is started again in %.0f s", child.name, code, pause_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause_s)
                return
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            with contextlib.suppress(ChildFailed):
                await self._spawn(child)

    async def _outcome(self, child: Child) -> int | None:
        """Return the exit code of a child when it ends, or None when we are told to stop first."""
        assert child.process is not None
        ended = asyncio.create_task(child.process.wait())
        told = asyncio.create_task(self._stop.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, told):
            task.cancel()
        return None if self._stop.is_set() else child.process.returncode

    async def _spawn(self, child: Child) -> dict[str, Any]:
        child.process = await _process(child, ready_line=True)
        assert child.process.stdout is not None
        line = asyncio.create_task(child.process.stdout.readline())
        told = asyncio.create_task(self._stop.wait())
        await asyncio.wait({line, told}, timeout=_READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not line.done() or not line.result():
            line.cancel()
            # Told to stop, or it takes too long: nobody else asks it to end.
            _ask_to_stop(child)
            code = await _ended(child)
            raise ChildFailed(child.name, 130 if self._stop.is_set() else code or 1)
        facts: dict[str, Any] = json.loads(line.result())
        return facts


@contextlib.asynccontextmanager
async def run_children(stop: asyncio.Event) -> AsyncIterator[Children]:
    """Yield a supervisor whose children are all stopped at the end."""
    children = Children(stop)
    try:
        yield children
    except* ChildFailed as failed:
        if not stop.is_set():
            raise failed.exceptions[0] from None
    finally:
        await children.end()


async def _process(child: Child, *, ready_line: bool) -> asyncio.subprocess.Process:
    # A session of its own: Ctrl-C reaches the supervisor only, which then stops the children in order. A child that is
    # kept ends by itself when its standard input closes, so none is left behind should the supervisor be killed.
    more = ["--with-parent"] if ready_line else []
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fs2od", *child.arguments, *more,
        stdin=asyncio.subprocess.PIPE if ready_line else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if ready_line else asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _runs(child: Child) -> bool:
    return child.process is not None and child.process.returncode is None


def _ask_to_stop(child: Child) -> None:
    assert child.process is not None
    with contextlib.suppress(ProcessLookupError):
        child.process.terminate()


async def _ended(child: Child) -> int:
    assert child.process is not None
    try:
        async with asyncio.timeout(_STOP_WITHIN_S):
            return await child.process.wait()
    except TimeoutError:
        _log.warning("the %s did not stop within %d s and is ended", child.name, _STOP_WITHIN_S)
        child.process.kill()
        return await child.process.wait()
