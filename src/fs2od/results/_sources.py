"""What is to be put: files of this machine, each with its place below the target."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fs2od.errors import ConfigurationError, StorageError
from fs2od.manifests import MANIFEST, MIRROR_STATE, SEAL, SIDECAR
from fs2od.results._marks import is_mark

__all__ = ["LeftOut", "Source", "Sources", "gather"]


_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@dataclass(frozen=True, slots=True)
class Source:
    """A file, the path that it gets below the target, and what it was when it was looked at."""

    file: Path
    path: str
    size_bytes: int
    mtime_ns: int
    inode: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not put, and why. `by_rule`: nothing went wrong, such things are never put."""

    file: str
    reason: str
    by_rule: bool = False


@dataclass(frozen=True)
class Sources:
    """Everything that was named: files in the order of their paths, the folders that they need, and what is left out."""

    files: tuple[Source, ...]
    folders: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(source.size_bytes for source in self.files)

    def unlike(self, others: Sources) -> list[str]:
        """Return what is not among others as it is here: the paths of files, and what is left out."""
        files = {source.path for source in set(self.files) - set(others.files)}
        return sorted(files | {each.file for each in set(self.left_out) - set(others.left_out)})


def gather(named: Iterable[Path], *, nameless: bool = False) -> Sources:
    """Return what files and folders hold. Links to files are followed; links to folders are not, but for those that are named.

    Neither is what a dataset brought along that was mirrored there, its sidecar and the mirror's state: among results they would promise
    files that are not there.

    Args:
        named: The files and folders.
        nameless: Whether what is in the folders is meant, and not they themselves: else a folder keeps its name.

    Raises:
        StorageError: One of them is not there or may not be read.
        ConfigurationError: Two files would have the same place.
    """
    walk = _Walk()
    for path in named:
        walk.take(path, nameless=nameless)
    return walk.sources()


class _Walk:
    def __init__(self) -> None:
        self._files: dict[str, Source] = {}
        self._folders: set[str] = set()
        self._left_out: list[LeftOut] = []

    def take(self, named: Path, *, nameless: bool) -> None:
        absolute = Path(os.path.abspath(named))  # noqa: PTH100  # resolve() would follow links
        name = "" if str(named) in (".", "./") else absolute.name
        try:
            facts = named.stat()
        except OSError as error:
            raise StorageError(f"{named} cannot be read ({error.strerror})") from error
        if stat.S_ISDIR(facts.st_mode):
            self._folder(absolute, "" if nameless else name)
        else:
            self._file(absolute, name, facts)

    def sources(self) -> Sources:
        files = tuple(self._files[path] for path in sorted(self._files))
        return Sources(files, tuple(sorted(self._folders)), tuple(sorted(self._left_out, key=lambda each: each.file)))

    def _folder(self, top: Path, path: str) -> None:
        if path and not self._is_named(top, path):
            return
        waiting = [(top, path)]
        while waiting:
            folder, path = waiting.pop()
            if path:
                self._folders.add(path)
            for entry in self._entries(folder):
                below = f"{path}/{entry.name}" if path else entry.name
                if is_mark(entry.name):
                    continue
                if not self._is_named(Path(entry.path), below):
                    continue
                own = _not_of_these_results(entry)
                if own:
                    self._left_out.append(LeftOut(entry.path, own, by_rule=True))
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), below))
                else:
                    self._entry(entry, below)

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                yield from entries
        except OSError as error:
            self._left_out.append(LeftOut(str(folder), f"cannot be read ({error.strerror})"))

    def _entry(self, entry: os.DirEntry[str], path: str) -> None:
        try:
            facts = entry.stat()
        except OSError as error:
            # Nothing of it can be put, today or later: jobs leave such links behind, and their folders would be kept for ever.
            leads_nowhere = entry.is_symlink() and error.errno in _NOWHERE
            reason = "a link that leads nowhere" if leads_nowhere else f"cannot be read ({error.strerror})"
            self._left_out.append(LeftOut(entry.path, reason, by_rule=leads_nowhere))
            return
        if stat.S_ISDIR(facts.st_mode):
            self._left_out.append(LeftOut(entry.path, "a link to a folder", by_rule=True))
        else:
            self._file(Path(entry.path), path, facts)

    def _file(self, file: Path, path: str, facts: os.stat_result) -> None:
        if not stat.S_ISREG(facts.st_mode):
            self._left_out.append(LeftOut(str(file), "no plain file"))
            return
        if not self._is_named(file, path):
            return
        if path in self._files and self._files[path].file != file:
            raise ConfigurationError(f"{self._files[path].file} and {file} would both become {path}: put them in turn")
        self._files[path] = Source(file, path, facts.st_size, facts.st_mtime_ns, facts.st_ino)

    def _is_named(self, file: Path, path: str) -> bool:
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(file).decode(errors="backslashreplace")
            self._left_out.append(LeftOut(shown, "its name is not UTF-8"))
            return False
        return True


def _not_of_these_results(entry: os.DirEntry[str]) -> str:
    """Return what a folder is that came with a dataset and is no result of anybody; "" for all else."""
    folder = Path(entry.path)
    if entry.name == SIDECAR and ((folder / MANIFEST).is_dir() or (folder / SEAL).is_file()):
        return "the checksums of the dataset that was brought here, which say nothing of results"
    if entry.name == MIRROR_STATE and entry.is_dir(follow_symlinks=False):
        return "what fs2od mirror keeps of its own"
    return ""
