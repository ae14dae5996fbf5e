"""Files on their way: written under a partial name, and given their own when they are whole."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from fs2od.errors import IntegrityFailure, StorageError
from fs2od.transfer._beginnings import Beginnings
from fs2od.transfer._disk import NEW_FILE, NS, datasync, is_own_file, read_at, storage_error, told, write_at
from fs2od.transfer._entries import Names, shown_path
from fs2od.transfer._folders import Folder
from fs2od.transfer._partials import PartialName

if TYPE_CHECKING:
    from fs2od.transfer._destination import Destination

__all__ = ["Landing", "Partial", "PartialGone"]

_TIMES_BY_HANDLE: Final = os.utime in os.supports_fd


class PartialGone(StorageError):
    """The partial file was taken away while it was written: another download has the file, or it has to begin again."""


class Landing:
    """Puts small files in their places, one after the other. For one thread; close it.

    It keeps the handle of the folder that the last one went to, for the next often goes there, too.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._folder: Names | None = None
        self._handles = contextlib.ExitStack()
        self._inside: Folder | None = None

    def __enter__(self) -> Landing:
        return self

    def __exit__(self, *_: object) -> None:
        self._handles.close()

    def land(self, folder: Names, name: str, partial: PartialName, data: memoryview, *, mtime_s: int) -> None:
        """Write a whole file under its partial name, then give it its own. It is not yet safe against a power cut.

        Two processes may do so at once, for both write the same bytes.

        Raises:
            StorageFull: The disk is full.
            StorageError: The disk reported a failure, or a folder stands there.
        """
        try:
            self._land(folder, name, str(partial), data, mtime_s * NS)
        except OSError as error:
            raise storage_error(error) from error

    def _land(self, folder: Names, name: str, partial: str, data: memoryview, mtime_ns: int) -> None:
        parent = self._enter(folder)
        handle, is_new = _opened(parent, folder, partial)
        try:
            write_at(handle, data, 0)
            if not is_new:
                os.ftruncate(handle, len(data))
            if _TIMES_BY_HANDLE:
                os.utime(handle, ns=(mtime_ns, mtime_ns))
        except BaseException:
            # Less than a piece: the next run brings it again, and a full disk has the room back.
            with contextlib.suppress(OSError):
                parent.unlink(partial)
            raise
        finally:
            os.close(handle)
        try:
            if not _TIMES_BY_HANDLE:
                parent.set_time(partial, mtime_ns)
            parent.replace(partial, name)
        except FileNotFoundError:
            # Another process has put the same bytes into their place.
            if parent.stat(name).st_size != len(data):
                raise PartialGone(f"{shown_path((*folder, name))} was taken away while it was written") from None

    def _enter(self, folder: Names) -> Folder:
        if self._inside is None or folder != self._folder:
            self._handles.close()
            self._folder = self._inside = None
            self._inside = self._handles.enter_context(self._destination.opened(folder))
            self._folder = folder
        return self._inside


def _opened(parent: Folder, folder: Names, partial: str) -> tuple[int, bool]:
    """Return a handle of a partial file, and whether it is new: then nobody needs to look what it is, and how long."""
    try:
        return parent.open(partial, NEW_FILE | os.O_EXCL), True
    except FileExistsError:
        handle = parent.open(partial, NEW_FILE)
    try:
        _check_own(handle, (*folder, partial))
    except BaseException:
        os.close(handle)
        raise
    return handle, False


def _check_own(handle: int, path: Names) -> None:
    if not is_own_file(handle):
        raise StorageError(f"{shown_path(path)} is not a plain file of its own; move it away")


