"""What is mounted on this machine, as the kernel lists it: bytes, of which it writes some as octal numbers (proc(5))."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MountPoint", "all_mounted", "mounted_in", "mounted_over", "points_of"]

_OWN_KIND = "fuse.fs2od"
"""What the kernel calls fs2od's mounts: `fuse`, and the subtype that `_kernel` mounts them with."""
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True)
class MountPoint:
    """Something that is mounted.

    Attributes:
        number: What tells it from all others that are mounted.
        parent: The number of the mount in which, or on which, it is.
        path: Where.
        kind: The type of its file system, as the kernel calls it.
    """

    number: int
    parent: int
    path: Path
    kind: str

    @property
    def is_own(self) -> bool:
        """Whether it is a mount of fs2od's."""
        return self.kind == _OWN_KIND

    @property
    def is_fuse(self) -> bool:
        """Whether a process answers for it, which may be anybody's and silent."""
        return self.kind == "fuse" or self.kind.startswith("fuse.")


def mounted_in(path: Path) -> list[MountPoint]:
    """Return what is mounted at an absolute path and below it, the deepest first."""
    found = [each for each in all_mounted() if each.path == path or path in each.path.parents]
    return sorted(found, key=lambda each: len(each.path.parts), reverse=True)


def mounted_over(path: Path) -> frozenset[int]:
    """Return the numbers of what is mounted at an absolute path and on the way to it, as it is written; none where the system does not say.

    No file system is asked. What is unmounted lazily keeps its number as long as somebody waits in it.
    """
    with contextlib.suppress(FileNotFoundError):
        return frozenset(each.number for each in all_mounted() if each.path == path or each.path in path.parents)
    return frozenset()


def all_mounted() -> list[MountPoint]:
    """Return everything that is mounted, as this process sees it."""
    return list(points_of(_MOUNTS.read_bytes()))


def points_of(mountinfo: bytes) -> Iterator[MountPoint]:
    """Yield the mounts of a list, in its order. Names are what the file system calls them, in whatever encoding."""
    for line in filter(None, mountinfo.split(b"\n")):
        number, parent, _, _, point, *more = line.split(b" ")
        # Between the options and the type stand as many tags as there are, and a dash.
        kind = more[more.index(b"-") + 1]
        yield MountPoint(int(number), int(parent), Path(_text(point)), _text(kind))


def _text(written: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(_byte, written))


def _byte(octal: re.Match[bytes]) -> bytes:
    return bytes([int(octal[1], 8) & 0xFF])
