"""A POSIX directory as a storage: the contract, and what only real file systems have."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TypeVar, cast

import pytest

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.storage import Kind, PosixStorage, Storage
from fs2od.testing.storage_contract import StorageContract

Value = TypeVar("Value")
NOBODY = 65534


class TestPosixStorage(StorageContract):
    @pytest.fixture
    def storage(self, source: Path) -> Storage:
        return PosixStorage(source)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def refused(storage: Storage, path: str = "") -> dict[str, str | None]:
    return {seen.name: seen.refused for seen in storage.list(path)}


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give this thread's file accesses the rights of nobody; the other threads keep theirs (Linux)."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.setfsuid(NOBODY)
        try:
            yield
        finally:
            libc.setfsuid(0)
    else:
        yield


def without_rights(act: Callable[[], Value]) -> Value:
    def run() -> Value:
        with as_nobody():
            return act()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(60)


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A directory that other users can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_name_that_is_not_utf8_is_named_and_refused(root: Path) -> None:
    with open(os.fsencode(root) + b"/bad\xff.mrc", "wb"):  # noqa: PTH123  # pathlib has no names of bytes
        pass
    assert refused(PosixStorage(root)) == {"bad\\xff.mrc": "name is not UTF-8"}


def test_special_files_are_named_and_refused(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)  # a socket's address has only 108 bytes
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        assert refused(PosixStorage(root)) == {"fifo": "special file (FIFO)", "socket": "special file (socket)"}


def test_opening_a_fifo_does_not_wait_for_a_writer(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with pytest.raises(FileNotFoundError):
        PosixStorage(root).open("fifo")


@pytest.mark.parametrize(
    ("path", "target", "leaves"),
    [
        ("link", "/etc/passwd", True),
        ("link", "..", True),
        ("link", ".", False),
        ("a/link", "..", False),
        ("a/link", "../..", True),
        ("a/link", "../../root/a", True),
        ("a/b/link", "../../../x", True),
        ("a/b/link", "../../x", False),
        ("link", "a/../../x", True),
        ("link", "nowhere/../a", False),
        ("link", "a/./b//../", False),
        ("link", "out/x", True),
        ("link", "up/../x", True),
        ("link", "deep/../x", False),
        ("link", "deep/../../../x", True),
        ("link", "link", False),
    ],
)
def test_a_link_is_refused_exactly_when_it_leaves_the_tree(root: Path, path: str, target: str, leaves: bool) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "out").symlink_to("/etc")
    (root / "up").symlink_to(".")
    (root / "deep").symlink_to("a/b")
    (root / path).symlink_to(target)
    seen = PosixStorage(root).stat(path)
    assert seen.kind is Kind.SYMLINK
    assert seen.target == target
    assert seen.refused == ("link leaves the dataset" if leaves else None)


def test_a_link_is_listed_as_a_link_and_never_followed(root: Path) -> None:
    (root / "dir").mkdir()
    (root / "dir" / "file").write_bytes(b"x")
    (root / "link").symlink_to("dir")
    storage = PosixStorage(root)
    assert {seen.name: seen.kind for seen in storage.list("")} == {"dir": Kind.DIRECTORY, "link": Kind.SYMLINK}
    for act in (storage.stat, storage.open, lambda path: list(storage.list(path))):
        with pytest.raises(FileNotFoundError):
            act("link/file")
    with pytest.raises(FileNotFoundError):
        storage.open("link")


def test_a_directory_swapped_for_a_link_again_and_again_never_leads_out(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")
    (outside / "more").touch()
    (root / "dir").mkdir()
    (root / "dir" / "file").write_bytes(b"public")
    (root / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (root / "dir").rename(root / "aside")
            (root / "link").rename(root / "dir")
            (root / "dir").rename(root / "link")
            (root / "aside").rename(root / "dir")

    storage, found = PosixStorage(root), set[bytes]()
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(2000):
            try:
                with storage.open("dir/file") as file:
                    found.add(file.read())
                assert {seen.name for seen in storage.list("dir")} == {"file"}
                assert storage.stat("dir/file").size_bytes == len(b"public")
            except FileNotFoundError:
                continue
    finally:
        stop.set()
        swapper.join(60)
    assert found <= {b"public"}


def test_a_folder_without_rights_is_an_error_of_its_own_and_others_go_on(open_root: Path) -> None:
    (open_root / "closed").mkdir(mode=0o700)
    (open_root / "closed").chmod(0o000)
    (open_root / "open").mkdir()
    storage = PosixStorage(open_root)
    try:
        assert without_rights(lambda: set(refused(storage))) == {"closed", "open"}
        assert without_rights(lambda: list(storage.list("open"))) == []
        with pytest.raises(StorageError, match="Permission denied"):
            without_rights(lambda: list(storage.list("closed")))
    finally:
        (open_root / "closed").chmod(0o700)


def test_entries_of_a_folder_that_may_be_listed_but_not_entered_are_named(open_root: Path) -> None:
    (open_root / "half").mkdir()
    (open_root / "half" / "file").touch()
    (open_root / "half").chmod(0o744 if os.geteuid() == 0 else 0o444)
    try:
        found = without_rights(lambda: refused(PosixStorage(open_root), "half"))
    finally:
        (open_root / "half").chmod(0o755)
    assert found == {"file": "may not be read"}


def test_a_file_that_may_not_be_read_is_an_error_when_opened(open_root: Path) -> None:
    (open_root / "file").touch()
    (open_root / "file").chmod(0o000)
    with pytest.raises(StorageError, match="Permission denied"):
        without_rights(lambda: PosixStorage(open_root).open("file"))


def test_a_file_that_may_not_be_read_is_refused_in_the_listing(open_root: Path) -> None:
    (open_root / "mine").write_bytes(b"x")
    (open_root / "mine").chmod(0o000)
    (open_root / "ours").write_bytes(b"x")
    (open_root / "ours").chmod(0o644)
    # A process of its own: what a process may do is judged by its user, which only all threads together can change.
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(write, repr(sorted(refused(PosixStorage(open_root)).items())).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        assert answer.read().decode() == "[('mine', 'may not be read'), ('ours', None)]"
    os.waitpid(child, 0)


def test_a_missing_root_is_said_to_be_missing_by_every_method(tmp_path: Path) -> None:
    storage = PosixStorage(tmp_path / "nowhere")
    for act in (storage.stat, storage.open, lambda path: list(storage.list(path))):
        with pytest.raises(StorageMissing):
            act("file")
    with pytest.raises(StorageMissing):
        storage.stat("")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ESTALE, FileNotFoundError),
        (errno.ENOENT, FileNotFoundError),
        (errno.ELOOP, FileNotFoundError),
        (errno.EIO, StorageError),
        (errno.EACCES, StorageError),
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
    ],
)
def test_what_the_kernel_says_becomes_an_error_that_a_person_can_act_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    (root / "file").touch()
    real = os.open

    def fail(path: str | Path, flags: int, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None:
            raise OSError(code, os.strerror(code))
        return real(path, flags)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(error):
        PosixStorage(root).open("file")


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO, errno.ENOTCONN, errno.EACCES])
def test_a_root_on_a_dead_file_server_is_missing_not_empty(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.open

    def fail(path: str | Path, flags: int, *, dir_fd: int | None = None) -> int:
        if path == root:
            raise OSError(code, os.strerror(code))
        return real(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(StorageMissing):
        list(PosixStorage(root).list(""))


def test_failed_calls_leave_no_descriptor_open(root: Path) -> None:
    (root / "dir").mkdir()
    os.mkfifo(root / "fifo")
    storage = PosixStorage(root)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("fifo", "dir", "dir/none", "none", "dir/none/deeper"):
        for _ in range(50):
            with pytest.raises(FileNotFoundError):
                storage.open(path)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 5


def test_a_disk_that_fails_while_a_file_is_read_is_an_error_of_the_storage() -> None:
    # Nothing is mapped at the first address: the kernel says EIO.
    with PosixStorage(Path(f"/proc/{os.getpid()}")).open("mem") as opened:
        file = cast("FileIO", opened)
        for read in (lambda: file.read(10), file.readall, lambda: file.readinto(bytearray(10))):
            with pytest.raises(StorageError, match="check its rights and the disk"):
                read()
