"""Files in pieces, with and without a manifest, from a service that may do anything to them."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.transfer.checked_site import BIG, MTIME_S, QUICK, Site, honest, site, stop_now

from fs2od.errors import IntegrityFailure, StorageError
from fs2od.manifests import MANIFEST, PIECE_BYTES, SIDECAR, Digester, dump_part
from fs2od.testing.network import Reply, Request, listed, reply_of
from fs2od.transfer import (
    NotFound,
    Report,
    SharedDataset,
    estimate_line,
    parse_link,
    report_lines,
    try_report,
    write_report,
)

__all__ = ["site"]


@pytest.mark.parametrize("promised", [True, False])
def test_a_large_file_comes_in_pieces_and_each_byte_once(site: Site, promised: bool) -> None:
    site.offer({"big.mrc": BIG})
    if promised:
        site.promise({"big.mrc": BIG})
    report = site.run()
    assert report.exit_code == 0
    assert site.found() == {"big.mrc": BIG}
    assert report.files_intact == int(promised)
    assert report.summary().endswith("all intact" if promised else "checked by size only")
    assert int((site.out / "big.mrc").stat().st_mtime) == MTIME_S
    assert len(site.ranges()) > 1


def test_a_flipped_bit_costs_its_piece_and_no_more(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    site.promise({"big.mrc": BIG})
    flipped = threading.Event()

    def flip_once(request: Request) -> Reply:
        answer = honest(site, request)
        if flipped.is_set() or request.range is None or request.range[0] != PIECE_BYTES:
            return answer
        flipped.set()
        [body] = answer.body
        return replace(answer, body=(bytes([body[0] ^ 1]) + body[1:],))

    site.share.answers["content of id-big.mrc"] = flip_once
    report = site.run()
    assert flipped.is_set()
    assert report.exit_code == 0
    assert site.found() == {"big.mrc": BIG}
    assert report.bytes_fetched <= len(BIG) + PIECE_BYTES + 1000


def test_bytes_that_are_always_wrong_are_named_with_their_place(site: Site) -> None:
    site.offer({"big.mrc": BIG, "small": b"x" * 1000})
    site.promise({"big.mrc": BIG, "small": b"x" * 1000})
    wrong = bytearray(BIG)
    wrong[PIECE_BYTES + 5] ^= 1
    site.share.contents["big.mrc"] = bytes(wrong)
    report = site.run()
    [failure] = report.failures
    assert isinstance(failure.error, IntegrityFailure)
    assert str(failure).startswith("big.mrc: bytes 8,388,608 to 16,777,215 are not those that the manifest promises")
    assert report.exit_code == 8
    assert "big.mrc" not in site.found()
    assert site.found()["small"] == b"x" * 1000


def test_a_small_file_with_wrong_bytes_never_gets_its_name(site: Site) -> None:
    site.offer({"small": b"x" * 1000})
    site.promise({"small": b"y" * 1000})
    assert site.run().exit_code == 8
    assert site.found() == {}


@pytest.mark.parametrize("promised", [True, False])
def test_what_was_brought_is_not_brought_again_after_an_interruption(site: Site, promised: bool) -> None:
    site.offer({"big.mrc": BIG})
    if promised:
        site.promise({"big.mrc": BIG})
    stop, asked = threading.Event(), 0

    def stop_at_the_third_piece(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        if asked == (3 if promised else 4):
            stop_now(stop)
        return honest(site, request)

    site.share.answers["content of id-big.mrc"] = stop_at_the_third_piece
    options = replace(QUICK, jobs=1, limit_rate=30e6)
    first = site.run(options, stop)
    assert first.exit_code == 130
    [partial] = site.out.glob("*.partial")
    assert "big.mrc" not in site.found()
    assert partial.stat().st_blocks > 0
    second = site.run()
    assert second.exit_code == 0
    assert second.bytes_fetched <= len(BIG) - PIECE_BYTES + 1000
    assert site.found() == {"big.mrc": BIG}


def stopped_when_asked_for_the(nth: int, site: Site) -> Report:
    """Run, and stop when the large file is asked for the nth time."""
    stop, asked = threading.Event(), 0

    def stop_then(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        if asked == nth:
            stop_now(stop)
        return honest(site, request)

    site.share.answers["content of id-big.mrc"] = stop_then
    report = site.run(replace(QUICK, jobs=1, limit_rate=30e6), stop)
    site.share.answers["content of id-big.mrc"] = lambda request: honest(site, request)
    return report


def test_notes_of_a_partial_file_that_was_removed_are_not_believed_by_any_later_run(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    assert stopped_when_asked_for_the(4, site).exit_code == 130
    [partial] = site.out.glob("*.partial")
    [notes] = site.out.glob("*.pieces")
    assert notes.read_bytes()[:4].count(1) >= 2
    partial.unlink()
    assert stopped_when_asked_for_the(3, site).exit_code == 130
    assert partial.exists()
    assert site.run().exit_code == 0
    assert site.found() == {"big.mrc": BIG}


def test_a_piece_that_was_noted_and_is_a_hole_is_fetched(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    assert stopped_when_asked_for_the(3, site).exit_code == 130
    [notes] = site.out.glob("*.pieces")
    notes.write_bytes(b"\1\1\1\1")
    assert site.run().exit_code == 0
    assert site.found() == {"big.mrc": BIG}


def test_what_came_before_there_were_checksums_is_checked_and_kept(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    assert stopped_when_asked_for_the(4, site).exit_code == 130
    [partial] = site.out.glob("*.partial")
    [notes] = site.out.glob("*.pieces")
    pieces = notes.read_bytes()[:4].count(1)
    assert pieces >= 2
    with partial.open("r+b") as file:  # as a file of another state would have it
        file.write(b"WRONG")
    site.promise({"big.mrc": BIG})
    report = site.run()
    assert (report.exit_code, report.files_intact) == (0, 1)
    assert report.bytes_fetched <= len(BIG) - (pieces - 1) * PIECE_BYTES + 2_000
    assert site.found() == {"big.mrc": BIG}


def test_what_a_power_cut_spoilt_in_a_partial_file_is_fetched_again(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    site.promise({"big.mrc": BIG})
    site.run()
    whole = site.out / "big.mrc"
    spoilt = bytearray(BIG)
    spoilt[2 * PIECE_BYTES : 2 * PIECE_BYTES + 4096] = bytes(4096)
    whole.write_bytes(spoilt)
    os.utime(whole, (MTIME_S, MTIME_S))
    report = site.run()
    assert report.exit_code == 0
    assert PIECE_BYTES <= report.bytes_fetched < PIECE_BYTES + 1000
    assert site.found() == {"big.mrc": BIG}


def test_a_file_of_the_right_name_size_and_time_but_other_bytes_is_not_believed(site: Site) -> None:
    site.offer({"small": b"right"})
    site.promise({"small": b"right"})
    site.out.mkdir()
    (site.out / "small").write_bytes(b"wrong")
    os.utime(site.out / "small", (MTIME_S, MTIME_S))
    assert site.run().files_present == 0
    assert site.found() == {"small": b"right"}


def test_a_right_file_of_another_time_is_not_fetched_again(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    site.promise({"big.mrc": BIG})
    site.out.mkdir()
    (site.out / "big.mrc").write_bytes(BIG)
    report = site.run()
    assert (report.files_present, site.ranges()) == (1, [])
    assert int((site.out / "big.mrc").stat().st_mtime) == MTIME_S


def test_a_service_that_ignores_ranges_still_brings_the_file(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    site.share.answers["content of id-big.mrc"] = lambda _: reply_of(BIG)
    report = site.run()
    assert report.exit_code == 0, report.summary()
    assert site.found() == {"big.mrc": BIG}


def test_a_large_file_replaced_while_it_is_read_is_never_a_mixture(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    other, replaced = BIG[::-1], threading.Event()

    def replace_meanwhile(request: Request) -> Reply:
        answer = honest(site, request)
        tag = '"2"' if replaced.is_set() else '"1"'
        if request.range is not None and request.range[0] >= PIECE_BYTES and not replaced.is_set():
            replaced.set()
            site.share.contents["big.mrc"] = other  # same size, same second
        return answer.saying(ETag=tag)

    site.share.answers["content of id-big.mrc"] = replace_meanwhile
    report = site.run()
    assert report.exit_code == 0, report.summary()
    assert site.found() == {"big.mrc": other}


def test_a_complete_dataset_that_lacks_a_file_says_which(site: Site) -> None:
    site.offer({"here": b"x"})
    site.promise({"here": b"x", "gone/away.mrc": b"y"}, sealed=True)
    report = site.run()
    assert report.sealed
    assert [str(failure) for failure in report.failures] == [
        "gone/away.mrc: the manifest names it, and the link does not show it"
    ]
    assert report.exit_code == 6


def test_what_lies_in_a_folder_that_could_not_be_listed_is_not_called_missing(site: Site) -> None:
    site.offer({"here": b"x"})
    site.promise({"here": b"x", "away/deep/file": b"y", "away/file": b"y"}, sealed=True)
    site.share.items.append(listed("away", kind="DIR"))
    site.share.answers["children of id-away"] = lambda _: reply_of(b"", status=503)
    report = site.run()
    assert [failure.path for failure in report.failures] == [("away",)]
    assert report.exit_code == 4


def test_a_listing_is_tried_on_while_the_service_gives_other_things(site: Site) -> None:
    site.offer({"here": b"x"})
    site.share.items.append(listed("away", kind="DIR"))
    page = {"children": [listed("file", 1)], "isLast": True, "nextPageToken": None}
    refusals = [503] * (2 * QUICK.patience.tries)
    site.share.answers["children of id-away"] = lambda _: (
        reply_of(b"", status=refusals.pop()) if refusals else reply_of(page)
    )

    def meanwhile(_: float) -> None:
        assert shared.read("here", 0, 1) == b"x"

    with SharedDataset(parse_link(site.share.link), patience=QUICK.patience, sleep=meanwhile) as shared:
        assert [entry.name for entry in shared.listing("away")] == ["file"]
    assert not refusals


def test_only_what_is_included_comes(site: Site) -> None:
    site.offer({"a.mrc": b"a", "b.xml": b"b", "c.mrc": b"c"})
    assert site.run(replace(QUICK, include=("*.mrc",), exclude=("c*",))).files_total == 1
    assert site.found() == {"a.mrc": b"a"}


def test_a_limited_rate_is_kept(site: Site) -> None:
    site.offer({"a.mrc": BIG[: 2 << 20]})
    report = site.run(replace(QUICK, limit_rate=2e6))
    assert report.elapsed_s > 0.4


def test_a_rehearsal_writes_nothing_and_says_how_much_would_come(site: Site) -> None:
    site.offer({"big.mrc": BIG, "small": b"x" * 1000})
    estimate = site.download().estimate()
    assert (estimate.files, estimate.size_bytes) == (2, len(BIG) + 1000)
    assert estimate.rate > 0
    assert not site.out.exists()
    assert estimate_line(estimate).startswith("2 files, 25.2 MB to fetch; about 1 s at ")
    site.run()
    again = site.download().estimate()
    assert (again.files, again.files_present) == (0, 2)
    assert estimate_line(again) == "0 files, 0 B to fetch; 2 files, 25.2 MB are here already"


def test_the_report_names_every_file_with_its_state(site: Site, tmp_path: Path) -> None:
    site.offer({"a.mrc": b"a", "b.mrc": b"b"})
    site.promise({"a.mrc": b"a", "b.mrc": b"b"})
    site.share.answers["content of id-b.mrc"] = lambda _: reply_of({"error": {"id": "notFound"}}, status=404)
    report = site.run(replace(QUICK, with_files=True))
    write_report(str(tmp_path / "report.json"), report, "out")
    told = json.loads((tmp_path / "report.json").read_text())
    states = {file["path"]: (file["state"], file.get("reason")) for file in told["files"]}
    assert states == {
        "a.mrc": ("intact", None),
        "b.mrc": ("failed", "it is not there any more"),
        "fs2od-sidecar/manifest/000001.jsonl": ("intact", None),
    }
    assert report_lines(report, "out", again="again")[-1] == "To go on: again"


@pytest.mark.parametrize("way", ["{out}/a.mrc", "{out}/b.mrc", "{link}/a.mrc", "{out}/../out/a.mrc"])
def test_a_report_does_not_take_the_place_of_a_file_of_the_dataset(site: Site, tmp_path: Path, way: str) -> None:
    site.offer({"a.mrc": b"a", "b.mrc": b"b"})
    site.share.answers["content of id-b.mrc"] = lambda _: reply_of({"error": {"id": "notFound"}}, status=404)
    report = site.run(replace(QUICK, with_files=True))
    link = tmp_path / "link"
    link.symlink_to(site.out)
    with pytest.raises(StorageError, match="a file of the dataset has this place") as raised:
        write_report(way.format(out=site.out, link=link), report, str(site.out))
    assert raised.value.exit_code == 7
    assert site.found() == {"a.mrc": b"a"}
    write_report(str(site.out / "report.json"), report, str(site.out))
    assert set(site.found()) == {"a.mrc", "report.json"}


def test_a_report_is_written_into_a_pipe_and_takes_no_device_s_place(site: Site, tmp_path: Path) -> None:
    site.offer({"a.mrc": b"a"})
    report = site.run(replace(QUICK, with_files=True))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    try_report(str(pipe), str(site.out))
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(pipe.read_text)
        write_report(str(pipe), report, str(site.out))
        assert json.loads(reading.result(10))["files"][0]["path"] == "a.mrc"
    assert pipe.is_fifo()


@pytest.mark.parametrize("mtime_s", [-86_400, -1])
def test_a_file_from_before_1970_is_checked_and_keeps_its_time(site: Site, mtime_s: int) -> None:
    site.offer({"old.mrc": b"x" * 1000})
    digester = Digester()
    digester.update(b"x" * 1000)
    part = dump_part(1, [digester.entry("old.mrc", mtime_s * 10**9)])
    site.share.items[:] = [listed("old.mrc", 1000, mtime=mtime_s), listed(SIDECAR, kind="DIR")]
    site.serve_folder(SIDECAR, [listed(MANIFEST, kind="DIR")])
    site.serve_folder(MANIFEST, [listed("000001.jsonl", len(part))])
    site.share.contents["000001.jsonl"] = part
    report = site.run()
    assert (report.exit_code, report.files_intact, report.files_by_size) == (0, 1, 0)
    assert int((site.out / "old.mrc").stat().st_mtime) == mtime_s
    assert site.run().files_fetched == 0


def test_the_reading_side_lists_finds_and_reads(site: Site) -> None:
    site.offer({"big.mrc": BIG, "small": b"abc"})
    with SharedDataset(parse_link(site.share.link)) as shared:
        assert sorted(entry.name for entry in shared.listing()) == ["big.mrc", "small"]
        assert shared.stat("big.mrc").size_bytes == len(BIG)
        assert shared.read("big.mrc", PIECE_BYTES - 2, 5) == BIG[PIECE_BYTES - 2 : PIECE_BYTES + 3]
        assert shared.read("small", 1, 100) == b"bc"
        assert shared.read("small", 3, 100) == b""
        with pytest.raises(NotFound):
            shared.stat("nothing/here")


@pytest.mark.parametrize(
    ("there", "right"),
    [
        (BIG[: 2 * PIECE_BYTES + 100], 2 * PIECE_BYTES),
        (BIG + b"more", len(BIG)),
        (b"x" * (PIECE_BYTES + 1) + BIG[PIECE_BYTES + 1 : -1], PIECE_BYTES),
    ],
)
def test_of_a_file_of_another_length_only_wrong_pieces_are_fetched(site: Site, there: bytes, right: int) -> None:
    site.offer({"big.mrc": BIG})
    site.promise({"big.mrc": BIG})
    site.out.mkdir()
    (site.out / "big.mrc").write_bytes(there)
    report = site.run()
    assert (report.exit_code, report.files_intact) == (0, 1)
    assert report.bytes_fetched <= len(BIG) - right + 2_000
    assert site.found() == {"big.mrc": BIG}


def test_of_a_file_of_another_length_without_checksums_nothing_is_believed(site: Site) -> None:
    site.offer({"big.mrc": BIG})
    site.out.mkdir()
    (site.out / "big.mrc").write_bytes(b"x" * (3 * PIECE_BYTES))
    report = site.run()
    assert report.bytes_fetched >= len(BIG)
    assert site.found() == {"big.mrc": BIG}
