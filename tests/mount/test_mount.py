"""Real mounts of datasets from real nodes: what programs see, and what happens on bad days."""

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from tests.noise import noise

from fs2od.manifests import PIECE_BYTES
from fs2od.mount import check_machine
from fs2od.onedata.tokens import DataPath, Token
from fs2od.testing.downloading import BehindProxy, Published, behind_proxy, publish, spoil
from fs2od.testing.mounting import Mounted, mounted
from fs2od.testing.network import Cut, Fault, FlipBit, Refuse, Request
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.small_disks import small_disk
from fs2od.testing.system import tree
from fs2od.testing.world import wait_until

BIG_BYTES = 3 * PIECE_BYTES + 4321
big = partial(noise, BIG_BYTES)
FILES = {"SPA.yml": b"User: {}\n", "Grids/a.mrc": bytes(range(256)) * 4000, "Grids/empty": b""}
FILES |= {f"many/{number:04}.jpg": f"picture {number}".encode() for number in range(300)}
LONGEST_S = 60.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[BehindProxy, Published]]:
    with behind_proxy(tmp_path / "site") as behind:
        yield behind, publish(behind.world, {**FILES, "big.mrc": big()})


Site = tuple[BehindProxy, Published]


def age(behind: BehindProxy, published: Published) -> None:
    """Let the large file be an old one: of what was just written, no mount knows whether it is the same for the next."""
    os.utime(published.folder / "big.mrc", (1_700_000_000, 1_700_000_000))
    extend_sidecar(published.folder, seal=True)
    behind.world.rescan(published.dataset.space)


def is_long(request: Request) -> bool:
    """Say whether a request is for more than a piece."""
    return (
        request.range is not None and request.range[1] is not None and request.range[1] - request.range[0] > PIECE_BYTES
    )


@contextmanager
def away(behind: BehindProxy) -> Iterator[None]:
    """Let the services answer nobody."""
    behind.proxy.strike(Refuse(503), when=lambda _: True, times=1_000_000)
    try:
        yield
    finally:
        behind.proxy.forgive()


