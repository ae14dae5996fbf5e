"""A service that wants to do harm: whatever it says, nothing leaves the folder, and everything ends."""

from __future__ import annotations

import itertools
import json
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from fs2od.testing.downloading import Downloader, Ended
from fs2od.testing.network import HostileShare, Reply, Request, asked_for, listed, reply_of, server_context
from fs2od.transfer import Download, DownloadLimits, Options, Patience, parse_link

DATA = bytes(range(256)) * 1024
MOST_MEMORY = 2 << 30
QUICKLY_S = 60.0
Answer = Callable[[Request], Reply]


@pytest.fixture
def share(authority: trustme.CA, tmp_path: Path) -> Iterator[HostileShare]:
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(tmp_path / "key"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "certificate"))
    context = server_context(tmp_path / "certificate", tmp_path / "key")
    with HostileShare([listed("a", len(DATA))], {"a": DATA}, context=context) as running:
        yield running


@pytest.fixture
def download(share: HostileShare, authority_file: Path, tmp_path: Path, words: tuple[str, ...]) -> Downloader:
    place = tmp_path / "place"
    place.mkdir()
    return Downloader(words, share.link, place / "out", authority_file)


def ended(download: Downloader, *more: str) -> Ended:
    """Run within bounds of time and memory, and make sure that it speaks like a person."""
    before = {path for path in download.out.parent.parent.rglob("*") if download.out not in (path, *path.parents)}
    with download.start(*more) as process:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        found = download.wait(process, within_s=QUICKLY_S)
    assert "Traceback" not in found.said, found.said
    assert found.code in {0, 4, 5, 6, 7, 8}, found
    after = {path for path in download.out.parent.parent.rglob("*") if download.out not in (path, *path.parents)}
    assert after == before, "something was written outside"
    return found


NAMES = ("../../x", "..", ".", "/etc/x", "x/../../y", "a/b", "", "a\0b", "x" * 300, "\ud800")


@pytest.mark.parametrize("kind", ["REG", "DIR", "SYMLNK"])
def test_names_that_lead_out_are_refused_and_the_rest_comes(
    share: HostileShare, download: Downloader, kind: str
) -> None:
    bad = [listed(name, len(DATA), kind=kind, symlinkValue="a", fileId="bad") for name in NAMES]
    share.items = [*bad, listed("a", len(DATA))]
    share.answers["content of bad"] = lambda _: reply_of(DATA)
    found = ended(download)
    assert found.code == 8, found
    assert len(found.told["failures"]) == len(NAMES)
    assert download.tree().keys() == {"a"}


def test_names_of_devices_and_of_our_own_files_are_names(share: HostileShare, download: Downloader) -> None:
    names = ["CON", "nul", "aux.txt", "COM1", "a:b", "x.000000000000.partial", "fs2od-sidecar", "-rf", "~"]
    share.items = [listed(name, 3) for name in names]
    share.contents = dict.fromkeys(names, b"abc")
    found = ended(download)
    there = download.tree().keys()
    missing = set(names) - there
    assert {failure["path"] for failure in found.told["failures"]} == missing
    assert {"CON", "-rf", "~"} <= there  # this system has no such devices


@pytest.mark.parametrize("kind", ["BLK", "FIFO", "", None, 7, [], {"a": 1}], ids=repr)
def test_what_is_neither_file_nor_folder_is_not_made(share: HostileShare, download: Downloader, kind: object) -> None:
    share.items = [{**listed("dev", 1), "type": kind}, listed("a", len(DATA))]
    found = ended(download)
    assert found.code in {4, 8}
    assert not (download.out / "dev").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "a/../../..", "", "x" * 5000, "a\ud800b", "é" * 3000])
def test_a_link_that_leads_out_is_not_made(share: HostileShare, download: Downloader, target: str) -> None:
    share.items = [listed("link", kind="SYMLNK", symlinkValue=target), listed("a", len(DATA))]
    found = ended(download)
    assert found.code == 0
    assert "1 symbolic link left out: link" in found.out
    assert not (download.out / "link").is_symlink()
    assert download.tree().keys() == {"a"}


def test_a_link_and_a_folder_of_the_same_name_lead_nowhere(share: HostileShare, download: Downloader) -> None:
    share.items = [listed("d", kind="SYMLNK", symlinkValue="."), listed("d", kind="DIR", fileId="sub")]
    share.answers["children of sub"] = lambda _: reply_of({"children": [listed("a", len(DATA))], "isLast": True})
    assert ended(download).code == 8


