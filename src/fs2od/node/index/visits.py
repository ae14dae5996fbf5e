"""What a scan carries from listing to registering: its rules, its counts, and one directory at a time."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace

from fs2od.manifests import resembles
from fs2od.storage import NO_FILES, Files, Kind, Seen

__all__ = ["Batch", "Counts", "FolderState", "ScanRules", "Stamp", "Visit"]

_OTHERS = 0o007

Stamp = tuple[int, int, int]
"""What changes with a directory's list of names: mtime_ns, ctime_ns and inode."""


@dataclass(frozen=True)
class ScanRules:
    """How a scan behaves. Modes are what entries are registered with: the files' own modes never count.

    Files of the `closed_names`, wherever they lie, are registered without any right for others: no public link shows them. So are
    what editors and people leave beside them (`SPA.yml~`, `.SPA.yml.swp`, `old-spa.yml.bak`): files whose name has such a name in it.

    `quiet_s` is how long nothing new must have been seen in a directory before scans pass over it while its times stand,
    `trust_s` how long they do so at most before they look again. A file that grows where it lies moves no time of its directory.
    """

    file_mode: int
    directory_mode: int
    excluded_names: frozenset[str]
    closed_names: frozenset[str] = frozenset()
    max_depth: int = 65535
    detect_modifications: bool = True
    detect_deletions: bool = True
    quiet_s: int = 60
    trust_s: int = 900

    def thorough(self) -> ScanRules:
        """Return the same rules for a scan that passes over nothing."""
        return replace(self, trust_s=0)

    def mode_of(self, seen: Seen) -> int:
        """Return the mode that an entry is registered with."""
        if seen.kind is Kind.DIRECTORY:
            return self.directory_mode
        return self.file_mode & ~_OTHERS if resembles(seen.name, self.closed_names) else self.file_mode


@dataclass
class Counts:
    """What a scan has done so far."""

    created: int = 0
    modified: int = 0
    deleted: int = 0
    unmodified: int = 0
    failed: int = 0


@dataclass(frozen=True)
class FolderState:
    """What earlier scans remember of a directory. Times of ours are seconds since 1970; 0 means never."""

    stamp: Stamp = (0, 0, 0)
    listed_s: int = 0
    changed_s: int = 0


@dataclass
class Visit:
    """One directory in one scan.

    `fresh` says that nothing in it was registered before, `registered` counts what is by now, `deeper` says that there are directories in it, `seen` holds the rows that were found again, and `changed`
    says that something in it was new, different or gone, or may be readable tomorrow.
    """

    row: int
    parent: int | None
    name: str
    path: str
    depth: int
    state: FolderState
    fresh: bool
    stamp: Stamp = (0, 0, 0)
    listed_s: int = 0
    changed: bool = False
    registered: int = 0
    deeper: bool = False
    seen: array[int] = field(default_factory=lambda: array("q"))


@dataclass(frozen=True)
class Batch:
    """Some entries of a visited directory, or all, and what of it cannot be delivered, with the reasons."""

    visit: Visit
    entries: list[Seen] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    files: Files = NO_FILES
    is_all: bool = False

    @property
    def count(self) -> int:
        """How many entries there are."""
        return len(self.entries) + len(self.files.names)

    def all_entries(self) -> list[Seen]:
        """Return the entries one by one."""
        return [*self.entries, *self.files.seen()]