def test_the_whole_tree_is_there_and_every_byte_is_right(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        assert tree(mount.point) == published.files()
        facts = (mount.point / "big.mrc").stat()
        assert (facts.st_size, int(facts.st_mtime)) == (BIG_BYTES, int((published.folder / "big.mrc").stat().st_mtime))
        assert subprocess.run(["umount", str(mount.point)], check=True).returncode == 0
        assert mount.process.wait(LONGEST_S) == 0


def test_what_was_read_once_is_read_again_without_the_service_also_by_the_next_mount(
    site: Site, tmp_path: Path
) -> None:
    behind, published = site
    age(behind, published)
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        assert (mount.point / "big.mrc").read_bytes() == big()
    behind.proxy.forget()
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        assert (mount.point / "big.mrc").read_bytes() == big()
    assert behind.proxy.body_bytes() < 2 << 20


def test_what_was_read_once_is_read_again_before_the_manifest_is(site: Site, tmp_path: Path) -> None:
    behind, published = site
    age(behind, published)
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        assert (mount.point / "big.mrc").read_bytes() == big()
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--wait", "0") as mount:
        (mount.point / "big.mrc").stat()
        with away(behind):
            assert (mount.point / "big.mrc").read_bytes() == big()


def test_what_is_read_from_front_to_end_comes_in_long_answers_and_once(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        assert (mount.point / "big.mrc").read_bytes() == big()
    assert max(each.body_bytes for each in behind.proxy.exchanges) > PIECE_BYTES
    assert behind.proxy.body_bytes() < BIG_BYTES + (2 << 20)


@pytest.mark.parametrize("fault", [Cut(PIECE_BYTES + 1000), FlipBit(PIECE_BYTES + 1000)], ids=["broken off", "wrong"])
def test_a_long_answer_may_fail_within(site: Site, tmp_path: Path, fault: Fault) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        (mount.point / "big.mrc").stat()
        behind.proxy.strike(fault, when=is_long, times=1)
        assert (mount.point / "big.mrc").read_bytes() == big()
        assert behind.proxy.struck()


def test_a_header_is_read_without_its_movie(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with (
        mounted(published.link, tmp_path / "m", behind.world.ca) as mount,
        (mount.point / "big.mrc").open("rb") as movie,
    ):
        assert os.pread(movie.fileno(), 1024, 0) == big()[:1024]
        assert os.pread(movie.fileno(), 1024, PIECE_BYTES) == big()[PIECE_BYTES : PIECE_BYTES + 1024]
    assert behind.proxy.body_bytes() < 1 << 20


def test_whoever_jumps_about_in_a_file_for_long_soon_has_all_of_it(site: Site, tmp_path: Path) -> None:
    behind, published = site
    os.utime(
        published.folder / "big.mrc", (1_700_000_000, 1_700_000_000)
    )  # what was just written is kept for nobody else
    behind.world.rescan(published.dataset.space)
    with (
        mounted(published.link, tmp_path / "m", behind.world.ca) as mount,
        (mount.point / "big.mrc").open("rb") as movie,
    ):

        def jump() -> bool:
            start = random.randrange(BIG_BYTES - 100)
            assert os.pread(movie.fileno(), 100, start) == big()[start : start + 100]
            # Pieces that are not whole have other names, and go any moment.
            kept = [path for path in mount.cache.rglob("*") if path.suffix != ".partial"]
            return len([path for path in kept if path.stat().st_size > PIECE_BYTES]) == 3

        # What passed says too little: a piece that is let go comes again.
        wait_until(jump, LONGEST_S)
        with away(behind):
            assert (mount.point / "big.mrc").read_bytes() == big()


def test_sixteen_readers_get_right_bytes_of_one_file(site: Site, tmp_path: Path) -> None:
    behind, published = site
    wrong: list[int] = []
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:

        def read(number: int) -> None:
            chosen = random.Random(number)
            with (mount.point / "big.mrc").open("rb") as movie:
                for _ in range(30):
                    start, count = chosen.randrange(BIG_BYTES), chosen.randrange(1, 70_000)
                    movie.seek(start)
                    if movie.read(count) != big()[start : start + count]:
                        wrong.append(number)

        readers = [threading.Thread(target=read, args=(number,)) for number in range(16)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(LONGEST_S)
    assert not wrong


def test_nothing_can_be_written(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        for attempt in (lambda: (mount.point / "new").write_bytes(b"x"), (mount.point / "SPA.yml").unlink):
            with pytest.raises(OSError, match="Read-only") as raised:
                attempt()
            assert raised.value.errno == errno.EROFS


def test_new_files_appear_when_the_listing_is_no_longer_fresh(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--fresh", "1") as mount:
        assert not (mount.point / "later.mrc").exists()
        (published.folder / "later.mrc").write_bytes(b"later")
        behind.world.rescan(published.dataset.space)
        wait_until((mount.point / "later.mrc").exists, LONGEST_S)
        assert (mount.point / "later.mrc").read_bytes() == b"later"


def test_a_changed_file_shows_its_new_bytes(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--fresh", "1") as mount:
        file = mount.point / "SPA.yml"
        assert file.read_bytes() == FILES["SPA.yml"]
        (published.folder / "SPA.yml").write_bytes(b"changed: 1\n")
        os.utime(published.folder / "SPA.yml", (2_000_000_000, 2_000_000_000))
        behind.world.rescan(published.dataset.space)
        wait_until(lambda: file.stat().st_size == 11, LONGEST_S)
        assert file.read_bytes() == b"changed: 1\n"


def test_a_read_waits_for_a_service_that_comes_back(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--wait", "60") as mount:
        (mount.point / "big.mrc").stat()
        got: list[bytes] = []
        with away(behind):
            reader = threading.Thread(target=lambda: got.append((mount.point / "big.mrc").read_bytes()))
            reader.start()
            wait_until(lambda: len(behind.proxy.struck()) > 0, LONGEST_S)
        reader.join(LONGEST_S)
        assert got == [big()]


def test_a_read_fails_with_eio_when_the_service_stays_away(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--wait", "0") as mount:
        (mount.point / "big.mrc").stat()
        with away(behind), pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is what counts
            (mount.point / "big.mrc").read_bytes()
        assert raised.value.errno == errno.EIO
        assert mount.end() == 0
        assert mount.said_after.count("could not be read: ") == 1
        assert "big.mrc could not be read: " in mount.said_after


@contextmanager
def two_who_wait(behind: BehindProxy, mount: Mounted) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yield two processes, in the order in which they came, that wait for bytes which do not come."""
    readers: list[subprocess.Popen[bytes]] = []
    with ExitStack() as stack:
        for _ in range(2):
            words = ["cat", str(mount.point / "big.mrc")]
            reader = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            readers.append(stack.enter_context(reader))
            stack.callback(reader.kill)
            wait_until(lambda: len(behind.proxy.struck()) > 0, LONGEST_S)
            wait_until(partial(_still_waits, reader.pid, []), LONGEST_S)
        yield readers


def _still_waits(process: int, calls: list[str]) -> bool:
    """Say whether a process is in the same call of the kernel as at the last look, which opens a file or reads from it."""
    calls.append(Path(f"/proc/{process}/syscall").read_text())
    call, *arguments = calls[-1].split()
    return calls[-1:] == calls[-2:-1] and ((call == "0" and arguments[0] != "0x0") or call == "257")


@pytest.mark.parametrize("order", [1, -1], ids=["who came first", "who came later"])
@pytest.mark.parametrize("is_young", [True, False], ids=["of a file just written", "of an old file"])
def test_a_waiting_reader_can_be_killed_and_the_mount_ends(
    site: Site, tmp_path: Path, is_young: bool, order: int
) -> None:
    behind, published = site
    if not is_young:
        age(behind, published)
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--wait", "3600") as mount:
        (mount.point / "big.mrc").stat()
        with away(behind), two_who_wait(behind, mount) as readers:
            killed, left = readers[::order]
            killed.kill()
            assert killed.wait(LONGEST_S) == -signal.SIGKILL
            assert left.poll() is None
            began_s = time.monotonic()
            assert mount.end() == 0
            assert left.wait(LONGEST_S) != 0
            assert time.monotonic() - began_s < LONGEST_S
        assert not os.path.ismount(mount.point)


def test_a_mount_that_is_killed_lets_go_of_those_who_wait(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--wait", "3600") as mount:
        (mount.point / "big.mrc").stat()
        with away(behind), two_who_wait(behind, mount):
            mount.process.kill()
            assert mount.process.wait(LONGEST_S) == -signal.SIGKILL


def test_a_reader_can_be_killed_while_not_even_the_manifest_has_come(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--wait", "3600") as mount, away(behind):
        reader = subprocess.Popen(["cat", str(mount.point / "big.mrc")], stdout=subprocess.DEVNULL)
        wait_until(lambda: len(behind.proxy.struck()) > 2, LONGEST_S)
        reader.kill()
        assert reader.wait(LONGEST_S) == -signal.SIGKILL


def test_after_kill_9_the_same_command_mounts_again(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        mount.process.kill()
        mount.process.wait(LONGEST_S)
        with pytest.raises(OSError, match="not connected"):
            list(mount.point.iterdir())
        with mounted(published.link, tmp_path / "m", behind.world.ca) as again:
            assert (again.point / "SPA.yml").read_bytes() == FILES["SPA.yml"]


def test_a_full_cache_disk_is_passed_by(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with (
        small_disk(tmp_path / "disk", size_mb=1, options="mode=0700") as disk,
        mounted(published.link, tmp_path / "m", behind.world.ca, "--cache", str(disk)) as mount,
    ):
        assert (mount.point / "big.mrc").read_bytes() == big()
        assert tree(mount.point) == published.files()


def test_bytes_that_are_wrong_on_the_way_are_never_read(site: Site, tmp_path: Path) -> None:
    behind, published = site
    with mounted(published.link, tmp_path / "m", behind.world.ca, "--wait", "0") as mount:
        file = mount.point / "Grids/a.mrc"
        file.stat()
        behind.proxy.strike(FlipBit(1000), when=behind.about_bytes, times=2)
        assert file.read_bytes() == FILES["Grids/a.mrc"]
        assert len(behind.proxy.struck()) == 2
        behind.proxy.strike(FlipBit(0), when=behind.about_bytes, times=1000)
        with pytest.raises(OSError, match="Input/output"):
            (mount.point / "SPA.yml").read_bytes()


def test_the_background_command_comes_back_when_it_is_mounted(site: Site, tmp_path: Path) -> None:
    behind, published = site
    words = [
        sys.executable,
        "-m",
        "fs2od",
        "mount",
        published.link,
        str(tmp_path / "mnt"),
        "--ca",
        str(behind.world.ca),
    ]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [*words, "--daemon"], capture_output=True, text=True, timeout=LONGEST_S, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    try:
        assert (tmp_path / "mnt" / "SPA.yml").read_bytes() == FILES["SPA.yml"]
    finally:
        subprocess.run([sys.executable, "-m", "fs2od", "unmount", str(tmp_path / "mnt")], timeout=LONGEST_S, check=True)
    failed = subprocess.run(
        [*words[:4], published.link[:-3], *words[5:], "--daemon"],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert failed.returncode == 6, failed.stderr


def test_a_folder_that_is_not_empty_is_not_hidden(site: Site, tmp_path: Path) -> None:
    behind, published = site
    (tmp_path / "m" / "mnt").mkdir(parents=True)
    (tmp_path / "m" / "mnt" / "mine").touch()
    found = Mounted(published.link, tmp_path / "m", behind.world.ca)
    assert found.process.wait(LONGEST_S) == 7
    found.close()


def test_the_check_names_what_is_needed() -> None:
    found = {each.name: each for each in check_machine()}
    assert all(found[name].is_there for name in ("pyfuse3", "/dev/fuse", "fusermount3"))


def with_token(behind: BehindProxy, home: Path, token: Token) -> list[str]:
    home.mkdir(exist_ok=True)
    file = home / "job.token"
    file.write_text(token.reveal())
    return ["--zone", behind.world.node.settings.zone_url, "--token-file", str(file), "--wait", "0"]


def assert_rotten(mount: Mounted, path: str) -> None:
    with pytest.raises(OSError, match="Input/output"):
        (mount.point / path).read_bytes()


@pytest.mark.parametrize(("path", "rotten"), [("/Grids", "a.mrc"), ("/big.mrc", "big.mrc")])
def test_a_part_of_a_space_is_compared_with_the_manifest_of_the_whole(
    site: Site, tmp_path: Path, path: str, rotten: str
) -> None:
    behind, published = site
    age(behind, published)
    spoil(published, "big.mrc" if path == "/big.mrc" else f"Grids/{rotten}")
    words = with_token(behind, tmp_path / "m", behind.world.administrator.token)
    with mounted(published.dataset.space + path, tmp_path / "m", behind.world.ca, *words) as mount:
        assert_rotten(mount, rotten)


@pytest.mark.parametrize("way", ["link", "link to a file", "token for the part alone"])
def test_a_part_whose_whole_is_not_seen_is_compared_with_what_the_node_knows(
    site: Site, tmp_path: Path, way: str
) -> None:
    behind, published = site
    os.utime(published.folder / "many/0000.jpg", (1_700_000_000, 1_700_000_000))
    age(behind, published)
    spoil(published, "many/0000.jpg")
    administrator, words = behind.world.administrator, ["--wait", "0"]
    if way.startswith("link"):
        shared = "many/0000.jpg" if way == "link to a file" else "many"
        share = behind.world.share(administrator, published.dataset, shared, name="part")
        place = f"{behind.world.node.settings.zone_url}/share/{share}"
    else:
        place = f"{published.dataset.space}/many"
        words = with_token(behind, tmp_path / "m", behind.world.token(administrator, DataPath((f"/{place}",))))
    with mounted(place, tmp_path / "m", behind.world.ca, *words) as mount:
        assert_rotten(mount, "0000.jpg")
        if way != "link to a file":
            assert (mount.point / "0001.jpg").read_bytes() == FILES["many/0001.jpg"]
