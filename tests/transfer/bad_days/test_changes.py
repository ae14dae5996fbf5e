"""A dataset that is not the same any more when the download comes to it, or a place that is not empty."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.noise import noise

from fs2od.manifests import PIECE_BYTES, SIDECAR
from fs2od.testing.downloading import BehindProxy, Downloader, Published, publish
from fs2od.testing.network import Throttle
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.world import wait_until, write_files

Making = Callable[..., Downloader]
BIG_BYTES = 30_000_000
big = partial(noise, BIG_BYTES)
other = partial(noise, BIG_BYTES, seed=1)
SMALL = {f"Grids/{number}.tiff": random.Random(number).randbytes(20_000) for number in range(100)}
ALWAYS = 1_000_000
LONGEST_S = 60.0


def replaced(published: Published, path: str, content: bytes, *, net: BehindProxy, same_time: bool = False) -> None:
    """Put another file in the place of one, as programs do: beside it, then renamed."""
    target = published.folder / path
    beside = target.with_name("beside")
    beside.write_bytes(content)
    facts = target.stat()
    moment = facts.st_mtime_ns if same_time else facts.st_mtime_ns + 5_000_000_000
    os.utime(beside, ns=(moment, moment))
    beside.replace(target)
    net.world.rescan(published.dataset.space)


def is_one_of(path: Path, *contents: bytes) -> bool:
    """Say whether a file is wholly one of these, not a mixture."""
    return hashlib.sha256(path.read_bytes()).digest() in {hashlib.sha256(each).digest() for each in contents}


@pytest.mark.parametrize("sidecar", [True, False], ids=["with checksums", "without"])
@pytest.mark.parametrize("size", [BIG_BYTES, BIG_BYTES - 5_000_000], ids=["same size", "shorter"])
def test_a_file_replaced_while_it_is_downloaded_never_arrives_as_a_mixture(
    net: BehindProxy, downloader: Making, sidecar: bool, size: int
) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL}, sidecar=sidecar)
    net.proxy.strike(Throttle(8e6), when=net.about_pieces, times=ALWAYS)
    download = downloader(net, published)
    with download.start("-j", "2") as process:
        wait_until(lambda: net.proxy.body_bytes(lambda e: net.about_pieces(e.request)) > 10_000_000, LONGEST_S)
        replaced(published, "movie.mrc", other()[:size], net=net)
        if sidecar:
            extend_sidecar(published.folder, seal=True)
            net.world.rescan(published.dataset.space)
        net.proxy.forgive()
        ended = download.wait(process)
    if (download.out / "movie.mrc").exists():
        assert is_one_of(download.out / "movie.mrc", big(), other()[:size])
    assert ended.code in {0, 8}, ended
    if ended.code:
        assert "movie.mrc" in str(ended.told["failures"])
    again = download.run()
    assert again.code == 0, again
    assert is_one_of(download.out / "movie.mrc", other()[:size])
    assert download.tree() == published.files()


def test_a_dataset_that_grows_is_brought_as_it_was_and_again_as_it_is(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL}, seal=False)
    before = published.files()
    net.proxy.strike(Throttle(10e6), when=net.about_pieces, times=ALWAYS)
    download = downloader(net, published)
    with download.start("-j", "2") as process:
        wait_until(lambda: net.proxy.body_bytes() > 9_000_000, LONGEST_S)
        write_files(published.folder, {f"Later/{number}.tiff": bytes([number]) * 5_000 for number in range(50)})
        extend_sidecar(published.folder, seal=True)
        net.world.rescan(published.dataset.space)
        net.proxy.forgive()
        ended = download.wait(process)
    assert ended.code == 0, ended
    assert download.tree().items() >= {k: v for k, v in before.items() if SIDECAR not in k}.items()
    net.proxy.forget()
    again = download.run()
    assert again.code == 0, again
    assert download.tree() == published.files()
    assert net.proxy.body_bytes() < 2_000_000  # only what is new


def test_a_file_that_grows_while_it_is_downloaded_is_told_or_whole(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"frames.log": big()[:20_000_000], **SMALL}, sidecar=False)
    net.proxy.strike(Throttle(8e6), when=net.about_pieces, times=ALWAYS)
    download = downloader(net, published)
    with download.start("-j", "2") as process:
        wait_until(lambda: net.proxy.body_bytes(lambda e: net.about_pieces(e.request)) > 5_000_000, LONGEST_S)
        with (published.folder / "frames.log").open("ab") as file:
            file.write(big()[20_000_000:])
        net.world.rescan(published.dataset.space)
        net.proxy.forgive()
        ended = download.wait(process)
    assert ended.code in {0, 8}, ended
    if (download.out / "frames.log").exists():
        assert is_one_of(download.out / "frames.log", big()[:20_000_000], big())
    assert download.run().code == 0
    assert is_one_of(download.out / "frames.log", big())


def test_a_file_that_vanishes_while_others_come_is_named(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"a.mrc": big()[:20_000_000], "b.mrc": other()[:20_000_000]}, sidecar=False)
    net.proxy.strike(Throttle(8e6), when=net.about_pieces, times=ALWAYS)
    download = downloader(net, published)
    with download.start("-j", "1") as process:
        wait_until(lambda: net.proxy.body_bytes(lambda e: net.about_pieces(e.request)) > 5_000_000, LONGEST_S)
        (published.folder / "b.mrc").unlink()
        net.world.rescan(published.dataset.space)
        net.proxy.forgive()
        ended = download.wait(process)
    assert ended.code in {0, 6, 8}, ended
    assert is_one_of(download.out / "a.mrc", big()[:20_000_000])
    assert not (download.out / "b.mrc").exists()
    if ended.code:
        assert [each["path"] for each in ended.told["failures"]] == ["b.mrc"]


def test_what_a_microscope_renames_while_it_is_downloaded_comes_and_alarms_nobody(
    net: BehindProxy, downloader: Making, words: tuple[str, ...]
) -> None:
    published = publish(net.world, {"movie.mrc": big(), "next.downloading": other(), **SMALL}, seal=False)
    net.proxy.strike(Throttle(10e6), when=net.about_bytes, times=ALWAYS)
    download = downloader(net, published, words)
    with download.start("-j", "1") as process:
        wait_until(lambda: net.proxy.body_bytes() > 3_000_000, LONGEST_S)
        (published.folder / "next.downloading").rename(published.folder / "next.mrc")
        net.world.rescan(published.dataset.space)
        net.proxy.forgive()
        ended = download.wait(process)
    assert ended.code == 0, ended
    assert ended.told["renamed_or_removed"] == ["next.downloading"]
    assert "1 file was renamed or removed while the dataset grew" in ended.told["summary"]
    assert download.partials() == []
    assert download.tree() == published.files()


@pytest.mark.parametrize("sidecar", [True, False], ids=["with checksums", "without"])
def test_a_link_that_ends_in_the_middle_is_told_at_once_and_what_came_stays(
    net: BehindProxy, downloader: Making, words: tuple[str, ...], sidecar: bool
) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL}, sidecar=sidecar)
    net.proxy.strike(Throttle(6e6), when=net.about_pieces, times=ALWAYS)
    download = downloader(net, published, words)
    with download.start("-j", "2") as process:
        wait_until(lambda: net.proxy.body_bytes(lambda e: net.about_pieces(e.request)) > 9_000_000, LONGEST_S)
        net.end_share(published)
        net.proxy.forgive()
        net.proxy.drop_all()
        ended = download.wait(process, within_s=30)
    assert ended.code == 5, ended
    assert "ended" in ended.told["stopped_by"]
    assert not (download.out / "movie.mrc").exists()
    assert download.partials()
    kept = download.tree()
    assert {path: digest for path, digest in published.files().items() if path in kept}.items() <= kept.items()
    assert download.run().code == 6  # nobody can tell a link that has ended from one that never was


@pytest.mark.parametrize("sidecar", [True, False], ids=["with checksums", "without"])
def test_files_of_the_same_size_and_time_with_other_content_are_checked_where_they_can_be(
    net: BehindProxy, downloader: Making, words: tuple[str, ...], sidecar: bool
) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL}, sidecar=sidecar)
    download = downloader(net, published, words)
    for path in ("movie.mrc", "Grids/7.tiff"):
        there, here = published.folder / path, download.out / path
        here.parent.mkdir(parents=True, exist_ok=True)
        content = bytearray(there.read_bytes())
        content[len(content) // 2] ^= 1
        here.write_bytes(content)
        facts = there.stat()
        os.utime(here, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    ended = download.run()
    assert ended.code == 0, ended
    if sidecar:
        assert download.tree() == published.files()
    else:
        assert "checked by size only" in ended.told["summary"]


def test_a_file_of_the_right_name_and_another_content_is_not_taken_for_it(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL})
    download = downloader(net, published)
    write_files(download.out, {"movie.mrc": b"mine", "Grids/7.tiff": b"mine", "notes.txt": b"mine"})
    ended = download.run()
    assert ended.code == 0, ended
    there = download.tree()
    assert there.pop("notes.txt") == hashlib.sha256(b"mine").hexdigest()
    assert there == published.files()


def test_only_the_piece_that_is_wrong_on_the_disk_is_worth_fetching(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"movie.mrc": big()})
    download = downloader(net, published)
    assert download.run().code == 0
    with (download.out / "movie.mrc").open("r+b") as file:
        file.seek(PIECE_BYTES + 100)
        file.write(b"rotten")
    facts = (published.folder / "movie.mrc").stat()
    os.utime(download.out / "movie.mrc", ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    net.proxy.forget()
    ended = download.run()
    assert ended.code == 0, ended
    assert download.tree() == published.files()
    assert net.proxy.body_bytes() <= 2 * PIECE_BYTES
