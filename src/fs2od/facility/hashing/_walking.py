"""All files of a dataset that a manifest may list, folder by folder: however many there are, only a few are in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from fs2od.errors import StorageError, StorageMissing
from fs2od.facility.metadata import NEVER_IMPORTED
from fs2od.manifests import MOST_FILE_BYTES, is_listable, resembles
from fs2od.storage import Kind, Seen, Storage

__all__ = ["Version", "Walk", "version_of"]

Version = tuple[int, int, int, int]
"""Inode, size, time of change and time of status change: differs whenever a file is another one or another version.

Not the device: a file system that is mounted anew has another number, and nothing below it has changed.
"""


def version_of(seen: Seen) -> Version:
    """Return the version of a file as a listing shows it."""
    return seen.inode, seen.size_bytes, seen.mtime_ns, seen.ctime_ns


@dataclass
class Walk:
    """One walk through a dataset. `unread` counts what may not be read, and `unread_name` is the first of it."""

    storage: Storage
    excluded: Collection[str]
    """Names in the dataset's root that are not its data."""
    closed: AbstractSet[str] = frozenset()
    """Names of files that links do not show, wherever they lie, nor copies that have them in their names."""
    unread: int = 0
    unread_name: str = ""
    _pending: list[str] = field(default_factory=lambda: [""])

    def files(self) -> Iterator[tuple[str, Seen]]:
        """Yield path and facts of each file. What vanishes meanwhile is left out.

        Raises:
            StorageMissing: The dataset's folder is not there.
        """
        while self._pending:
            folder = self._pending.pop()
            try:
                for seen in self.storage.list(folder):
                    path = f"{folder}/{seen.name}" if folder else seen.name
                    if self._is_data(folder, seen) and self._may_be_read(path, seen):
                        yield path, seen
            except FileNotFoundError:
                continue
            except StorageMissing:
                raise
            except StorageError:
                self.note_unread(folder)

    def note_unread(self, path: str) -> None:
        """Count something that may not be read."""
        self.unread += 1
        self.unread_name = self.unread_name or path

    def leaves_out(self, path: str) -> bool:
        """Say whether a file is none of the dataset's data by its name; pure."""
        names = path.split("/")
        is_ours = names[0] in self.excluded or not NEVER_IMPORTED.isdisjoint(names)
        return is_ours or resembles(names[-1], self.closed)

    def _is_data(self, folder: str, seen: Seen) -> bool:
        if seen.name in NEVER_IMPORTED or (not folder and seen.name in self.excluded):
            return False
        if seen.kind is Kind.DIRECTORY and seen.refused is None:
            self._pending.append(f"{folder}/{seen.name}" if folder else seen.name)
        return seen.kind is Kind.FILE and seen.size_bytes <= MOST_FILE_BYTES and not resembles(seen.name, self.closed)

    def _may_be_read(self, path: str, seen: Seen) -> bool:
        if seen.refused is None:
            return is_listable(path)
        # A name that is not UTF-8 is shown with its bytes written out; such a file is delivered nowhere.
        if "read" in seen.refused:
            self.note_unread(path)
        return False
