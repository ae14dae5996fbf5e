"""Rehearsals: what they say is what a run would do."""

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.transfer.checked_site import BIG, QUICK, Site, honest, site, stop_now

from fs2od.manifests import PIECE_BYTES
from fs2od.testing.network import Reply, Request
from fs2od.transfer import DownloadLimits, Selection, SharedDataset, parse_link
from fs2od.transfer._rehearsal import Rehearsal, folding_of
from fs2od.transfer._run import Ending

__all__ = ["site"]


def test_the_time_is_that_of_the_rate_that_is_allowed(site: Site) -> None:
    site.offer({"a.mrc": BIG[: 1 << 20], "b.mrc": BIG[: 1 << 20]})
    estimate = site.download(replace(QUICK, limit_rate=4e6)).estimate()
    assert 0 < estimate.rate <= 4e6
    assert estimate.seconds is not None
    assert estimate.seconds >= 2 * (1 << 20) / 4e6


def test_what_an_earlier_run_brought_of_a_file_is_not_counted_again(site: Site) -> None:
    site.offer({"big.mrc": BIG, "small": b"x"})
    stop, asked = threading.Event(), 0

    def stop_at_the_third_piece(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        if asked == 4:
            stop_now(stop)
        return honest(site, request)

    site.share.answers["content of id-big.mrc"] = stop_at_the_third_piece
    assert site.run(replace(QUICK, jobs=1, limit_rate=30e6), stop).exit_code == 130
    estimate = site.download().estimate()
    assert estimate.files in {1, 2}
    assert estimate.size_bytes <= len(BIG) + 1 - PIECE_BYTES
    assert site.run().bytes_fetched <= estimate.size_bytes


@pytest.mark.parametrize("on_windows", [False, True])
def test_names_that_the_disk_does_not_know_are_told_before(site: Site, tmp_path: Path, on_windows: bool) -> None:
    site.offer({"a:b.mrc": b"x", "fine.mrc": b"y"})
    with SharedDataset(parse_link(site.share.link)) as shared:
        rehearsal = Rehearsal(shared, tmp_path / "out", Selection(), DownloadLimits(), on_windows=on_windows)
        estimate = rehearsal.run(Ending(lambda: None))
    assert (estimate.files, len(estimate.failures)) == ((1, 1) if on_windows else (2, 0))


def test_names_that_differ_only_in_case_are_told_where_the_disk_takes_them_for_one(site: Site) -> None:
    site.offer({"Movie.mrc": b"x", "movie.MRC": b"y"})
    assert site.download().estimate().files == 2
    site.out.mkdir()
    (site.out / "here").touch()
    os.link(site.out / "here", site.out / "HERE")  # one file under both, as such a disk shows it
    estimate = site.download().estimate()
    assert (estimate.files, [failure.path for failure in estimate.failures]) == (1, [("movie.MRC",)])


def test_whether_a_disk_folds_case_is_seen_without_writing_and_also_before_the_folder_is_made(tmp_path: Path) -> None:
    inside = tmp_path / "Pool" / "127"
    inside.mkdir(parents=True)
    folds = sys.platform in {"win32", "darwin"}
    for path in (inside, inside / "new", tmp_path / "Pool", tmp_path / "not" / "yet"):
        assert folding_of(path) == (folds, folds)
    (tmp_path / "pOOL").symlink_to("Pool")
    assert folding_of(tmp_path).case is folds
    assert [*inside.iterdir()] == []


def test_paths_of_a_list_that_nothing_lies_at_are_told_before(site: Site) -> None:
    site.offer({"a.mrc": b"x"})
    estimate = site.download(replace(QUICK, only=("a.mrc", "gone/b.mrc"))).estimate()
    assert [failure.path for failure in estimate.failures] == [("gone", "b.mrc")]
