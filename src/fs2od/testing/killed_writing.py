"""A node that writes, moves, removes and takes in parts in a space of its own, and is killed at the n-th step between bytes and index."""

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

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.onedata.ids import FileId, SpaceId
from fs2od.sqlite import Database
from fs2od.storage import PosixStorage
from fs2od.storage.s3 import S3Settings, S3Storage
from fs2od.testing.world import Dataset, Person, World, open_world, serve_world

__all__ = [
    "PART_BYTES",
    "arrive_until_killed",
    "results_in_bucket",
    "say_no_sums",
    "serve_until_killed",
    "write_until_killed",
]

Given = ParamSpec("Given")
Result = TypeVar("Result")
_Writing = Callable[[Database], AbstractContextManager[Connection]]
PART_BYTES = 8 << 20
"""The size of the parts that a file arrives in."""
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


def results_in_bucket(world: World, owner: Person, own: S3Settings, name: str, *, port: int | None = None) -> Dataset:
    """Return a new space whose storage is a bucket, which the node reaches at its store's address or at a port of this machine.

    A storage that has the bucket already is that of this space, too.
    """
    provider, space = world.node.provider, world.space(owner, name)
    place = Bucket(endpoint=f"http://127.0.0.1:{port}" if port else own.endpoint, name=own.bucket)
    known = [each for each in provider.storages.every() if provider.storages.get(each).place == place]
    keys = Credentials(own.access_key, own.secret_key)
    storage = known[0] if known else provider.storages.add_s3(f"bucket of {name}", place, keys)
    with world.node.zone.database.writing() as db:
        provider.supports.grant(db, space, storage, size_bytes=1 << 30)
    world.node.zone.epoch.move()
    return Dataset(space, storage, world.folder / "nowhere", FileId(provider.files.root_id(space)))


def arrive_until_killed(folder: str, at: int, own: S3Settings, content: bytes, says_sums: bool = True) -> None:
    """Let a file arrive in a bucket and die at a step from its last part on; return if there are fewer. For a process of its own.

    Unless the store `says_sums`, what it says of its files tells nothing, as where it encrypts them: the file is read back.
    """
    with open_world(Path(folder)) as world:
        alex = world.person()
        dataset = results_in_bucket(world, alex, own, f"space {at}")
        asyncio.run(_Arrival(world, alex.headers, dataset, content, says_sums).make(_KilledAt(at)))


def serve_until_killed(folder: str, first_port: int, told: str, own: S3Settings | None = None, port: int = 0) -> None:
    """Serve a node with a space called "results" on two ports until the process is killed; again in the same folder, the same one.

    `told` is a file that is written once it answers: the zone's address, its certificate, a member's token and the space's folder.
    With a bucket of `own` the space lies there, reached at a port of this machine.
    """
    with serve_world(Path(folder), ports=(first_port, first_port + 1)) as world:
        known = world.node.zone.spaces.named("results")
        if known:
            facts = json.loads(Path(told).read_text())
        else:
            alex = world.person()
            in_bucket = own and results_in_bucket(world, alex, own, "results", port=port)
            dataset = in_bucket or world.results(alex)
            facts = {"token": alex.token.reveal(), "folder": str(dataset.folder)}
            facts |= {"zone": world.node.settings.zone_url, "ca": str(world.ca)}
        partial = Path(f"{told}.partial")
        partial.write_text(json.dumps({**facts, "pid": os.getpid()}))
        partial.replace(told)
        threading.Event().wait()


def say_no_sums(world: World, space: SpaceId) -> None:
    """Let what a store says of the files that arrive in a space tell nothing, as of one that encrypts."""
    with world.node.provider.indexes.using(space) as index, index.database.writing() as db:
        db.execute("UPDATE arrival_part SET md5 = x'00'")


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
class _Member:
    world: World
    headers: Mapping[str, str]
    dataset: Dataset

    async def _move(self, source: str, target: str) -> None:
        name = self.world.node.zone.spaces.known(self.dataset.space).name
        url = f"{self.world.node.settings.provider_url}/cdmi/{name}/{target}"
        await self._do("PUT", url, json.dumps({"move": f"{name}/{source}"}).encode(), _CDMI)

    async def _do(self, method: str, path: str, content: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
        headers = {**self.headers, **(more or {})}
        answer = await self.world.provider.request(method, path, headers=headers, content=content)
        answer.raise_for_status()
        return answer.content


class _Changes(_Member):
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


@dataclass(frozen=True)
class _Arrival(_Member):
    content: bytes
    says_sums: bool

    async def make(self, step: _KilledAt) -> None:
        """Let a file arrive, and die at a step."""
        root, last = self.dataset.root, len(self.content) // PART_BYTES * PART_BYTES
        made = await self._do("PUT", f"/data/{root}/path/partial")
        file = json.loads(made)["fileId"]
        beginning = json.dumps({"name": "whole", "sizeBytes": len(self.content)}).encode()
        json_body = {"Content-Type": "application/json"}
        await self._do("PUT", f"/fs2od/data/{file}/upload", beginning, json_body)
        await self._do("PUT", f"/data/{file}/content?offset=0", self.content[:last])
        for name in ("put_part", "complete_upload", "open", "delete"):
            setattr(S3Storage, name, step.around(getattr(S3Storage, name)))
        Database.writing = step.around_commit(Database.writing)  # type: ignore[method-assign, assignment]  # nobody else lives in this process
        await self._do("PUT", f"/data/{file}/content?offset={last}", self.content[last:])
        if not self.says_sums:
            say_no_sums(self.world, self.dataset.space)
        await self._move("partial", "whole")
