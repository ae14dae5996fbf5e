"""Somebody who writes at a node into a bucket of a real store, and the way from one to the other."""

from __future__ import annotations

import os

from tests.node.replication.buckets import Objects

from fs2od.client import Connection, Oneprovider, Retries
from fs2od.client.provider import Files
from fs2od.node.index import Entry
from fs2od.onedata.ids import FileId
from fs2od.onedata.tokens import Token
from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.killed_writing import PART_BYTES as PART
from fs2od.testing.killed_writing import results_in_bucket
from fs2od.testing.network import Broken, Fault, Reply
from fs2od.testing.world import World

__all__ = ["CONTENT", "PART", "AnswerLost", "Scene"]

CONTENT = os.urandom(2 * PART + 1000)


class Scene:
    """Somebody who writes into a space in a bucket."""

    def __init__(self, world: World, own: S3Settings, port: int) -> None:
        self.world = world
        self.provider = world.node.provider
        self.alex = world.person()
        dataset = results_in_bucket(world, self.alex, own, "objects", port=port)
        self.space, self.root = dataset.space, dataset.root
        self.objects = Objects(own, self.space)
        self._store, self._bucket = client_of(own), own.bucket
        self.files = self.speaking(self.alex.token)

    def speaking(self, token: Token) -> Files:
        """Return the files as the holder of a token has them."""
        url = self.world.node.settings.provider_url
        connection = Connection(token=token, transport=self.world.transports[url], retries=Retries(tries=1))
        return Oneprovider(connection, url).files

    def uploads(self) -> int:
        """Return how many uploads into the bucket nobody has ended."""
        return len(self._store.list_multipart_uploads(Bucket=self._bucket).get("Uploads", ()))

    def listed(self) -> dict[str, int]:
        with self.provider.indexes.using(self.space) as index:
            root = index.get(1)
            assert root is not None
            return {path: entry.size_bytes for path, entry in index.walk(root)}

    def entry(self, file: FileId) -> Entry:
        return self.provider.access.locate(self.alex.caller, file).entry

    async def begun(self, name: str = "whole", *, size: int = len(CONTENT)) -> FileId:
        partial = f".fs2od-{os.urandom(12).hex()}.partial"
        file = (await self.files.create(self.root, partial)).file_id
        await self.files.begin_upload(file, name, size)
        return file

    async def part(self, file: FileId, number: int, content: bytes = CONTENT) -> str | None:
        return await self.files.write(file, content[number * PART : (number + 1) * PART], offset=number * PART)

    async def move(self, file: FileId, name: str, *, replaces: bool = False) -> None:
        here = f"objects@{self.space}/{(await self.files.attributes(file, ('name',))).name}"
        await self.files.move(here, f"objects@{self.space}/{name}", replaces=replaces)


class AnswerLost(Fault):
    """What was asked for is done, and nobody hears of it."""

    def after(self, reply: Reply) -> Reply:
        reply.release()
        raise Broken("the answer is lost")
