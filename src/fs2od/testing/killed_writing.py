"""A node that writes, moves and removes in a space of its own, and is killed at the n-th step between bytes and index."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import ParamSpec, TypeVar

from fs2od.sqlite import Database
from fs2od.storage import PosixStorage
from fs2od.testing.world import Dataset, World, open_world, serve_world

__all__ = ["serve_until_killed", "write_until_killed"]

Given = ParamSpec("Given")
Result = TypeVar("Result")
_Writing = Callable[[Database], AbstractContextManager[Connection]]
_CDMI = {"X-CDMI-Specification-Version": "1.1.1", "Content-Type": "application/cdmi-object"}


def write_until_killed(folder: str, at: int) -> None:
    """Write in a new space called "space {at}" and die at a step; return if there are fewer steps. For a process of its own."""
    with open_world(Path(folder)) as world:
        alex = world.person()
        dataset = world.results(alex, name=f"space {at}")
        step = _KilledAt(at)
        for name in ("write", "write_at", "rename", "delete", "make_directory"):
            setattr(PosixStorage, name, step.around(getattr(PosixStorage, name)))
        Database.writing = step.around_commit(Database.writing)  # type: ignore[method-assign, assignment]  # nobody else lives in this process
        asyncio.run(_Changes(world, alex.headers, dataset).make())


def serve_until_killed(folder: str, first_port: int, told: str) -> None:
    """Serve a node with a space called "results" on two ports until the process is killed; again in the same folder, the same one.

    `told` is a file that is written once it answers: the zone's address, its certificate, a member's token and the space's folder.
    """
    with serve_world(Path(folder), ports=(first_port, first_port + 1)) as world:
        known = world.node.zone.spaces.named("results")
        if known:
            facts = json.loads(Path(told).read_text())
        else:
            alex = world.person()
            dataset = world.results(alex)
            facts = {"token": alex.token.reveal(), "folder": str(dataset.folder)}
            facts |= {"zone": world.node.settings.zone_url, "ca": str(world.ca)}
        partial = Path(f"{told}.partial")
        partial.write_text(json.dumps({**facts, "pid": os.getpid()}))
        partial.replace(told)
        threading.Event().wait()


@dataclass
class _KilledAt:
    at: int
    passed: int = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, act: Callable[Given, Result]) -> Callable[Given, Result]:
        def stepped(*given: Given.args, **named: Given.kwargs) -> Result:
            self()
            found = act(*given, **named)
            self()
            return found

        return stepped

    def around_commit(self, writing: _Writing) -> _Writing:
        @contextmanager
        def stepped(database: Database) -> Iterator[Connection]:
            with writing(database) as db:
                yield db
            self()

        return stepped


@dataclass(frozen=True)
class _Changes:
    world: World
    headers: Mapping[str, str]
    dataset: Dataset

    async def make(self) -> None:
        """Make every kind of change."""
        base = f"/data/{self.dataset.root}/path"
        file = json.loads(await self._do("PUT", f"{base}/a/f?create_parents=true", b"123"))["fileId"]
        await self._do("PUT", f"/data/{file}/content", b"12345")
        await self._do("PUT", f"/data/{file}/content?offset=4", b"6789")
        await self._do("PUT", f"{base}/g", b"g")
        await self._move("a/f", "g")
        await self._move("a", "b")
        await self._do("PUT", f"{base}/b/h", b"h")
        await self._do("DELETE", f"{base}/b")

    async def _move(self, source: str, target: str) -> None:
        name = self.world.node.zone.spaces.known(self.dataset.space).name
        url = f"{self.world.node.settings.provider_url}/cdmi/{name}/{target}"
        await self._do("PUT", url, json.dumps({"move": f"{name}/{source}"}).encode(), _CDMI)

    async def _do(self, method: str, path: str, content: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
        headers = {**self.headers, **(more or {})}
        answer = await self.world.provider.request(method, path, headers=headers, content=content)
        answer.raise_for_status()
        return answer.content
