"""What is mounted in a folder is taken away by its handle, and only where it is fs2od's own: real mounts, for which root is needed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs2od.errors import StorageError
from fs2od.mount import mounted_in, unmount, unmount_own
from fs2od.mount._unmounting import _unmount_below
from fs2od.testing.mounting import unanswered
from fs2od.testing.small_disks import small_disk


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Path]:
    """A job's folder; whatever is mounted in it at the end of a test goes, wherever it was moved."""
    made = tmp_path / "job"
    made.mkdir()
    yield made
    for each in mounted_in(made):
        subprocess.run(["/usr/bin/umount", "-l", str(each.path)], check=True)


def paths(folder: Path) -> set[str]:
    return {str(each.path.relative_to(folder)) for each in mounted_in(folder)}


def test_own_mounts_go_though_nobody_answers_for_them_and_other_ones_stay(job: Path) -> None:
    with (
        unanswered(job / "own"),
        unanswered(job / "sshfs", "fuse.sshfs"),
        unanswered(job / "alike", "fuse.fs2odd"),
        unanswered(job / "plain", "fuse"),
        small_disk(job / "disk", size_mb=1),
        unanswered(job / "disk" / "own"),
    ):
        left = unmount_own(job)
        assert {str(each.path.relative_to(job)) for each in left} == {"sshfs", "alike", "plain", "disk"}
        assert paths(job) == {"sshfs", "alike", "plain", "disk"}


def test_an_own_mount_goes_with_another_on_it_unless_that_is_somebody_elses(job: Path) -> None:
    with unanswered(job / "twice"), unanswered(job / "twice"), unanswered(job / "covered"):
        subprocess.run(["/usr/bin/mount", "-i", "-t", "tmpfs", "other", str(job / "covered")], check=True)
        (job / "covered" / "precious").touch()
        assert len(mounted_in(job)) == 4
        with pytest.raises(StorageError, match="no mount of fs2od's"):
            unmount(job / "covered")
        assert [each.kind for each in unmount_own(job)] == ["fuse.fs2od", "tmpfs"]
        assert paths(job) == {"covered"}
        assert (job / "covered" / "precious").exists()


def test_a_mount_is_not_looked_for_behind_a_link(job: Path, tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()
    with (
        unanswered(tmp_path / "system" / "home"),
        small_disk(tmp_path / "system" / "disk", size_mb=1),
        unanswered(job / "aa" / "home"),
    ):
        (job / "a").symlink_to(tmp_path / "system")
        for name in ("home", "disk"):
            _unmount_below(tmp_path, ("job", "a", name))  # as the kernel listed it before it was moved
        assert paths(tmp_path) == {"system/home", "system/disk", "job/aa/home"}
        assert unmount_own(job / "a") == []
        assert unmount_own(job) == []
        assert paths(tmp_path) == {"system/home", "system/disk"}
        unmount(job / "a" / "home")  # where a person says so, the links are theirs
        assert paths(tmp_path) == {"system/disk"}


def test_what_is_no_mount_of_ours_is_not_taken_away_by_its_name(job: Path) -> None:
    with small_disk(job / "disk", size_mb=1), unanswered(job / "sshfs", "fuse.sshfs"):
        for name in ("disk", "sshfs", "."):
            with pytest.raises(StorageError, match="is no mount of fs2od's"):
                unmount(job / name)
        with pytest.raises(StorageError, match="none cannot be unmounted"):
            unmount(job / "none")
        assert paths(job) == {"disk", "sshfs"}
