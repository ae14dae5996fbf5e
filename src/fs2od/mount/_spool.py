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
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.mount._spool_folder import (
    ABOUT,
    LOCK,
    NAME,
    NOTE,
    PARTIAL,
    About,
    Kept,
    SpoolFolder,
    here,
    note_of,
    write_note,
)
from fs2od.mount._spool_links import followed, named_in, remove_dead

__all__ = ["Kept", "Spool", "SpoolFile", "clear_spools", "is_served", "kept_in"]

_STRANGE = re.compile(r"[^A-Za-z0-9._+-]+")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SpoolFile:
    """The bytes of one file."""

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
            self.give_back(new)
            raise _refused(self._spool.folder, error) from error

    def read(self, start: int, count: int) -> bytes:
        """Return bytes; zeros where nothing was written.

        Raises:
            StorageError: The disk refuses.
        """
        try:
            data = os.pread(self._handle, count, start)
        except OSError as error:
            raise StorageError(f"{self.kept.file} cannot be read ({error.strerror})") from error
        return data + bytes(count - len(data))

    def cut(self, size: int, *, dropped: int) -> None:
        """Give the file a size; `dropped` bytes that were there are not any more.

        Raises:
            StorageError: The disk refuses.
        """
        try:
            os.ftruncate(self._handle, size)
        except OSError as error:
            raise _refused(self._spool.folder, error) from error
        self.give_back(dropped)

    def give_back(self, count: int) -> None:
        """Take note that so many bytes are here no more."""
        self._held -= count
        self._spool.take(-count)

    def describe(self, kept: Kept) -> None:
        """Write down what the file is by now. Where the disk refuses, what was written down before stays."""
        self.kept = kept
        with suppress(OSError):
            write_note(kept)

    def close(self, *, keep: bool) -> None:
        """Close it; its bytes go unless they are to be kept."""
        os.close(self._handle)
        if not keep:
            self._spool.take(-self._held)
            for each in (self.kept.file, note_of(self.kept.file)):
                each.unlink(missing_ok=True)


class Spool:
    """A mount's own folder, in which its files together take at most `limit_bytes`."""

    def __init__(self, top: Path, *, limit_bytes: int, place: str, mountpoint: Path) -> None:
        """Make the folder, below one that all mounts of a user share.

        Raises:
            StorageMissing: It cannot be made.
            StorageError: Others may write into it.
        """
        top = top.absolute()
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
            # Others see it once it is locked, or they would take it for one that was left behind.
            made = top / f".{self.folder.name}"
            made.mkdir(mode=0o700)
            self._locked = os.open(made / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (made / ABOUT).write_text(json.dumps(asdict(About(self._place, self._mountpoint, here()))))
            made.rename(self.folder)
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
        if readable.endswith((NOTE, PARTIAL)):
            readable += "_"  # a file whose note is lost must not look like a note
        kept = Kept(self.folder / f"{number:06}-{readable}", path, self._place, self._mountpoint, is_whole)
        try:
            write_note(kept)
            return SpoolFile(self, kept)
        except OSError as error:
            raise _refused(self.folder, error) from error

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
        """Let go of the folder. It goes unless files in it were kept."""
        with SpoolFolder.opened(self.folder) as folder:
            if folder is not None:
                folder.remove()
        os.close(self._locked)


def kept_in(*tops: Path, mountpoint: Path | None = None, wait_s: float = 0.0) -> list[Kept]:
    """Return what mounts that have ended did not send; nothing is changed.

    Args:
        tops: The folders of all spools; links in them are followed.
        mountpoint: Only what was written there, on this machine.
        wait_s: How long to wait for a mount of that place that is just ending.
    """
    until_s = time.monotonic() + wait_s
    found: list[Kept] = []
    for folder in _spools(tops):
        is_meant = mountpoint is None or _is_of(folder, mountpoint)
        if is_meant and folder.is_over(until_s):
            found += folder.kept()
    return found


def is_served(top: Path, mountpoint: Path) -> bool:
    """Say whether a mount of a place goes on: somebody has files open in it, or they are being sent."""
    return any(_is_of(each, mountpoint) and not each.is_over() for each in _spools([top]))


def clear_spools(*tops: Path) -> None:
    """Remove the folders of mounts that have ended and left nothing, and links to folders that are gone; nothing behind a link."""
    for folder in _spools(tops, by_links=False):
        folder.clear()
    for top in tops:
        remove_dead(top, NAME)


def _is_of(folder: SpoolFolder, mountpoint: Path) -> bool:
    return folder.about.mountpoint == str(mountpoint.absolute()) and folder.about.host in ("", here())


def _spools(tops: Iterable[Path], *, by_links: bool = True) -> Iterator[SpoolFolder]:
    """Yield the folders of all of the user's mounts, open meanwhile; not those that are just being made. Each comes once."""
    seen: set[tuple[int, int]] = set()
    for top in tops:
        for each in named_in(top):
            if not NAME.fullmatch(each.name.partition("@")[0]):
                continue
            place = followed(each) if by_links and each.is_symlink() else each
            if place is None:
                continue
            with SpoolFolder.opened(place) as folder:
                if folder is not None and folder.identity() not in seen:
                    seen.add(folder.identity())
                    yield folder


def _refused(folder: Path, error: OSError) -> StorageError:
    if error.errno in _FULL:
        return StorageFull(f"the disk of {folder} is full")
    return StorageError(f"{folder} cannot be written ({error.strerror})")
