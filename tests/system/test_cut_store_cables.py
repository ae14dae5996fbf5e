"""What is read straight from a site's store, on hosts of their own: the reader's cable is cut in the middle, or only the store's."""

from __future__ import annotations

import json
import shutil
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.noise import noise
from tests.storage.conftest import radosgw
from tests.system.cables import (
    CUT_S,
    LONGEST_S,
    Place,
    Reading,
    bucket_at_centre,
    ends_well,
    mounted,
    prepared,
    start_node,
    token_file,
)

from fs2od.manifests import PIECE_BYTES
from fs2od.node.certificates import ensure_certificate
from fs2od.testing.downloading import single_file
from fs2od.testing.hosts import Cable, Network
from fs2od.testing.network import Held, Proxy, server_context
from fs2od.testing.ports import free_ports
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.system import System, wait_for

__all__ = ["radosgw"]

COMMANDS = ("mirror", "download", "get.py")
WHO = (*COMMANDS, "mount")
CONNECTIONS = 2
# A file for each reader, so that what the store sends says who reads. A mount brings the first pieces before it knows what they should be.
PIECES = {"mirror": 2, "download": 2, "get.py": 2, "mount": 3}
MORE = 500_000
WHOLE = sum(PIECES.values()) * PIECE_BYTES + len(WHO) * MORE
A_LITTLE = 1 << 20


def movie(who: str) -> bytes:
    return noise(PIECES[who] * PIECE_BYTES + MORE, WHO.index(who))


@dataclass(frozen=True)
class Centre(Place):
    """And the site's store, as users reach it: what it sends is counted."""

    store: Proxy

    def straight(self, who: str) -> int:
        """Return how many bytes of somebody's file the store has sent."""
        return self.store.body_bytes(lambda each: each.status == 206 and f"/{who}/movie.mrc" in each.request.path)

    @contextmanager
    def counted(self) -> Iterator[Callable[[], int]]:
        """Yield what says how many bytes node and store have sent meanwhile, and forget what the store sent before."""
        self.store.forget()
        before = self.node.sent_bytes() + self.site.sent_bytes()
        yield lambda: self.node.sent_bytes() + self.site.sent_bytes() - before

    def start(self, who: str, folder: Path) -> subprocess.Popen[str]:
        """Start a reader who is led to the store."""
        (site,) = self.system.facts["sites"].values()
        led = {"ONECLIENT_PROVIDER_HOST": urlsplit(site).netloc}
        words: tuple[str, ...]
        if who == "mount":
            words = ("mount", self.dataset.space, str(folder / "mounted"), "--cache", str(folder / "cache"))
            return self.member(*words, environment=led)
        words = (
            self.dataset.space,
            str(folder / "brought" / who),
            "--include",
            f"{who}/*",
            "--jobs",
            str(CONNECTIONS),
            "--json",
        )
        if who == "get.py":
            return self.member(*words, program=single_file(folder), environment=led)
        return self.member(who, *words, environment=led)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory, radosgw: Radosgw) -> Iterator[Centre]:
    home = tmp_path_factory.mktemp("node")
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        node = network.host()
        site = network.host(Cable(megabits_s=60))
        user = network.host()
        system = System(home, port=free_ports(4))
        # The node has a way of its own to the bucket, which nobody cuts.
        with node.entered():
            inside = Proxy({0: ("127.0.0.1", radosgw.port)}, address="127.0.0.1")
        stack.enter_context(inside)
        bucket = radosgw.bucket()
        with node.entered(), prepared(system, node.address, "127.0.0.1") as world:
            with site.entered():
                store = Proxy({0: ("127.0.0.1", radosgw.port)}, address=site.address, serving=tls(system, site.address))
            owner = world.administrator
            dataset = world.dataset(owner, {f"{who}/movie.mrc": movie(who) for who in WHO})
            extend_sidecar(dataset.folder, seal=True)
            world.rescan(dataset.space)
            endpoint = f"http://127.0.0.1:{inside.ports[0]}"
            storages, storage = bucket_at_centre(world, dataset.space, endpoint, bucket)
            storages.lead_to(storage, allowed=True, endpoint=f"https://{site.address}:{store.ports[0]}")
            token = token_file(world, owner)
        stack.enter_context(store)
        stack.enter_context(system)
        start_node(system, node, "127.0.0.1")
        centre = Centre(node, site, user, system, dataset, token, store)
        copies = centre.require_at_centre()
        wait_for(lambda: centre.ask("GET", copies)["status"] == "fulfilled", what="the copies")
        yield centre


