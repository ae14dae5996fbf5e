"""A dataset's files, counted by looking again only where something changed: at folders whose times moved, and at fresh files.

A file that grows where it lies moves no folder's time: now and then everything is counted anew, the seldomer the longer that takes.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fs2od.manifests import MOST_UNDELIVERABLE_NAMES, link_fault, resembles

__all__ = ["Survey", "Tally", "Uncounted"]

_SECOND_NS = 10**9
_FRESH_NS = 60 * _SECOND_NS
_LEAST_RECOUNT_NS = 60 * _SECOND_NS
_RECOUNT_SHARE = 50
"""Between two counts of everything there are at least so many times as long as the last one took."""
_GONE = {errno.ENOENT, errno.ENOTDIR}
_CLOSED = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}
_READABLE_BY_ALL = 0o444
_UNREADABLE = "may not be read"


class Tally(msgspec.Struct, frozen=True):
    """What a dataset consists of. `signature` differs whenever something changed; `newest_ns` is the last change.

    Files that cannot be delivered are not among `files` but counted, and the first of them named. A change whose time lies ahead
    of our clock counts as made when we first saw it.
    """

    files: int
    size_bytes: int
    undeliverable: int
    undeliverable_names: tuple[str, ...]
    newest_ns: int
    signature: str


@dataclass(frozen=True)
class Uncounted:
    """Names that are not a dataset's data: directly in its folder, wherever they are, and of files that have one in their own."""

    at_top: frozenset[str] = frozenset()
    anywhere: frozenset[str] = frozenset()
    resembled: frozenset[str] = frozenset()

    def covers(self, path: str) -> bool:
        """Say whether a file is not among the dataset's data; pure."""
        names = path.split("/")
        return names[0] in self.at_top or not self.anywhere.isdisjoint(names) or resembles(names[-1], self.resembled)


@dataclass
class _Directory:
    mtime_ns: int
    since_ns: int
    """When that time was made, or first seen if it lies ahead."""
    looked_ns: int
    below: tuple[str, ...] = ()
    fresh: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Files that may still change, by name: size, time of the last change, and since when, as far as we saw ourselves."""
    ahead: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of files whose time lies ahead of our clock: that time, and when we first saw it."""
    settled_files: int = 0
    settled_bytes: int = 0
    settled_newest_ns: int = 0
    settled_since_ns: int = 0
    undeliverable: list[str] = field(default_factory=list)

    def count(self, name: str, status: os.stat_result, now_ns: int, before: tuple[int, int] | None) -> None:
        """Count a file; `before` is what was known of it when its time lay ahead."""
        changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        # Never later than now: the clock may have been set back.
        since_ns = min(before[1] if before is not None and before[0] == changed_ns else changed_ns, now_ns)
        if changed_ns > since_ns:
            self.ahead[name] = (changed_ns, since_ns)
        if now_ns - since_ns < _FRESH_NS:
            self.fresh[name] = (status.st_size, changed_ns, since_ns)
            return
        self.settled_files += 1
        self.settled_bytes += status.st_size
        self.settled_newest_ns = max(self.settled_newest_ns, changed_ns)
        self.settled_since_ns = max(self.settled_since_ns, since_ns)


