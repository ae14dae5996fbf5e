"""A dataset at the facility, and a computing centre that supports it, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.node.replication.moments import Moments

from fs2od.node.index import replicas
from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.node.replication import Replicator
from fs2od.node.settings import ReplicationSettings
from fs2od.onedata.ids import StorageId
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import Dataset, Person, Site, World, open_world

FILES = {"a.mrc": b"0123456789", "deep/b.mrc": bytes(range(256)), "empty": b""}


@dataclass
class Scene:
    """What a test of replication acts in."""

    world: World
    moments: Moments
    owner: Person
    dataset: Dataset
    centre: Site
    storage: StorageId

    @property
    def replicator(self) -> Replicator:
        return self.world.node.sites.replicator

    @property
    def folder(self) -> Path:
        """Where the centre's copies are."""
        place = self.centre.node_provider.storages.get(self.storage).place
        assert isinstance(place, Path)
        return place / self.dataset.space

    @property
    def problem(self) -> str:
        """What people are told that keeps the centre from getting its copies."""
        return self.replicator.problem(self.dataset.space, self.storage) or ""

    @property
    def failed(self) -> tuple[int, str | None]:
        """How many files could not be copied, and why one of them could not."""
        with self.world.node.provider.indexes.using(self.dataset.space) as index:
            return replicas.problem(index, self.storage)

    def look(self) -> None:
        """Let the replicator look at the dataset once, and wait for it."""
        self.replicator.look_now(self.dataset.space)
        self.tick()

    def tick(self) -> None:
        """Let the node's clockwork come by once, and wait for what it begins."""
        self.replicator.start_due()
        self.replicator.wait(self.dataset.space, 60)

    async def require(self, expression: str, replicas: int = 1, path: str = "", *, at: Site | None = None) -> str:
        body = {"fileId": self.world.id_of(self.dataset, path), "expression": expression, "replicasNum": replicas}
        provider = self.world.provider if at is None else at.provider
        answer = await provider.post("/qos_requirements", json=body, headers=self.owner.headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["qosRequirementId"])

    async def status(self, requirement: str) -> str:
        answer = await self.centre.provider.get(f"/qos_requirements/{requirement}", headers=self.owner.headers)
        return str(answer.json()["status"])

    def copies(self) -> dict[str, bytes]:
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}


@contextmanager
def open_bucket_scene(
    folder: Path,
    bucket: S3Settings,
    files: Mapping[str, bytes] = FILES,
    *,
    granted_bytes: int = 1 << 30,
    replication: ReplicationSettings | None = None,
) -> Iterator[Scene]:
    """Yield a scene whose centre has a bucket."""
    moments = Moments()
    with open_world(folder, clock=moments, replication=replication) as world:
        owner = world.person("Owner Example")
        dataset = world.dataset(owner, files)
        centre = world.site("centre")
        provider = centre.node_provider
        place = Bucket(bucket.endpoint, bucket.bucket)
        storage = provider.storages.add_s3("bucket", place, Credentials(bucket.access_key, bucket.secret_key))
        with world.node.zone.database.writing() as db:
            provider.supports.grant(db, dataset.space, storage, size_bytes=granted_bytes)
        moments.forward(60)
        yield Scene(world, moments, owner, dataset, centre, storage)


@contextmanager
def open_scene(folder: Path, files: Mapping[str, bytes] = FILES) -> Iterator[Scene]:
    moments = Moments()
    with open_world(folder, clock=moments) as world:
        owner = world.person("Owner Example")
        dataset = world.dataset(owner, files)
        centre = world.site("centre")
        storage = world.also_support(dataset.space, centre.node_provider)
        moments.forward(60)
        yield Scene(world, moments, owner, dataset, centre, storage)
