"""Checks of what stands on the disk, and what is said where the manifest itself cannot be used."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.transfer.checked_site import BIG, BUSY, CUT, FEW, MTIME_S, QUICK, REFUSED, Site, site, spoil

from fs2od.errors import StorageMissing
from fs2od.manifests import (
    MANIFEST,
    PIECE_BYTES,
    SEAL,
    SIDECAR,
    Manifest,
    dump_seal,
    parse_part,
    seal_of,
)
from fs2od.testing.downloading import command, single_file
from fs2od.testing.network import HostileShare, Reply, Request, listed, reply_of
from fs2od.transfer import (
    NotFound,
)

__all__ = ["site"]

CONTENT = "/api/v3/onezone/shares/data/id-{}/content"
PUBLIC = "/api/v3/onezone/shares/5f785efc3a98d2190a03813a097ff8eacha577/public"


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
    site.share.asked.clear()
    report = site.download(replace(QUICK, with_files=True)).verify()
    # It is asked whether the manifest here is its own, and nothing else.
    assert [asked.path for asked in site.share.asked if asked.path.endswith("/content")] == [CONTENT.format(SEAL)]
    site.share.answers[PUBLIC] = lambda _: reply_of(b"", status=500)
    said: list[str] = []
    alone = site.download(replace(QUICK, say=said.append)).verify()
    assert list(map(str, alone.failures)) == list(map(str, report.failures))
    assert said[0].startswith("whether the manifest here is that of this dataset could not be asked (")
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


@pytest.mark.parametrize("sealed", [False, True])
def test_a_check_does_not_go_by_the_manifest_of_another_dataset(site: Site, sealed: bool) -> None:
    site.offer({"a": b"a", "b": b"b"})
    site.promise({"a": b"a", "b": b"b"}, sealed=sealed)
    assert site.run().exit_code == 0
    with HostileShare() as share:
        other = Site(share, site.out)
        other.offer({"c": b"c"})
        other.promise({"c": b"c"}, sealed=sealed)
        assert other.run().exit_code == 0
        assert other.download().verify().summary().startswith("1 of 1 files, 1 B, all intact")
        (site.out / "a").write_bytes(b"X")
        said: list[str] = []
        report = site.download(replace(QUICK, say=said.append)).verify()
        assert said == ["the manifest here is that of another dataset: this one's own is taken"]
        assert [str(failure) for failure in report.failures] == [
            "a: differs from its checksum and is newer: bytes 0 to 0"
        ]
        assert (report.exit_code, report.files_total, report.files_intact) == (8, 2, 1)
        other.share.items[:] = [listed("c", 1, mtime=MTIME_S)]
        assert site.run().exit_code == 0
        with pytest.raises(
            NotFound, match="the manifest here is that of another dataset, and the dataset has no checksums"
        ):
            other.download().verify()


def test_a_check_goes_by_the_manifest_that_was_downloaded_where_the_dataset_has_grown(site: Site) -> None:
    site.offer({"a": b"a"})
    site.promise({"a": b"a"})
    assert site.run().exit_code == 0
    site.offer({"a": b"a", "b": b"b"})
    site.promise({"a": b"a", "b": b"b"}, sealed=True, parts=2)
    report = site.download().verify()
    assert (report.exit_code, report.files_total, report.files_intact) == (0, 1, 1)


def test_a_check_of_what_grows_compares_what_was_promised_since_and_counts_what_is_not(site: Site) -> None:
    site.offer({"a": b"a", "late": b"b", "later": b"c"})
    site.promise({"a": b"a"})
    assert site.run().exit_code == 0
    (site.out / "late").write_bytes(b"X")
    report = site.download().verify()
    assert (report.exit_code, report.files_total, report.files_unpromised) == (0, 1, 2)
    words = "1 of 1 files, 1 B, all intact; 2 more here could not be compared: the dataset has no checksums of them yet"
    assert report.summary() == words
    assert report.document("out")["files_unpromised"] == 2
    site.promise({"a": b"a", "late": b"b"}, parts=2)
    report = site.download().verify()
    assert [str(failure) for failure in report.failures] == [
        "late: differs from its checksum and is newer: bytes 0 to 0"
    ]
    assert (report.exit_code, report.files_total, report.files_unpromised) == (8, 2, 1)
    # What is not asked about is not counted, and neither is anything where the dataset is complete.
    assert site.download(replace(QUICK, include=("a",))).verify().files_unpromised == 0


def test_a_check_of_a_complete_dataset_says_nothing_of_what_else_lies_here(site: Site) -> None:
    site.offer({"a": b"a"})
    site.promise({"a": b"a"}, sealed=True)
    assert site.run().exit_code == 0
    (site.out / "notes.txt").write_text("mine")
    assert site.download().verify().summary().endswith("1 of 1 files, 1 B, all intact")


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
        assert (report.exit_code, report.files_intact, said) == (0, 5, [])
        return
    assert [str(failure) for failure in report.failures] == ["5.mrc: it is not here"]
    assert (report.exit_code, report.files_intact, report.sealed) == (6, 5, sealed)
    assert said[0].startswith(f"the manifest here is damaged ({name}")
    assert said[0].endswith("the dataset's own is taken; to mend it, download again")
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


DATA_ONLY = replace(QUICK, exclude=(SIDECAR,))


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
    report = site.run(DATA_ONLY)
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
    report = site.run(DATA_ONLY)
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


@pytest.mark.parametrize("front", ["command", "get.py"])
def test_what_a_check_found_wrong_is_fetched_by_the_line_that_goes_on(site: Site, front: str, tmp_path: Path) -> None:
    site.offer({"a": b"a"})
    site.promise({"a": b"a"}, sealed=True)
    assert site.run().exit_code == 0
    (site.out / "a").write_bytes(b"x")
    words = command() if front == "command" else single_file(tmp_path)
    line = [*words, site.share.link, str(site.out), "--verify"]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 8
    again = ended.stderr.rpartition("To go on: ")[2]
    assert site.share.link in again
    assert "--verify" not in again
