"""Large files in pieces, with and without a manifest, from a service that may do anything to them."""

import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fs2od.errors import IntegrityFailure, StorageMissing
from fs2od.manifests import (
    MANIFEST,
    PIECE_BYTES,
    SEAL,
    SIDECAR,
    Digester,
    Manifest,
    dump_part,
    dump_seal,
    parse_part,
    part_name,
    seal_of,
)
from fs2od.testing.network import HostileShare, Reply, Request, listed, reply_of
from fs2od.transfer import (
    ConnectionLost,
    Download,
    NotFound,
    Options,
    Patience,
    Report,
    SharedDataset,
    Timeouts,
    estimate_line,
    parse_link,
    report_lines,
    write_report,
)

BIG = random.Random(7).randbytes(3 * PIECE_BYTES + 12_345)
QUICK = Options(jobs=4, patience=Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.05))
MTIME_S = 1000


@dataclass
class Site:
    """A share, and the folder that it is brought to."""

    share: HostileShare
    out: Path

    def run(self, options: Options = QUICK, stop: threading.Event | None = None) -> Report:
        return self.download(options).run(stop=stop)

    def download(self, options: Options = QUICK) -> Download:
        return Download(parse_link(self.share.link), self.out, options)

    def offer(self, files: dict[str, bytes]) -> None:
        self.share.contents.update(files)
        self.share.items[:] = [listed(name, len(data), mtime=MTIME_S) for name, data in self.share.contents.items()]

    def promise(self, files: dict[str, bytes], *, sealed: bool = False, parts: int = 1) -> None:
        """Put a manifest beside the files, as so many parts."""
        entries = []
        for name, data in files.items():
            digester = Digester()
            digester.update(data)
            entries.append(digester.entry(name, MTIME_S * 10**9))
        each = -(-len(entries) // parts)
        made = [dump_part(number + 1, entries[number * each : (number + 1) * each]) for number in range(parts)]
        seal = dump_seal(seal_of(Manifest(map(parse_part, made))))
        self.share.items.append(listed("fs2od-sidecar", kind="DIR"))
        inside = [listed("manifest", kind="DIR"), *([listed(SEAL, len(seal))] if sealed else [])]
        self.serve_folder("fs2od-sidecar", inside)
        names = [part_name(number + 1) for number in range(parts)]
        self.serve_folder("manifest", [listed(name, len(part)) for name, part in zip(names, made, strict=True)])
        self.share.contents |= {**dict(zip(names, made, strict=True)), SEAL: seal}

    def serve_folder(self, name: str, items: list[dict[str, object]]) -> None:
        page = {"children": items, "isLast": True, "nextPageToken": None}
        self.share.answers[f"children of id-{name}"] = lambda _: reply_of(page)

    def ranges(self, name: str = "big.mrc") -> list[tuple[int, int | None] | None]:
        return [asked.range for asked in self.share.asked if asked.path.endswith(f"id-{name}/content")]

    def found(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.out.iterdir() if path.is_file()}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with HostileShare() as share:
        yield Site(share, tmp_path / "out")


def honest(site: Site, request: Request, name: str = "big.mrc") -> Reply:
    data, wanted = site.share.contents[name], request.range
    if wanted is None:
        return reply_of(data, headers={"ETag": '"1"'})
    first, last = wanted[0], len(data) - 1 if wanted[1] is None else wanted[1]
    part = data[first : last + 1]
    said = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}", "ETag": '"1"'}
    return reply_of(part, status=206, headers=said)


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
            stop.set()
            threading.Event().wait(0.5)  # until that has been noticed
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
            stop.set()
            threading.Event().wait(0.5)  # until that has been noticed
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
    assert notes.read_bytes().count(1) >= 2
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
    pieces = notes.read_bytes().count(1)
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


