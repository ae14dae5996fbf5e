"""People on hosts of their own, whose cables are cut: what they run, and what they read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fs2od.mount import unmount
from fs2od.node.apps import provider_app
from fs2od.node.certificates import ensure_certificate
from fs2od.node.origins import SocketOrigins
from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.node.panel.storages import Storages
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings, SiteSettings
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.storage.s3 import S3Settings
from fs2od.testing.hosts import Host
from fs2od.testing.system import System
from fs2od.testing.world import Dataset, Person, World, _administrator

__all__ = [
    "CUT_S",
    "LONGEST_S",
    "Place",
    "Reading",
    "bucket_at_centre",
    "ends_well",
    "mounted",
    "prepared",
    "start_node",
    "token_file",
]

CUT_S = 3.0
LONGEST_S = 90.0
FS2OD = (sys.executable, "-m", "fs2od")


@dataclass(frozen=True)
class Place:
    """The hosts, the node, and a dataset at it, with a member's token."""

    node: Host
    site: Host
    user: Host
    system: System
    dataset: Dataset
    token: Path

    @property
    def zone(self) -> str:
        return str(self.system.facts["zone"])

    def command(
        self,
        *words: str,
        at: Host | None = None,
        program: tuple[str, ...] = FS2OD,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command of a person, where the user is."""
        command = [*program, *words, "--ca", str(self.system.facts["ca"])]
        env = {**os.environ, **(environment or {})}
        with (at or self.user).entered():
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def member(
        self, *words: str, program: tuple[str, ...] = FS2OD, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command with a member's token."""
        shown = ("--token-file", str(self.token), "--zone", self.zone)
        return self.command(*words, *shown, program=program, environment=environment)

    def ask(self, method: str, path: str, **told: Any) -> Any:  # noqa: ANN401 - JSON
        """Return what the node answers an administrator, asked beside it."""
        with self.node.entered(), self.system.http(administrator=True) as http:
            answer = http.request(method, path, **told)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def require_at_centre(self) -> str:
        """Require a copy of everything at the site, and return the requirement's address."""
        body = {"fileId": self.dataset.root, "expression": f"providerId={self.centre()}", "replicasNum": 1}
        provider = f"{self.system.facts['provider']}/api/v3/oneprovider"
        made = self.ask("POST", f"{provider}/qos_requirements", json=body)
        return f"{provider}/qos_requirements/{made['qosRequirementId']}"

    def centre(self) -> str:
        """Return the site's id."""
        (url,) = self.system.facts["sites"].values()
        return str(self.ask("GET", f"{url}/api/v3/oneprovider/configuration")["providerId"])


@contextmanager
def prepared(system: System, address: str, store: str) -> Iterator[World]:
    """Yield the node before it is started, with a further site: quicker than asking for everything by REST."""
    sites = (SiteSettings("centre", port=system.port + 3),)
    domains = f"{address}:{system.port}", f"{address}:{system.port + 1}"
    with open_node(NodeSettings(system.data / "node", *domains, sites=sites, store_hosts=(store,))) as opened:
        origins = SocketOrigins(address, address, 0, app=provider_app, certify=lambda _: made)
        made = ensure_certificate(system.data / "node" / "tls", [address])
        opened.sites.open_all(origins)
        try:
            yield World(opened, system.home, _administrator(opened), {})
        finally:
            for service in origins.services:
                service.socket.close()


def bucket_at_centre(world: World, space: SpaceId, endpoint: str, bucket: S3Settings) -> tuple[Storages, StorageId]:
    """Support a space at the site with a bucket that the node reaches at an endpoint, and return that storage."""
    (centre,) = [each for each in world.node.sites if each.record.name == "centre"]
    keys = Credentials(bucket.access_key, bucket.secret_key)
    storage = centre.storages.add_s3("bucket", Bucket(endpoint, bucket.bucket), keys)
    with world.node.zone.database.writing() as db:
        centre.supports.grant(db, space, storage, size_bytes=1 << 30)
    return centre.storages, storage


def token_file(world: World, owner: Person) -> Path:
    """Return a file with somebody's token."""
    token = world.folder / "member.token"
    token.write_text(owner.token.reveal())
    token.chmod(0o600)
    return token


def start_node(system: System, node: Host, store: str) -> None:
    """Start the prepared node on its host."""
    config = system.home / "node.toml"
    config.write_text(f'[network]\nstore_hosts = ["{store}"]\n')
    with node.entered():
        system.start_node("--host", node.address, "--address", node.address, "--config", str(config))


def ends_well(process: subprocess.Popen[str], what: str) -> tuple[str, str]:
    """Wait for a command's end, and return what it printed and what it said."""
    told, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, f"{what}: {said}"
    return told, said


class Reading(threading.Thread):
    """Somebody who reads a file, piece by piece."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self.content = b""
        self.error: OSError | None = None

    def run(self) -> None:
        try:
            with self._path.open("rb", buffering=0) as file:
                while piece := file.read(64 << 10):
                    self.content += piece
        except OSError as error:
            self.error = error


@contextmanager
def mounted(process: subprocess.Popen[str], point: Path) -> Iterator[Path]:
    """Yield the folder that a command mounts, once it has; the command ends afterwards."""
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "is mounted" in said, said + process.stderr.read()
        yield point
    finally:
        process.terminate()
        process.wait(LONGEST_S)
        process.communicate()
        if os.path.ismount(point):
            unmount(point)
