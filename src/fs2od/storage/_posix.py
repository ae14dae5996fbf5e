"""A POSIX directory, in which no path can lead out of the tree: every name on the way is opened without following links."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from fs2od.storage._contract import Can, Chunk, Kind, Seen, Storage, Upload
from fs2od.storage._links import leaves_tree
from fs2od.storage._posix_tree import PARTIAL, Tree, split
from fs2od.storage._posix_writing import PosixWriter

_REGULAR, _FORMAT = stat.S_IFREG, 0o170000
_SPECIAL = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
_UNREADABLE = "may not be read"


class PosixStorage(Storage):
    """The tree below one directory of this machine.

    Raises:
        StorageMissing: At use, when the directory is not there or may not be read.
    """

    can: ClassVar[Can] = Can.WRITE_AT | Can.RENAME_ATOMICALLY | Can.KEEP_DIRECTORIES | Can.TELL_SPACE

    def __init__(self, mount_point: Path) -> None:
        self.mount_point = mount_point
        self._tree = Tree(mount_point)
        self._writer = PosixWriter(self._tree)

    def stat(self, path: str) -> Seen:
        """Return the facts of one entry, without following a link."""
        parent, name = split(path)
        with self._tree.mapped(path), self._tree.directory(parent) as handle:
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False) if name else os.fstat(handle)
            return self._seen(handle, parent, name, facts, _Reader.current())

    def list(self, path: str) -> Iterator[Seen]:
        """Yield the entries of a directory as the kernel gives them."""
        reader = _Reader.current()
        with self._tree.mapped(path), self._tree.directory(path) as handle, os.scandir(handle) as entries:
            for entry in entries:
                name = entry.name
                if name == PARTIAL and not path:
                    continue
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
        parent, name = split(path)
        with self._tree.mapped(path), self._tree.directory(parent) as directory:
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

    def write(self, path: str, chunks: Iterable[Chunk], *, replace: bool = True) -> Seen:
        """Make a file of these bytes under a partial name, and rename it."""
        with self._tree.mapped(path, "written"):
            self._writer.write(path, chunks, replace=replace)
        return self.stat(path)

    def write_at(self, path: str, offset: int, chunks: Iterable[Chunk]) -> Seen:
        """Write into a file that is there."""
        with self._tree.mapped(path, "written"):
            self._writer.write_at(path, offset, chunks)
        return self.stat(path)

    def truncate(self, path: str, size_bytes: int) -> Seen:
        """Give a file that is there another size."""
        with self._tree.mapped(path, "written"):
            self._writer.truncate(path, size_bytes)
        return self.stat(path)

    def begin_upload(self, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Begin a file of parts: one partial file, each part in its place."""
        with self._tree.mapped(path, "written"):
            return self._writer.begin_upload(path, size_bytes=size_bytes, part_bytes=part_bytes)

    def put_part(self, upload: Upload, number: int, content: Chunk) -> None:
        """Keep one part, durably."""
        with self._tree.mapped(upload.path, "written"):
            self._writer.put_part(upload, number, content)

    def parts_of(self, upload: Upload) -> frozenset[int]:
        """Return which parts are there whole."""
        with self._tree.mapped(upload.path):
            return self._writer.parts_of(upload)

    def complete_upload(self, upload: Upload) -> Seen:
        """Put the file under its name."""
        with self._tree.mapped(upload.path, "written"):
            self._writer.complete_upload(upload)
        return self.stat(upload.path)

    def abort_upload(self, upload: Upload) -> None:
        """Forget an upload and its parts."""
        with self._tree.mapped(upload.path, "removed"):
            self._writer.abort_upload(upload)

    def sweep(self, *, before_ns: int, keep: Container[str] = ()) -> int:
        """Remove partial files that nobody ends any more."""
        with self._tree.mapped("", "cleared up"):
            return self._writer.sweep(before_ns=before_ns, keep=keep)

    def make_directory(self, path: str) -> None:
        """Make a directory with all that lead to it."""
        with self._tree.mapped(path, "made"):
            self._writer.make_directory(path)

    def delete(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        with self._tree.mapped(path, "removed"):
            self._writer.delete(path)

    def rename(self, path: str, to: str) -> None:
        """Give an entry another name by one rename."""
        with self._tree.mapped(path, "renamed"):
            self._writer.rename(path, to)

    def space_left(self) -> int | None:
        """Return what the file system lets this process still write."""
        with self._tree.mapped(""), self._tree.directory("") as handle:
            facts = os.fstatvfs(handle)
            return facts.f_bavail * facts.f_frsize

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
            with self._tree.directory(parent) as handle:
                return _target(handle, name)
        except OSError:
            return None


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
