"""A file system in memory that is soon full, for tests of full disks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["may_mount", "resized", "small_disk"]


def may_mount() -> bool:
    """Say whether this user may mount file systems: only root may."""
    return os.geteuid() == 0


@contextmanager
def small_disk(place: Path, *, size_mb: int, options: str = "") -> Iterator[Path]:
    """Yield a folder that is made at `place`, a file system of its own of so many MB; users without the right skip the test."""
    if not may_mount():
        pytest.skip("only root can mount a small disk")
    place.mkdir()
    told = f"size={size_mb}m{options and ','}{options}"
    subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", told, "fs2od-test", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["/usr/bin/umount", "-l", str(place)], check=True)


def resized(disk: Path, *, size_mb: int) -> None:
    """Give a small disk another size."""
    subprocess.run(["/usr/bin/mount", "-o", f"remount,size={size_mb}m", str(disk)], check=True)
