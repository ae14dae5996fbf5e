"""A dataset's files, counted by looking again only where something changed: at folders whose times moved, and at fresh files."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

__all__ = ["Survey", "Tally"]

_MOST_NAMES = 20
_FRESH_NS = 60 * 10**9


class Tally(msgspec.Struct, frozen=True):
    """What a dataset consists of. `signature` differs whenever something changed; `newest_ns` is the last change.

    Files that cannot be delivered are not among `files` but counted, and the first of them named.
    """

    files: int
    size_bytes: int
    undeliverable: int
    undeliverable_names: tuple[str, ...]
    newest_ns: int
    signature: str


@dataclass
class _Directory:
    mtime_ns: int
    looked_ns: int
    below: tuple[str, ...]
    files: dict[str, tuple[int, int]]
    """Size and time of the last change, by name, of files that may still change."""
    settled_files: int
    settled_bytes: int
    settled_newest_ns: int
    undeliverable: list[str]


@dataclass
class Survey:
    """Looks at one dataset's tree, again and again. Blocks; call it in a thread, one at a time."""

    root: Path
    excluded: Collection[str] = ()
    _directories: dict[str, _Directory] = field(default_factory=dict)

    def look(self, *, now_ns: int | None = None) -> Tally:
        """Return what lies there now.

        Raises:
            OSError: The dataset's folder itself cannot be read.
        """
        now_ns = time.time_ns() if now_ns is None else now_ns
        seen: dict[str, _Directory] = {}
        pending = [""]
        while pending:
            relative = pending.pop()
            try:
                directory = self._directory(relative, now_ns)
            except OSError:
                if not relative:
                    raise
                continue
            seen[relative] = directory
            pending.extend(f"{relative}/{name}" if relative else name for name in directory.below)
        self._directories = seen
        return self._tally(seen)

    def _directory(self, relative: str, now_ns: int) -> _Directory:
        path = self.root / relative
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(relative)
        known = self._directories.get(relative)
        # A change in the same clock tick as our look leaves the folder's time as it was.
        if known is None or known.mtime_ns != status.st_mtime_ns or known.looked_ns - known.mtime_ns < 2 * 10**9:
            return _read(path, relative, status.st_mtime_ns, now_ns, self.root, self.excluded if not relative else ())
        for name in list(known.files):
            self._look_again(path, known, name, now_ns)
        return known

    def _look_again(self, path: Path, directory: _Directory, name: str, now_ns: int) -> None:
        try:
            status = (path / name).lstat()
        except OSError:
            del directory.files[name]
            return
        changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        if now_ns - changed_ns < _FRESH_NS:
            directory.files[name] = (status.st_size, changed_ns)
            return
        del directory.files[name]
        directory.settled_files += 1
        directory.settled_bytes += status.st_size
        directory.settled_newest_ns = max(directory.settled_newest_ns, changed_ns)

    def _tally(self, directories: dict[str, _Directory]) -> Tally:
        found = directories.values()
        files = sum(each.settled_files + len(each.files) for each in found)
        size_bytes = sum(each.settled_bytes + sum(size for size, _ in each.files.values()) for each in found)
        newest_ns = max(
            max(each.settled_newest_ns, *(changed for _, changed in each.files.values()), 0) for each in found
        )
        refused = sorted(name for each in found for name in each.undeliverable)
        return Tally(
            files=files,
            size_bytes=size_bytes,
            undeliverable=len(refused),
            undeliverable_names=tuple(refused[:_MOST_NAMES]),
            # Folders' times do not count: we write into the dataset's folder ourselves.
            newest_ns=newest_ns or directories[""].mtime_ns,
            signature=f"{files}-{size_bytes}-{newest_ns}-{len(directories)}-{len(refused)}",
        )


def _read(path: Path, relative: str, mtime_ns: int, now_ns: int, root: Path, excluded: Collection[str]) -> _Directory:
    found = _Directory(mtime_ns, now_ns, (), {}, 0, 0, 0, [])
    below: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name in excluded:
                continue
            reason = _refusal(entry, root)
            if reason:
                shown = f"{relative}/{entry.name}" if relative else entry.name
                found.undeliverable.append(f"{os.fsencode(shown).decode('utf-8', 'backslashreplace')} ({reason})")
            elif entry.is_dir(follow_symlinks=False):
                below.append(entry.name)
            else:
                _count(found, entry, now_ns)
    found.below = tuple(below)
    return found


def _count(found: _Directory, entry: os.DirEntry[str], now_ns: int) -> None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return  # it vanished while we looked
    if stat.S_ISLNK(status.st_mode):
        return
    changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
    if now_ns - changed_ns < _FRESH_NS:
        found.files[entry.name] = (status.st_size, changed_ns)
        return
    found.settled_files += 1
    found.settled_bytes += status.st_size
    found.settled_newest_ns = max(found.settled_newest_ns, changed_ns)


def _refusal(entry: os.DirEntry[str], root: Path) -> str:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "name is not UTF-8"
    if entry.is_symlink():
        return "" if _stays_inside(Path(entry.path), root) else "link leaves the dataset"
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return ""
    return "special file"


def _stays_inside(link: Path, root: Path) -> bool:
    try:
        return link.resolve(strict=False).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False
