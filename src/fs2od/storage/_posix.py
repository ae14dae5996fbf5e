"""A POSIX directory, in which no path can lead out of the tree: every name on the way is opened without following links."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Container, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, ClassVar, cast

from fs2od.storage._contract import Begin, Can, Chunk, Seen, Storage, Upload
from fs2od.storage._posix_looker import Looker
from fs2od.storage._posix_reading import OpenFile
from fs2od.storage._posix_root import Number, Root
from fs2od.storage._posix_tree import Tree, split
from fs2od.storage._posix_writing import PosixWriter


class PosixStorage(Storage):
    """The tree below one directory of this machine.

    Raises:
        StorageMissing: At use, when the directory is not there or may not be read.
        StorageReplaced: At use, when it is not the one that was noted.
    """

    can: ClassVar[Can] = Can.WRITE_AT | Can.RENAME_ATOMICALLY | Can.KEEP_DIRECTORIES | Can.TELL_SPACE

    def __init__(
        self,
        mount_point: Path,
        *,
        below: str = "",
        root: Root | None = None,
        kept_out: frozenset[Number] = frozenset(),
    ) -> None:
        """Make ready; nothing is opened yet.

        Args:
            mount_point: The directory.
            below: The folder in it whose tree this is, by its path; all of it by default.
            root: Which directory it is, as it was noted; whichever stands there by default.
            kept_out: Directories that nothing of is delivered, wherever in the tree they are.
        """
        self.mount_point = mount_point / below
        self._tree = Tree(mount_point, below=below, known=root, kept_out=kept_out)
        self._looker = Looker(self._tree)
        self._writer = PosixWriter(self._tree)

    def stat(self, path: str) -> Seen:
        """Return the facts of one entry, without following a link."""
        return self._looker.stat(path)

    def list(self, path: str) -> Iterator[Seen]:
        """Yield the entries of a directory as the kernel gives them."""
        return chain.from_iterable(listed.others for listed in self._looker.batches(path))

    def listing(self) -> AbstractContextManager[Begin]:
        """Yield what begins to list a directory; where there is much, a second process looks at the files."""
        return self._looker.listing()

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
                return cast("BinaryIO", OpenFile(handle, path, self._tree.mapped))
            except BaseException:
                os.close(handle)
                raise

    def write(self, path: str, chunks: Iterable[Chunk], *, replace: bool = True, check: bool = False) -> Seen:
        """Make a file of these bytes under a partial name, and rename it. No network is between: there is nothing to check."""
        del check
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
