"""Writing below a directory of this machine: everything first under a partial name, then into its place by one rename."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress

from fs2od.errors import StorageError
from fs2od.storage._contract import Chunk, Upload
from fs2od.storage._posix_tree import SourceFailed, Tree, names, split

_ID = re.compile(r"[0-9a-f]{32}")
# Beside an upload's bytes lies the record of its whole parts: one byte each, which no crash can leave half written.
_RECORD, _WHOLE = ".parts", b"\1"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class PosixWriter:
    """Writes into a tree. Every name is opened as it is for reading: one by one, following no link."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def write(self, path: str, chunks: Iterable[Chunk], *, replace: bool) -> None:
        """Make a file: see `Storage.write`."""
        parent, name = _file_name(path)
        partial_name = secrets.token_hex(16)
        with self._tree.directory(parent) as directory, self._tree.partial() as partial:
            if not replace and _mode(directory, name):
                raise FileExistsError(errno.EEXIST, "a file has this name", path)
            try:
                with _opened(partial, partial_name, _NEW) as handle:
                    for chunk in _shielded(chunks):
                        _write(handle, chunk)
                    os.fsync(handle)
                _place(partial, partial_name, directory, name, replace=replace)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(partial_name, dir_fd=partial)
                raise

    def write_at(self, path: str, offset: int, chunks: Iterable[Chunk]) -> None:
        """Write into a file that is there."""
        if offset < 0:
            raise ValueError(f"offset {offset}")
        with self._kept(path) as handle:
            for chunk in _shielded(chunks):
                offset += _write(handle, chunk, offset)
            os.fdatasync(handle)

    def truncate(self, path: str, size_bytes: int) -> None:
        """Give a file that is there another size."""
        with self._kept(path) as handle:
            os.ftruncate(handle, size_bytes)
            os.fsync(handle)

    def begin_upload(self, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Make an upload's file and the record of its parts."""
        if size_bytes < 0 or part_bytes < 1:
            raise ValueError(f"{size_bytes} bytes in parts of {part_bytes}")
        parent, name = _file_name(path)
        upload = Upload(path, secrets.token_hex(16), size_bytes, part_bytes)
        with self._tree.directory(parent) as directory, self._tree.partial() as partial:
            if stat.S_ISDIR(_mode(directory, name)):
                raise FileExistsError(errno.EEXIST, "a directory has this name", path)
            with _opened(partial, upload.id, _NEW) as handle:
                os.ftruncate(handle, size_bytes)
            # Last: what has a record has its file.
            with _opened(partial, upload.id + _RECORD, _NEW):
                pass
        return upload

    def put_part(self, upload: Upload, number: int, content: Chunk) -> None:
        """Write a part into its place, and into the record once it is durable."""
        length = memoryview(content).nbytes
        if length != upload.length(number):
            raise ValueError(f"part {number} has {length} bytes, not {upload.length(number)}")
        with self._tree.partial() as partial:
            with _opened(partial, _checked(upload), _KEPT | os.O_WRONLY) as handle:
                _write(handle, content, number * upload.part_bytes)
                os.fdatasync(handle)
            with _opened(partial, upload.id + _RECORD, _KEPT | os.O_WRONLY) as handle:
                _write(handle, _WHOLE, number)

    def parts_of(self, upload: Upload) -> frozenset[int]:
        """Read the record."""
        with (
            self._tree.partial() as partial,
            _opened(partial, _checked(upload) + _RECORD, _KEPT | os.O_RDONLY) as handle,
            os.fdopen(os.dup(handle), "rb") as record,
        ):
            marks = record.read(upload.count)
        return frozenset(number for number in range(len(marks)) if marks[number] == _WHOLE[0])

    def complete_upload(self, upload: Upload) -> None:
        """Put an upload's file into its place."""
        missing = upload.count - len(self.parts_of(upload))
        if missing and upload.size_bytes:
            raise ValueError(f"{missing} of {upload.count} parts are missing")
        parent, name = _file_name(upload.path)
        with self._tree.directory(parent) as directory, self._tree.partial() as partial:
            with _opened(partial, upload.id, _KEPT | os.O_WRONLY) as handle:
                os.fsync(handle)
            _place(partial, upload.id, directory, name, replace=True)
            os.unlink(upload.id + _RECORD, dir_fd=partial)

    def abort_upload(self, upload: Upload) -> None:
        """Remove an upload's record and file."""
        with self._tree.partial() as partial:
            for name in (_checked(upload) + _RECORD, upload.id):
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=partial)

    def sweep(self, *, before_ns: int, keep: Container[str]) -> int:
        """Remove partial files that did not move since a moment."""
        swept = 0
        with self._tree.partial() as partial:
            with os.scandir(partial) as entries:
                found = [entry.name for entry in entries]
            for name in found:
                try:
                    if name.removesuffix(_RECORD) not in keep and _moved_ns(partial, name) < before_ns:
                        os.unlink(name, dir_fd=partial)
                        swept += not name.endswith(_RECORD)
                except FileNotFoundError:
                    continue
        return swept

    def make_directory(self, path: str) -> None:
        """Make a directory with all that lead to it."""
        made = names(path)
        for depth, name in enumerate(made):
            with self._tree.directory("/".join(made[:depth])) as directory:
                try:
                    os.mkdir(name, dir_fd=directory)
                    _settle(directory)
                except FileExistsError:
                    if not stat.S_ISDIR(_mode(directory, name)):
                        raise

    def delete(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        parent, name = split(path)
        if not name:
            raise StorageError("the root of a storage cannot be removed")
        with self._tree.directory(parent) as directory:
            if stat.S_ISDIR(_mode(directory, name)):
                os.rmdir(name, dir_fd=directory)
            else:
                os.unlink(name, dir_fd=directory)
            _settle(directory)

    def rename(self, path: str, to: str) -> None:
        """Give an entry another name."""
        parent, name = split(path)
        if not name:
            raise StorageError("the root of a storage cannot be renamed")
        to_parent, to_name = _file_name(to)
        if f"{to}/".startswith(f"{path}/") and to != path:
            raise FileExistsError(errno.EEXIST, "a directory cannot move into itself", to)
        with self._tree.directory(parent) as source, self._tree.directory(to_parent) as target:
            moved, there = _mode(source, name), _mode(target, to_name)
            if there and path != to and (stat.S_ISDIR(there) or stat.S_ISDIR(moved)):
                raise FileExistsError(errno.EEXIST, "this name is taken", to)
            os.rename(name, to_name, src_dir_fd=source, dst_dir_fd=target)
            _settle(target)
            _settle(source)

    @contextmanager
    def _kept(self, path: str) -> Iterator[int]:
        parent, name = split(path)
        with self._tree.directory(parent) as directory:
            # Looked at first, so that a FIFO or a device is not even opened; and again, for it may have changed.
            if not name or not stat.S_ISREG(_mode(directory, name)):
                raise FileNotFoundError(errno.ENOENT, "no plain file", path)
            with _opened(directory, name, _KEPT | os.O_WRONLY) as handle:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise FileNotFoundError(errno.ENOENT, "no plain file", path)
                yield handle


@contextmanager
def _opened(directory: int, name: str, flags: int) -> Iterator[int]:
    handle = os.open(name, flags, 0o666, dir_fd=directory)
    try:
        yield handle
    finally:
        os.close(handle)


def _shielded(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    try:
        yield from chunks
    except OSError as error:
        raise SourceFailed(error) from error


def _settle(directory: int) -> None:
    """Make a directory's names durable, where its file system knows such a thing."""
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _write(handle: int, content: Chunk, offset: int | None = None) -> int:
    """Write all of it: the kernel may take less than it is given."""
    ahead = memoryview(content).cast("B")
    length = len(ahead)
    while ahead:
        written = os.write(handle, ahead) if offset is None else os.pwrite(handle, ahead, offset)
        offset = None if offset is None else offset + written
        ahead = ahead[written:]
    return length


def _place(partial: int, partial_name: str, directory: int, name: str, *, replace: bool) -> None:
    """Put a whole file under its name, durably."""
    if replace:
        os.rename(partial_name, name, src_dir_fd=partial, dst_dir_fd=directory)
    else:
        # A link is made only where nothing stands, which a rename cannot promise.
        os.link(partial_name, name, src_dir_fd=partial, dst_dir_fd=directory, follow_symlinks=False)
        os.unlink(partial_name, dir_fd=partial)
    _settle(directory)


def _file_name(path: str) -> tuple[str, str]:
    parent, name = split(path)
    if not name:
        raise FileExistsError(errno.EEXIST, "the root is a directory", path)
    return parent, name


def _mode(directory: int, name: str) -> int:
    """Return what an entry is, 0 if it is not there."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0


def _moved_ns(directory: int, name: str) -> int:
    return os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime_ns


def _checked(upload: Upload) -> str:
    if not _ID.fullmatch(upload.id):
        raise FileNotFoundError(errno.ENOENT, "no such upload", upload.path)
    return upload.id
