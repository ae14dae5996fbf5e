"""`fs2od stage clean` of folders in which something is mounted: results are kept, and nobody leads root elsewhere. Root is needed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from fs2od.cli.job_folder import clean_sent, marked
from fs2od.errors import StorageError
from fs2od.mount import mounted_in
from fs2od.results import gather, mark
from fs2od.testing.mounting import unanswered
from fs2od.testing.small_disks import may_mount, small_disk

SOMEBODY = 12345
LONGEST_S = 60.0


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Path]:
    """A folder for jobs' folders; whatever is mounted in it at the end of a test goes, wherever it was moved."""
    if not may_mount():
        pytest.skip("only root mounts")
    made = tmp_path / "jobs"
    made.mkdir()
    yield made
    for each in mounted_in(made):
        subprocess.run(["/usr/bin/umount", "-l", str(each.path)], check=True)


def clean(folder: Path, *more: str) -> tuple[int, str]:
    words = [sys.executable, "-m", "fs2od", "stage", "clean", str(folder), *more]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(("at", "more"), [("77", []), ("77/results", ["--anyway"])], ids=["all of it", "in it"])
def test_results_in_a_file_system_of_their_own_are_kept(jobs: Path, at: str, more: list[str]) -> None:
    results = jobs / "77" / "results"
    (jobs / at).parent.mkdir(exist_ok=True)
    with small_disk(jobs / at, size_mb=1):
        results.mkdir(exist_ok=True)
        (results / "r.mrc").write_text("hours of work")
        mark(results, "space", ["fs2od", "stage", "out", str(results), "space"])
        code, said = clean(jobs / "77", *more)
        assert (code, said.count("\n")) == (7, 1), said
        assert f"tmpfs is mounted on {jobs / at}, which is not fs2od's: nothing is removed" in said
        assert (results / "r.mrc").read_text() == "hours of work"
        assert (jobs / at).is_mount()


def test_a_folder_that_is_mounted_a_second_time_in_a_jobs_keeps_what_is_in_it(jobs: Path) -> None:
    (jobs / "77" / "data").mkdir(parents=True)
    (jobs / "everybodys").mkdir()
    (jobs / "everybodys" / "atlas.mrc").write_text("precious")
    subprocess.run(["/usr/bin/mount", "--bind", str(jobs / "everybodys"), str(jobs / "77" / "data")], check=True)
    with unanswered(jobs / "77" / "grid2"):
        code, said = clean(jobs / "77")
        assert (code, said.count("\n")) == (7, 1), said
        assert f"is mounted on {jobs / '77' / 'data'}, which is not fs2od's: nothing is removed" in said
        assert (jobs / "everybodys" / "atlas.mrc").read_text() == "precious"
        assert [each.path for each in mounted_in(jobs)] == [jobs / "77" / "data"]


def test_own_mounts_go_with_the_folder_and_one_of_somebody_else_keeps_nobody_waiting(jobs: Path) -> None:
    with (
        unanswered(jobs / "77" / "grid2"),
        unanswered(jobs / "78" / "odd", "fuse.\x1b[2J"),
        unanswered(jobs / "78" / "z"),
    ):
        assert clean(jobs / "77") == (0, "")
        assert not (jobs / "77").exists()
        code, said = clean(jobs / "78")
        assert (code, said.removesuffix("\n").isprintable()) == (7, True), said
        assert f"is mounted on {jobs / '78' / 'odd'}, which is not fs2od's" in said


def test_who_moves_a_mount_and_leaves_a_link_in_its_place_leads_root_nowhere_else(jobs: Path, tmp_path: Path) -> None:
    job, system = jobs / "123", tmp_path / "system"
    system.mkdir()
    with ExitStack() as mounts:
        mounts.enter_context(small_disk(system / "home", size_mb=1))
        for number in range(20):  # the deepest are first, and the link is there before they are gone
            mounts.enter_context(unanswered(job / "x" / "y" / "z" / str(number)))
        mounts.enter_context(unanswered(job / "a" / "home"))
        for each in (job, job / "a"):
            os.chown(each, SOMEBODY, SOMEBODY)
        script = 'while grep -q /x/y/z/0 /proc/self/mountinfo; do :; done; mv a aa && ln -s "$0" a'
        with subprocess.Popen(["/bin/sh", "-c", script, str(system)], cwd=job, user=SOMEBODY) as somebody:
            code, said = clean(job)
            assert (system / "home").is_mount()
            assert code in (0, 7), said  # whoever was first
            assert somebody.wait(LONGEST_S) in (0, 1)
        assert clean(job) == (0, "")
        assert not job.exists()
        assert (system / "home").is_mount()


def test_stage_out_asks_what_has_changed_before_it_takes_a_mount_away_and_takes_no_other(jobs: Path) -> None:
    results = jobs / "78" / "results"
    results.mkdir(parents=True)
    (results / "a").write_text("first")
    sent = gather([results], nameless=True)
    with small_disk(results / "disk", size_mb=1):
        with pytest.raises(StorageError, match=r"is mounted on .*disk, which is not fs2od's: nothing is removed"):
            clean_sent(results, sent, "")
        (results / "disk" / "b").write_text("not sent")
        with pytest.raises(StorageError, match="disk/b changed or came"):
            clean_sent(results, sent, "")
        assert (results / "disk" / "b").read_text() == "not sent"
        assert (results / "a").read_text() == "first"


def test_what_is_mounted_in_a_folder_whose_results_are_back_is_named_alone(
    jobs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results := jobs / "77").mkdir()
    (results / "r.mrc").write_text("sent")
    command = ["fs2od", "stage", "out", str(results), "space"]
    with small_disk(results / "disk", size_mb=1):
        with (
            pytest.raises(StorageError, match=r"tmpfs is mounted on .*: nothing is removed"),
            marked(results, "space", command) as own,
        ):
            clean_sent(results, gather([results], nameless=True), own)
        assert sorted(each.name for each in results.iterdir()) == ["disk", "r.mrc"]
    assert capsys.readouterr().err == ""


def test_a_folder_on_a_full_disk_is_marked_until_its_results_are_back_and_no_longer(tmp_path: Path) -> None:
    with small_disk(tmp_path / "jobs", size_mb=1) as disk:
        results = disk / "results"
        results.mkdir()
        with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(1 << 12))
        with marked(results, "space", ["fs2od", "stage", "out"]) as own:
            assert [path.name for path in results.iterdir()] == [own]
        assert not list(results.iterdir())
