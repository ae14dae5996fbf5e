"""Downloads as people run them, from a real node behind a network that fails as a test says."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fs2od.node.certificates import ensure_certificate
from fs2od.onedata.ids import ShareId
from fs2od.testing.network import Proxy, Request, is_about_bytes, server_context
from fs2od.testing.ports import free_ports
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.system import System, tree
from fs2od.testing.world import Dataset, ServedWorld, serve_world, write_files
from fs2od.transfer import bundle

__all__ = [
    "BehindProxy",
    "Downloader",
    "Ended",
    "Published",
    "behind_proxy",
    "command",
    "node_behind_proxy",
    "publish",
    "restart",
    "single_file",
    "spoil",
]

_BEHIND = "127.0.0.2"
_LONGEST_S = 120.0


@dataclass(frozen=True)
class Published:
    """A dataset that is shared: its folder, and the link to it."""

    dataset: Dataset
    share: ShareId
    link: str

    @property
    def folder(self) -> Path:
        """Where the facility has it."""
        return self.dataset.folder

    def files(self) -> dict[str, str]:
        """Return what a whole download of it has to look like, see `tree`."""
        return tree(self.folder)


@dataclass(frozen=True)
class Ended:
    """How a run ended, and what it said."""

    code: int
    out: str
    said: str

    @property
    def told(self) -> dict[str, Any]:
        """The report, which a run with --json prints."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Downloader:
    """A front end, and what all its runs have in common."""

    words: tuple[str, ...]
    link: str
    out: Path
    ca: Path
    more: tuple[str, ...] = ("--json",)
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Start a run. Whoever starts it ends it."""
        words = [*self.words, self.link, str(self.out), "--ca", str(self.ca), *self.more, *more]
        return subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )

    def run(self, *more: str, within_s: float = _LONGEST_S) -> Ended:
        """Run it to its end.

        Raises:
            subprocess.TimeoutExpired: It does not end; it was killed.
        """
        with self.start(*more) as process:
            return self.wait(process, within_s=within_s)

    def wait(self, process: subprocess.Popen[str], *, within_s: float = _LONGEST_S) -> Ended:
        """Wait for the end of a run that was started.

        Raises:
            subprocess.TimeoutExpired: It does not end; it was killed.
        """
        try:
            out, said = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            raise
        return Ended(process.returncode, out, said)

    def tree(self) -> dict[str, str]:
        """Return what stands at its place."""
        return tree(self.out)

    def partials(self) -> list[Path]:
        """Return the files there that are not whole, and the notes about them."""
        return [path for path in self.out.rglob("*") if path.suffix in {".partial", ".pieces"}]


def command() -> tuple[str, ...]:
    """Return the words that begin `fs2od download`."""
    return (sys.executable, "-m", "fs2od", "download")


def single_file(folder: Path) -> tuple[str, ...]:
    """Return the words that begin a download with get.py, which is put into `folder`.

    It runs without the installed packages, as where nothing may be installed.
    """
    script = folder / "get.py"
    script.write_text(bundle())
    return (sys.executable, "-I", "-S", str(script))


@dataclass(frozen=True)
class BehindProxy:
    """A node, and the proxy that everybody passes who follows its links."""

    world: ServedWorld
    proxy: Proxy

    def about_bytes(self, request: Request) -> bool:
        """Say whether a request is for bytes of files, at the provider: the zone only redirects."""
        return request.port == self.proxy.ports[1] and is_about_bytes(request)

    def about_pieces(self, request: Request) -> bool:
        """Say whether a request is for a part of a large file that it does not only probe."""
        span = request.range
        return self.about_bytes(request) and span is not None and span[1] != span[0]

    def end_share(self, published: Published) -> None:
        """End a link."""
        self.world.node.zone.shares.end(self.world.administrator.caller, published.share)


def publish(
    world: ServedWorld, files: Mapping[str, bytes], *, sidecar: bool = True, seal: bool = True, name: str = "share"
) -> Published:
    """Return a new shared dataset with these files, whose manifest is as complete as `sidecar` and `seal` say."""
    space = world.space(world.administrator, "dataset")
    folder = world.folder / "storage" / space
    folder.mkdir(parents=True)
    write_files(folder, files)
    if sidecar:
        extend_sidecar(folder, seal=seal)
    storage = world.node.provider.storages.add_posix("dataset", str(folder), imported=True, readonly=True)
    dataset = world.support(space, storage, folder)
    share = world.share(world.administrator, dataset, name=name)
    return Published(dataset, share, f"{world.node.settings.zone_url}/share/{share}")


@contextmanager
def behind_proxy(folder: Path, *, plain: bool = False) -> Iterator[BehindProxy]:
    """Yield a new node whose links lead to a proxy before it, over TLS from end to end."""
    first = free_ports(2)
    with (
        serve_world(folder, plain=plain, address=_BEHIND, ports=(first, first + 1)) as world,
        _before(first, folder / "certificates") as proxy,
    ):
        yield BehindProxy(world, proxy)


@contextmanager
def node_behind_proxy(home: Path, files: Mapping[str, bytes]) -> Iterator[tuple[System, Published, Proxy]]:
    """Yield a node as a process that may be killed and started again, what it shares, and the proxy before it.

    Start it again with `restart`; the share's link stays.
    """
    first = free_ports(2)
    home.mkdir()
    # Made by a node of the same state inside this process, which is quicker than asking for everything by REST.
    with serve_world(home / "data", address=_BEHIND, ports=(first, first + 1)) as world:
        published = publish(world, files)
    with System(home, port=first) as system, _before(first, home / "data" / "node" / "tls") as proxy:
        restart(system)
        yield system, published, proxy


def restart(system: System) -> None:
    """Start the node of `node_behind_proxy` after it was killed."""
    system.start_node("--address", _BEHIND)


@contextmanager
def _before(first: int, certificates: Path) -> Iterator[Proxy]:
    made = ensure_certificate(certificates, ["localhost"])
    routes = {port: (_BEHIND, port) for port in (first, first + 1)}
    asking = ssl.create_default_context(cafile=str(made.ca))
    with Proxy(routes, serving=server_context(made.certificate, made.key), asking=asking) as proxy:
        yield proxy


def spoil(published: Published, path: str) -> None:
    """Turn one bit over, as a disk may: size and times stay."""
    file = published.folder / path
    status, data = file.stat(), bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
