"""Folders to work in: by their handles where the system has that, by their paths on Windows, which has it not."""

from __future__ import annotations

import ntpath
import os
import stat
from pathlib import Path
from typing import Final

from fs2od.transfer._disk import FLAGS, sync

__all__ = ["Folder", "is_folder", "long_path", "make_folders", "open_folder"]

_FOLDER: Final = os.O_RDONLY | FLAGS["O_DIRECTORY"] | FLAGS["O_CLOEXEC"]
_NOT_FOLLOWED: Final = _FOLDER | FLAGS["O_NOFOLLOW"]
_REPARSE_POINT: Final = 0x400
# Windows' MAX_PATH is 260 with the NUL, and a folder needs room for a short name in it.
_LONGEST_PLAIN: Final = 247
_VERBATIM: Final = "\\\\?\\"
_DEVICE: Final = "\\\\.\\"
_SERVER: Final = "\\\\"


class Folder:
    """An open folder; names are looked up in it and nowhere else. Methods raise what the system raises (OSError)."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def again(self) -> Folder:
        """Return a second handle of it."""
        return Folder(os.dup(self._handle))

    def below(self, name: str) -> Folder:
        """Return a folder in it; a link is not followed."""
        return Folder(os.open(name, _NOT_FOLLOWED, dir_fd=self._handle))

    def above(self) -> Folder:
        """Return the folder that it is in."""
        return Folder(os.open("..", _NOT_FOLLOWED, dir_fd=self._handle))

    def fileno(self) -> int:
        """Return its handle, for calls of the system; -1 where it has none."""
        return self._handle

    def identity(self) -> tuple[int, int]:
        """Return what tells it from all other folders: the number of its file system, and its own there."""
        facts = os.fstat(self._handle)
        return facts.st_dev, facts.st_ino

    def close(self) -> None:
        """Close it."""
        os.close(self._handle)

    def open(self, name: str, flags: int, mode: int = 0o666) -> int:
        """Return the handle of a file; a link is not followed."""
        return os.open(name, flags | FLAGS["O_NOFOLLOW"] | FLAGS["O_CLOEXEC"], mode, dir_fd=self._handle)

    def mkdir(self, name: str) -> None:
        """Make a folder."""
        os.mkdir(name, dir_fd=self._handle)

    def symlink(self, target: str, name: str) -> None:
        """Make a link."""
        os.symlink(target, name, dir_fd=self._handle)

    def readlink(self, name: str) -> str:
        """Return where a link leads."""
        return os.readlink(name, dir_fd=self._handle)

    def unlink(self, name: str) -> None:
        """Remove a file or link."""
        os.unlink(name, dir_fd=self._handle)

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(name, dir_fd=self._handle)

    def stat(self, name: str) -> os.stat_result:
        """Return the facts of what stands there itself."""
        return os.stat(name, dir_fd=self._handle, follow_symlinks=False)

    def replace(self, name: str, other: str) -> None:
        """Give a file another name; what had it is gone."""
        os.replace(name, other, src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def set_time(self, name: str, mtime_ns: int) -> None:
        """Set when a file was modified."""
        os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=self._handle, follow_symlinks=False)

    def facts(self) -> dict[str, os.stat_result]:
        """Return the facts of everything in it, by name."""
        with os.scandir(self._handle) as entries:
            return {entry.name: entry.stat(follow_symlinks=False) for entry in entries}

    def names(self) -> list[str]:
        """Return the names of everything in it."""
        return os.listdir(self._handle)  # noqa: PTH208 - names, not paths

    def sync(self) -> None:
        """Wait until everything on its disk is safe against a power cut."""
        sync(self._handle)


class _FolderByPath(Folder):
    """A folder on a system that can open names only by their paths. A link is looked for just before each step."""

    def __init__(self, path: str) -> None:
        super().__init__(-1)
        self._path = path

    def again(self) -> Folder:
        return _FolderByPath(self._path)

    def below(self, name: str) -> Folder:
        facts = self.stat(name)
        if not stat.S_ISDIR(facts.st_mode) or getattr(facts, "st_file_attributes", 0) & _REPARSE_POINT:
            raise NotADirectoryError(20, "not a folder", name)
        return _FolderByPath(self._below(name))

    def above(self) -> Folder:
        return _FolderByPath(os.path.dirname(self._path))  # noqa: PTH120 - as _below joins

    def identity(self) -> tuple[int, int]:
        facts = Path(_reachable(self._path)).stat()
        return facts.st_dev, facts.st_ino

    def close(self) -> None:
        """Nothing is open."""

    def open(self, name: str, flags: int, mode: int = 0o666) -> int:
        if Path(self._at(name)).is_symlink():
            raise OSError(40, "a symbolic link", name)
        return os.open(self._at(name), flags, mode)

    def mkdir(self, name: str) -> None:
        Path(self._at(name)).mkdir()

    def symlink(self, target: str, name: str) -> None:
        Path(self._at(name)).symlink_to(target)

    def readlink(self, name: str) -> str:
        return os.readlink(self._at(name))

    def unlink(self, name: str) -> None:
        Path(self._at(name)).unlink()

    def rmdir(self, name: str) -> None:
        Path(self._at(name)).rmdir()

    def stat(self, name: str) -> os.stat_result:
        return Path(self._at(name)).lstat()

    def replace(self, name: str, other: str) -> None:
        Path(self._at(name)).replace(self._at(other))

    def set_time(self, name: str, mtime_ns: int) -> None:
        os.utime(self._at(name), ns=(mtime_ns, mtime_ns))

    def facts(self) -> dict[str, os.stat_result]:
        return {name: self.stat(name) for name in self.names()}

    def names(self) -> list[str]:
        return os.listdir(_reachable(self._path))  # noqa: PTH208 - names, not paths

    def sync(self) -> None:
        sync(None)

    def _at(self, name: str) -> str:
        return _reachable(self._below(name))

    def _below(self, name: str) -> str:
        return os.path.join(self._path, name)  # noqa: PTH118 - a Path would drop a trailing "."


def open_folder(path: Path, *, by_path: bool = os.open not in os.supports_dir_fd) -> Folder:
    """Return a folder opened for work; links on the way to it are the user's own.

    Args:
        path: Where it is.
        by_path: Whether names must be looked up by their paths.
    """
    if by_path:
        if not is_folder(path):
            raise NotADirectoryError(20, "not a folder", str(path))
        return _FolderByPath(str(path.absolute()))
    return Folder(os.open(path, _FOLDER))


def make_folders(path: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises:
        OSError: It cannot be made, or a file stands there.
    """
    Path(_reachable(str(path.absolute()))).mkdir(parents=True, exist_ok=True)


def is_folder(path: Path) -> bool:
    """Say whether a folder is there."""
    return Path(_reachable(str(path.absolute()))).is_dir()


def long_path(text: str) -> str:
    r"""Return an absolute path of Windows as that system takes it also beyond 260 letters.

    `C:\data\…` becomes `\\?\C:\data\…`, and `\\server\share\…` becomes `\\?\UNC\server\share\…`; shorter ones stay, for not every disk
    and program there knows this form. Source: Microsoft, "Maximum Path Length Limitation" and "Naming Files, Paths, and Namespaces".
    """
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 <= _LONGEST_PLAIN or text.startswith((_VERBATIM, _DEVICE)):
        return text
    # In this form nothing is made of "/", "." and ".." any more.
    plain = ntpath.normpath(text)
    if plain.startswith(_SERVER):
        return f"{_VERBATIM}UNC\\{plain[len(_SERVER) :]}"
    return f"{_VERBATIM}{plain}" if ntpath.splitdrive(plain)[0] else text


def _reachable(text: str) -> str:
    return long_path(text) if os.name == "nt" else text
