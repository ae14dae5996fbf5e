"""One look at the watched folders: which folders could be datasets. Cheap: no file is opened, no dataset's tree is walked."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import msgspec

from fs2od.answering import SILENT, require_readable
from fs2od.configuration import Watch
from fs2od.errors import StorageMissing
from fs2od.facility.watching._answering import Answers
from fs2od.storage import bounded_ns, generation_of

__all__ = ["Look", "Oddity", "PassedOver", "SeenFile", "SeenFolder", "fits_glob", "look", "look_apart", "require_watchable", "writable"]  # fmt: skip


class SeenFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file as one look found it: enough to notice that it is another one, or another version, or may be read by now."""

    name: str
    size_bytes: int
    mtime_ns: int
    inode: int
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class SeenFolder:
    """A folder that matches a watch. `relative` is its path below `root`, with '/' between the names.

    Of one that is closed to us nothing else is known for sure. `generation` tells a new folder from a removed one whose number
    it got; 0 where the file system does not tell it.
    """

    root: str
    relative: str
    device: int
    inode: int
    metadata_files: tuple[SeenFile, ...]
    running: bool
    is_closed: bool = False
    generation: int = 0

    @property
    def metadata(self) -> SeenFile | None:
        """The metadata file that counts: the first by rank."""
        return self.metadata_files[0] if self.metadata_files else None

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.root, self.relative)

    @property
    def shown(self) -> str:
        """Its relative path as it can be written down: what is not UTF-8 is escaped."""
        return writable(self.relative)

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it one dataset: root and relative path."""
        return self.root, self.shown

    @property
    def fingerprint(self) -> str:
        """Differs whenever one of its metadata files is another one, or another version."""
        return ";".join(f"{file.name}:{file.size_bytes}:{file.mtime_ns}:{file.inode}" for file in self.metadata_files)


class Oddity(StrEnum):
    """Why something that lies in a watched folder is passed over."""

    CLOSED = "closed"
    """A folder that may not be read or entered."""
    LINKED = "linked"
    """A link to a folder that holds a metadata file: a link may lead anywhere, out of the tree or back into it."""
    LINKED_FILE = "linked file"
    """A metadata file that is a link, in a dataset's folder."""
    MISPLACED = "misplaced"
    """A metadata file above the folders of datasets."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Something that seems to be meant as a dataset and is not taken up. `relative` can be written down."""

    root: str
    relative: str
    oddity: Oddity

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.root, self.relative)


@dataclass(frozen=True)
class Look:
    """What one look found. Roots in `missing` could not be read, and nothing may be concluded about what lies there."""

    folders: tuple[SeenFolder, ...]
    missing: dict[str, str]
    passed_over: tuple[PassedOver, ...] = ()


def look(watches: Iterable[Watch]) -> Look:
    """Look at every watched folder once."""
    return _looked([_walked(watch) for watch in watches])


async def look_apart(watches: Iterable[Watch], answers: Answers, *, away: Collection[Path] = ()) -> Look:
    """Look at every watched folder once, at all of them at the same time; none waits for one that does not answer.

    Args:
        watches: The watched folders.
        answers: What is known of those that do not answer.
        away: Of whom it is said that they do not answer, whether they do by now or not.
    """

    async def walked(watch: Watch) -> _Walk:
        if watch.path in away:
            return _Walk(watch, str(watch.path), problem=SILENT)
        try:
            return await answers.of(watch.path, partial(_walked, watch))
        except TimeoutError:
            return _Walk(watch, str(watch.path), problem=SILENT)

    return _looked(await asyncio.gather(*map(walked, watches)))


def _walked(watch: Watch) -> _Walk:
    walk = _Walk(watch, str(watch.path))
    try:
        walk.found.extend(walk.folders())
    except OSError as error:
        walk.problem = error.strerror or str(error)
    return walk


def _looked(walks: Sequence[_Walk]) -> Look:
    found: dict[str, SeenFolder] = {}
    missing = {walk.root: walk.problem for walk in walks if walk.problem}
    for folder in (folder for walk in walks for folder in walk.found):
        # The first watch that matches a folder decides.
        found.setdefault(f"{folder.root}/{folder.relative}", folder)
    return Look(
        tuple(folder for folder in found.values() if folder.root not in missing),
        missing,
        tuple(_passed_over(walks, found, missing)),
    )


def _passed_over(
    walks: Sequence[_Walk], found: Mapping[str, SeenFolder], missing: Collection[str]
) -> Iterator[PassedOver]:
    # What a link leads to may be watched by its own name, and a folder above datasets may be one itself for another watch.
    inside = {(folder.device, folder.inode) for folder in found.values()}.union(*(walk.walked for walk in walks))
    datasets = {str(folder.path) for folder in found.values()}
    for walk in walks:
        if walk.root in missing:
            continue
        for each in walk.oddities:
            is_dataset = each.oddity is Oddity.MISPLACED and str(each.path.parent) in datasets
            if not is_dataset and walk.links.get(each.relative) not in inside:
                yield each