@pytest.mark.parametrize(
    "body", [b"", DATA + b"more", DATA * 40, DATA[:-1]], ids=["nothing", "a little more", "far more", "less"]
)
@pytest.mark.parametrize("how", ["length", "chunks", "end"])
def test_a_body_of_another_length_than_announced_never_gets_its_name(
    share: HostileShare, authority_file: Path, tmp_path: Path, body: bytes, how: str
) -> None:
    def answer(_: Request) -> Reply:
        said = {"length": {"Content-Length": str(len(body))}, "chunks": {}, "end": {"Connection": "close"}}[how]
        return Reply(200, said, (body[start : start + 65536] for start in range(0, len(body), 65536)))

    share.items.append(listed("b", len(DATA)))
    share.answers["content of id-b"] = answer
    # Not by the command, whose patience is a minute's: that something comes again and again, it cannot know.
    options = Options(ca_file=str(authority_file), patience=Patience(tries=3, first_pause_s=0.01))
    report = Download(parse_link(share.link), tmp_path / "out", options).run()
    assert report.exit_code in {4, 8}, report.summary()
    assert [failure.path for failure in report.failures] == [("b",)]
    assert {path.name for path in (tmp_path / "out").iterdir() if path.suffix != ".partial"} == {"a"}


def endless_pages(_: Request) -> Reply:
    page = itertools.count()
    items = json.dumps([listed(f"{number}", kind="SYMLNK", symlinkValue="a") for number in range(2000)])[1:-1]
    return reply_of(f'{{"children":[{items}],"isLast":false,"nextPageToken":"{next(page)}"}}'.encode())


def a_million_entries(request: Request) -> Reply:
    start = int(asked_for(request).get("token") or 0)
    items = [listed(f"{number:07}", kind="DIR") for number in range(start, start + 2000)]
    return reply_of({"children": items, "isLast": False, "nextPageToken": str(start + 2000)})


def endless_body(_: Request) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, itertools.chain([b"["], itertools.repeat(b"1," * 32768)))


LISTINGS: list[tuple[str, Answer]] = [
    ("pages in circles", endless_pages),
    ("an endless body", endless_body),
    ("deep JSON", lambda _: reply_of(b"[" * 1_000_000)),
    ("deep objects", lambda _: reply_of(b'{"children":' * 200_000)),
    (
        "a huge number",
        lambda _: reply_of(b'{"children":[{"name":"a","type":"REG","fileId":"x","size":' + b"9" * 5000 + b"}]}"),
    ),
    ("no JSON", lambda _: reply_of(b"<html>welcome to this hotel</html>")),
    ("wrong types", lambda _: reply_of({"children": [1, None, "x", []], "isLast": True})),
    ("no children", lambda _: reply_of({"isLast": True})),
    ("negative sizes", lambda _: reply_of({"children": [listed("n", -5)], "isLast": True})),
    ("sizes beyond everything", lambda _: reply_of({"children": [listed("n", 2**62)], "isLast": True})),
    ("headers without end", lambda _: Reply(200, {f"X-{n}": "x" * 1000 for n in range(2000)}, (b"{}",))),
    ("a redirect to itself", lambda r: reply_of(b"", status=302, headers={"Location": r.target})),
    ("a redirect to a file", lambda _: reply_of(b"", status=302, headers={"Location": "file:///etc/passwd"})),
    ("a redirect to plain HTTP", lambda _: reply_of(b"", status=307, headers={"Location": "http://localhost:9/"})),
    ("a redirect to no address", lambda _: reply_of(b"", status=302, headers={"Location": "https://[zz/"})),
    (
        "an id that is no Unicode",
        lambda _: reply_of({"children": [listed("n", kind="DIR", fileId="\ud800")], "isLast": True}),
    ),
    ("status 999", lambda _: reply_of(b"{}", status=999)),
]


@pytest.mark.parametrize("answer", [each[1] for each in LISTINGS], ids=[each[0] for each in LISTINGS])
def test_a_listing_meant_to_hurt_is_left_within_bounds(
    share: HostileShare, download: Downloader, answer: Answer
) -> None:
    share.answers["children of root"] = answer
    found = ended(download)
    assert found.code in {4, 7, 8} or not found.told["files_total"], found
    assert not list(download.out.rglob("passwd"))


@pytest.mark.parametrize("mtime", [1e300, -(2**70), 2**63, "soon", None], ids=repr)
def test_times_that_no_disk_can_hold_do_no_harm(share: HostileShare, download: Downloader, mtime: object) -> None:
    share.items = [listed("a", len(DATA), mtime=mtime)]
    assert ended(download).code == 0
    assert download.tree().keys() == {"a"}


def test_redirects_without_end_are_left(share: HostileShare, download: Downloader) -> None:
    count = itertools.count()
    share.answers["content of id-a"] = lambda r: reply_of(
        b"", status=307, headers={"Location": f"{r.target.partition('?')[0]}?{next(count)}"}
    )
    found = ended(download)
    assert found.code in {4, 8}, found
    assert next(count) < 200


def test_folders_within_folders_without_end_are_left(share: HostileShare, download: Downloader) -> None:
    inside = {"children": [listed("d", kind="DIR", fileId="d")], "isLast": True}
    share.items = [listed("d", kind="DIR", fileId="d")]
    share.answers["children of d"] = lambda _: reply_of(inside)
    found = ended(download)
    assert found.code == 8, found
    assert len(share.asked) < 1000