def tls(system: System, address: str) -> ssl.SSLContext:
    """Return what a store at an address needs, whose certificate is by the authority of the node."""
    folder = system.home / "store"
    shutil.copytree(system.data / "node" / "tls", folder)
    made = ensure_certificate(folder, [address])
    return server_context(made.certificate, made.key)


@dataclass(frozen=True)
class Ended:
    """What somebody has read, and what was said meanwhile."""

    content: bytes
    said: str
    fetched: int | None


class Readers:
    """Everybody who reads, each in the middle of it and standing still: what the store sends is held back until they go on."""

    def __init__(self, centre: Centre, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._commands: dict[str, subprocess.Popen[str]] = {}
        self._go = threading.Event()
        stack.callback(centre.store.forgive)
        stack.callback(self._go.set)
        centre.store.strike(
            Held(2 * A_LITTLE, self._go), when=lambda request: "movie.mrc" in request.path, times=10_000
        )
        for who in WHO:
            self._commands[who] = command = centre.start(who, folder)
            stack.callback(command.communicate)
            stack.callback(command.kill)
            if who == "mount":
                point = stack.enter_context(mounted(command, folder / "mounted"))
                self._through = Reading(point / who / "movie.mrc")
                self._through.start()
            wait_for(partial(self._is_begun, centre, who), what=f"the first bytes from the store for {who}")
            if who != "mount":
                command.send_signal(signal.SIGSTOP)

    def _is_begun(self, centre: Centre, who: str) -> bool:
        command = self._commands[who]
        assert command.poll() is None, command.communicate()
        return centre.straight(who) > A_LITTLE

    def go_on(self) -> None:
        """Let them read on."""
        self._go.set()
        for who in COMMANDS:
            self._commands[who].send_signal(signal.SIGCONT)

    def unfinished(self) -> list[str]:
        """Return who still reads."""
        found = [who for who in COMMANDS if self._commands[who].poll() is None]
        return [*found, *(["mount"] if self._through.is_alive() else [])]

    def ended(self) -> dict[str, Ended]:
        """Wait until all have read everything."""
        found = {}
        for who in COMMANDS:
            told, said = ends_well(self._commands[who], who)
            content = (self._folder / "brought" / who / who / "movie.mrc").read_bytes()
            found[who] = Ended(content, said, json.loads(told)["bytes_fetched"])
        self._through.join(LONGEST_S)
        assert self._through.error is None
        self._commands["mount"].terminate()
        _, said = ends_well(self._commands["mount"], "mount")
        return {**found, "mount": Ended(self._through.content, said, None)}


def test_who_reads_straight_from_a_store_waits_while_their_cable_is_cut_and_goes_on(
    centre: Centre, tmp_path: Path
) -> None:
    with ExitStack() as stack, centre.counted() as sent:
        readers = Readers(centre, tmp_path, stack)
        with centre.user.cut():
            readers.go_on()
            time.sleep(CUT_S)
            unfinished = readers.unfinished()
        found = readers.ended()
    assert unfinished == list(WHO), f"the cut came too late: only {unfinished} read"
    assert_right(found, sent())


def test_who_cannot_reach_the_store_any_more_reads_on_through_the_provider_and_is_told_so_once(
    centre: Centre, tmp_path: Path
) -> None:
    with ExitStack() as stack, centre.counted() as sent:
        readers = Readers(centre, tmp_path, stack)
        with centre.site.cut():
            readers.go_on()
            found = readers.ended()
    assert_right(found, sent())
    for who, ended in found.items():
        told = [line for line in ended.said.splitlines() if "bytes come through the provider instead" in line]
        assert len(told) == 1, f"{who}: {ended.said}"


def assert_right(found: Mapping[str, Ended], sent_bytes: int) -> None:
    """Look whether everybody has the right bytes, and had hardly any of them twice."""
    for who, ended in found.items():
        content = movie(who)
        assert ended.content == content, who
        assert ended.fetched is None or ended.fetched <= len(content) + A_LITTLE, who
    # Headers included, and what was on the way as the cable was cut.
    assert sent_bytes <= WHOLE + len(WHO) * PIECE_BYTES