def require_watchable(watches: Iterable[Watch]) -> None:
    """Make sure that every watched folder is there, answers and may be read. Blocks for some seconds where one does not answer.

    Raises:
        StorageMissing: One is not.
    """
    for watch in watches:
        try:
            require_readable(watch.path)
        except OSError as error:
            said = f"the watched folder {watch.path} cannot be read ({error.strerror})"
            raise StorageMissing(f"{said}: create it, mount it or correct 'watch.path'") from error


def fits_glob(relative: str, glob: str) -> bool:
    """Say whether a watch with a glob would see a folder of a relative path; pure."""
    names, levels = relative.split("/"), glob.split("/")
    return len(names) == len(levels) and all(map(_fits, names, levels))


def writable(relative: str) -> str:
    """Return a path as it can be written down: what is not UTF-8 is escaped; pure."""
    return relative if relative.isascii() else os.fsencode(relative).decode("utf-8", "backslashreplace")


@dataclass
class _Walk:
    """One look at one watched folder, down to the folders that its glob matches."""

    watch: Watch
    root: str
    problem: str = ""
    """Why it could not be read."""
    found: list[SeenFolder] = field(default_factory=list)
    oddities: list[PassedOver] = field(default_factory=list)
    walked: set[tuple[int, int]] = field(default_factory=set)
    """The folders above those of datasets."""
    links: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of links that are passed over: what they lead to."""

    def folders(self) -> Iterator[SeenFolder]:
        """Yield the folders that match.

        Raises:
            OSError: The watched folder cannot be read.
        """
        for relative in self._matches("", self.watch.glob.split("/")):
            folder = self._seen(relative)
            if folder is not None:
                yield folder

    def _matches(self, relative: str, levels: list[str]) -> Iterator[str]:
        level, *deeper = levels
        for entry in self._entries(relative):
            below = f"{relative}/{entry.name}" if relative else entry.name
            if entry.is_symlink():
                if _fits(entry.name, level):
                    self._note_link(below, is_last=not deeper)
            elif not entry.is_dir(follow_symlinks=False):
                if entry.name in self.watch.metadata_files:
                    self._pass_over(below, Oddity.MISPLACED)
            elif not _fits(entry.name, level):
                continue
            elif deeper:
                yield from self._matches(below, deeper)
            else:
                yield below

    def _entries(self, relative: str) -> list[os.DirEntry[str]]:
        try:
            # Below it, not at it: what may be read and not entered tells names and nothing else.
            facts = os.stat(f"{self._path(relative)}/.")  # noqa: PTH116 - a Path drops the point
            self.walked.add((facts.st_dev, facts.st_ino))
            with os.scandir(self._path(relative)) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except PermissionError:
            if not relative:
                raise
            self._pass_over(relative, Oddity.CLOSED)
        except OSError:
            if not relative:
                raise
        return []  # it vanished: what we know of it is then reported as gone

    def _seen(self, relative: str) -> SeenFolder | None:
        path = self._path(relative)
        try:
            status = os.lstat(path)
        except OSError:
            return None
        return SeenFolder(
            root=self.root,
            relative=relative,
            device=status.st_dev,
            inode=status.st_ino,
            metadata_files=tuple(filter(None, (self._file(relative, name) for name in self.watch.metadata_files))),
            running=os.path.lexists(f"{path}/{self.watch.running_file}"),
            is_closed=not _may(path, os.R_OK | os.X_OK),
            generation=generation_of(path, status),
        )

    def _file(self, relative: str, name: str) -> SeenFile | None:
        path = f"{self._path(relative)}/{name}"
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            if stat.S_ISLNK(status.st_mode):
                self._pass_over(f"{relative}/{name}", Oddity.LINKED_FILE)
            return None
        is_readable = _may(path, os.R_OK)
        return SeenFile(name, status.st_size, bounded_ns(status.st_mtime_ns), status.st_ino, is_readable)

    def _note_link(self, relative: str, *, is_last: bool) -> None:
        """Pass over a link to a folder, unless nothing there looks like a dataset."""
        path = self._path(relative)
        try:
            facts = Path(path).stat()
        except OSError:
            return
        if not stat.S_ISDIR(facts.st_mode):
            return
        if not is_last or any(os.path.lexists(f"{path}/{name}") for name in self.watch.metadata_files):
            self.links[writable(relative)] = (facts.st_dev, facts.st_ino)
            self._pass_over(relative, Oddity.LINKED)

    def _pass_over(self, relative: str, oddity: Oddity) -> None:
        self.oddities.append(PassedOver(self.root, writable(relative), oddity))

    def _path(self, relative: str) -> str:
        return f"{self.root}/{relative}"


def _fits(name: str, level: str) -> bool:
    return fnmatchcase(name, level) and (not name.startswith(".") or level.startswith("."))


def _may(path: str, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)
