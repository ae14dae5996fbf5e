"""Files that are written, on this machine's disk until they have been sent; and what is left of mounts that ended before.

Each mount has a folder of its own here and holds a lock in it while it lives. A file of it has a note beside it that says
what it is, so that whoever finds it after a crash knows. A folder goes when nothing is left in it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from fs2od.errors import StorageError, StorageFull, StorageMissing

__all__ = ["Kept", "Spool", "SpoolFile", "is_served", "kept_in"]

_LOCK, _ABOUT = "lock", "mount.json"
_STRANGE = re.compile(r"[^A-Za-z0-9._+-]+")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class Kept:
    """A file that was not sent.

    Attributes:
        file: Where its bytes are.
        path: Its path in the mount.
        place: What was mounted.
        mountpoint: Where.
        is_whole: Whether all its bytes are here; else only those that were written, at their places.
        reason: Why it was not sent; "" where the mount was killed.
    """

    file: Path
    path: str
    place: str
    mountpoint: str
    is_whole: bool = True
    reason: str = ""


class SpoolFile:
    """The bytes of one file. Reading and writing raise OSError as the disk does."""

    def __init__(self, spool: Spool, kept: Kept) -> None:
        self._spool = spool
        self.kept = kept
        self._held = 0
        self._handle = os.open(kept.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, start: int, data: bytes, *, new: int) -> None:
        """Write bytes of which `new` were not there before.

        Raises:
            StorageFull: The spool, or its disk, has no room for them.
        """
        self._spool.take(new)
        self._held += new
        try:
            while data:
                done = os.pwrite(self._handle, data, start)
                start, data = start + done, data[done:]
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull(f"the disk of {self._spool.folder} is full") from error
            raise StorageError(f"{self._spool.folder} cannot be written ({error.strerror})") from error

    def read(self, start: int, count: int) -> bytes:
        """Return bytes; zeros where nothing was written."""
        data = os.pread(self._handle, count, start)
        return data + bytes(count - len(data))

    def cut(self, size: int, *, dropped: int) -> None:
        """Give the file a size; `dropped` bytes that were there are not any more."""
        os.ftruncate(self._handle, size)
        self.give_back(dropped)

    def give_back(self, count: int) -> None:
        """Take note that so many bytes are here no more."""
        self._held -= count
        self._spool.take(-count)

    def describe(self, kept: Kept) -> None:
        """Write down what the file is by now."""
        self.kept = kept
        _write_note(kept)

    def close(self, *, keep: bool) -> None:
        """Close it; its bytes go unless they are to be kept."""
        os.close(self._handle)
        if not keep:
            self._spool.take(-self._held)
            for each in (_note_of(self.kept.file), self.kept.file):
                each.unlink(missing_ok=True)


class Spool:
    """A mount's own folder, in which its files together take at most `limit_bytes`."""

    def __init__(self, top: Path, *, limit_bytes: int, place: str, mountpoint: Path) -> None:
        """Make the folder, below one that all mounts of a user share.

        Raises:
            StorageMissing: It cannot be made.
            StorageError: Others may write into it.
        """
        self._limit = limit_bytes
        self._place, self._mountpoint = place, str(mountpoint.absolute())
        self._lock = threading.Lock()
        self._held, self._count = 0, 0
        self.folder = top / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
        try:
            top.mkdir(parents=True, exist_ok=True, mode=0o700)
            facts = top.stat()
            if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
                raise StorageError(f"the spool {top} is open to others: it must be your own, and writable by you alone")
            self.folder.mkdir(mode=0o700)
            self._locked = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            about = {"place": self._place, "mountpoint": self._mountpoint}
            (self.folder / _ABOUT).write_text(json.dumps(about))
        except OSError as error:
            raise StorageMissing(f"the spool {top} cannot be made or opened ({error.strerror})") from error

    def new(self, path: str, *, is_whole: bool) -> SpoolFile:
        """Return a new empty file for what is written to a path of the mount.

        Raises:
            StorageError: The disk refuses.
        """
        with self._lock:
            self._count += 1
            number = self._count
        readable = _STRANGE.sub("_", path.rpartition("/")[2])[-80:] or "file"
        kept = Kept(self.folder / f"{number:06}-{readable}", path, self._place, self._mountpoint, is_whole)
        try:
            _write_note(kept)
            return SpoolFile(self, kept)
        except OSError as error:
            full = StorageFull if error.errno in _FULL else StorageError
            raise full(f"{self.folder} cannot be written ({error.strerror})") from error

    def take(self, count: int) -> None:
        """Take room for so many bytes more, or give some back.

        Raises:
            StorageFull: There is not so much.
        """
        with self._lock:
            if count > 0 and self._held + count > self._limit:
                raise StorageFull(f"what waits to be sent may take {self._limit:,} bytes (--spool-size), and does")
            self._held += count

    def close(self) -> None:
        """Let go of the folder. It goes with everything in it but for files that were kept."""
        if not any(_files_in(self.folder)):
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._locked)


def kept_in(top: Path, *, mountpoint: Path | None = None, wait_s: float = 0.0) -> list[Kept]:
    """Return what mounts that have ended did not send. What they left behind besides is removed.

    Args:
        top: The folder of all spools.
        mountpoint: Only what was written there.
        wait_s: How long to wait for a mount of that place that is just ending.
    """
    wanted = str(mountpoint.absolute()) if mountpoint is not None else None
    until_s = time.monotonic() + wait_s
    found: list[Kept] = []
    for folder in sorted(top.iterdir()) if top.is_dir() else ():
        if wanted is not None and _mountpoint_of(folder) != wanted:
            continue
        while not (is_over := _is_over(folder)) and time.monotonic() < until_s:
            time.sleep(0.1)
        if is_over:
            kept = list(_files_in(folder))
            found += kept
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)
    return found


def is_served(top: Path, mountpoint: Path) -> bool:
    """Say whether a mount of a place goes on: somebody has files open in it, or they are being sent."""
    wanted = str(mountpoint.absolute())
    return top.is_dir() and any(_mountpoint_of(each) == wanted and not _is_over(each) for each in top.iterdir())


def _files_in(folder: Path) -> Iterator[Kept]:
    for note in sorted(folder.glob("*.note")):
        with suppress(OSError, ValueError, TypeError):
            told = json.loads(note.read_text())
            kept = Kept(**{**told, "file": Path(told["file"])})
            if kept.file.exists():
                yield kept


def _is_over(folder: Path) -> bool:
    """Say whether the mount of a folder has ended."""
    try:
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)


def _mountpoint_of(folder: Path) -> str | None:
    try:
        told = json.loads((folder / _ABOUT).read_text())
    except (OSError, ValueError):
        return None
    return str(told.get("mountpoint")) if isinstance(told, dict) else None


def _note_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.note")


def _write_note(kept: Kept) -> None:
    _note_of(kept.file).write_text(json.dumps({**asdict(kept), "file": str(kept.file)}))
