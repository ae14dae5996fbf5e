"""A dataset with a copy in a bucket of a computing centre that leads its members there, past a network that may fail."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.node.replication.moments import Moments

from fs2od.manifests import PIECE_BYTES
from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.onedata.ids import StorageId
from fs2od.storage.s3 import S3Settings
from fs2od.testing.downloading import Downloader, Ended, Published, publish
from fs2od.testing.network import Exchange, Proxy, Request
from fs2od.testing.world import ServedWorld, Site, serve_world
from fs2od.transfer import AccessToken, Options, SpacePlace

__all__ = ["BIG", "FILES", "Centre", "anything", "open_centre"]

BIG = random.Random(5).randbytes(3 * PIECE_BYTES + 2_000_000)
FILES = {"SPA.yml": b"User: {}\n", "big.mrc": BIG} | {
    f"Grids/{number:02}.mrc": bytes([number]) * 5000 for number in range(20)
}


@dataclass(frozen=True)
class Centre:
    """What a test acts in. `proxy` stands between clients and the store; the node goes there itself."""

    world: ServedWorld
    published: Published
    site: Site
    storage: StorageId
    bucket: S3Settings
    proxy: Proxy
    moments: Moments
    token_file: Path

    @property
    def domain(self) -> str:
        return self.site.node_provider.record.domain

    @property
    def place(self) -> SpacePlace:
        return SpacePlace(self.world.node.settings.zone_url, self.published.dataset.space)

    def options(self) -> Options:
        token = AccessToken(self.world.administrator.token.reveal)
        return Options(token=token, prefer=self.domain, ca_file=str(self.world.ca))

    def lead_to(self, endpoint: str) -> None:
        """Let clients be led to another address than the proxy's."""
        self.site.node_provider.storages.lead_to(self.storage, allowed=True, endpoint=endpoint)

    def replicate(self) -> None:
        """Copy what is lacking, and wait for it."""
        space, replicator = self.published.dataset.space, self.world.node.sites.replicator
        self.moments.forward(60)
        replicator.look_now(space)
        replicator.start_due()
        replicator.wait(space, 60)

    def environment(self) -> dict[str, str]:
        return {"ONECLIENT_PROVIDER_HOST": self.domain, "FS2OD_ZONE": self.world.node.settings.zone_url}

    def run(self, words: tuple[str, ...], out: Path, *more: str, environment: Mapping[str, str] | None = None) -> Ended:
        """Run a command that brings the dataset."""
        named = Downloader(
            words,
            self.published.dataset.space,
            out,
            self.world.ca,
            ("--json", "--token-file", str(self.token_file)),
            self.environment() | dict(environment or {}),
        )
        return named.run(*more)

    def from_store(self) -> int:
        """Return how many bytes of files clients had from the store."""
        return self.proxy.body_bytes(_is_delivery)


def anything(_: Request) -> bool:
    return True


def _is_delivery(exchange: Exchange) -> bool:
    return exchange.status == 206


@contextmanager
def open_centre(folder: Path, bucket: S3Settings, *, port: int) -> Iterator[Centre]:
    """Yield a centre whose bucket, at this port of the machine, has a checked copy of everything."""
    moments = Moments()
    with (
        serve_world(folder / "world", clock=moments) as world,
        Proxy({0: ("127.0.0.1", port)}) as proxy,
    ):
        published = publish(world, FILES)
        site = world.site("centre")
        storages = site.node_provider.storages
        keys = Credentials(bucket.access_key, bucket.secret_key)
        storage = storages.add_s3("bucket", Bucket(bucket.endpoint, bucket.bucket), keys)
        with world.node.zone.database.writing() as db:
            site.node_provider.supports.grant(db, published.dataset.space, storage, size_bytes=1 << 30)
        world.node.zone.epoch.move()
        caller, root = world.administrator.caller, published.dataset.root
        located = world.node.provider.access.locate(caller, root)
        world.node.provider.qos.add(located, f"storageId={storage}", replicas=1)
        token_file = folder / "job.token"
        token_file.write_text(world.administrator.token.reveal())
        centre = Centre(world, published, site, storage, bucket, proxy, moments, token_file)
        centre.replicate()
        centre.lead_to(f"http://127.0.0.1:{proxy.ports[0]}")
        yield centre
