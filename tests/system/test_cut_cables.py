"""Facility, node, site and user on hosts of their own, with delay and loss between them; and the cable is cut in the middle of everything."""

from __future__ import annotations

import errno
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
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

from fs2od.cli.first_configuration import ensure_configuration
from fs2od.mount import unmount
from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.hosts import Cable, Host, Network
from fs2od.testing.network import Proxy
from fs2od.testing.ports import free_ports
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.system import System, tree, wait_for
from fs2od.testing.world import Dataset, write_files

__all__ = ["radosgw"]

ENDED = ("completed", "failed", "cancelled")
LARGE = 2 << 20
SOME = random.Random(5)
FILES = {
    "notes.yml": b"User: {}\n",
    **{f"Grids/{number}.mrc": SOME.randbytes(LARGE) for number in range(3)},
    **{f"Thumbs/{number:02}.jpg": SOME.randbytes(20_000) for number in range(30)},
}


@dataclass(frozen=True)
class Laid(Place):
    """And what else there is."""

    facility: Host
    bucket: S3Settings
    store: Proxy
    results: Dataset
    share: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, radosgw: Radosgw) -> Iterator[Laid]:
    home = tmp_path_factory.mktemp("node")
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        facility = network.host(Cable(delay_ms=40, loss_percent=0.2))
        node = network.host()
        site = network.host(Cable(delay_ms=5, loss_percent=0.2, megabits_s=24))
        user = network.host(Cable(delay_ms=10, loss_percent=0.2, megabits_s=16))
        with site.entered():
            store = Proxy({0: ("127.0.0.1", radosgw.port)}, address=site.address)
        stack.enter_context(store)
        system = System(home, port=free_ports(4))
        bucket = radosgw.bucket()
        endpoint = f"http://{site.address}:{store.ports[0]}"
        with node.entered(), prepared(system, node.address, site.address) as world:
            owner = world.administrator
            dataset = world.dataset(owner, FILES)
            extend_sidecar(dataset.folder, seal=True)
            world.rescan(dataset.space)
            share, results = world.share(owner, dataset), world.results(owner)
            bucket_at_centre(world, dataset.space, endpoint, bucket)
            token = token_file(world, owner)
        stack.enter_context(system)
        start_node(system, node, site.address)
        link = f"{system.facts['zone']}/share/{share}"
        yield Laid(node, site, user, system, dataset, token, facility, bucket, store, results, link)


SLOW_MEGABITS_S = 2
"""So slow that nothing ends before everything is in the middle, whatever that takes on a busy machine."""


def holds_in_the_middle(process: subprocess.Popen[str], folder: Path) -> None:
    """Let a command work until some of its bytes have come, and stand still then, until the others are as far."""
    wait_for(lambda: is_in_the_middle(folder), what=f"the first bytes in {folder}")
    process.send_signal(signal.SIGSTOP)


def is_in_the_middle(folder: Path) -> bool:
    """Say whether some bytes have come, in whatever files."""
    try:
        return any(path.stat().st_size > 10_000 for path in folder.rglob("*") if path.is_file())
    except FileNotFoundError:  # one got its name just now
        return False


@contextmanager
def mounted_here(
    place: Laid, folder: Path, *more: str, of: Dataset | None = None
) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Yield what was shared, or `of` with a member's token, mounted where the user is."""
    point = folder / "mounted"
    if of is None:
        process = place.command("mount", place.share, str(point), *more)
    else:
        process = place.member("mount", of.space, str(point), *more)
    with mounted(process, point):
        yield point, process