def test_a_listing_that_never_ends_is_left_after_a_bound(
    share: HostileShare, authority_file: Path, tmp_path: Path
) -> None:
    share.answers["children of root"] = a_million_entries
    limits = DownloadLimits(folder_entries=20_000)  # by default a million, which takes a while to be listed
    report = Download(
        parse_link(share.link), tmp_path / "out", Options(ca_file=str(authority_file), limits=limits)
    ).run()
    assert report.exit_code == 4, report.summary()
    assert "more than 20,000" in str(report.failures[0])
    assert len(share.asked) < 40


def test_a_manifest_meant_to_hurt_is_not_believed(share: HostileShare, download: Downloader) -> None:
    part = (
        b'{"fs2od":"manifest","version":1,"part":1,"piece_bytes":8388608}\n'
        + b'{"path":"../../x","size":1'
        + b"," * 1000
    )
    share.items += [listed("fs2od-sidecar", kind="DIR", fileId="side")]
    share.answers["children of side"] = lambda _: reply_of(
        {"children": [listed("manifest", kind="DIR", fileId="parts")], "isLast": True}
    )
    share.answers["children of parts"] = lambda _: reply_of(
        {"children": [listed("000001.jsonl", len(part), fileId="part")], "isLast": True}
    )
    share.answers["content of part"] = lambda _: reply_of(part)
    found = ended(download)
    assert found.code == 8, found
    assert (download.out / "a").read_bytes() == DATA
    assert "checked by size only; the manifest cannot be used: 000001.jsonl: " in found.told["summary"]
    assert found.told["manifest_error"].startswith("000001.jsonl: ")


@pytest.mark.parametrize(
    "told",
    [
        {"version": 1, "data": "file:///etc", "bulk_paths": 20000},
        {"version": 1, "data": "http://localhost:9/share/{id}", "bulk_paths": 20000},
        {"version": 1, "data": ["x"], "bulk_paths": -1},
        {"version": 99},
        [],
    ],
    ids=repr,
)
def test_a_wrong_address_for_bulk_leads_to_the_plain_way(
    share: HostileShare, download: Downloader, told: object
) -> None:
    share.items = [listed(f"{number}", 3) for number in range(40)]
    share.contents = {f"{number}": b"abc" for number in range(40)}
    share.answers["/.well-known/fs2od.json"] = lambda _: reply_of(told)
    found = ended(download)
    assert found.code == 0, found
    assert len(download.tree()) == 40


@pytest.mark.parametrize("more", [("--include", "[z-a]*"), ("--exclude", "[9-0]", "--dry-run")], ids=" ".join)
def test_a_pattern_without_a_meaning_is_told_before_anything_is_asked(
    share: HostileShare, download: Downloader, more: tuple[str, ...]
) -> None:
    found = download.run(*more)
    assert (found.code, found.out) == (2, "")
    assert f"the pattern {more[1]} cannot be used: bad character range" in found.said
    assert len(found.said.splitlines()) == 1
    assert not share.asked


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "dry-run"])
def test_that_no_file_matches_is_told(share: HostileShare, download: Downloader, more: tuple[str, ...]) -> None:
    share.items.append(listed("b", len(DATA)))
    found = download.run("--include", "*.foo", "--include", "./bar", *more)
    assert (found.code, found.told["unmatched"]) == (6, ["*.foo", "/bar"])
    plainly = replace(download, more=()).run("--include", "*.foo", *more)
    assert plainly.code == 6
    assert plainly.said.splitlines()[-1].startswith("no file matches *.foo")
    assert download.tree() == {} or more
    assert replace(download, more=()).run("--include", "./a", *more).code == 0


def test_a_report_that_cannot_be_written_is_told_before_anything_comes(
    share: HostileShare, download: Downloader, tmp_path: Path
) -> None:
    found = download.run("--report", str(tmp_path / "nowhere" / "report.json"))
    assert (found.code, found.out) == (7, "")
    assert f"the report {tmp_path / 'nowhere' / 'report.json'} cannot be written" in found.said
    assert not download.out.exists()
    assert not [asked for asked in share.asked if asked.path.endswith("/content")]
    assert download.run("--report", str(download.out / "report.json")).code == 0
    assert (download.out / "report.json").exists()


def test_a_report_that_can_no_longer_be_written_does_not_take_the_verdict_with_it(
    share: HostileShare, download: Downloader, tmp_path: Path
) -> None:
    place = tmp_path / "reports"
    place.mkdir()

    def content(_: Request) -> Reply:
        if place.exists():
            place.rmdir()
        return reply_of(DATA)

    share.answers["content of id-a"] = content
    found = download.run("--report", str(place / "report.json"))
    assert found.code == 7
    assert found.told["complete"] is True
    assert "cannot be written" in found.said
