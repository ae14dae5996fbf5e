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
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.mount._spool_links import followed

__all__ = ["Kept", "Spool", "SpoolFile", "holds_unsent", "is_served", "is_spool", "kept_in"]

_LOCK, _ABOUT = "lock", "mount.json"
_NOTE, _PARTIAL = ".note", ".partial"
_LOST = "the note that said what it is was lost"
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
            _write_note(kept)

    def close(self, *, keep: bool) -> None:
        """Close it; its bytes go unless they are to be kept."""
        os.close(self._handle)
        if not keep:
            self._spool.take(-self._held)
            for each in (self.kept.file, _note_of(self.kept.file)):
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
            # Others see it once it is locked, or they would take it for one that was left behind.
            made = top / f".{self.folder.name}"
            made.mkdir(mode=0o700)
            self._locked = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            about = {"place": self._place, "mountpoint": self._mountpoint}
            (made / _ABOUT).write_text(json.dumps(about))
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
        kept = Kept(self.folder / f"{number:06}-{readable}", path, self._place, self._mountpoint, is_whole)
        try:
            _write_note(kept)
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
        """Let go of the folder. It goes with everything in it but for files that were kept."""
        if not any(_files_in(self.folder)):
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._locked)


def kept_in(*tops: Path, mountpoint: Path | None = None, wait_s: float = 0.0) -> list[Kept]:
    """Return what mounts that have ended did not send. What they left behind besides is removed, but not behind a link.

    Args:
        tops: The folders of all spools; links in them are followed.
        mountpoint: Only what was written there.
        wait_s: How long to wait for a mount of that place that is just ending.
    """
    wanted = str(mountpoint.absolute()) if mountpoint is not None else None
    until_s = time.monotonic() + wait_s
    found: list[Kept] = []
    for folder, is_behind in _spools(tops):
        if wanted is not None and _about(folder)["mountpoint"] != wanted:
            continue
        while not (is_over := _is_over(folder)) and time.monotonic() < until_s:
            time.sleep(0.1)
        if is_over:
            kept = list(_files_in(folder))
            found += kept
            if not kept and not is_behind:
                shutil.rmtree(folder, ignore_errors=True)
    return found


def is_served(top: Path, mountpoint: Path) -> bool:
    """Say whether a mount of a place goes on: somebody has files open in it, or they are being sent."""
    wanted = str(mountpoint.absolute())
    return any(_about(each)["mountpoint"] == wanted and not _is_over(each) for each, _ in _spools([top]))


def is_spool(names: Collection[str]) -> bool:
    """Say whether a folder with these names in it is that of a mount's unsent files."""
    return _LOCK in names and _ABOUT in names


def holds_unsent(folder: Path, *, wait_s: float) -> bool:
    """Say whether a mount's folder holds what was not sent; a mount that goes on is waited for."""
    until_s = time.monotonic() + wait_s
    while folder.exists() and any(_files_in(folder)):
        if _is_over(folder) or time.monotonic() >= until_s:
            return True
        time.sleep(0.1)
    return False


def _files_in(folder: Path) -> Iterator[Kept]:
    """Yield the files that wait in a folder, also those whose note is lost: bytes are never taken for nothing."""
    about = _about(folder)
    for file in sorted(folder.glob("[0-9]*")):
        note = _note_of(file)
        if note.exists() or file.suffix not in (_NOTE, _PARTIAL):
            lost = Kept(file, file.name, about["place"], about["mountpoint"], is_whole=False, reason=_LOST)
            yield _told_by(note, file) or lost


def _told_by(note: Path, file: Path) -> Kept | None:
    with suppress(OSError, ValueError, TypeError):
        return Kept(**{**json.loads(note.read_text()), "file": file})
    return None


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


def _about(folder: Path) -> dict[str, str]:
    """Return what was mounted and where, as far as that can still be read."""
    try:
        told = json.loads((folder / _ABOUT).read_text())
    except (OSError, ValueError):
        told = None
    known = told if isinstance(told, dict) else {}
    return {key: str(known.get(key, "")) for key in ("place", "mountpoint")}


def _spools(tops: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield the folders of all mounts, and whether they lie behind a link; not those that are just being made. Each comes once."""
    seen: set[Path] = set()
    for top in tops:
        for each in sorted(top.iterdir()) if top.is_dir() else []:
            is_link = each.is_symlink()
            folder = followed(each, is_spool) if is_link else each
            if folder is None or each.name.startswith(".") or folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            yield folder, is_link


def _note_of(file: Path) -> Path:
    return file.with_name(f"{file.name}{_NOTE}")


def _write_note(kept: Kept) -> None:
    """Write a note as a whole or not at all: who finds bytes without one takes them for nothing."""
    note = _note_of(kept.file)
    partial = note.with_suffix(_PARTIAL)
    partial.write_text(json.dumps({**asdict(kept), "file": str(kept.file)}))
    partial.replace(note)


def _refused(folder: Path, error: OSError) -> StorageError:
    if error.errno in _FULL:
        return StorageFull(f"the disk of {folder} is full")
    return StorageError(f"{folder} cannot be written ({error.strerror})")