@pytest.mark.timeout(300)
def test_what_people_run_waits_while_their_cable_is_cut_and_ends_whole(place: Laid, tmp_path: Path) -> None:
    write_files(tmp_path / "made", {f"run/{number}.star": SOME.randbytes(LARGE) for number in range(3)})
    got = {name: tmp_path / name for name in ("download", "mirror", "stage")}
    with mounted_here(place, tmp_path, "--cache", str(tmp_path / "cache")) as (point, _), ExitStack() as slowly:
        slowly.enter_context(place.user.slowed(SLOW_MEGABITS_S))
        reader = Reading(point / "Grids" / "0.mrc")
        space = place.dataset.space
        running: dict[str, subprocess.Popen[str]] = {}
        try:
            for name, words in {
                "download": ["download", place.share],
                "mirror": ["mirror", space],
                "stage": ["stage", "in", space],
            }.items():
                running[name] = place.member(*words, str(got[name]))
                holds_in_the_middle(running[name], got[name])
            running["put"] = place.member("put", str(tmp_path / "made" / "run"), f"{place.results.space}/of today")
            holds_in_the_middle(running["put"], place.results.folder)
            reader.start()
            wait_for(lambda: reader.content, what="the first bytes through the mount")
            with place.user.cut():
                for process in running.values():
                    process.send_signal(signal.SIGCONT)
                time.sleep(CUT_S)
                unfinished = [name for name, process in running.items() if process.poll() is None]
            slowly.close()
            for name, process in running.items():
                ends_well(process, name)
            reader.join(LONGEST_S)
        finally:
            for process in running.values():
                process.kill()
                process.communicate()
    assert len(unfinished) == 4, f"the cut came too late: only {unfinished} ran"
    assert reader.error is None
    assert reader.content == FILES["Grids/0.mrc"]
    for folder in got.values():
        assert {path: said for path, said in tree(folder).items() if not path.startswith("fs2od-sidecar")}.items() >= {
            path: said for path, said in tree(place.dataset.folder).items() if not path.startswith("fs2od-sidecar")
        }.items()
        assert not [path for path in folder.rglob("*") if path.suffix in {".partial", ".pieces"}]
    assert tree(place.results.folder / "of today") == tree(tmp_path / "made")


def test_what_people_bring_back_waits_while_their_cable_is_cut_and_ends_whole(place: Laid, tmp_path: Path) -> None:
    write_files(tmp_path / "made", {f"{number}.star": SOME.randbytes(LARGE) for number in range(3)})
    # While stage out works, its mark lies beside what it brings.
    shutil.copytree(tmp_path / "made", tmp_path / "edited")
    results, before = place.results.folder, size_of(place.results.folder)
    cache = ("--cache", str(tmp_path / "cache"), "--spool", str(tmp_path / "unsent"))
    running: dict[str, subprocess.Popen[str]] = {}
    with mounted_here(place, tmp_path, *cache, of=place.results) as (point, mount), ExitStack() as slowly:
        slowly.enter_context(place.user.slowed(SLOW_MEGABITS_S))
        try:
            running["stage"] = place.member("stage", "out", str(tmp_path / "made"), f"{place.results.space}/staged")
            wait_for(lambda: size_of(results) > before + 100_000, what="the first bytes of stage out")
            running["stage"].send_signal(signal.SIGSTOP)
            before = size_of(results)
            words = ["cp", "-r", str(tmp_path / "edited"), str(point / "copied")]
            running["cp"] = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
            wait_for(lambda: size_of(results) > before + 100_000, what="the first bytes through the mount")
            with place.user.cut():
                running["stage"].send_signal(signal.SIGCONT)
                time.sleep(CUT_S)
                unfinished = [name for name, process in running.items() if process.poll() is None]
            slowly.close()
            for name, process in running.items():
                ends_well(process, name)
        finally:
            for process in running.values():
                process.kill()
                process.communicate()
        unmount(point)
        assert mount.wait(LONGEST_S) == 0
    assert len(unfinished) == 2, f"the cut came too late: only {unfinished} ran"
    assert tree(results / "staged") == tree(results / "copied") == tree(tmp_path / "made")
    assert not any((tmp_path / "unsent").iterdir())


def size_of(folder: Path) -> int:
    """Return how many bytes there are in a folder, whole files or not."""
    found = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # it got another name just now
            found += path.stat().st_size if path.is_file() else 0
    return found


def test_a_read_fails_when_the_cable_is_cut_for_longer_than_was_asked_and_the_mount_ends(
    place: Laid, tmp_path: Path
) -> None:
    with mounted_here(place, tmp_path, "--no-cache", "--wait", "1") as (point, process):
        reader = Reading(point / "Grids" / "1.mrc")
        reader.start()
        wait_for(lambda: reader.content, what="the first bytes through the mount")
        with place.user.cut():
            reader.join(LONGEST_S)
            assert not reader.is_alive()
            assert reader.error is not None
            assert reader.error.errno == errno.EIO
            unmount(point)
            assert process.wait(LONGEST_S) == 0
    assert FILES["Grids/1.mrc"].startswith(reader.content)