def test_a_download_that_follows_ends_when_the_dataset_is_complete(site: Site) -> None:
    site.offer({"a.mrc": b"a"})
    rounds = 0

    def grow(_: Request) -> Reply:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            site.offer({"b.mrc": b"b"})
            site.promise({"a.mrc": b"a", "b.mrc": b"b"}, sealed=True)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = grow
    report = site.run(replace(QUICK, follow=True, follow_every_s=0.05))
    assert report.summary() == "4 of 4 files, " + report.summary().split(", ", 1)[1]
    assert report.summary().endswith("all intact")
    assert report.sealed
    assert site.found() == {"a.mrc": b"a", "b.mrc": b"b"}


def test_a_download_that_follows_reads_the_disk_again_once_the_dataset_is_complete(site: Site) -> None:
    site.offer({"a.mrc": b"a" * 1000, "big.mrc": BIG})
    site.promise({"a.mrc": b"a" * 1000, "big.mrc": BIG})
    rounds, asked = 0, {}

    def rot(name: str) -> None:
        """Spoil what stands on the disk, which does not notice."""
        facts = (site.out / name).stat()
        with (site.out / name).open("r+b") as file:
            file.write(b"ROTTEN")
        os.utime(site.out / name, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def grow(_: Request) -> Reply:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            rot("a.mrc")
            rot("big.mrc")
        elif rounds == 4:
            # What was brought is not read again in every pass.
            asked.update({name: len(site.ranges(name)) for name in ("a.mrc", "big.mrc")})
            del site.share.items[-1]
            site.promise({"a.mrc": b"a" * 1000, "big.mrc": BIG}, sealed=True)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = grow
    report = site.run(replace(QUICK, follow=True, follow_every_s=0.05))
    assert (report.exit_code, report.sealed, report.files_intact) == (0, True, 2)
    assert (rounds, asked["a.mrc"]) == (4, 1)
    assert len(site.ranges("a.mrc")) == 2
    assert len(site.ranges("big.mrc")) == asked["big.mrc"] + 1
    assert site.found() == {"a.mrc": b"a" * 1000, "big.mrc": BIG}


REFUSED = reply_of({"error": {"id": "forbidden"}}, status=403)
BUSY = reply_of(b"", status=503)
CUT = Reply(200, {"Content-Length": "1000"}, (b"{",))
FOLLOWING = replace(QUICK, follow=True, follow_every_s=0.02, timeouts=Timeouts(2.0, 0.3))


@pytest.mark.parametrize("answer", [BUSY, CUT], ids=["503", "cut"])
def test_a_download_that_follows_outlasts_listings_that_are_lost(site: Site, answer: Reply) -> None:
    site.offer({"a.mrc": b"a"})
    rounds = 0

    def grow(_: Request) -> Reply:
        nonlocal rounds
        rounds += 1
        if 2 <= rounds < 2 + 2 * QUICK.patience.tries:
            return answer
        if rounds == 2 + 2 * QUICK.patience.tries:
            site.promise({"a.mrc": b"a"}, sealed=True)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = grow
    report = site.run(FOLLOWING)
    assert (report.exit_code, report.sealed, report.files_intact, report.failures) == (0, True, 1, ())


@pytest.mark.parametrize("answer", [BUSY, CUT], ids=["503", "cut"])
def test_a_download_that_follows_ends_with_a_report_when_the_service_stays_away(site: Site, answer: Reply) -> None:
    site.offer({"a.mrc": b"a"})
    site.promise({"a.mrc": b"a"})
    rounds = 0

    def vanish(_: Request) -> Reply:
        nonlocal rounds
        rounds += 1
        if rounds > 1:
            return answer
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = vanish
    report = site.run(FOLLOWING)
    assert report.exit_code == 4
    if answer is CUT:
        assert isinstance(report.stopped_by, ConnectionLost)
        assert (report.files_total, report.files_intact) == (2, 1)
    assert report_lines(report, "out", again="again")[-1] == "To go on: again"


@pytest.mark.parametrize("passes", [True, False])
def test_a_download_that_follows_does_not_wait_for_ever_for_a_manifest_that_is_damaged(
    site: Site, passes: bool
) -> None:
    site.offer({"a.mrc": b"a"})
    site.promise({"a.mrc": b"a"}, sealed=True)
    right, looks = site.share.contents[SEAL], 0

    def look(_: Request) -> Reply:
        nonlocal looks
        looks += 1
        site.share.contents[SEAL] = right if passes and looks == QUICK.patience.tries else b"x" * len(right)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = look
    report = site.run(FOLLOWING)
    assert (report.exit_code, report.sealed) == ((0, True) if passes else (8, False))
    assert looks == QUICK.patience.tries
    if not passes:
        assert "the manifest cannot be used to its end: sealed.json: " in report.summary()


def test_a_download_that_follows_goes_on_while_a_part_is_damaged_in_a_dataset_that_grows(site: Site) -> None:
    site.offer({"a.mrc": b"a", "b.mrc": b"b"})
    site.promise({"a.mrc": b"a", "b.mrc": b"b"}, parts=2)
    right, looks = site.share.contents["000002.jsonl"], 0
    site.share.contents["000002.jsonl"] = b"x" * len(right)

    def look(_: Request) -> Reply:
        nonlocal looks
        looks += 1
        if looks == 3 * QUICK.patience.tries:
            del site.share.items[-1]
            site.promise({"a.mrc": b"a", "b.mrc": b"b"}, parts=2, sealed=True)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = look
    report = site.run(FOLLOWING)
    assert (report.exit_code, report.sealed, report.files_intact) == (0, True, 2)


def test_a_limited_rate_is_kept(site: Site) -> None:
    site.offer({"a.mrc": BIG[: 2 << 20]})
    report = site.run(replace(QUICK, limit_rate=2e6))
    assert report.elapsed_s > 0.4


def test_what_is_on_the_disk_is_verified_without_the_service(site: Site) -> None:
    files = {"big.mrc": BIG, "lost": b"x", "short": b"yy", "right": b"z"}
    site.offer(files)
    site.promise(files, sealed=True)
    assert site.run().exit_code == 0
    (site.out / "lost").unlink()
    (site.out / "short").write_bytes(b"y")
    with (site.out / "big.mrc").open("r+b") as file:
        file.seek(PIECE_BYTES)
        file.write(b"spoilt")
    site.share.answers["/api/v3/onezone"] = lambda _: reply_of(b"", status=500)
    site.share.asked.clear()
    report = site.download(replace(QUICK, with_files=True)).verify()
    assert site.share.asked == []
    assert [str(failure) for failure in report.failures] == [
        "big.mrc: differs from its checksum and is newer: bytes 8,388,608 to 16,777,215",
        "lost: it is not here",
        "short: differs from its checksum and is newer: 1 instead of 2 bytes",
    ]
    assert (report.exit_code, report.files_intact, report.files_total) == (8, 1, 4)
    assert {file.path: file.state for file in report.files} == {
        "big.mrc": "failed",
        "lost": "failed",
        "right": "intact",
        "short": "failed",
    }


def test_a_check_says_what_is_wrong_and_not_that_it_could_not_be_fetched(site: Site) -> None:
    site.offer({"a": b"a", "b": b"b"})
    site.promise({"a": b"a", "b": b"b"}, sealed=True)
    assert site.run().exit_code == 0
    (site.out / "a").unlink()
    assert site.download().verify().summary().endswith("all intact; 1 not as promised: a: it is not here")


@pytest.mark.parametrize("sealed", [False, True])
def test_a_file_that_differs_from_its_checksum_is_told_whatever_its_time_is(site: Site, sealed: bool) -> None:
    files = {"copied": b"1", "cut": b"22", "grows": b"33", "right": b"44", "rotten": b"55", "touched": b"6" * 9}
    site.offer(files)
    site.promise(files, sealed=sealed)
    assert site.run().exit_code == 0
    spoilt = {"cut": b"2", "grows": b"3333", "rotten": b"5X", "touched": b"6" * 8 + b"7"}
    times = {"copied": 2_000_000_000, "cut": 500, "grows": 2_000_000_000, "rotten": MTIME_S, "touched": MTIME_S + 1}
    for name, data in spoilt.items():
        (site.out / name).write_bytes(data)
    for name, mtime_s in times.items():
        os.utime(site.out / name, (mtime_s, mtime_s))
    report = site.download().verify()
    assert [str(failure) for failure in report.failures] == [
        "cut: differs from its checksum: 1 instead of 2 bytes",
        "grows: differs from its checksum and is newer: 4 instead of 2 bytes",
        "rotten: differs from its checksum: bytes 0 to 1",
        "touched: differs from its checksum and is newer: bytes 0 to 8",
    ]
    assert (report.exit_code, report.files_intact, report.files_by_size, report.bytes_done) == (8, 2, 0, 3)


FEW = {f"{number}.mrc": bytes([number]) * 1000 for number in range(6)}


def spoil(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


def unlink(path: Path) -> None:
    path.unlink()


def damage(path: Path) -> None:
    path.write_bytes(spoil(path.read_bytes()))


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("hurt", [unlink, damage])
@pytest.mark.parametrize("name", ["000001.jsonl", "000002.jsonl", "000003.jsonl"])
def test_a_check_takes_the_manifest_of_the_dataset_where_the_one_here_is_damaged(
    site: Site, sealed: bool, name: str, hurt: Callable[[Path], None]
) -> None:
    site.offer(FEW)
    site.promise(FEW, sealed=sealed, parts=3)
    assert site.run().exit_code == 0
    hurt(site.out / SIDECAR / MANIFEST / name)
    (site.out / "5.mrc").unlink()
    said: list[str] = []
    report = site.download(replace(QUICK, say=said.append)).verify()
    if (sealed, hurt, name) == (False, unlink, "000003.jsonl"):
        # Without a seal nobody knows that there was a further part.
        assert (report.exit_code, report.files_intact, said) == (0, 4, [])
        return
    assert [str(failure) for failure in report.failures] == ["5.mrc: it is not here"]
    assert (report.exit_code, report.files_intact, report.sealed) == (6, 5, sealed)
    assert said[0].startswith(f"the manifest here is damaged ({name}")
    assert said[0].endswith("the dataset's own is taken; to mend it, remove fs2od-sidecar and download again")
    # Where it cannot be asked, what is sound here is all there is, and that is not enough.
    site.share.answers[f"content of id-{name}"] = lambda _: reply_of(b"", status=503)
    report = site.download().verify()
    assert (report.exit_code, report.files_total) == (8, 2 * (int(name[5]) - 1))
    assert "the manifest cannot be used" in report.summary()
    assert f"{name}" in report.summary()
    assert "all intact" not in report.summary()
    assert name in str(report.document("out")["manifest_error"])


@pytest.mark.parametrize("seal", [b"", b"no seal", dump_seal(seal_of(Manifest()))])
def test_a_check_does_not_believe_a_seal_that_does_not_fit(site: Site, seal: bytes) -> None:
    site.offer(FEW)
    site.promise(FEW, sealed=True)
    assert site.run().exit_code == 0
    (site.out / SIDECAR / SEAL).write_bytes(seal)
    report = site.download().verify()
    assert (report.exit_code, report.files_intact, report.sealed) == (0, 6, True)
    site.share.items.clear()
    report = site.download().verify()
    assert (report.exit_code, report.files_intact, report.sealed) == (8, 6, False)
    assert report.summary().startswith(
        "6 of 6 files, 6.00 kB, intact as far as is known; the manifest cannot be used to its end: sealed.json"
    )
    assert report.summary().endswith("the dataset's own: there is none")


def test_a_check_names_what_a_list_names_and_the_manifest_does_not(site: Site) -> None:
    site.offer(FEW)
    site.promise(FEW)
    assert site.run().exit_code == 0
    report = site.download(replace(QUICK, only=("1.mrc", "typo.mrc"))).verify()
    assert (report.exit_code, report.files_intact, report.files_total) == (6, 1, 2)
    assert report.summary().endswith("typo.mrc: it was asked for, and the manifest does not name it")


IMPATIENT = replace(QUICK, exclude=(SIDECAR,), timeouts=Timeouts(2.0, 0.3))


@pytest.mark.parametrize("name", ["000002.jsonl", SEAL])
@pytest.mark.parametrize(
    ("answer", "code"),
    [(None, 8), (BUSY, 4), (CUT, 4), (REFUSED, 5)],
    ids=["bad", "503", "cut", "403"],
)
def test_a_download_says_when_it_could_not_check(site: Site, name: str, answer: Reply | None, code: int) -> None:
    site.offer(FEW)
    site.promise(FEW, sealed=True, parts=2)
    if answer is None:
        site.share.contents[name] = spoil(site.share.contents[name])
    else:
        whole = {"Content-Length": str(len(site.share.contents[name]))}
        answer = replace(answer, headers=whole) if answer is CUT else answer
        site.share.answers[f"content of id-{name}"] = lambda _: answer
    report = site.run(IMPATIENT)
    assert (report.exit_code, report.failures, report.sealed) == (code, (), False)
    assert report.files_intact == (6 if name == SEAL else 3)
    assert site.found() == FEW
    assert "the manifest cannot be used to its end: " in report.summary()
    assert report.document("out")["manifest_error"] == str(report.manifest_error)


@pytest.mark.parametrize(("answer", "code"), [(BUSY, 4), (CUT, 4), (REFUSED, 5)], ids=["503", "cut", "403"])
@pytest.mark.parametrize("folder", [SIDECAR, MANIFEST])
def test_a_manifest_that_cannot_be_listed_is_told(site: Site, folder: str, answer: Reply, code: int) -> None:
    site.offer(FEW)
    site.promise(FEW)
    site.share.answers[f"children of id-{folder}"] = lambda _: answer
    report = site.run(IMPATIENT)
    assert (report.exit_code, report.files_intact) == (code, 0)
    assert site.found() == FEW
    assert "checked by size only; the manifest cannot be used: " in report.summary()


def test_a_part_that_is_missing_between_others_is_told(site: Site) -> None:
    site.offer(FEW)
    site.promise(FEW, parts=3)
    sizes = {name: len(site.share.contents[name]) for name in ("000001.jsonl", "000003.jsonl")}
    site.serve_folder("manifest", [listed(name, size) for name, size in sizes.items()])
    report = site.run()
    assert (report.exit_code, report.files_intact) == (8, 2)
    assert report.summary().endswith("the manifest cannot be used to its end: 000002.jsonl is missing")


def test_a_seal_that_is_taken_away_for_a_new_part_is_no_fault(site: Site) -> None:
    site.offer(FEW)
    site.promise(FEW, parts=2)
    seal = dump_seal(seal_of(Manifest([parse_part(site.share.contents["000001.jsonl"])])))
    before = {"children": [listed("manifest", kind="DIR"), listed(SEAL, len(seal))], "isLast": True}
    now = {"children": [listed("manifest", kind="DIR")], "isLast": True}
    looks: list[Request] = []

    def look(request: Request) -> Reply:
        looks.append(request)
        return reply_of(before if len(looks) == 1 else now)

    site.share.answers[f"children of id-{SIDECAR}"] = look
    site.share.answers[f"content of id-{SEAL}"] = lambda _: reply_of({"error": {"id": "notFound"}}, status=404)
    report = site.run(replace(QUICK, exclude=(SIDECAR,)))
    assert (report.exit_code, report.files_intact, report.sealed) == (0, 6, False)


def test_where_there_is_nothing_to_verify_that_is_said(site: Site) -> None:
    site.offer({"a": b"a"})
    with pytest.raises(StorageMissing):
        site.download().verify()
    site.run()
    with pytest.raises(NotFound, match="no checksums"):
        site.download().verify()


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
        "fs2od-sidecar/manifest/000001.jsonl": ("size", None),
    }
    assert report_lines(report, "out", again="again")[-1] == "To go on: again"


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
