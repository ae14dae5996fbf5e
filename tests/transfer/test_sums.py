"""A link to a part of a dataset has no sidecar: what the node knows of its checksums is what the bytes are compared with."""

import hashlib
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fs2od.errors import IntegrityFailure
from fs2od.manifests import PIECE_BYTES, SIDECAR
from fs2od.onedata.tokens import DataPath, Token
from fs2od.testing.downloading import Published, publish, spoil
from fs2od.testing.network import HostileShare, Reply, Request, listed, reply_of
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.system import tree
from fs2od.testing.world import ServedWorld, serve_world
from fs2od.transfer import (
    AccessToken,
    Download,
    Link,
    NotFound,
    Options,
    Patience,
    Report,
    SpacePlace,
    parse_link,
)

BIG = random.Random(8).randbytes(2 * PIECE_BYTES + 77)
FILES = {"Sq1/a.tiff": b"a" * 3000, "Sq1/deep/b\n\\c.tiff": b"b" * 10, "Sq1/big.mrc": BIG, "Sq2/c.tiff": b"c"}
QUICK = Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.05)


@pytest.fixture
def published(world: ServedWorld) -> Published:
    found = publish(world, FILES, sidecar=False)
    for path in FILES:
        os.utime(found.folder / path, (1_700_000_000, 1_700_000_000))
    extend_sidecar(found.folder, seal=True)
    world.rescan(found.dataset.space)
    return found


def part(world: ServedWorld, published: Published, path: str) -> Link:
    share = world.share(world.administrator, published.dataset, path, name="part")
    return parse_link(f"{world.node.settings.zone_url}/share/{share}")


def run(world: ServedWorld, link: Link, out: Path) -> Report:
    return Download(link, out, Options(ca_file=str(world.ca), patience=QUICK)).run()


def test_a_folder_of_a_dataset_is_compared_with_what_the_node_knows(
    world: ServedWorld, published: Published, tmp_path: Path
) -> None:
    link = part(world, published, "Sq1")
    report = run(world, link, tmp_path / "out")
    assert (report.exit_code, report.files_intact, report.files_done) == (0, 3, 3), report.summary()
    assert report.summary().endswith("all intact")
    assert tree(tmp_path / "out") == tree(published.folder / "Sq1")
    (tmp_path / "out" / "a.tiff").write_bytes(b"x" * 3000)
    again = run(world, link, tmp_path / "out")
    assert (again.exit_code, again.files_fetched, again.files_intact) == (0, 1, 3)


def test_a_single_file_is_compared_with_what_the_node_knows(
    world: ServedWorld, published: Published, tmp_path: Path
) -> None:
    for path in ("Sq1/big.mrc", "Sq2/c.tiff"):
        report = run(world, part(world, published, path), tmp_path / path)
        assert (report.exit_code, report.files_intact) == (0, 1), report.summary()


@pytest.mark.parametrize("path", ["Sq1/a.tiff", "Sq1/big.mrc"])
def test_bytes_that_rotted_at_the_facility_are_found(
    world: ServedWorld, published: Published, tmp_path: Path, path: str
) -> None:
    spoil(published, path)
    report = run(world, part(world, published, "Sq1"), tmp_path / "out")
    assert report.exit_code == 8
    assert [failure.path for failure in report.missing] == [(path.rpartition("/")[2],)]
    assert isinstance(report.missing[0].error, IntegrityFailure)
    assert report.files_intact == 2
    assert run(world, part(world, published, path), tmp_path / "one").exit_code == 8


def by_token(world: ServedWorld, published: Published, path: str, out: Path, token: Token | None = None) -> Download:
    shown = AccessToken((token or world.administrator.token).reveal)
    place = SpacePlace(world.node.settings.zone_url, published.dataset.space, path)
    return Download(place, out, Options(ca_file=str(world.ca), patience=QUICK, token=shown))


