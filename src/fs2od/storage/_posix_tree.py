"""A directory of this machine that no path can leave: every name on the way is opened without following links."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fs2od.errors import DirectoryNotEmpty, StorageError, StorageFull, StorageMissing, StorageReplaced
from fs2od.storage._posix_root import Number, Root, is_meant, opened_without_links

# ESTALE is NFS's way to say that a file went away under an open handle.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE)
# What is not whole yet lies in this folder of the root, out of everybody's sight: on the same file system, so that one
# rename puts it into its place, and all in one spot, so that what a crash left is found.
PARTIAL = ".fs2od-partial"


class SourceFailed(Exception):
    """Carries an error of where the bytes came from past what judges errors of where they went."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


class Tree:
    """The tree below one directory: handles of what lies in it, and its errors.

    Where it was noted which directory that is (`known`), no other one is ever entered. The tree may also be that of a folder
    `below` it. Directories that are `kept_out` cannot be delivered, nor what lies in them.
    """

    def __init__(
        self, top: Path, *, below: str = "", known: Root | None = None, kept_out: frozenset[Number] = frozenset()
    ) -> None:
        self.root = top / below
        self.kept_out = kept_out
        self._top = top
        self._below = names(below)
        self._known = known
        self._device = known.device if known is not None else 0

    @contextmanager
    def directory(self, path: str) -> Iterator[int]:
        """Open a directory of the tree, and close it in the end."""
        handle = self._opened_root()
        try:
            for name in names(path):
                handle = _deeper(handle, name)
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def partial(self) -> Iterator[int]:
        """Open the folder of what is not whole yet, made if it must be."""
        handle = self._opened_root()
        try:
            with suppress(FileExistsError):
                os.mkdir(PARTIAL, 0o700, dir_fd=handle)
            handle = _deeper(handle, PARTIAL)
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def mapped(self, path: str, verb: str = "read") -> Iterator[None]:
        """Turn what the kernel says about `path` into our errors; FileExistsError passes through."""
        try:
            yield
        except SourceFailed as failure:
            raise failure.error from failure.error.__cause__
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno in _GONE:
                raise FileNotFoundError(errno.ENOENT, "no such entry", path) from error
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"no space left at {self.root}: make room") from error
            if error.errno == errno.EISDIR:
                raise FileExistsError(errno.EEXIST, "a directory has this name", path) from error
            if error.errno == errno.ENOTEMPTY:
                raise DirectoryNotEmpty(f"{path!r} in {self.root} is not empty: remove what lies in it") from error
            said = f"{path!r} in {self.root} cannot be {verb} ({error.strerror}): check its rights and the disk"
            raise StorageError(said) from error

    def _opened_root(self) -> int:
        try:
            handle = os.open(self._top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if self._known is not None:
                    self._require(self._known, handle)
                for name in self._below:
                    handle = _deeper(handle, name)
            except BaseException:
                os.close(handle)
                raise
        except OSError as error:
            # Whatever it is (not mounted, a dead file server, no rights): nothing can be said about any file.
            said = f"the folder {self.root} is not there or may not be read ({error.strerror})"
            raise StorageMissing(said) from error
        return handle

    def _require(self, known: Root, handle: int) -> None:
        facts = os.fstat(handle)
        if is_meant(handle, facts, known) and (facts.st_dev == self._device or _is_at(known.path, facts)):
            self._device = facts.st_dev
            return
        said = f"another folder stands at {self._top}: put back the one that is meant, or mount its disk"
        raise StorageReplaced(f"{said}; if this one is meant from now on, say so with 'fs2od storage move'")


def names(path: str) -> list[str]:
    """Return the names on a path, none for the root.

    Raises:
        FileNotFoundError: No entry can have it.
    """
    found = path.split("/") if path else []
    for name in found:
        if name in ("", ".", "..") or "\0" in name or not _is_text(name):
            raise FileNotFoundError(errno.ENOENT, "no such entry", ascii(path))
    if found and found[0] == PARTIAL:
        raise FileNotFoundError(errno.ENOENT, "no such entry", path)
    return found


def split(path: str) -> tuple[str, str]:
    """Return a path's directory and name; the name is empty for the root alone.

    Raises:
        FileNotFoundError: No entry can have it.
    """
    names(path)
    parent, _, name = path.rpartition("/")
    return parent, name


def _deeper(handle: int, name: str) -> int:
    """Open a directory in an open one, which is closed: whoever holds the old handle holds the new one instead."""
    deeper = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
    os.close(handle)
    return deeper


def _is_at(path: str, facts: os.stat_result) -> bool:
    """Say whether a path without links leads to a directory, which then was mounted anew."""
    try:
        handle = opened_without_links(path)
    except OSError:
        return False
    try:
        return os.path.samestat(os.fstat(handle), facts)
    finally:
        os.close(handle)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