@dataclass
class Survey:
    """Looks at one dataset's tree, again and again. Blocks; call it in a thread, one at a time."""

    root: Path
    uncounted: Uncounted = field(default_factory=Uncounted)
    _directories: dict[str, _Directory] = field(default_factory=dict)
    _counted_ns: int = 0
    _took_ns: int = 0
    _newest_ns: int = 0
    _looked_ns: int = 0
    _unchanged_ns: int = 0
    """When we looked last before something newer came; 0: nothing has as far as we saw."""
    _apart_ns: int = 0
    """How far the clock is from the one that only grows."""

    def look(self, *, anew: bool = False, now_ns: int | None = None) -> Tally:
        """Return what lies there now; `anew` looks at every file.

        Raises:
            OSError: The dataset's folder itself cannot be read, or the file system fails.
        """
        now_ns, began_ns = time.time_ns() if now_ns is None else now_ns, time.monotonic_ns()
        pause_ns = max(_LEAST_RECOUNT_NS, _RECOUNT_SHARE * self._took_ns)
        anew = anew or not 0 <= now_ns - self._counted_ns < pause_ns
        seen: dict[str, _Directory] = {}
        closed: list[str] = []
        pending = [""]
        while pending:
            relative = pending.pop()
            try:
                directory = self._directory(relative, now_ns, anew=anew)
            except OSError as error:
                if not relative or error.errno not in _GONE | _CLOSED:
                    raise
                if error.errno in _CLOSED:
                    closed.append(_refused(relative, _UNREADABLE))
                continue
            seen[relative] = directory
            pending.extend(f"{relative}/{name}" if relative else name for name in directory.below)
        self._directories = seen
        if anew:
            self._counted_ns, self._took_ns = now_ns, time.monotonic_ns() - began_ns
        return self._as_seen(_tally(seen, closed), now_ns, began_ns)

    def _as_seen(self, tally: Tally, now_ns: int, began_ns: int) -> Tally:
        """Let no clock say that the last change is longer ago than we saw ourselves: it came after the look before it.

        Where our clock leaps ahead, or runs ahead of the file server's, data that is being written would look long at rest.
        """
        leap_ns = now_ns - began_ns - self._apart_ns
        self._apart_ns += leap_ns
        if abs(leap_ns) > _SECOND_NS:
            self._looked_ns += leap_ns
            self._unchanged_ns += leap_ns if self._unchanged_ns else 0
        if self._newest_ns and tally.newest_ns > self._newest_ns:
            self._unchanged_ns = self._looked_ns - _SECOND_NS  # times of files are coarse
        self._newest_ns, self._looked_ns = tally.newest_ns, now_ns
        return msgspec.structs.replace(tally, newest_ns=max(tally.newest_ns, min(self._unchanged_ns, now_ns)))

    def _directory(self, relative: str, now_ns: int, *, anew: bool) -> _Directory:
        path = self.root / relative
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", relative)
        known = self._directories.get(relative)
        stands = known is not None and known.mtime_ns == status.st_mtime_ns
        # A change in the same clock tick as our look leaves the folder's time as it was.
        if known is None or anew or not stands or known.looked_ns - known.since_ns < 2 * _SECOND_NS:
            since_ns = min(known.since_ns if known is not None and stands else status.st_mtime_ns, now_ns)
            found = _Directory(status.st_mtime_ns, since_ns, now_ns)
            self._read(relative, found, {} if known is None else known.ahead)
            return found
        for name in list(known.fresh):
            facts = _status(path / name)
            del known.fresh[name]
            before = known.ahead.pop(name, None)
            if facts is not None:
                known.count(name, facts, now_ns, before)
        return known

    def _read(self, relative: str, found: _Directory, ahead: dict[str, tuple[int, int]]) -> None:
        uncounted = self.uncounted.anywhere if relative else self.uncounted.anywhere | self.uncounted.at_top
        below: list[str] = []
        with os.scandir(self.root / relative) as entries:
            for entry in entries:
                if entry.name in uncounted:
                    continue
                if resembles(entry.name, self.uncounted.resembled) and not entry.is_dir(follow_symlinks=False):
                    continue
                path = f"{relative}/{entry.name}" if relative else entry.name
                reason = _refusal(entry, path, self._target_of)
                if not reason and entry.is_dir(follow_symlinks=False):
                    below.append(entry.name)
                elif not reason and not entry.is_symlink():
                    reason = _count(found, entry, ahead)
                if reason:
                    found.undeliverable.append(_refused(path, reason))
        found.below = tuple(below)

    def _target_of(self, path: str) -> str | None:
        try:
            return str((self.root / path).readlink())
        except OSError:
            return None


def _tally(directories: dict[str, _Directory], closed: list[str]) -> Tally:
    found, top = directories.values(), directories[""]
    files = sum(each.settled_files + len(each.fresh) for each in found)
    size_bytes = sum(each.settled_bytes + sum(size for size, _, _ in each.fresh.values()) for each in found)
    newest_ns = max(max(each.settled_newest_ns, *(one[1] for one in each.fresh.values()), 0) for each in found)
    since_ns = max(max(each.settled_since_ns, *(one[2] for one in each.fresh.values()), 0) for each in found)
    refused = sorted([*closed, *(name for each in found for name in each.undeliverable)])
    return Tally(
        files=files,
        size_bytes=size_bytes,
        undeliverable=len(refused),
        undeliverable_names=tuple(refused[:MOST_UNDELIVERABLE_NAMES]),
        # Folders' times do not count: we write into the dataset's folder ourselves.
        newest_ns=since_ns or top.since_ns,
        signature=f"{files}-{size_bytes}-{newest_ns}-{len(directories)}-{len(refused)}",
    )


def _count(found: _Directory, entry: os.DirEntry[str], ahead: dict[str, tuple[int, int]]) -> str:
    """Count a file, or return why it cannot be delivered."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        if error.errno in _CLOSED:
            return _UNREADABLE
        if error.errno in _GONE:
            return ""  # it vanished while we looked
        raise
    if status.st_mode & _READABLE_BY_ALL != _READABLE_BY_ALL and not os.access(entry.path, os.R_OK, effective_ids=True):
        return _UNREADABLE
    found.count(entry.name, status, found.looked_ns, ahead.get(entry.name))
    return ""


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.lstat()
    except OSError as error:
        if error.errno in _GONE | _CLOSED:
            return None
        raise


def _refused(path: str, reason: str) -> str:
    return f"{os.fsencode(path).decode('utf-8', 'backslashreplace')} ({reason})"


def _refusal(entry: os.DirEntry[str], path: str, target_of: Callable[[str], str | None]) -> str:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "name is not UTF-8"
    if entry.is_symlink():
        return link_fault(path, target_of(path), target_of) or ""
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return ""
    return "special file"
