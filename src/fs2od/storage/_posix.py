"""A POSIX directory, in which no path can lead out of the tree: every name on the way is opened without following links."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.storage._contract import Kind, Seen, Storage

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)


class PosixStorage(Storage):
    """The tree below one directory of this machine.

    Raises:
        StorageMissing: At use, when the directory is not there or may not be read.
    """

    def __init__(self, mount_point: Path) -> None:
        self.mount_point = mount_point

    def stat(self, path: str) -> Seen:
        """Return the facts of one entry, without following a link."""
        parent, _, name = path.rpartition("/")
        with self._mapped(path), self._directory(parent) as handle:
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False) if name else os.fstat(handle)
            return _seen(os.fsencode(name), facts, _target(handle, name, facts))

    def list(self, path: str) -> Iterator[Seen]:
        """Yield the entries of a directory as the kernel gives them."""
        with self._mapped(path), self._directory(path) as handle, os.scandir(handle) as entries:
            for entry in entries:
                try:
                    facts = entry.stat(follow_symlinks=False)
                    yield _seen(os.fsencode(entry.name), facts, _target(handle, entry.name, facts))
                except FileNotFoundError:
                    continue  # vanished between the listing and the look: the next scan will not see it either

    def open(self, path: str) -> BinaryIO:
        """Return a plain file opened for reading, unbuffered."""
        parent, _, name = path.rpartition("/")
        with self._mapped(path), self._directory(parent) as directory:
            # O_NONBLOCK: opening a FIFO that took the file's place must not wait for a writer.
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                os.close(handle)
                raise FileNotFoundError(errno.ENOENT, "no plain file", path)
            return os.fdopen(handle, "rb", buffering=0)

    @contextmanager
    def _directory(self, path: str) -> Iterator[int]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            handle = os.open(self.mount_point, flags)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            said = f"the folder {self.mount_point} is not there or may not be read ({error.strerror})"
            raise StorageMissing(said) from error
        try:
            for name in path.split("/") if path else ():
                if name in ("", ".", ".."):
                    raise FileNotFoundError(errno.ENOENT, "no such entry", path)
                deeper = os.open(name, flags | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = deeper
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _mapped(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _GONE:
                raise FileNotFoundError(errno.ENOENT, "no such entry", path) from error
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"no space left at {self.mount_point}: make room") from error
            said = f"{path!r} in {self.mount_point} cannot be read ({error.strerror}): check its rights and the disk"
            raise StorageError(said) from error


def _seen(raw: bytes, facts: os.stat_result, target: str | None) -> Seen:
    try:
        name: str | None = raw.decode()
    except UnicodeDecodeError:
        name = None
    kind = _kind(facts.st_mode)
    return Seen(
        name=name,
        shown_name=raw.decode(errors="backslashreplace"),
        kind=kind,
        size_bytes=facts.st_size if kind in (Kind.FILE, Kind.SYMLINK) else 0,
        mtime_ns=facts.st_mtime_ns,
        ctime_ns=facts.st_ctime_ns,
        inode=facts.st_ino,
        target=target,
    )


def _kind(mode: int) -> Kind:
    match stat.S_IFMT(mode):
        case stat.S_IFREG:
            return Kind.FILE
        case stat.S_IFDIR:
            return Kind.DIRECTORY
        case stat.S_IFLNK:
            return Kind.SYMLINK
    return Kind.OTHER


def _target(handle: int, name: str, facts: os.stat_result) -> str | None:
    if not stat.S_ISLNK(facts.st_mode):
        return None
    return os.fsencode(os.readlink(name, dir_fd=handle)).decode(errors="backslashreplace")
