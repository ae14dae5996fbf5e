"""Where blocks lie: a folder of the cache's own in the one that was named, so that any folder may be named.

Only what has a block's name, in the drawer where it belongs, is ever counted, moved or removed, and no link is followed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from fs2od.errors import StorageError, StorageMissing

__all__ = ["BlockFolder", "LyingBlock"]

T = TypeVar("T")
_OWN = "fs2od-blocks"
_TAG = "CACHEDIR.TAG"
"""Marks the folder as a cache, for us and for programs that make backups (Cache Directory Tagging Specification)."""
_TAG_BEGINS = "Signature: 8a477f597d28d172789f06886806bc55\n# Blocks of datasets that fs2od mount has read. All of it may be removed.\n"
_NEW = "new"
_DRAWERS = tuple(f"{number:02x}" for number in range(0x100))
_BLOCK = re.compile(r"s[0-9a-f]{64}|i[0-9a-f]{64}-[0-9a-z]{1,16}")
_PARTIAL = re.compile(r"[0-9a-f]{16}-[0-9]+\.partial")
_OTHERS_WRITE = 0o022
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class LyingBlock(NamedTuple):
    """A block on the disk: when it was last used, its size, and its name."""

    used_s: float
    size_bytes: int
    key: str


class BlockFolder:
    """The folder of blocks in one that was named."""

    def __init__(self, named: Path) -> None:
        """Make the folder unless it is there, and take over what earlier versions left beside it.

        Raises:
            StorageMissing: It cannot be made or used.
            StorageError: Others may write into it: what they put there would be taken for the dataset's bytes. Or it is no cache.
        """
        self._named = named
        self._path = named / _OWN
        try:
            named.mkdir(parents=True, exist_ok=True, mode=0o700)
            _require_own(named, named.stat())
            self._make()
        except OSError as error:
            # On a disk that is full there are no blocks, and reads pass it by.
            if error.errno not in _FULL or not named.is_dir():
                raise StorageMissing(f"the cache {named} cannot be made or opened ({error.strerror})") from error
        else:
            self._take_over()

    def path(self, key: str) -> str:
        """Return where a block lies."""
        return f"{self._path}/{_drawer(key)}/{key}"

    def partial_path(self, name: str) -> str:
        """Return where a block is written before it has its name; `name` is sixteen hex digits, a dash and a number."""
        return f"{self._path}/{_NEW}/{name}.partial"

    def with_drawer(self, path: str, call: Callable[[], T]) -> T:
        """Return what `call` returns; where the drawer of a path is missing, it is made first.

        Raises:
            OSError: What `call` raises, or the drawer cannot be made.
        """
        try:
            return call()
        except FileNotFoundError:
            for folder in (self._path, Path(path).parent):
                folder.mkdir(exist_ok=True, mode=0o700)
            return call()

    def blocks(self) -> list[LyingBlock]:
        """Return all blocks."""
        found: list[LyingBlock] = []
        for drawer in _DRAWERS:
            with suppress(OSError), _opened(self._path / drawer) as handle:
                found += (LyingBlock(facts.st_mtime, facts.st_size, key) for key, facts in _blocks_in(drawer, handle))
        return found

    def remove(self, key: str) -> None:
        """Remove a block.

        Raises:
            OSError: It is not there, or cannot be removed.
        """
        with _opened(self._path / _drawer(key)) as handle:
            os.unlink(key, dir_fd=handle)

    def remove_stale(self, before_s: float) -> None:
        """Remove what killed processes left half written before a time."""
        for folder in (self._path, self._named):
            with suppress(OSError), _opened(folder / _NEW) as handle:
                for name, facts in _files_in(handle, _PARTIAL):
                    if facts.st_mtime < before_s:
                        os.unlink(name, dir_fd=handle)

    def _make(self) -> None:
        self._path.mkdir(exist_ok=True, mode=0o700)
        facts = self._path.lstat()
        if not stat.S_ISDIR(facts.st_mode):
            raise StorageError(f"the cache {self._path} is no folder: remove it, or name another folder with --cache")
        _require_own(self._path, facts)
        if (self._path / _TAG).exists():
            return
        # Earlier versions that still run take the mark for an old block.
        with os.scandir(self._path) as entries:
            if any(entry.name not in (_NEW, _TAG, *_DRAWERS) for entry in entries):
                raise StorageError(f"{self._path} is no cache of fs2od: name another folder with --cache")
        with suppress(FileExistsError), (self._path / _TAG).open("x") as tag:
            tag.write(_TAG_BEGINS)

    def _take_over(self) -> None:
        """Move blocks to where they lie now: earlier versions had their drawers right in the folder that was named."""
        is_any = False
        for drawer in _DRAWERS:
            with suppress(OSError), _opened(self._named / drawer) as old:
                keys = [key for key, _ in _blocks_in(drawer, old)]
                if not keys:
                    continue
                is_any = True
                (self._path / drawer).mkdir(exist_ok=True, mode=0o700)
                with _opened(self._path / drawer) as drawer_now:
                    for key in keys:
                        os.rename(key, key, src_dir_fd=old, dst_dir_fd=drawer_now)
                (self._named / drawer).rmdir()
        if is_any:
            with suppress(OSError):
                (self._named / _NEW).rmdir()


def _drawer(key: str) -> str:
    """Return the folder of a block: each has a few hundred of a hundred thousand."""
    return _DRAWERS[zlib.crc32(key.encode()) & 0xFF]


def _require_own(folder: Path, facts: os.stat_result) -> None:
    if facts.st_uid != os.getuid() or facts.st_mode & _OTHERS_WRITE:
        raise StorageError(f"the cache {folder} is open to others: it must be your own, and writable by you alone")


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _blocks_in(drawer: str, handle: int) -> Iterator[tuple[str, os.stat_result]]:
    return ((name, facts) for name, facts in _files_in(handle, _BLOCK) if _drawer(name) == drawer)


def _files_in(handle: int, form: re.Pattern[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the plain files of ours in a folder whose names have a form."""
    user = os.getuid()
    with os.scandir(handle) as entries:
        for entry in entries:
            if form.fullmatch(entry.name):
                try:
                    facts = entry.stat(follow_symlinks=False)
                except OSError:  # somebody else was quicker
                    continue
                if stat.S_ISREG(facts.st_mode) and facts.st_uid == user:
                    yield entry.name, facts
