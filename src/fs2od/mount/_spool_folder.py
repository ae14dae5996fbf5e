"""The folder of one mount's unsent files, as anybody may find it: nothing in it is believed, waited for, or removed unless it is known."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fs2od.results import open_plain, read_json

__all__ = [
    "ABOUT",
    "LOCK",
    "NAME",
    "NOTE",
    "PARTIAL",
    "About",
    "Kept",
    "SpoolFolder",
    "here",
    "note_of",
    "unsent_in",
    "write_note",
]

LOCK, ABOUT = "lock", "mount.json"
NOTE, PARTIAL = ".note", ".partial"
NAME = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9]+")
"""The name of a mount's folder: when it began, and its process."""
_LEFTOVER = re.compile(r"[0-9]{6,}-.*\.(note|partial)", re.DOTALL)
_LOST = "the note that said what it is was lost"
_OTHERS_WRITE = 0o022
_OLD_S = 30 * 86_400
_LOOK_S = 0.1


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
        host: The machine where its mount may go on; "" where it has ended.
    """

    file: Path
    path: str
    place: str
    mountpoint: str
    is_whole: bool = True
    reason: str = ""
    host: str = ""


@dataclass(frozen=True)
class About:
    """What was mounted, where, and on which machine; "" for what is not known."""

    place: str = ""
    mountpoint: str = ""
    host: str = ""


class SpoolFolder:
    """An open folder of a mount. Use it as a context manager."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle
        self.about = self._told_about()

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[SpoolFolder | None]:
        """Yield the folder at a path; None where that is not the user's own folder of a mount. A link is not followed."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            yield None
            return
        try:
            facts = os.fstat(handle)
            is_own = facts.st_uid == os.getuid() and not facts.st_mode & _OTHERS_WRITE
            is_one = is_own and NAME.fullmatch(path.name) and is_spool(handle)
            yield cls(path, handle) if is_one else None
        finally:
            os.close(handle)

    def identity(self) -> tuple[int, int]:
        """Return what tells the folder from all others, whatever ways lead to it."""
        facts = os.fstat(self._handle)
        return facts.st_dev, facts.st_ino

    def is_from_here(self) -> bool:
        """Say whether its mount ran on this machine. Locks may hold on one machine only, so that of others nobody can say what goes on."""
        return self.about.host == here()

    def is_locked(self) -> bool:
        """Say whether its mount goes on, as far as its lock says."""
        with _locked(self._handle, fcntl.LOCK_SH) as is_ours:
            return not is_ours

    def is_over(self, until_s: float = 0.0) -> bool:
        """Say whether its mount has ended, as far as its lock says; one that is just ending is waited for."""
        while is_locked := self.is_locked():
            if time.monotonic() >= until_s:
                break
            time.sleep(_LOOK_S)
        return not is_locked

    def kept(self) -> list[Kept]:
        """Return the files that wait in it, also those whose note is lost: bytes are never taken for nothing."""
        place, mountpoint = self.about.place, self.about.mountpoint
        is_sure = self.is_from_here() or not self.about.host or self._is_old()
        found = []
        for name in unsent_among(os.listdir(self._handle)):  # noqa: PTH208 - a handle
            file = self._path / name
            lost = Kept(file, name, place, mountpoint, is_whole=False, reason=_LOST)
            each = self._told_by(f"{name}{NOTE}", file) or lost
            found.append(each if is_sure else replace(each, host=self.about.host))
        return found

    def clear(self) -> None:
        """Remove the folder if its mount has ended on this machine, or long ago, and nothing but what is known is left in it."""
        if not self.is_from_here() and not self._is_old():
            return
        with _locked(self._handle, fcntl.LOCK_EX) as is_ours:
            if is_ours:
                self.remove()

    def remove(self) -> None:
        """Remove the folder, for whoever holds its lock, unless there is more in it than mounts leave behind."""
        names = os.listdir(self._handle)  # noqa: PTH208 - a handle
        if unsent_among(names) or not all(name in (LOCK, ABOUT) or _LEFTOVER.fullmatch(name) for name in names):
            return
        with suppress(OSError):
            for name in names:
                os.unlink(name, dir_fd=self._handle)
            self._path.rmdir()

    def _is_old(self) -> bool:
        return time.time() - os.fstat(self._handle).st_mtime > _OLD_S

    def _told_about(self) -> About:
        with suppress(OSError, ValueError):
            told = read_json(ABOUT, dir_fd=self._handle)
            if isinstance(told, dict):
                return About(*(str(told.get(key, "")) for key in ("place", "mountpoint", "host")))
        return About()

    def _told_by(self, note: str, file: Path) -> Kept | None:
        try:
            told = read_json(note, dir_fd=self._handle)
        except (OSError, ValueError):
            return None
        if not isinstance(told, dict) or not told.keys() >= {"path", "place", "mountpoint", "is_whole", "reason"}:
            return None
        path, place, mountpoint, reason = (str(told[key]) for key in ("path", "place", "mountpoint", "reason"))
        return Kept(file, path, place, mountpoint, is_whole=told["is_whole"] is True, reason=reason)


def unsent_in(handle: int, *, until_s: float) -> int:
    """Return how many files an open folder holds that a mount did not send, whoever it belongs to; 0 where it is no mount's.

    Args:
        handle: The folder.
        until_s: How long a mount that goes on is waited for, by the monotonic clock.
    """
    while is_spool(handle) and (waiting := unsent_among(os.listdir(handle))):
        with _locked(handle, fcntl.LOCK_SH) as is_ours:
            if is_ours or time.monotonic() >= until_s:
                return len(waiting)
        time.sleep(_LOOK_S)
    return 0


def is_spool(handle: int) -> bool:
    """Say whether an open folder is that of a mount: it has a lock and says what was mounted."""
    try:
        return all(stat.S_ISREG(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode) for name in (LOCK, ABOUT))
    except OSError:
        return False


def unsent_among(names: Collection[str]) -> list[str]:
    """Return which names in a mount's folder are those of files that wait; the rest are notes."""
    there = frozenset(names)
    waiting = (name for name in there if name[0] in "0123456789")
    return sorted(name for name in waiting if f"{name}{NOTE}" in there or not name.endswith((NOTE, PARTIAL)))


def note_of(file: Path) -> Path:
    """Return where the note about a file is."""
    return file.with_name(f"{file.name}{NOTE}")


def write_note(kept: Kept) -> None:
    """Write a note as a whole or not at all: who finds bytes without one takes them for nothing.

    Raises:
        OSError: The disk refuses.
    """
    note = note_of(kept.file)
    partial = note.with_suffix(PARTIAL)
    partial.write_text(json.dumps({**asdict(kept), "file": str(kept.file)}))
    partial.replace(note)


def here() -> str:
    """Return this machine's name."""
    return socket.gethostname()


@contextmanager
def _locked(handle: int, kind: int) -> Iterator[bool]:
    """Yield whether the lock in a folder is ours meanwhile. Who only looks shares it, or two would take each other for the mount."""
    try:
        lock = open_plain(LOCK, os.O_RDWR, dir_fd=handle)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            is_ours = True
        except OSError:
            is_ours = False
        yield is_ours
    finally:
        os.close(lock)
