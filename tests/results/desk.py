"""Somebody with results in a folder, and a way to a node on which requests can be broken."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx

from fs2od.client import Connection, Retries
from fs2od.onedata.errors import OnedataError
from fs2od.onedata.tokens import Token
from fs2od.results import Options, Put, PutReport, find_target, gather
from fs2od.testing.world import Dataset, Person, World

BIG = os.urandom(9 << 20)
Judge = Callable[[httpx.Request], httpx.Request]


def is_about_bytes(path: str) -> bool:
    """Say whether a request that puts something there brings bytes of files."""
    return not path.startswith("/cdmi") and not path.endswith("/upload")


class Way(httpx.AsyncBaseTransport):
    """The way to a node's origins, on which a test may break or change requests."""

    def __init__(self, world: World) -> None:
        self.transports = world.transports
        self.judge: Judge = lambda request: request
        self.sent: list[tuple[str, str, int]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        request = self.judge(request)
        self.sent.append((request.method, request.url.path, len(request.content)))
        return await self.transports[f"https://{request.url.netloc.decode()}"].handle_async_request(request)

    def bytes_sent(self) -> int:
        return sum(size for method, path, size in self.sent if method == "PUT" and is_about_bytes(path))


class Desk:
    """Somebody with results in a folder, and a space for them."""

    def __init__(self, world: World, home: Path, *, size_bytes: int = 1 << 30) -> None:
        self.world = world
        self.home = home
        self.home.mkdir()
        self.alex: Person = world.person()
        self.dataset: Dataset = world.results(self.alex, size_bytes=size_bytes)
        self.way = Way(world)
        self.token: Token = self.alex.token
        self.said: list[str] = []
        self.pausing: Callable[[OnedataError, float], None] = lambda _, __: None
        self.retries = Retries(tries=4, first_pause=timedelta(milliseconds=1))

    def write(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            target = self.home / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def connection(self) -> Connection:
        return Connection(token=self.token, transport=self.way, retries=self.retries, pausing=self.pausing)

    async def put(self, *names: str, to: str = "results", replace: bool = False, jobs: int = 4) -> PutReport:
        space, _, path = to.partition("/")
        async with self.connection() as connection:
            zone = self.world.node.settings.zone_url
            target = await find_target(connection, zone, self.token, space, path)
            sources = gather([self.home / name for name in names or ("",)])
            return await Put(sources, target, Options(jobs=jobs, replace=replace), say=self.said.append).run()

    def there(self) -> dict[str, bytes]:
        """Return what lies in the space, by the storage; the index must say the same."""
        folder = self.dataset.folder
        every = [path for path in folder.rglob("*") if path.is_file() and ".fs2od-partial" not in path.parts]
        found = {str(path.relative_to(folder)): path.read_bytes() for path in every}
        assert self.listed() == {path: len(content) for path, content in found.items()}
        return found

    def listed(self) -> dict[str, int]:
        """Return the files that are registered in the space, with their sizes."""
        with self.world.node.provider.indexes.using(self.dataset.space) as index:
            root = index.get(1)
            assert root is not None
            return {path: entry.size_bytes for path, entry in index.walk(root) if entry.kind == "REG"}
