"""The folder that a download fills: every operation goes name by name from its handle, and through no symbolic link.

So neither a hostile listing nor a link that somebody puts into the folder meanwhile leads a write anywhere else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.transfer._entries import EntryKind, Names, Present, shown_path
from fs2od.transfer._partials import PartialName

__all__ = ["Destination", "Partial", "PartialGone"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_FOLDER: Final = "a symbolic link or a file stands where a folder is needed"
_SAID: Final = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the quota on the disk is used up",
    errno.EFBIG: "it is larger than files may be here (a limit of the disk or of this account)",
    errno.ELOOP: _NO_FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
}
_NS: Final = 1_000_000_000


class PartialGone(StorageError):
    """The partial file was taken away while it was written: another download has the file, or it has to begin again."""


class Destination:
    """A folder on the disk, made when it is missing. Close it, or use it as a context manager.

    Methods block: call them in a worker thread. Several threads may do so at once.
    """

    def __init__(self, path: Path) -> None:
        """Open the folder.

        Raises:
            StorageMissing: It cannot be made or opened; the message says why.
        """
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageMissing(f"the folder {path} cannot be made or opened ({error.strerror})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder's handle."""
        os.close(self._root)

    def folds_case(self) -> bool:
        """Say whether the disk takes names that differ only in case for the same.

        Raises:
            StorageError: Nothing can be written there.
        """
        probe = f".fs2od-{secrets.token_hex(8)}-probe"
        with _told(self.path):
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self._root))
            try:
                os.stat(probe.upper(), dir_fd=self._root, follow_symlinks=False)
            except FileNotFoundError:
                return False
            finally:
                os.unlink(probe, dir_fd=self._root)
        return True

    def scan(self, folder: Names) -> dict[str, Present]:
        """Return what stands in a folder, by name; nothing where there is no such folder.

        Raises:
            StorageError: It cannot be read, or a link or a file stands on the way.
        """
        with _told():
            try:
                with self._opened(folder) as handle, os.scandir(handle) as entries:
                    return {entry.name: _present(entry, handle) for entry in entries}
            except FileNotFoundError:
                return {}

    def make_folder(self, folder: Names) -> bool:
        """Make sure that a folder is there, and say whether it is new.

        Raises:
            StorageError: It cannot be made, or something else stands there.
        """
        with _told(), self._opened(folder[:-1]) as parent:
            try:
                os.mkdir(folder[-1], dir_fd=parent)
            except FileExistsError:
                os.close(os.open(folder[-1], _FOLDER, dir_fd=parent))
                return False
        return True

    def make_link(self, path: Names, target: str) -> None:
        """Make a symbolic link. Whether it may lead there is the plan's judgement.

        Raises:
            StorageError: It cannot be made.
        """
        with _told(), self._opened(path[:-1]) as parent:
            os.symlink(target, path[-1], dir_fd=parent)

    def size(self, path: Names) -> int:
        """Return a file's size in bytes; 0 where there is none.

        Raises:
            StorageError: It cannot be looked at.
        """
        with _told(), self._opened(path[:-1]) as parent:
            try:
                return os.stat(path[-1], dir_fd=parent, follow_symlinks=False).st_size
            except FileNotFoundError:
                return 0

    def remove(self, path: Names) -> None:
        """Remove a file, if it is there.

        Raises:
            StorageError: It cannot be removed.
        """
        with _told(), self._opened(path[:-1]) as parent, contextlib.suppress(FileNotFoundError):
            os.unlink(path[-1], dir_fd=parent)

    def open_partial(self, folder: Names, name: PartialName) -> Partial:
        """Return a partial file opened for writing: what an earlier run left, or a new one.

        Raises:
            StorageError: It cannot be opened, or is no plain file.
        """
        with _told(), self._opened(folder) as parent:
            return Partial(os.dup(parent), folder, name)

    def settle(self, folder: Names) -> None:
        """Wait until the names in a folder are safe against a power cut.

        Raises:
            StorageError: The disk reported a failure.
        """
        with _told(), self._opened(folder) as handle:
            os.fsync(handle)

    @contextlib.contextmanager
    def _opened(self, folder: Names) -> Iterator[int]:
        handle = os.dup(self._root)
        try:
            for name in folder:
                below = os.open(name, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = below
            yield handle
        finally:
            os.close(handle)


class Partial:
    """A file that is not whole yet, under a name that says so. Methods block.

    Two processes may fill the same one: its name stands for one state of one file, so both write the same bytes at the same
    places, nothing is ever cut off, and only a whole file is renamed.
    """

    def __init__(self, parent: int, folder: Names, name: PartialName) -> None:
        self._parent = parent
        self._folder = folder
        self.name = name
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._handle = os.open(str(name), flags, 0o666, dir_fd=parent)
        except OSError:
            os.close(parent)
            raise
        facts = os.fstat(self._handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
            self.close()
            raise StorageError(f"{self._shown} is not a plain file of its own; move it away")

    @property
    def size_bytes(self) -> int:
        """How many bytes are there now."""
        return os.fstat(self._handle).st_size

    def close(self) -> None:
        """Close it; what is written stays for the next run."""
        os.close(self._handle)
        os.close(self._parent)

    def write(self, offset: int, data: bytes | bytearray) -> None:
        """Write bytes from `offset` on.

        Raises:
            PartialGone: The file ends before `offset`: it is not the one that was there.
            StorageFull: The disk is full.
            StorageError: The disk reported a failure.
        """
        if offset > self.size_bytes:
            raise self._gone()
        view = memoryview(data)
        with _told():
            while view:
                written = os.pwrite(self._handle, view, offset)
                offset += written
                view = view[written:]

    def discard(self) -> None:
        """Remove it. It must still be closed.

        Raises:
            StorageError: It cannot be removed.
        """
        with _told(), contextlib.suppress(FileNotFoundError):
            os.unlink(str(self.name), dir_fd=self._parent)

    def finish(self, name: str, *, mtime_s: int) -> None:
        """Give the file its time and, once its bytes are safe against a power cut, its final name.

        Raises:
            PartialGone: Somebody took it away meanwhile.
            StorageFull: The disk is full.
            StorageError: The disk reported a failure, or a folder stands there.
        """
        with _told():
            os.utime(self._handle, ns=(mtime_s * _NS, mtime_s * _NS))
            os.fsync(self._handle)
            if not self._is_still_there():
                raise self._gone()
            try:
                os.replace(str(self.name), name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
            except FileNotFoundError:
                raise self._gone() from None

    def _is_still_there(self) -> bool:
        mine = os.fstat(self._handle)
        try:
            there = os.stat(str(self.name), dir_fd=self._parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def _gone(self) -> PartialGone:
        return PartialGone(f"{self._shown} was taken away while it was written")

    @property
    def _shown(self) -> str:
        return shown_path((*self._folder, str(self.name)))


@contextlib.contextmanager
def _told(where: Path | None = None) -> Iterator[None]:
    """Turn what the system says into an error of ours; `where` is for errors that no file or folder of the share stands for."""
    try:
        yield
    except OSError as error:
        prefix = f"{where}: " if where else ""
        kind = StorageFull if error.errno in _FULL else StorageError
        raise kind(prefix + _SAID.get(error.errno or 0, f"the disk says: {error.strerror}")) from error


def _present(entry: os.DirEntry[str], folder: int) -> Present:
    facts = entry.stat(follow_symlinks=False)
    match stat.S_IFMT(facts.st_mode):
        case stat.S_IFREG:
            return Present(EntryKind.FILE, facts.st_size, facts.st_mtime_ns // _NS)
        case stat.S_IFDIR:
            return Present(EntryKind.FOLDER)
        case stat.S_IFLNK:
            return Present(EntryKind.SYMLINK, target=os.readlink(entry.name, dir_fd=folder))
    return Present(EntryKind.OTHER)
