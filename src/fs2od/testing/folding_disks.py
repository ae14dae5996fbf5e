"""Disks of other kinds.

They take several names for one: by case, as those of Windows servers, or by how letters are composed, as HFS+ and ZFS may. Or they cannot read
what lies on a bad place.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import stat
import subprocess
import unicodedata
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import pyfuse3

from fs2od.testing.fuse_serving import serve

__all__ = ["Folding", "folding_disk"]

_FORKS: Final = multiprocessing.get_context("forkserver")
_FACTS: Final = (
    *("st_mode", "st_nlink", "st_uid", "st_gid", "st_rdev", "st_size", "st_blksize", "st_blocks"),
    *("st_atime_ns", "st_mtime_ns", "st_ctime_ns"),
)
_ROOM: Final = (
    *("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_namemax"),
)

P = ParamSpec("P")
T = TypeVar("T")


class Folding(StrEnum):
    """Which names mean the same, and what becomes of them."""

    CASE = "case"
    """Names that differ in case; the first one stays, also when another file is put into its place."""
    FORM_D = "form D"
    """Names that differ in how letters are composed; they come back taken apart."""
    NOTHING = "nothing"
    """Only those that are the same."""

    def stored(self, name: str) -> str:
        """Return what a new file is called when it was to be called `name`."""
        return unicodedata.normalize("NFD", name) if self is Folding.FORM_D else name

    def key(self, name: str) -> str:
        """Return what is the same of names that mean the same."""
        if self is Folding.NOTHING:
            return name
        return name.casefold() if self is Folding.CASE else unicodedata.normalize("NFD", name)


@contextmanager
def folding_disk(folder: Path, behind: Path, folding: Folding, *, damaged: Collection[str] = ()) -> Iterator[None]:
    """Show the folder `behind` as a disk that folds names, at the empty `folder`, as long as the block runs.

    Files whose names are among the `damaged` ones cannot be read.
    """
    mounted = _FORKS.Event()
    process = _FORKS.Process(target=_serve, args=(str(folder), str(behind), folding, frozenset(damaged), mounted))
    process.start()
    try:
        assert mounted.wait(30)
        yield
    finally:
        subprocess.run(["fusermount3", "-uz", str(folder)], check=True, timeout=30)  # noqa: S607 - wherever it is
        process.kill()
        process.join(30)


def _refusing(method: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return an operation that tells the kernel what the file system behind refuses."""

    @wraps(method)
    async def told(*args: P.args, **named: P.kwargs) -> T:
        try:
            return await method(*args, **named)
        except OSError as error:
            raise pyfuse3.FUSEError(error.errno or 0) from error

    return told


class _Folded(pyfuse3.Operations):
    """A folder passed through; its numbers are those of the files behind, which the kernel does not remember names for."""

    def __init__(self, behind: Path, folding: Folding, damaged: frozenset[str]) -> None:
        super().__init__()
        self._folding = folding
        self._damaged = damaged
        self._unreadable: set[int] = set()
        self._paths = {pyfuse3.ROOT_INODE: behind}

    def _at(self, parent: int, name: bytes) -> Path:
        folder, wanted = self._paths[parent], os.fsdecode(name)
        key = self._folding.key(wanted)
        same = (each.name for each in folder.iterdir() if self._folding.key(each.name) == key)
        return folder / next(same, self._folding.stored(wanted))

    def _facts(self, path: Path) -> pyfuse3.EntryAttributes:
        found, there = pyfuse3.EntryAttributes(), path.lstat()
        for each in _FACTS:
            setattr(found, each, getattr(there, each))
        found.st_ino = pyfuse3.ROOT_INODE if path == self._paths[pyfuse3.ROOT_INODE] else there.st_ino
        found.attr_timeout = found.entry_timeout = 0
        self._paths[found.st_ino] = path
        return found

    @_refusing
    async def lookup(self, parent: int, name: bytes, _: object = None) -> pyfuse3.EntryAttributes:
        return self._facts(self._at(parent, name))

    @_refusing
    async def getattr(self, inode: int, _: object = None) -> pyfuse3.EntryAttributes:
        return self._facts(self._paths[inode])

    @_refusing
    async def setattr(
        self, inode: int, wanted: pyfuse3.EntryAttributes, fields: pyfuse3.SetattrFields, handle: int | None, _: object
    ) -> pyfuse3.EntryAttributes:
        path = self._paths[inode]
        if fields.update_size:
            os.truncate(path if handle is None else handle, wanted.st_size)
        if fields.update_mode:
            path.chmod(stat.S_IMODE(wanted.st_mode))
        if fields.update_mtime:
            os.utime(path, ns=(wanted.st_mtime_ns, wanted.st_mtime_ns))
        return self._facts(path)

    @_refusing
    async def opendir(self, inode: int, _: object) -> int:
        return inode

    @_refusing
    async def readdir(self, inode: int, begin: int, token: pyfuse3.ReaddirToken) -> None:
        paths = sorted(self._paths[inode].iterdir())
        for number, path in list(enumerate(paths, 1))[begin:]:
            if not pyfuse3.readdir_reply(token, os.fsencode(path.name), self._facts(path), number):
                return

    @_refusing
    async def open(self, inode: int, flags: int, _: object) -> pyfuse3.FileInfo:
        handle = os.open(self._paths[inode], flags & ~os.O_CREAT)
        if self._paths[inode].name in self._damaged:
            self._unreadable.add(handle)
        return pyfuse3.FileInfo(fh=handle)

    @_refusing
    async def create(
        self, parent: int, name: bytes, mode: int, flags: int, _: object
    ) -> tuple[pyfuse3.FileInfo, pyfuse3.EntryAttributes]:
        path = self._at(parent, name)
        return pyfuse3.FileInfo(fh=os.open(path, flags | os.O_CREAT, mode)), self._facts(path)

    @_refusing
    async def read(self, handle: int, offset: int, count: int) -> bytes:
        if handle in self._unreadable:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.pread(handle, count, offset)

    @_refusing
    async def write(self, handle: int, offset: int, data: bytes) -> int:
        return os.pwrite(handle, data, offset)

    @_refusing
    async def fsync(self, handle: int, _: bool) -> None:
        os.fsync(handle)

    @_refusing
    async def release(self, handle: int) -> None:
        self._unreadable.discard(handle)
        os.close(handle)

    @_refusing
    async def mkdir(self, parent: int, name: bytes, mode: int, _: object) -> pyfuse3.EntryAttributes:
        path = self._at(parent, name)
        path.mkdir(mode)
        return self._facts(path)

    @_refusing
    async def unlink(self, parent: int, name: bytes, _: object) -> None:
        self._at(parent, name).unlink()

    @_refusing
    async def rmdir(self, parent: int, name: bytes, _: object) -> None:
        self._at(parent, name).rmdir()

    @_refusing
    async def rename(self, parent: int, name: bytes, other: int, new: bytes, _: int, __: object) -> None:
        old, path = self._at(parent, name), self._at(other, new)
        old.rename(path)
        self._paths[path.lstat().st_ino] = path

    @_refusing
    async def statfs(self, _: object) -> pyfuse3.StatvfsData:
        found, there = pyfuse3.StatvfsData(), os.statvfs(self._paths[pyfuse3.ROOT_INODE])
        for each in _ROOM:
            setattr(found, each, getattr(there, each))
        return found


def _serve(folder: str, behind: str, folding: Folding, damaged: frozenset[str], mounted: Event) -> None:
    serve(_Folded(Path(behind), folding, damaged), folder, {*pyfuse3.default_options, "fsname=folding"}, mounted)