@pytest.mark.parametrize(("path", "files"), [("Sq1", 3), ("Sq1/deep", 1), ("Sq1/big.mrc", 1)])
def test_a_part_of_a_space_is_compared_with_the_manifest_of_the_whole(
    world: ServedWorld, published: Published, tmp_path: Path, path: str, files: int
) -> None:
    download = by_token(world, published, path, tmp_path / "out")
    report = download.run()
    assert (report.exit_code, report.files_intact, report.files_done) == (0, files, files), report.summary()
    assert report.summary().endswith("all intact")
    # A long manifest is not read for one file where the node says it in a line.
    assert report.sealed is (files > 1 or path == "Sq1/deep")
    spoil(published, path if path.endswith(".mrc") else f"{path}/{next(iter(tree(tmp_path / 'out')))}")
    assert by_token(world, published, path, tmp_path / "new").run().exit_code == 8
    assert download.verify().summary().endswith("all intact")


def test_a_file_that_the_whole_manifest_names_below_a_folder_has_to_be_there(
    world: ServedWorld, published: Published, tmp_path: Path
) -> None:
    (published.folder / "Sq1/a.tiff").unlink()
    (published.folder / "Sq2/c.tiff").unlink()
    world.rescan(published.dataset.space)
    report = by_token(world, published, "Sq1", tmp_path / "out").run()
    assert report.exit_code == 6
    assert [failure.path for failure in report.missing] == [("a.tiff",)]


def test_a_token_for_a_folder_alone_gets_the_checksums_of_that_folder(
    world: ServedWorld, published: Published, tmp_path: Path
) -> None:
    token = world.token(world.administrator, DataPath((f"/{published.dataset.space}/Sq1",)))
    download = by_token(world, published, "Sq1", tmp_path / "out", token)
    report = download.run()
    assert (report.exit_code, report.files_intact, report.sealed) == (0, 3, False), report.summary()
    assert download.verify().summary().endswith("all intact")


@pytest.mark.parametrize("path", ["Sq1", "Sq1/big.mrc"])
def test_what_came_by_a_link_to_a_part_can_be_checked_again(
    world: ServedWorld, published: Published, tmp_path: Path, path: str
) -> None:
    download = Download(part(world, published, path), tmp_path / "out", Options(ca_file=str(world.ca), patience=QUICK))
    assert download.run().exit_code == 0
    checked = download.verify()
    assert (checked.exit_code, checked.files_intact) == (0, 3 if path == "Sq1" else 1), checked.summary()
    assert checked.is_check
    big = tmp_path / "out" / "big.mrc"
    big.write_bytes(BIG[:-1])
    if path == "Sq1":
        (tmp_path / "out" / "a.tiff").unlink()
    checked = download.verify()
    assert checked.exit_code == 8
    assert {failure.path for failure in checked.missing} == {("big.mrc",)} | ({("a.tiff",)} if path == "Sq1" else set())


def test_a_part_without_checksums_cannot_be_checked(world: ServedWorld, tmp_path: Path) -> None:
    bare = publish(world, FILES, sidecar=False)
    download = Download(part(world, bare, "Sq1"), tmp_path / "out", Options(ca_file=str(world.ca), patience=QUICK))
    assert download.run().summary().endswith("checked by size only")
    for each in (download, by_token(world, bare, "Sq1", tmp_path / "out")):
        with pytest.raises(NotFound, match="no checksums"):
            each.verify()


def test_where_a_node_has_no_lists_a_part_goes_by_the_manifest_above_it(tmp_path: Path) -> None:
    with serve_world(tmp_path / "plain", plain=True) as world:
        found = publish(world, {**FILES, f"Sq2/{SIDECAR}x/a": b"x"})
        for path, files in (("Sq1", 3), ("Sq1/big.mrc", 1), (f"Sq2/{SIDECAR}x", 1)):
            download = by_token(world, found, path, tmp_path / path.replace("/", "-"))
            report = download.run()
            assert (report.exit_code, report.files_intact, report.sealed) == (0, files, True), report.summary()
            assert download.verify().files_intact == files


