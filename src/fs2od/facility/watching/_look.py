"""One look at the watched folders: which folders could be datasets. Cheap: no file is opened, no dataset's tree is walked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from fs2od.errors import StorageMissing
from fs2od.facility.configuration import Watch
from fs2od.storage import bounded_ns

__all__ = ["Look", "SeenFile", "SeenFolder", "look", "require_watchable"]


class SeenFile(msgspec.Struct, frozen=True):
    """A file as one look found it: enough to notice that it is another one, or another version."""

    name: str
    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class SeenFolder:
    """A folder that matches a watch. `relative` is its path below `root`, with '/' between the names."""

    root: str
    relative: str
    device: int
    inode: int
    metadata_files: tuple[SeenFile, ...]
    running: bool

    @property
    def metadata(self) -> SeenFile | None:
        """The metadata file that counts: the first by rank."""
        return self.metadata_files[0] if self.metadata_files else None

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.root, self.relative)

    @property
    def shown(self) -> str:
        """Its relative path as it can be written down: what is not UTF-8 is escaped."""
        if self.relative.isascii():
            return self.relative
        return os.fsencode(self.relative).decode("utf-8", "backslashreplace")

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it one dataset: root and relative path."""
        return self.root, self.shown

    @property
    def fingerprint(self) -> str:
        """Differs whenever one of its metadata files is another one, or another version."""
        return ";".join(f"{file.name}:{file.size_bytes}:{file.mtime_ns}:{file.inode}" for file in self.metadata_files)


@dataclass(frozen=True)
class Look:
    """What one look found. Roots in `missing` could not be read, and nothing may be concluded about what lies there."""

    folders: tuple[SeenFolder, ...]
    missing: dict[str, str]


def look(watches: Iterable[Watch]) -> Look:
    """Look at every watched folder once."""
    found: dict[str, SeenFolder] = {}
    missing: dict[str, str] = {}
    for watch in watches:
        root = str(watch.path)
        try:
            for folder in _folders(watch):
                # The first watch that matches a folder decides.
                found.setdefault(f"{folder.root}/{folder.relative}", folder)
        except OSError as error:
            missing[root] = error.strerror or str(error)
    return Look(tuple(folder for folder in found.values() if folder.root not in missing), missing)


def require_watchable(watches: Iterable[Watch]) -> None:
    """Make sure that every watched folder is there and may be read.

    Raises:
        StorageMissing: One is not.
    """
    for watch in watches:
        try:
            with os.scandir(watch.path):
                pass
        except OSError as error:
            said = f"the watched folder {watch.path} cannot be read ({error.strerror})"
            raise StorageMissing(f"{said}: create it, mount it or correct 'watch.path'") from error


def _folders(watch: Watch) -> Iterator[SeenFolder]:
    root = str(watch.path)
    for relative in _matches(root, "", watch.glob.split("/")):
        folder = _seen(watch, root, relative)
        if folder is not None:
            yield folder


def _matches(root: str, relative: str, levels: list[str]) -> Iterator[str]:
    level, *deeper = levels
    for name in _directories(root, relative):
        if not fnmatchcase(name, level) or (name.startswith(".") and not level.startswith(".")):
            continue
        below = f"{relative}/{name}" if relative else name
        if deeper:
            yield from _matches(root, below, deeper)
        else:
            yield below


def _directories(root: str, relative: str) -> list[str]:
    try:
        with os.scandir(f"{root}/{relative}") as entries:
            # A link may lead anywhere, out of the tree or back into it.
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        if not relative:
            raise
        return []  # it vanished or may not be read: what we know of it is then reported as gone


def _seen(watch: Watch, root: str, relative: str) -> SeenFolder | None:
    path = f"{root}/{relative}"
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return SeenFolder(
        root=root,
        relative=relative,
        device=status.st_dev,
        inode=status.st_ino,
        metadata_files=tuple(filter(None, (_file(path, name) for name in watch.metadata_files))),
        running=os.path.lexists(f"{path}/{watch.running_file}"),
    )


def _file(folder: str, name: str) -> SeenFile | None:
    try:
        status = os.lstat(f"{folder}/{name}")
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return SeenFile(name, status.st_size, bounded_ns(status.st_mtime_ns), status.st_ino)
