"""From a real node, over real TLS."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fs2od.onedata.ids import ShareId
from fs2od.testing.world import Dataset, ServedWorld, write_files
from fs2od.transfer import Download, Link, LinkEnded, Options, Progress, Report

FILES = {
    "SPA.yml": b"User: {}\n",
    "empty": b"",
    "Grids/Square_1/movie.mrc": bytes(range(256)) * 8192,
    "Grids/Square_1/movie.xml": b"<x/>",
    "Grids/-rf": b"a leading dash",
    "Grids/line\nbreak 'and' \"quotes\"": b"quoted",
    "Grids/100 %&?#;*.txt": b"signs",
    "Grids/" + "ä" * 127: b"as long as names can be",
    "Grids/back\\slash": b"no separator here",
}


@pytest.fixture
def dataset(world: ServedWorld) -> Dataset:
    return world.dataset(world.administrator, FILES)


@pytest.fixture
def share(world: ServedWorld, dataset: Dataset) -> ShareId:
    return world.share(world.administrator, dataset)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def link_to(world: ServedWorld, share: ShareId) -> Link:
    return Link(world.node.settings.zone_url, share)


def bring(world: ServedWorld, share: ShareId, out: Path, options: Options | None = None) -> Report:
    return Download(link_to(world, share), out, replace(options or Options(), ca_file=str(world.ca))).run()


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}


def facts_in(folder: Path) -> dict[Path, tuple[int, int, int]]:
    facts = {path: path.lstat() for path in folder.rglob("*")}
    return {path: (fact.st_ino, fact.st_size, fact.st_mtime_ns) for path, fact in facts.items() if path.is_file()}


def test_every_byte_and_every_name_arrives(world: ServedWorld, share: ShareId, out: Path) -> None:
    report = bring(world, share, out)
    assert report.exit_code == 0, report.summary()
    assert files_in(out) == FILES
    assert report.files_fetched == report.files_total == len(FILES)
    assert report.bytes_done == report.bytes_fetched == sum(map(len, FILES.values()))


def test_a_second_run_reads_no_content(world: ServedWorld, share: ShareId, out: Path) -> None:
    bring(world, share, out)
    before = facts_in(out)
    report = bring(world, share, out)
    assert (report.files_present, report.bytes_fetched, report.exit_code) == (len(FILES), 0, 0)
    assert facts_in(out) == before


def test_only_what_is_new_changed_or_lost_is_fetched(
    world: ServedWorld, dataset: Dataset, share: ShareId, out: Path
) -> None:
    bring(world, share, out)
    write_files(dataset.folder, {"new": b"new", "SPA.yml": b"User: {Name: Alex}\n"})
    world.rescan(dataset.space)
    (out / "Grids/Square_1/movie.xml").unlink()
    os.utime(out / "Grids/-rf", (5, 5))
    report = bring(world, share, out)
    assert report.files_fetched == 4
    assert files_in(out) == files_in(dataset.folder)


def test_links_and_empty_folders_come_along_but_no_link_that_leads_out(world: ServedWorld, out: Path) -> None:
    dataset = world.dataset(world.administrator, {"a/file": b"data"})
    (dataset.folder / "a" / "empty").mkdir()
    (dataset.folder / "a" / "up").symlink_to("../a/file")
    (dataset.folder / "out").symlink_to("../../secret")
    world.rescan(dataset.space)
    report = bring(world, world.share(world.administrator, dataset), out)
    assert (out / "a" / "up").readlink() == Path("../a/file")
    assert (out / "a" / "empty").is_dir()
    assert not (out / "out").is_symlink()
    assert {failure.path for failure in report.failures} <= {("out",)}


def test_the_share_of_one_file_is_one_file(world: ServedWorld, dataset: Dataset, out: Path) -> None:
    share = world.share(world.administrator, dataset, "Grids/Square_1/movie.mrc")
    report = bring(world, share, out)
    assert report.files_total == 1
    assert files_in(out) == {"movie.mrc": FILES["Grids/Square_1/movie.mrc"]}


def test_files_that_cannot_be_read_are_named_and_the_rest_arrives(
    world: ServedWorld, dataset: Dataset, share: ShareId, out: Path
) -> None:
    hidden = world.id_of(dataset, "Grids/Square_1/movie.mrc")
    world.node.provider.files.set_mode(world.administrator.caller, hidden, 0o600)
    (dataset.folder / "SPA.yml").unlink()
    report = bring(world, share, out)
    assert [(str(failure), failure.exit_code) for failure in report.failures] == [
        ("Grids/Square_1/movie.mrc: the link gives no access to it", 0),
        ("SPA.yml: it is not there any more", 6),
    ]
    assert report.exit_code == 6
    assert [failure.path[-1] for failure in report.withheld] == ["movie.mrc"]
    assert set(files_in(out)) == FILES.keys() - {"Grids/Square_1/movie.mrc", "SPA.yml"}


def test_a_link_that_is_ended_meanwhile_stops_the_download(world: ServedWorld, out: Path) -> None:
    dataset = world.dataset(world.administrator, {f"f{number:03}": b"x" * 10_000 for number in range(400)})
    share = world.share(world.administrator, dataset)
    ended = False

    def end(_: object) -> None:
        nonlocal ended
        if not ended and any(out.glob("f*")):
            ended = True
            world.node.zone.shares.end(world.administrator.caller, share)

    options = Options(jobs=2, ca_file=str(world.ca), limit_rate=1_000_000)
    report = Download(link_to(world, share), out, options).run(end)
    assert isinstance(report.stopped_by, LinkEnded)
    assert report.exit_code == 5
    assert 0 < report.files_fetched < 400


def test_progress_only_grows_and_ends_with_everything(world: ServedWorld, share: ShareId, out: Path) -> None:
    seen: list[Progress] = []
    Download(link_to(world, share), out, Options(ca_file=str(world.ca))).run(seen.append)
    assert [step.files_done for step in seen] == sorted(step.files_done for step in seen)
    assert [step.bytes_done for step in seen] == sorted(step.bytes_done for step in seen)
    last = seen[-1]
    assert last.listed
    assert (last.files_done, last.bytes_done) == (last.files_total, last.bytes_total)
    assert last.bytes_total == sum(map(len, FILES.values()))


def test_a_download_that_is_told_to_stop_stops_and_keeps_what_has_come(
    world: ServedWorld, share: ShareId, out: Path
) -> None:
    stop = threading.Event()
    stop.set()
    options = Options(ca_file=str(world.ca), limit_rate=100_000)
    report = Download(link_to(world, share), out, options).run(stop=stop)
    assert report.was_interrupted
    assert report.exit_code == 130
    assert bring(world, share, out).exit_code == 0
    assert files_in(out) == FILES