def offered(sums: Reply, *, mtime: int = 1000) -> HostileShare:
    share = HostileShare([listed("a", 3, mtime=mtime), listed("b", 3)], {"a": b"aaa", "b": b"bbb"})
    where = {"version": 1, "data": f"{share.url}/share/{{id}}", "members": share.url, "bulk_paths": 1}
    share.answers["/.well-known/fs2od.json"] = lambda _: reply_of(where)
    share.answers[f"/share/{share.link.rpartition('/')[2]}/SHA256SUMS"] = lambda _: sums
    return share


WRONG = f"{'0' * 64}  a\n".encode()
DATE = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}


@pytest.mark.parametrize(
    "sums",
    [
        reply_of(b"", status=404),
        reply_of(b"", status=503),
        reply_of(b"", headers=DATE),
        reply_of(b"<html>", headers=DATE),
        reply_of(WRONG),
        reply_of(WRONG, headers={"Date": "yesterday"}),
        reply_of(WRONG + b"x\n", headers=DATE),
        reply_of(WRONG[:-1], headers=DATE),
        reply_of(WRONG + f"{'0' * 64}  ../b\n".encode(), headers=DATE),
        reply_of(WRONG + f"{'0' * 64}  \udcff\n".encode("utf-8", "surrogateescape"), headers=DATE),
        reply_of(WRONG + b"0" * 200_000, headers=DATE),
        reply_of(WRONG, headers={**DATE, "Content-Length": "5000"}).saying(connection="close"),
    ],
    ids=range(12),
)
def test_what_is_no_whole_list_counts_as_none(tmp_path: Path, sums: Reply) -> None:
    with offered(sums) as share:
        report = Download(parse_link(share.link), tmp_path / "out", Options(patience=QUICK)).run()
    assert (report.exit_code, report.summary()) == (0, "2 of 2 files, 6 B, checked by size only")


def test_a_list_does_not_speak_of_what_was_modified_after_it(tmp_path: Path) -> None:
    with offered(reply_of(WRONG, headers=DATE)) as share:
        assert Download(parse_link(share.link), tmp_path / "old", Options(patience=QUICK)).run().exit_code == 8
    with offered(reply_of(WRONG, headers=DATE), mtime=int(time.time())) as share:
        assert Download(parse_link(share.link), tmp_path / "new", Options(patience=QUICK)).run().exit_code == 0


def part_of(data: bytes, first: int, last: int | None) -> Reply:
    part = data[first : len(data) if last is None else last + 1]
    said = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"}
    return reply_of(part, status=206, headers=said)


@pytest.mark.parametrize("there", [b"x" * len(BIG), BIG[:-1000]], ids=["of the same length", "of another length"])
def test_a_large_file_of_another_state_stands_until_the_new_one_is_whole(tmp_path: Path, there: bytes) -> None:
    out, sums = tmp_path / "out", f"{hashlib.sha256(BIG).hexdigest()}  a\n".encode()
    out.mkdir()
    (out / "a").write_bytes(there)
    options = Options(patience=replace(QUICK, tries=2), jobs=1)
    with offered(reply_of(sums, headers=DATE)) as share:
        share.items[:], share.contents["a"] = [listed("a", len(BIG), mtime=1000)], BIG

        def first_piece_only(request: Request) -> Reply:
            first, last = request.range or (0, 0)
            return reply_of(b"", status=503) if first else part_of(BIG, first, last)

        share.answers["content of id-a"] = first_piece_only
        broken_off = Download(parse_link(share.link), out, options).run()
        assert (broken_off.exit_code, (out / "a").read_bytes() == there) == (4, True)
        del share.answers["content of id-a"]
        report = Download(parse_link(share.link), out, options).run()
    assert (report.exit_code, report.files_intact) == (0, 1)
    assert report.bytes_fetched <= len(BIG) - PIECE_BYTES
    assert {path.name: path.read_bytes() == BIG for path in out.iterdir()} == {"a": True}
