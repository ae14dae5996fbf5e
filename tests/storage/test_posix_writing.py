"""Writing below a POSIX directory: links, rights, full disks and crashes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.storage import PosixStorage, Upload


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    (outside / "dir").mkdir(parents=True)
    (outside / "file").write_bytes(b"untouched")
    return outside


def everything_below(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


ACTS: dict[str, Callable[[PosixStorage, str], object]] = {
    "write": lambda storage, path: storage.write(path, [b"new"]),
    "upload": lambda storage, path: storage.begin_upload(path, size_bytes=1, part_bytes=1),
    "write at": lambda storage, path: storage.write_at(path, 0, [b"new"]),
    "truncate": lambda storage, path: storage.truncate(path, 1),
    "delete": lambda storage, path: storage.delete(path),
    "rename": lambda storage, path: storage.rename(path, "moved"),
    "rename to": lambda storage, path: storage.rename("own", path),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))
def test_no_act_follows_a_link_on_its_way(
    root: Path, outside: Path, act: Callable[[PosixStorage, str], object]
) -> None:
    (root / "link").symlink_to(outside)
    (root / "own").write_bytes(b"own")
    before = everything_below(outside)
    with pytest.raises(FileNotFoundError):
        act(PosixStorage(root), "link/file")
    assert everything_below(outside) == before
    assert (root / "own").read_bytes() == b"own"


def test_a_directory_is_not_made_through_a_link(root: Path, outside: Path) -> None:
    (root / "link").symlink_to(outside)
    with pytest.raises(FileExistsError):
        PosixStorage(root).make_directory("link/new")
    assert not (outside / "new").exists()


def test_a_link_under_the_name_is_replaced_and_its_target_left_alone(root: Path, outside: Path) -> None:
    storage = PosixStorage(root)
    (root / "link").symlink_to(outside / "file")
    for act in (ACTS["write at"], ACTS["truncate"]):
        with pytest.raises(FileNotFoundError):
            act(storage, "link")
    with pytest.raises(FileExistsError):
        storage.write("link", [b"new"], replace=False)
    storage.write("link", [b"new"])
    assert not (root / "link").is_symlink()
    assert (root / "link").read_bytes() == b"new"
    assert (outside / "file").read_bytes() == b"untouched"


def test_writing_into_a_fifo_does_not_wait_for_a_reader(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with pytest.raises(FileNotFoundError):
        PosixStorage(root).write_at("fifo", 0, [b"x"])


def test_a_directory_swapped_for_a_link_again_and_again_leads_no_write_out(root: Path, outside: Path) -> None:
    (root / "dir").mkdir()
    (root / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (root / "dir").rename(root / "aside")
            (root / "link").rename(root / "dir")
            (root / "dir").rename(root / "link")
            (root / "aside").rename(root / "dir")

    storage = PosixStorage(root)
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(500):
            for act in ACTS.values():
                try:
                    act(storage, f"dir/file{number % 3 or ''}")
                except (FileNotFoundError, FileExistsError):
                    continue
    finally:
        stop.set()
        swapper.join(60)
    assert everything_below(outside) == {"file": b"untouched"}


def test_the_folder_of_partial_files_is_in_nobodys_reach(root: Path) -> None:
    storage = PosixStorage(root)
    upload = storage.begin_upload("file", size_bytes=1, part_bytes=1)
    (folder,) = root.iterdir()
    for act in (storage.stat, storage.open, lambda path: list(storage.list(path)), storage.make_directory):
        for path in (folder.name, f"{folder.name}/{upload.id}"):
            with pytest.raises(FileNotFoundError):
                act(path)
    (root / "dir").mkdir()
    storage.write(f"dir/{folder.name}", [b"a name like any other"])
    assert [seen.name for seen in storage.list("dir")] == [folder.name]


@pytest.mark.parametrize("forged", ["../file", "", "0" * 31, "0" * 32 + "/", "."])
def test_an_upload_of_a_forged_id_touches_nothing(root: Path, forged: str) -> None:
    storage = PosixStorage(root)
    storage.write("file", [b"kept"])
    upload = Upload("other", forged, 1, 1)
    for act in (
        storage.parts_of,
        storage.complete_upload,
        storage.abort_upload,
        lambda u: storage.put_part(u, 0, b"x"),
    ):
        with pytest.raises(FileNotFoundError):
            act(upload)
    assert (root / "file").read_bytes() == b"kept"


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EIO, StorageError), (errno.EROFS, StorageError)],
)
def test_a_disk_that_is_full_or_broken_leaves_the_old_file_and_no_partial_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, error: type[Exception]
) -> None:
    storage = PosixStorage(root)
    storage.write("file", [b"old"])

    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(error):
        storage.write("file", [b"new"])
    monkeypatch.undo()
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["file"]
    assert (root / "file").read_bytes() == b"old"


def test_a_missing_root_is_said_to_be_missing_by_every_act(tmp_path: Path) -> None:
    storage = PosixStorage(tmp_path / "nowhere")
    for act in (*ACTS.values(), PosixStorage.make_directory):
        with pytest.raises(StorageMissing):
            act(storage, "file")
    with pytest.raises(StorageMissing):
        storage.space_left()


def test_acts_that_fail_leave_no_descriptor_open(root: Path) -> None:
    storage = PosixStorage(root)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for act in ACTS.values():
        for _ in range(20):
            with pytest.raises(FileNotFoundError):
                act(storage, "none/file")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 5


WRITES_AND_HANGS = """
import sys, time
from pathlib import Path
from fs2od.storage import PosixStorage

def chunks():
    yield b"x" * 1_000_000
    print("written", flush=True)
    sys.stdin.read()

storage = PosixStorage(Path(sys.argv[1]))
upload = storage.begin_upload("upload", size_bytes=3000, part_bytes=1000)
storage.put_part(upload, 1, b"y" * 1000)
print(upload.id, flush=True)
storage.write("file", chunks())
"""


def test_a_process_killed_while_writing_leaves_the_old_file_and_an_upload_that_goes_on(root: Path) -> None:
    storage = PosixStorage(root)
    storage.write("file", [b"old"])
    command = [sys.executable, "-c", WRITES_AND_HANGS, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        upload = Upload("upload", child.stdout.readline().strip(), 3000, 1000)
        assert child.stdout.readline() == "written\n"
        child.send_signal(signal.SIGKILL)
    assert [(seen.name, seen.size_bytes) for seen in storage.list("")] == [("file", 3)]
    assert storage.sweep(before_ns=2**62, keep={upload.id}) == 1
    assert storage.parts_of(upload) == {1}
    for number in (0, 2):
        storage.put_part(upload, number, b"z" * 1000)
    storage.complete_upload(upload)
    assert (root / "upload").read_bytes() == b"z" * 1000 + b"y" * 1000 + b"z" * 1000
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == ["file", "upload"]
