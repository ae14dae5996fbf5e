"""Pace, stopping, and disks that do not play along."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.testing.microscope import Progress, Session, plan, write

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SESSION = Session.of_files(60)


class Clock:
    """A clock that only waiting moves, and that can ask to stop at some time."""

    def __init__(self, *, stop_at: float = float("inf")) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self._stop_at = 1000.0 + stop_at

    def __call__(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return self.now >= self._stop_at

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.now = min(self.now + timeout, self._stop_at)
        return self.is_set()


def test_a_session_takes_as_long_as_it_was_told_to(tmp_path: Path) -> None:
    clock = Clock()
    summary = write(SESSION, tmp_path / "d", duration=timedelta(seconds=90), start=START, stop=clock, monotonic=clock)
    assert summary.complete
    assert clock.now - 1000 == pytest.approx(90, abs=0.01)
    assert max(clock.waits) > 2


def test_without_a_duration_nothing_waits(tmp_path: Path) -> None:
    clock = Clock()
    assert write(SESSION, tmp_path / "d", stop=clock, monotonic=clock).complete
    assert clock.waits == []


def test_without_a_start_the_session_ends_about_now(tmp_path: Path) -> None:
    write(SESSION, tmp_path / "d")
    stamps = [path.stem[-15:] for path in (tmp_path / "d").rglob("FoilHole_*.xml")]
    latest = datetime.strptime(max(stamps), "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
    assert timedelta(0) < datetime.now(UTC) - latest < timedelta(minutes=5)


def test_progress_tells_files_and_bytes_as_they_come(tmp_path: Path) -> None:
    seen: list[Progress] = []
    summary = write(SESSION, tmp_path / "d", progress=seen.append)
    files = [progress.files for progress in seen]
    assert files == sorted(files)
    assert files[-1] == 60
    assert {progress.total_files for progress in seen} == {60}
    assert seen[-1].size_bytes == summary.size_bytes
    assert len(seen) == len(list(plan(SESSION, start=START)))


def test_a_stop_ends_the_session_between_two_files(tmp_path: Path) -> None:
    clock = Clock(stop_at=30)
    summary = write(SESSION, tmp_path / "d", duration=timedelta(seconds=90), stop=clock, monotonic=clock)
    names = [path.name for path in (tmp_path / "d").rglob("*") if path.is_file()]
    assert not summary.complete
    assert ".running" not in names
    assert summary.files == len([name for name in names if not name.endswith(".downloading")]) < 60


def test_a_stop_without_pace_is_heard_too(tmp_path: Path) -> None:
    clock = Clock(stop_at=0)
    summary = write(SESSION, tmp_path / "d", stop=clock)
    assert (summary.complete, summary.files) == (False, 0)
    assert list((tmp_path / "d").iterdir()) == []


def test_while_it_runs_the_running_file_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    there: list[bool] = []
    write(SESSION, folder, progress=lambda _: there.append((folder / ".running").exists()))
    assert all(there[:-1])
    assert not there[-1]


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(StorageError, match="is not empty"):
        write(SESSION, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match=r"Cannot make the folder .*file"):
            write(SESSION, folder)


def test_a_full_disk_is_said_and_leaves_the_running_file(tmp_path: Path) -> None:
    folder = tmp_path / "d"

    def fill_the_disk(progress: Progress) -> None:
        if progress.files == 1:
            (folder / "SPA.yml").symlink_to("/dev/full")

    with pytest.raises(StorageFull, match=r"No space is left in .*d:") as caught:
        write(SESSION, folder, progress=fill_the_disk)
    assert caught.value.exit_code == 7
    assert (folder / ".running").exists()


def test_a_folder_that_vanishes_is_reported_and_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "d"

    def remove_it(progress: Progress) -> None:
        if progress.files == 20 and folder.exists():
            shutil.rmtree(folder)

    with pytest.raises(StorageMissing, match="is gone"):
        write(SESSION, folder, progress=remove_it)
    assert not folder.exists()


def test_a_name_that_became_a_folder_is_an_error_with_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "d"

    def be_in_the_way(progress: Progress) -> None:
        if progress.files == 1:
            (folder / "SPA.yml").mkdir(exist_ok=True)

    with pytest.raises(StorageError, match=r"Cannot write into .*directory"):
        write(SESSION, folder, progress=be_in_the_way)


def test_thousands_of_small_files_are_quick_and_small(tmp_path: Path) -> None:
    session = Session.of_files(2_000)
    summary = write(session, tmp_path / "d")
    assert summary.files == 2_000
    assert summary.size_bytes < 2_000 * 5_000
