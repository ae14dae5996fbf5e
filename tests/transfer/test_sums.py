"""A link to a part of a dataset has no sidecar: what the node knows of its checksums is what the bytes are compared with."""

import os
import random
import time
from pathlib import Path

import pytest

from fs2od.errors import IntegrityFailure
from fs2od.manifests import PIECE_BYTES
from fs2od.testing.downloading import Published, publish
from fs2od.testing.network import HostileShare, Reply, listed, reply_of
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.system import tree
from fs2od.testing.world import ServedWorld
from fs2od.transfer import Download, Link, Options, Patience, Report, parse_link

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


def spoil(published: Published, path: str) -> None:
    """Turn one bit over, as a disk may: size and times stay."""
    file = published.folder / path
    status, data = file.stat(), bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


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
