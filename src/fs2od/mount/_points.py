"""What is mounted on this machine, as the kernel lists it: bytes, of which it writes some as octal numbers (proc(5))."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["mounted_in", "points_of"]

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")
_POINT = 4


def mounted_in(path: Path) -> list[Path]:
    """Return what is mounted at an absolute path and below it, the deepest first."""
    found = [each for each in points_of(_MOUNTS.read_bytes()) if each == path or path in each.parents]
    return sorted(found, key=lambda each: len(each.parts), reverse=True)


def points_of(mountinfo: bytes) -> list[Path]:
    """Return the mount points of a list, in its order. Names are what the file system calls them, in whatever encoding."""
    lines = filter(None, mountinfo.split(b"\n"))
    return [Path(os.fsdecode(_OCTAL.sub(_byte, line.split(b" ")[_POINT]))) for line in lines]


def _byte(octal: re.Match[bytes]) -> bytes:
    return bytes([int(octal[1], 8) & 0xFF])
