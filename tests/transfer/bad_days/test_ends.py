"""The service, the download or the disk ends in the middle: the same command goes on, and little comes twice."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.noise import noise

from fs2od.manifests import PIECE_BYTES
from fs2od.testing.downloading import BehindProxy, Downloader, Published, command, node_behind_proxy, publish, restart
from fs2od.testing.network import Proxy, Throttle
from fs2od.testing.small_disks import small_disk
from fs2od.testing.world import wait_until

Making = Callable[..., Downloader]
BIG_BYTES = 48 << 20
"""Six pieces."""
big = partial(noise, BIG_BYTES)
SMALL = {f"Grids/Square_{number % 5}/{number}.tiff": random.Random(number).randbytes(20_000) for number in range(200)}
ON_ITS_WAY = 4 << 20
ALWAYS = 1_000_000
LONGEST_S = 60.0
RESTARTS = 10


def wait_for_bytes(proxy: Proxy, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many bytes of files have passed, while the download runs."""
    wait_until(lambda: proxy.body_bytes() >= count or process.poll() is not None, LONGEST_S)
    assert process.poll() is None, process.communicate()


def final_names_are_right(download: Downloader, published: Published) -> bool:
    """Say whether everything that stands under a final name is what it should be."""
    whole = published.files()
    there = {path: digest for path, digest in download.tree().items() if not path.endswith((".partial", ".pieces"))}
    return there.items() <= whole.items()


@pytest.mark.timeout(300)
def test_a_service_killed_and_started_ten_times_is_downloaded_from_to_the_end(tmp_path: Path) -> None:
    files = {"movie.mrc": big(), **SMALL}
    with node_behind_proxy(tmp_path / "node", files) as (system, published, proxy):
        # So slow that it cannot end before the last restart, however long these take.
        proxy.strike(Throttle(3e5), times=ALWAYS)
        download = Downloader(
            command(), published.link, tmp_path / "out", Path(system.facts["ca"]), ("--json", "-j", "4")
        )
        with download.start() as process:
            for _ in range(RESTARTS):
                wait_for_bytes(proxy, proxy.body_bytes() + 500_000, process)
                system.kill()
                time.sleep(0.1)
                restart(system)
            proxy.forgive()
            ended = download.wait(process)
        assert ended.code == 0, ended
        assert download.tree() == published.files()
        assert ended.told["failures"] == []
        # A connection that broke goes on where it was, so what comes twice was on its way, or was a bulk stream's file.
        assert proxy.body_bytes() <= _size(published) + RESTARTS * (ON_ITS_WAY + 1_000_000)


def _size(published: Published) -> int:
    return sum(path.stat().st_size for path in published.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_it_goes_on_and_costs_at_most_a_piece_per_connection(
    net: BehindProxy, downloader: Making, words: tuple[str, ...], seed: int
) -> None:
    jobs, kills, chosen = 2, 4, random.Random(seed)
    published = publish(net.world, {"movie.mrc": big()})
    net.proxy.strike(Throttle(30e6), times=ALWAYS)
    download = downloader(net, published, words)
    for _ in range(kills):
        begun = net.proxy.body_bytes()
        with download.start("-j", str(jobs)) as process:
            wait_for_bytes(net.proxy, begun + chosen.randrange(9 << 20), process)
            process.kill()
            process.communicate()
        assert final_names_are_right(download, published)
        assert "movie.mrc" not in download.tree()
    net.proxy.forgive()
    ended = download.run("-j", str(jobs))
    assert ended.code == 0, ended
    assert download.tree() == published.files()
    assert download.partials() == []
    extra = net.proxy.body_bytes() - _size(published)
    sidecars = (kills + 1) * (64 << 10)
    assert extra <= kills * jobs * (PIECE_BYTES + ON_ITS_WAY / 4) + sidecars


def test_without_checksums_a_killed_download_remembers_which_pieces_it_wrote(
    plain_net: BehindProxy, downloader: Making
) -> None:
    published = publish(plain_net.world, {"movie.mrc": big()}, sidecar=False)
    plain_net.proxy.strike(Throttle(30e6), times=ALWAYS)
    download = downloader(plain_net, published)
    with download.start("-j", "1") as process:
        wait_for_bytes(plain_net.proxy, 30 << 20, process)
        process.kill()
        process.communicate()
    first = plain_net.proxy.body_bytes()
    plain_net.proxy.forgive()
    assert download.run("-j", "1").code == 0
    assert download.tree() == published.files()
    assert plain_net.proxy.body_bytes() <= BIG_BYTES + PIECE_BYTES + ON_ITS_WAY
    assert first >= 30 << 20


def test_what_a_killed_download_wrote_is_checked_and_not_believed(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"movie.mrc": big()})
    net.proxy.strike(Throttle(30e6), times=ALWAYS)
    download = downloader(net, published)
    with download.start("-j", "1") as process:
        wait_for_bytes(net.proxy, 34 << 20, process)
        process.kill()
        process.communicate()
    (partial,) = [path for path in download.partials() if path.suffix == ".partial"]
    with partial.open("r+b") as file:  # as a disk does that lies about what it has written
        file.seek(PIECE_BYTES + 5)
        file.write(b"wrong")
    net.proxy.forgive()
    net.proxy.forget()
    assert download.run("-j", "1").code == 0
    assert download.tree() == published.files()
    assert net.proxy.body_bytes() <= 14 * (1 << 20) + 2 * PIECE_BYTES + ON_ITS_WAY


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_stops_soon_and_keeps_what_it_has(
    net: BehindProxy, downloader: Making, words: tuple[str, ...], number: signal.Signals
) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL})
    net.proxy.strike(Throttle(10e6), times=ALWAYS)
    download = downloader(net, published, words)
    with download.start("-j", "2") as process:
        wait_for_bytes(net.proxy, 18 << 20, process)
        process.send_signal(number)
        ended = download.wait(process)
    assert ended.code == 130, ended
    assert "Traceback" not in ended.said
    assert final_names_are_right(download, published)
    net.proxy.forgive()
    assert download.run().code == 0
    assert download.tree() == published.files()
    assert net.proxy.body_bytes() <= _size(published) * 1.2 + 2 * PIECE_BYTES + 2 * ON_ITS_WAY