class Partial:
    """A file that is not whole yet, under a name that says so. Any number of threads may write to it at once.

    Two processes may fill the same one: its name stands for one state of one file, and only pieces that were checked are
    written, so both write the same bytes at the same places; nothing is ever cut off, and only a whole file is renamed.
    """

    def __init__(self, parent: Folder, folder: Names, name: PartialName) -> None:
        self._parent = parent
        self._folder = folder
        self.name = name
        self._notes = -1
        self._opening = threading.Lock()
        try:
            self._handle = parent.open(str(name), NEW_FILE)
        except OSError:
            parent.close()
            raise
        self.was_there = os.fstat(self._handle).st_size > 0
        if not is_own_file(self._handle):
            self.close()
            raise StorageError(f"{self._shown} is not a plain file of its own; move it away")

    def close(self) -> None:
        """Close it; what is written stays for the next run."""
        self._close_files()
        self._parent.close()

    def _close_files(self) -> None:
        handles, self._notes, self._handle = (self._notes, self._handle), -1, -1
        for handle in handles:
            if handle >= 0:
                os.close(handle)

    def write(self, offset: int, data: memoryview) -> None:
        """Write bytes from `offset` on.

        Raises:
            StorageFull: The disk is full.
            StorageError: The disk reported a failure.
        """
        with told():
            write_at(self._handle, data, offset)

    def read_into(self, view: memoryview, offset: int) -> bool:
        """Fill `view` with what stands from `offset` on, and say whether there was enough, and no hole in the place of it.

        Raises:
            StorageError: The disk reported a failure.
        """
        with told():
            if self._next(offset, "SEEK_DATA") >= offset + len(view):
                return False
            filled = 0
            while filled < len(view):
                data = read_at(self._handle, min(len(view) - filled, 1 << 20), offset + filled)
                if not data:
                    return False
                view[filled : filled + len(data)] = data
                filled += len(data)
        return True

    def holds(self, offset: int, count: int) -> bool:
        """Say whether the file has all these bytes: neither a hole among them, as far as the system tells, nor its end.

        Raises:
            StorageError: The disk reported a failure.
        """
        with told():
            end = offset + count
            return os.fstat(self._handle).st_size >= end and self._next(offset, "SEEK_HOLE", unknown=end) >= end

    def _next(self, offset: int, kind: str, *, unknown: int = 0) -> int:
        """Return where the next data or the next hole begins; `unknown` where the system does not tell."""
        whence = getattr(os, kind, None)
        if whence is None:
            return unknown
        try:
            # The position of this handle is used by nothing else.
            return os.lseek(self._handle, offset, whence)
        except OSError as error:
            return sys.maxsize if error.errno == errno.ENXIO else unknown

    def noted(self, pieces: int) -> bytes:
        """Return what the notes beside it say: a byte for each piece, 1 where it was written.

        Raises:
            StorageError: They cannot be read.
        """
        with told():
            found = read_at(self._open_notes(pieces, True), pieces, 0)
        return found.ljust(pieces, b"\0")

    def beginnings(self, pieces: int) -> Beginnings:
        """Return what earlier runs have left of pieces that were not whole, behind what is noted of whole ones.

        Raises:
            StorageError: The notes cannot be read.
        """
        return Beginnings(partial(self._open_notes, pieces), pieces)

    def _open_notes(self, pieces: int, make: bool) -> int:
        """Return the handle of the notes; -1 where there are none, and none are to be made.

        What they say of pieces of a partial file that is no more is taken back: it does not hold for this one, now and in later runs.
        """
        with self._opening:
            if self._notes >= 0:
                return self._notes
            try:
                handle = self._parent.open(self.name.notes, NEW_FILE if make else NEW_FILE & ~os.O_CREAT)
            except FileNotFoundError:
                return -1
            self._notes = handle
            if not is_own_file(handle):
                raise StorageError("the notes beside the partial file are not a plain file; move them away")
            if not self.was_there:
                write_at(handle, memoryview(bytes(min(pieces, os.fstat(handle).st_size))), 0)
            return handle

    def note(self, piece: int) -> None:
        """Remember that a piece was written, once that is safe against a power cut.

        Raises:
            StorageError: The disk reported a failure.
        """
        with told():
            datasync(self._handle)
            write_at(self._notes, memoryview(b"\1"), piece)

    def discard(self) -> None:
        """Remove it with its notes. It must still be closed.

        Raises:
            StorageError: It cannot be removed.
        """
        with told():
            for name in (str(self.name), self.name.notes):
                with contextlib.suppress(FileNotFoundError):
                    self._parent.unlink(name)

    def finish(self, name: str, *, size_bytes: int, mtime_s: int) -> None:
        """Give the file its time and, once its bytes are safe against a power cut, its final name.

        Raises:
            PartialGone: Somebody took it away meanwhile.
            IntegrityFailure: It is not so long as it must be.
            StorageFull: The disk is full.
            StorageError: The disk reported a failure, or a folder stands there.
        """
        with told():
            if os.fstat(self._handle).st_size > size_bytes:
                os.ftruncate(self._handle, size_bytes)
            found = os.fstat(self._handle).st_size
            if found != size_bytes:
                raise IntegrityFailure(f"{found:,} instead of {size_bytes:,} bytes of it have arrived")
            if _TIMES_BY_HANDLE:
                # Another process may have put this very file into its place before our last bytes were written.
                os.utime(self._handle, ns=(mtime_s * NS, mtime_s * NS))
            os.fsync(self._handle)
            if not self._is_still_there():
                raise self._gone()
            # Windows renames nothing that is open.
            self._close_files()
            try:
                self._parent.set_time(str(self.name), mtime_s * NS)
                self._parent.replace(str(self.name), name)
            except FileNotFoundError:
                raise self._gone() from None
            with contextlib.suppress(FileNotFoundError):
                self._parent.unlink(self.name.notes)

    def _is_still_there(self) -> bool:
        mine = os.fstat(self._handle)
        try:
            there = self._parent.stat(str(self.name))
        except FileNotFoundError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def _gone(self) -> PartialGone:
        return PartialGone(f"{self._shown} was taken away while it was written")

    @property
    def _shown(self) -> str:
        return shown_path((*self._folder, str(self.name)))
