"""A run that ends inside pieces: what has come of them is gone on with, and checked as a whole before it counts."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.transfer.checked_site import BIG, QUICK, Site, honest, site

from fs2od.manifests import PIECE_BYTES, piece_ranges
from fs2od.testing.network import Reply, Request
from fs2od.testing.small_disks import small_disk
from fs2od.testing.world import wait_until
from fs2od.transfer import Progress
from fs2od.transfer._beginnings import Beginnings
from fs2od.transfer._destination import Destination
from fs2od.transfer._partials import PartialName

__all__ = ["site"]

PIECES = len(piece_ranges(len(BIG), PIECE_BYTES))
COME = 1_000_000
LONGEST_S = 30.0
DROP = 16 << 10


def slow(site: Site, over: threading.Event, drop_bytes: int = DROP) -> Callable[[Request], Reply]:
    """Return what sends 1 MB of each range, and then drop by drop until the test is over."""

    def answer(request: Request) -> Reply:
        whole = honest(site, request)
        data = b"".join(whole.body)
        return replace(whole, headers={**whole.headers, "Content-Length": str(len(data))}, body=dripping(data))

    def dripping(data: bytes) -> Iterator[bytes]:
        yield data[:COME]
        for start in range(COME, len(data), drop_bytes):
            if over.wait(0.02):
                return
            yield data[start : start + drop_bytes]

    return answer


def stop_inside_the_first_piece(site: Site) -> None:
    """Run until some of the first piece has come, and stop politely."""
    stop, over = threading.Event(), threading.Event()
    answer = slow(site, over)
    site.share.answers["content of id-big.mrc"] = lambda request: (
        honest(site, request) if request.range == (0, 0) else answer(request)
    )

    def look(now: Progress) -> None:
        if now.bytes_fetched >= COME:
            stop.set()

    report = site.download(replace(QUICK, jobs=1)).run(look, stop)
    over.set()
    assert report.exit_code == 130


def beginnings_in(file: Path) -> dict[int, int]:
    """Return how much of which piece is kept in a file of notes."""
    handle = os.open(file, os.O_RDWR)
    try:
        kept = Beginnings(lambda _: handle, PIECES)
        room = memoryview(bytearray(PIECE_BYTES))
        lengths = {piece: kept.read_into(room, piece) for piece in range(PIECES)}
    finally:
        os.close(handle)
    return {piece: length for piece, length in lengths.items() if length}


@pytest.mark.parametrize("promised", [True, False])
def test_a_polite_stop_costs_nothing_of_what_has_come(site: Site, promised: bool) -> None:
    site.offer({"big.mrc": BIG})
    if promised:
        site.promise({"big.mrc": BIG})
    stop_inside_the_first_piece(site)
    [notes] = site.out.glob("*.pieces")
    [(piece, length)] = beginnings_in(notes).items()
    assert (piece, length >= COME // 2) == (0, True)
    site.share.answers["content of id-big.mrc"] = lambda request: honest(site, request)
    second = site.run()
    assert (second.exit_code, second.files_intact) == (0, int(promised))
    assert second.bytes_fetched <= len(BIG) - length + 2_000
    assert site.found() == {"big.mrc": BIG}


def test_a_line_too_slow_for_any_piece_is_gone_on_with_after_every_kill(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    site.promise({"big.mrc": BIG})
    over = threading.Event()
    site.share.answers["content of id-big.mrc"] = slow(site, over)
    words = [sys.executable, "-m", "fs2od", "download", site.share.link, str(site.out), "-j", "1"]
    lengths = [0]
    for _ in range(2):
        before = lengths[-1]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:

            def has_grown(least: int = before) -> bool:
                return any(beginnings_in(notes).get(0, 0) > least for notes in site.out.glob("*.pieces"))

            wait_until(lambda: process.poll() is not None or has_grown(), LONGEST_S)
            process.kill()
            process.communicate()
        [notes] = site.out.glob("*.pieces")
        lengths.append(beginnings_in(notes)[0])
    over.set()
    assert lengths == sorted(set(lengths))
    site.share.answers["content of id-big.mrc"] = lambda request: honest(site, request)
    report = site.run()
    assert (report.exit_code, report.files_intact) == (0, 1)
    assert report.bytes_fetched <= len(BIG) - lengths[-1] + 2_000
    assert site.found() == {"big.mrc": BIG}


def begin(site: Site, beginnings: dict[int, bytes]) -> None:
    """Leave what a run leaves that was ended inside of these pieces, and has brought none of them."""
    stop_inside_the_first_piece(site)
    [notes] = site.out.glob("*.pieces")
    handle = os.open(notes, os.O_RDWR)
    os.ftruncate(handle, 0)
    kept = Beginnings(lambda _: handle, PIECES)
    for piece, data in beginnings.items():
        kept.keep(piece, memoryview(data), 0, hashlib.sha256(data).digest())
    os.close(handle)
    site.share.answers["content of id-big.mrc"] = lambda request: honest(site, request)


def test_a_beginning_with_wrong_bytes_costs_its_piece_and_never_counts(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    site.promise({"big.mrc": BIG})
    right = BIG[2 * PIECE_BYTES : 2 * PIECE_BYTES + COME]
    begin(site, {1: b"x" * COME, 2: right})
    report = site.run(replace(QUICK, jobs=1))
    assert (report.exit_code, report.files_intact) == (0, 1)
    assert site.found() == {"big.mrc": BIG}
    # Of the wrong piece the rest came first, then the whole.
    assert report.bytes_fetched <= len(BIG) + PIECE_BYTES - 2 * COME + 2_000


def test_beginnings_give_way_where_the_disk_has_room_for_the_file_alone(site: Site, tmp_path: Path) -> None:
    site.offer({"big.mrc": BIG})
    site.promise({"big.mrc": BIG})
    site.share.answers["content of id-big.mrc"] = slow(site, threading.Event(), drop_bytes=64 << 10)
    with small_disk(tmp_path / "disk", size_mb=25) as disk:
        site.out = disk / "out"
        report = site.run()
        assert (report.exit_code, report.files_intact) == (0, 1)
        assert site.found() == {"big.mrc": BIG}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Callable[[], Beginnings]]:
    handle = os.open(tmp_path / "notes", os.O_RDWR | os.O_CREAT)
    yield lambda: Beginnings(lambda _: handle, 5)
    os.close(handle)


def read(beginnings: Beginnings, piece: int) -> bytes:
    room = memoryview(bytearray(PIECE_BYTES))
    return bytes(room[: beginnings.read_into(room, piece)])


def keep(beginnings: Beginnings, piece: int, data: bytes, since: int = 0) -> None:
    beginnings.keep(piece, memoryview(data), since, hashlib.sha256(data).digest())


def test_beginnings_are_found_by_a_later_run_and_places_are_used_again(
    kept: Callable[[], Beginnings], tmp_path: Path
) -> None:
    first = kept()
    keep(first, 3, b"abc")
    keep(first, 3, b"abcdef", since=3)
    keep(first, 0, b"other")
    size = (tmp_path / "notes").stat().st_size
    first.forget(0)
    keep(first, 4, b"new")
    assert (tmp_path / "notes").stat().st_size == size
    second = kept()
    assert [piece in second for piece in range(5)] == [False, False, False, True, True]
    assert [read(second, piece) for piece in (3, 4, 0)] == [b"abcdef", b"new", b""]


def test_what_another_process_or_a_power_cut_has_changed_is_not_taken(kept: Callable[[], Beginnings]) -> None:
    one, other = kept(), kept()
    keep(one, 1, b"a" * 100)
    keep(other, 2, b"b" * 50)
    keep(one, 1, b"a" * 200, since=100)
    assert list(itertools.chain(*(read(kept(), piece) for piece in range(5)))) == []


def test_notes_of_any_kind_do_no_harm(tmp_path: Path) -> None:
    name = PartialName("a.mrc", "0123456789ab", "")
    (tmp_path / name.notes).write_bytes(os.urandom(3 * (PIECE_BYTES + 4096) + 17))
    with Destination(tmp_path) as destination:
        partial = destination.open_partial((), name)
        found = partial.beginnings(9)
        assert {read(found, piece) for piece in range(9)} == {b""}
        partial.close()