def test_two_processes_fill_one_folder_and_both_end_right(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"movie.mrc": big(), "second.mrc": big()[: 20 << 20], **SMALL})
    net.proxy.strike(Throttle(30e6), times=ALWAYS)
    download = downloader(net, published)
    with download.start("-j", "3") as one, download.start("-j", "3") as two:
        first, second = download.wait(one), download.wait(two)
    assert (first.code, second.code) == (0, 0), (first, second)
    assert download.tree() == published.files()
    assert download.partials() == []


def test_of_two_processes_one_may_be_killed(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL})
    net.proxy.strike(Throttle(20e6), times=ALWAYS)
    download = downloader(net, published)
    with download.start("-j", "2") as one, download.start("-j", "2") as two:
        wait_for_bytes(net.proxy, 20 << 20, one)
        one.kill()
        one.communicate()
        ended = download.wait(two)
    assert ended.code == 0, ended
    # Every file is whole at once. What the dead one was just writing, when the other had it already, nobody could take away
    # but the next run.
    rests = {str(path.relative_to(download.out)) for path in download.partials()}
    assert {path: said for path, said in download.tree().items() if path not in rests} == published.files()
    with download.start() as again:
        ended = download.wait(again)
    assert ended.code == 0, ended
    assert download.tree() == published.files()


def test_without_checksums_two_processes_end_right_as_well(plain_net: BehindProxy, downloader: Making) -> None:
    published = publish(plain_net.world, {"movie.mrc": big(), **SMALL}, sidecar=False)
    plain_net.proxy.strike(Throttle(30e6), times=ALWAYS)
    download = downloader(plain_net, published)
    with download.start("-j", "3") as one, download.start("-j", "3") as two:
        first, second = download.wait(one), download.wait(two)
    assert (first.code, second.code) == (0, 0), (first, second)
    assert download.tree() == published.files()
    assert download.partials() == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", size_mb=64) as place:
        yield place


def test_a_disk_that_is_full_at_60_percent_and_then_freed(
    net: BehindProxy, downloader: Making, words: tuple[str, ...], disk: Path
) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL})
    size = _size(published)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes((64 << 20) - size * 6 // 10))
    download = downloader(net, published, words)
    download.out = disk / "out"
    full = download.run("-j", "2")
    assert full.code == 7, full
    assert "no space is left" in full.told["summary"]
    assert final_names_are_right(download, published)
    first = net.proxy.body_bytes()
    ballast.unlink()
    net.proxy.forget()
    ended = download.run("-j", "2")
    assert ended.code == 0, ended
    assert download.tree() == published.files()
    assert download.partials() == []
    # What was written is kept: a large part of it at least.
    assert net.proxy.body_bytes() <= size - first + 3 * PIECE_BYTES + ON_ITS_WAY
