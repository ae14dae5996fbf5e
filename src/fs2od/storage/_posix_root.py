"""Which directory a storage's root is, so that another one in its place is noticed."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Container
from pathlib import Path
from typing import TypeAlias

import msgspec

from fs2od.errors import StorageError, StorageMissing

__all__ = ["Number", "Root", "generation_of", "is_meant", "noted_root", "numbers_of", "opened_without_links"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# _IOR('v', 1, long): which of the files that had the same inode number one after the other it is.
_GET_GENERATION = 0x80087601
_BYTES = 8

Number: TypeAlias = tuple[int, int]
"""Device and inode of a directory."""


class Root(msgspec.Struct, frozen=True):
    """A directory as it was noted: the way to it without links, and what tells it from another one.

    An inode keeps its number over remounts and restarts, on local file systems and over NFS; a device has another one after
    many of them. So another device counts as the same directory mounted anew, if the way to it has no links: nobody but who
    administers a machine puts another file system at a path, but whoever may write in a folder puts a link there. The number of a
    directory that was removed is soon another's; `generation` tells these apart, where the file system tells it (0 elsewhere).
    """

    path: str
    device: int
    inode: int
    generation: int = 0


def noted_root(place: Path, *, kept_out: Container[Number], links: bool = True) -> Root:
    """Return which directory stands at a place now.

    Args:
        place: The way there, absolute.
        kept_out: Directories that it must not be, nor lie in.
        links: Whether its last name may be a link.

    Raises:
        StorageMissing: There is none, or it may not be read.
        StorageError: It is a link or one of those, or lies in one.
    """
    if not links and place.is_symlink():
        raise StorageError("it is a link: name the folder that it leads to")
    path = os.path.realpath(place)
    try:
        # Meanwhile somebody may have put a link somewhere: what is noted is what is reached without any.
        handle = opened_without_links(path)
        try:
            facts = os.fstat(handle)
            if _lies_in(handle, kept_out):
                raise StorageError("fs2od keeps its own state there")
            path.encode()
            return Root(path, facts.st_dev, facts.st_ino, _generation(handle))
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageMissing(f"the folder {place} is not there or may not be read ({error.strerror})") from error
    except UnicodeEncodeError as error:
        raise StorageError("a folder on the way there has a name that is not UTF-8") from error


def numbers_of(folders: tuple[Path, ...]) -> frozenset[Number]:
    """Return the numbers of those folders that are there."""
    found = set()
    for folder in folders:
        try:
            facts = folder.stat()
        except OSError:
            continue
        found.add((facts.st_dev, facts.st_ino))
    return frozenset(found)


def is_meant(handle: int, facts: os.stat_result, root: Root) -> bool:
    """Say whether an open directory can be the one that was noted, whatever its device's number is."""
    return facts.st_ino == root.inode and (not root.generation or _generation(handle) in (0, root.generation))


def opened_without_links(path: str) -> int:
    """Return a directory opened by its absolute path, on which there is no link.

    Raises:
        OSError: There is none.
    """
    handle = os.open("/", _FOLDER)
    try:
        for name in filter(None, path.split("/")):
            deeper = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = deeper
    except BaseException:
        os.close(handle)
        raise
    return handle


def generation_of(path: str, facts: os.stat_result) -> int:
    """Return which of the directories that had the same number it is that was looked at; 0 if that cannot be told.

    Costs an opening. Nobody else can tell a new directory from a removed one whose number it got.
    """
    try:
        handle = os.open(path, _FOLDER | os.O_NOFOLLOW)
    except OSError:
        return 0
    try:
        return _generation(handle) if os.path.samestat(os.fstat(handle), facts) else 0
    finally:
        os.close(handle)


def _lies_in(handle: int, kept_out: Container[Number]) -> bool:
    """Say whether an open directory is one of those, or lies in one: by their numbers, whatever they are called."""
    above, before = os.dup(handle), None
    try:
        while True:
            facts = os.fstat(above)
            number = (facts.st_dev, facts.st_ino)
            if number in kept_out:
                return True
            if number == before:
                return False
            before = number
            try:
                higher = os.open("..", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
            except PermissionError:
                return False
            os.close(above)
            above = higher
    finally:
        os.close(above)


def _generation(handle: int) -> int:
    """Return it as an open directory's file system tells it; 0 if it does not."""
    told = bytearray(_BYTES)
    try:
        fcntl.ioctl(handle, _GET_GENERATION, told)
    except OSError:
        return 0
    return int.from_bytes(told[:4], sys.byteorder)
