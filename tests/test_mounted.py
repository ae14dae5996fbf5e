import os
from pathlib import Path

from fs2od.mount import mounted_in
from fs2od.mounted import points_of
from fs2od.testing.small_disks import small_disk


def line(point: bytes) -> bytes:
    return b"36 35 98:0 / " + point + b" rw,noatime master:1 - ext3 /dev/root rw\n"


def test_mount_points_are_read_as_the_kernel_writes_them() -> None:
    written = {
        b"/scratch/donn\xc3\xa9es": "/scratch/données",
        b"/a\\040b\\011c\\012d\\134040e": "/a b\tc\nd\\040e",
        b"/latin\xe9": "/latin\udce9",
        "/line\u2028\x85\x0cbreaks".encode(): "/line\u2028\x85\x0cbreaks",
    }
    found = list(points_of(b"".join(map(line, written))))
    assert [each.path for each in found] == [Path(each) for each in written.values()]
    assert {(each.number, each.parent, each.kind, each.is_own, each.is_fuse) for each in found} == {
        (36, 35, "ext3", False, False)
    }
    (own,) = points_of(b"7 6 0:41 / /mnt rw - fuse.fs2od fs2od rw,user_id=0\n")
    assert (own.number, own.kind, own.is_own, own.is_fuse) == (7, "fuse.fs2od", True, True)


def test_what_is_mounted_in_a_folder_is_found_whatever_it_is_called(tmp_path: Path) -> None:
    job = tmp_path / "job žofie"
    (job / "données").mkdir(parents=True)
    odd = job / os.fsdecode(b"a\n\\040\xe9\xff ")
    with small_disk(odd, size_mb=1), small_disk(odd / "deeper", size_mb=1), small_disk(tmp_path / "job", size_mb=1):
        assert [each.path for each in mounted_in(job)] == [odd / "deeper", odd]
        assert [each.path for each in mounted_in(odd)] == [odd / "deeper", odd]
        assert mounted_in(job / "données") == []
