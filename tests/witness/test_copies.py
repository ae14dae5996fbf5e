"""A space at home in one place and copied to another, as clients that others wrote see it: from the second provider, and in the bucket."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from tests.node.replication.moments import Moments

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.node.replication.copying import PART_BYTES
from fs2od.storage.s3 import S3Settings
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import Dataset, Person, ServedWorld, Site, serve_world, wait_until

pytestmark = pytest.mark.witness
Witness = Callable[[str, dict[str, Any]], dict[str, Any]]
FILES = {
    "SPA.yml": b"User: {}\n",
    "empty": b"",
    "grid 1/größe ½.mrc": b"named as people name things",
    "grid 1/a+b=c&d;e.txt": b"what has to be quoted somewhere",
    "grid 1/deep/er/movie.mrc": os.urandom(300_000),
    "large.mrc": os.urandom(PART_BYTES + 5),
    **{f"many/{number:03}.txt": b"%d" % number for number in range(24)},
}
HASHES = {path: sha256(content).hexdigest() for path, content in FILES.items()}


@dataclass(frozen=True)
class Scene:
    """A dataset at the facility, and a centre with a bucket that supports it, too."""

    world: ServedWorld
    owner: Person
    dataset: Dataset
    centre: Site
    bucket: S3Settings

    def everything(self, witness: Witness) -> dict[str, Any]:
        """Return what fs.onedatarestfs sees through the centre's provider."""
        told = {
            "zone": self.world.node.settings.zone_domain,
            "ca": str(self.world.ca),
            "token": self.owner.token.reveal(),
            "space": "data",
            "provider": self.centre.node_provider.record.domain,
        }
        return witness("rest_fs_everything", told)

    def replicate(self) -> None:
        """Have a copy made of everything, and wait for it."""
        provider = self.world.node.provider
        located = provider.access.locate(self.owner.caller, self.dataset.root)
        made = provider.qos.add(located, f"providerId={self.centre.node_provider.record.id}", 1)
        wait_until(lambda: provider.qos.status(provider.qos.get(self.owner.caller, made)) == "fulfilled", 60)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, radosgw: Radosgw) -> Iterator[Scene]:
    moments = Moments()
    moments.forward(60)
    with serve_world(tmp_path_factory.mktemp("world"), clock=moments) as world:
        owner = world.person()
        dataset = world.dataset(owner, FILES, name="data")
        centre, bucket = world.site("centre"), radosgw.bucket()
        provider = centre.node_provider
        keys = Credentials(bucket.access_key, bucket.secret_key)
        storage = provider.storages.add_s3("bucket", Bucket(bucket.endpoint, bucket.bucket), keys)
        with world.node.zone.database.writing() as db:
            provider.supports.grant(db, dataset.space, storage, size_bytes=1 << 30)
        world.node.zone.epoch.move()
        yield Scene(world, owner, dataset, centre, bucket)


def test_the_official_client_reads_everything_through_the_second_provider(scene: Scene, witness: Witness) -> None:
    read_through = scene.everything(witness)
    scene.replicate()
    away = scene.dataset.folder.rename(scene.dataset.folder.with_name("away"))
    from_the_copy = scene.everything(witness)  # the bytes can only come from the bucket
    away.rename(scene.dataset.folder)
    for saw in (read_through, from_the_copy):
        assert saw["files"] == {f"/{path}": said for path, said in HASHES.items()}
        assert saw["sizes"] == {f"/{path}": len(content) for path, content in FILES.items()}
        assert saw["folders"] == ["/grid 1", "/grid 1/deep", "/grid 1/deep/er", "/many"]
        zone, centre = scene.world.node.settings.zone_domain, scene.centre.node_provider.record.domain
        assert saw["asked"] == sorted([zone, centre])


def test_boto3_and_s3fs_read_the_copies_as_the_plain_objects_that_they_are(scene: Scene, witness: Witness) -> None:
    scene.replicate()
    bucket = scene.bucket
    told = {
        "endpoint": bucket.endpoint, "bucket": bucket.bucket, "prefix": f"{scene.dataset.space}/",
        "access": bucket.access_key, "secret": bucket.secret_key,
    }  # fmt: skip
    saw = witness("bucket", told)
    assert saw["boto3"] == HASHES
    assert saw["s3fs"] == HASHES