def test_replication_goes_on_after_the_cable_of_the_site_was_cut(place: Laid) -> None:
    place.store.forget()
    address = place.require_at_centre()
    wait_for(lambda: [each for each in place.store.exchanges if each.request.method == "PUT"], what="a first object")
    with place.site.cut():
        assert place.ask("GET", address)["status"] == "pending"
        time.sleep(CUT_S)
        assert place.ask("GET", address)["status"] == "pending"
    wait_for(lambda: place.ask("GET", address)["status"] == "fulfilled", within_s=LONGEST_S, what="the copies")
    client, prefix = client_of(place.bucket), f"{place.dataset.space}/"
    found = client.list_objects_v2(Bucket=place.bucket.bucket)["Contents"]
    objects = {
        each["Key"].removeprefix(prefix): client.get_object(Bucket=place.bucket.bucket, Key=each["Key"])["Body"].read()
        for each in found
    }
    files = [path for path in place.dataset.folder.rglob("*") if path.is_file()]
    assert objects == {str(path.relative_to(place.dataset.folder)): path.read_bytes() for path in files}
    assert not client.list_multipart_uploads(Bucket=place.bucket.bucket).get("Uploads")
    place.ask("DELETE", address)
    assert _transferred(place, "eviction", cut=False)["transferStatus"] == "completed"


@pytest.mark.parametrize("kind", ["eviction", "migration"])
def test_what_clears_a_site_goes_on_after_its_cable_was_cut(place: Laid, kind: str) -> None:
    address = place.require_at_centre()
    wait_for(lambda: place.ask("GET", address)["status"] == "fulfilled", within_s=LONGEST_S, what="the copies")
    place.ask("DELETE", address)
    assert _transferred(place, kind, cut=True)["transferStatus"] == "completed"
    assert not client_of(place.bucket).list_objects_v2(Bucket=place.bucket.bucket).get("Contents")


def _transferred(place: Laid, kind: str, *, cut: bool) -> Any:  # noqa: ANN401 - JSON
    """Have the site cleared, its cable cut meanwhile or not, and return how that ended."""
    provider = f"{place.system.facts['provider']}/api/v3/oneprovider"
    body = {"type": kind, "dataSourceType": "file", "fileId": place.dataset.root, "evictingProviderId": place.centre()}
    if kind == "migration":
        body["replicatingProviderId"] = str(place.ask("GET", f"{provider}/configuration")["providerId"])

    def seen() -> Any:  # noqa: ANN401 - JSON
        return place.ask("GET", f"{provider}/transfers/{made['transferId']}")

    with place.site.cut() if cut else nullcontext():
        made = place.ask("POST", f"{provider}/transfers", json=body)
        if cut:
            time.sleep(CUT_S)
            assert seen()["transferStatus"] not in ENDED
    wait_for(lambda: seen()["transferStatus"] in ENDED, within_s=LONGEST_S, what="the end of the transfer")
    return seen()


def test_onboarding_goes_on_after_the_cable_of_the_facility_was_cut_and_makes_everything_once(
    place: Laid, tmp_path: Path
) -> None:
    facts, watched, state = place.system.facts, tmp_path / "watched", tmp_path / "facility"
    write_files(watched / "grid7", {"SPA.yml": b"User: {Email: alex@example.org}\n", "a.mrc": b"movie"})
    ensure_configuration(tmp_path / "fs2od.toml", node=dict(facts), watch=[watched])
    told = ["--config", str(tmp_path / "fs2od.toml"), "--data", str(state), "--outbox", str(tmp_path / "outbox")]
    process = place.command("facility", *told, "--port", "0", at=place.facility)
    try:
        wait_for(lambda: _spaces(place, "grid7"), within_s=LONGEST_S, what="the space")
        with place.facility.cut():
            assert not list((tmp_path / "outbox").glob("*.eml")), "the cut came too late"
            time.sleep(CUT_S)
            assert not list((tmp_path / "outbox").glob("*.eml"))
        wait_for(lambda: list((tmp_path / "outbox").glob("*.eml")), within_s=LONGEST_S, what="the mail")
    finally:
        process.terminate()
        process.communicate(timeout=LONGEST_S)
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == 1
    (space,) = _spaces(place, "grid7")
    zone = f"{place.zone}/api/v3/onezone"
    assert len(place.ask("GET", f"{zone}/spaces/{space}/shares")["shares"]) == 1
    groups = [
        place.ask("GET", f"{zone}/groups/{each}")["name"]
        for each in place.ask("GET", f"{zone}/spaces/{space}/groups")["groups"]
    ]
    # The facility's own, the owners and the members.
    assert len(groups) == len(set(groups)) == 3


def _spaces(place: Laid, name: str) -> list[str]:
    zone = f"{place.zone}/api/v3/onezone"
    every = place.ask("GET", f"{zone}/user/effective_spaces")["spaces"]
    return [space for space in every if name in place.ask("GET", f"{zone}/spaces/{space}")["name"]]
