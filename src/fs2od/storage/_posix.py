"""A POSIX directory, in which no path can lead out of the tree: every name on the way is opened without following links."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.storage._contract import Kind, Seen, Storage
from fs2od.storage._links import leaves_tree

# ESTALE is NFS's way to say that a file went away under an open handle.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE)
_REGULAR, _FORMAT = stat.S_IFREG, 0o170000
_SPECIAL = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
_UNREADABLE = "may not be read"


class PosixStorage(Storage):
    """The tree below one directory of this machine.

    Raises:
        StorageMissing: At use, when the directory is not there or may not be read.
    """

    def __init__(self, mount_point: Path) -> None:
        self.mount_point = mount_point

    def stat(self, path: str) -> Seen:
        """Return the facts of one entry, without following a link."""
        parent, name = _split(path)
        with self._mapped(path), self._directory(parent) as handle:
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False) if name else os.fstat(handle)
            return self._seen(handle, parent, name, facts, _Reader.current())

    def list(self, path: str) -> Iterator[Seen]:
        """Yield the entries of a directory as the kernel gives them."""
        reader = _Reader.current()
        with self._mapped(path), self._directory(path) as handle, os.scandir(handle) as entries:
            for entry in entries:
                name = entry.name
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # vanished between the listing and the look: the next scan will not see it either
                except OSError as error:
                    yield _unknown(name, error)
                    continue
                if reader.may_all and facts.st_mode & _FORMAT == _REGULAR and name.isascii():
                    # What nearly all entries are, without the calls that only the others need.
                    yield Seen(
                        name, Kind.FILE, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino
                    )  # fmt: skip
                else:
                    yield self._seen(handle, path, name, facts, reader)

    def open(self, path: str) -> BinaryIO:
        """Return a plain file opened for reading, unbuffered."""
        parent, name = _split(path)
        with self._mapped(path), self._directory(parent) as directory:
            # O_NONBLOCK: opening a FIFO that took the file's place must not wait for a writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            handle = os.open(name or ".", flags, dir_fd=directory)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise FileNotFoundError(errno.ENOENT, "no plain file", path)
                return os.fdopen(handle, "rb", buffering=0)
            except BaseException:
                os.close(handle)
                raise

    def _seen(self, handle: int, parent: str, name: str, facts: os.stat_result, reader: _Reader) -> Seen:
        kind, shown = _kind(facts.st_mode), _shown(name)
        target, refused = None, "name is not UTF-8" if shown != name else None
        if kind is Kind.SYMLINK:
            target = _target(handle, name)
            refused = refused or self._link_refusal(f"{parent}/{name}" if parent else name, target)
        elif kind is Kind.OTHER:
            refused = f"special file ({_SPECIAL.get(facts.st_mode & _FORMAT, 'of an unknown kind')})"
        elif kind is Kind.FILE and refused is None and not reader.may_read(handle, name, facts):
            refused = _UNREADABLE
        return Seen(
            name=shown,
            kind=kind,
            size_bytes=facts.st_size if kind in (Kind.FILE, Kind.SYMLINK) else 0,
            mtime_ns=facts.st_mtime_ns,
            ctime_ns=facts.st_ctime_ns,
            inode=facts.st_ino,
            target=target,
            refused=refused,
        )

    def _link_refusal(self, path: str, target: str | None) -> str | None:
        if target is None:
            return "link could not be read"
        if _shown(target) != target:
            return "link's target is not UTF-8"
        return "link leaves the tree" if leaves_tree(path, target, self._target_of) else None

    def _target_of(self, path: str) -> str | None:
        parent, _, name = path.rpartition("/")
        try:
            with self._directory(parent) as handle:
                return _target(handle, name)
        except OSError:
            return None

    @contextmanager
    def _directory(self, path: str) -> Iterator[int]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            handle = os.open(self.mount_point, flags)
        except OSError as error:
            # Whatever it is (not mounted, a dead file server, no rights): nothing can be said about any file.
            said = f"the folder {self.mount_point} is not there or may not be read ({error.strerror})"
            raise StorageMissing(said) from error
        try:
            for name in path.split("/") if path else ():
                deeper = os.open(_checked(name), flags | os.O_NOFOLLOW, dir_fd=handle)
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


@dataclass(frozen=True)
class _Reader:
    """Who reads. Judging by the mode's bits costs nothing; the kernel is asked only where they forbid it."""

    user: int
    groups: frozenset[int]

    @classmethod
    def current(cls) -> _Reader:
        return cls(os.geteuid(), frozenset((os.getegid(), *os.getgroups())))

    @property
    def may_all(self) -> bool:
        return self.user == 0

    def may_read(self, handle: int, name: str, facts: os.stat_result) -> bool:
        if self.may_all:
            return True
        if facts.st_uid == self.user:
            bit = stat.S_IRUSR
        else:
            bit = stat.S_IRGRP if facts.st_gid in self.groups else stat.S_IROTH
        return bool(facts.st_mode & bit) or os.access(name, os.R_OK, dir_fd=handle, effective_ids=True)


def _split(path: str) -> tuple[str, str]:
    """Return a path's directory and name; the name is empty for the root alone."""
    parent, slash, name = path.rpartition("/")
    if slash or name:
        _checked(name)
    if slash and not parent:
        raise FileNotFoundError(errno.ENOENT, "no such entry", path)
    return parent, name


def _checked(name: str) -> str:
    if name in ("", ".", "..") or "\0" in name:
        raise FileNotFoundError(errno.ENOENT, "no such entry", name)
    return name


def _shown(name: str) -> str:
    """Return a name as it can be printed: itself if it is UTF-8, else with its foreign bytes written out."""
    return name if name.isascii() else os.fsencode(name).decode(errors="backslashreplace")


def _unknown(name: str, error: OSError) -> Seen:
    reason = _UNREADABLE if error.errno in (errno.EACCES, errno.EPERM) else f"cannot be read ({error.strerror})"
    return Seen(_shown(name), Kind.OTHER, 0, 0, 0, 0, refused=reason)


def _kind(mode: int) -> Kind:
    match stat.S_IFMT(mode):
        case stat.S_IFREG:
            return Kind.FILE
        case stat.S_IFDIR:
            return Kind.DIRECTORY
        case stat.S_IFLNK:
            return Kind.SYMLINK
    return Kind.OTHER


def _target(handle: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=handle)
    except OSError:
        return None
