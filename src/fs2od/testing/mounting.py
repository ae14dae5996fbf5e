"""Mounts as people run them: the command, a folder, and its end."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fs2od.mount import mounted_in, unmount
from fs2od.testing.small_disks import may_mount

__all__ = ["Mounted", "mounted", "unanswered"]

_LONGEST_S = 60.0


class Mounted:
    """`fs2od mount` as people run it, in the foreground of a process of its own. Its home is `folder`, the mount `point` in it."""

    def __init__(self, place: str, folder: Path, ca: Path, *more: str) -> None:
        self.point = folder / "mnt"
        self.cache = folder / "cache"
        words = [sys.executable, "-m", "fs2od", "mount", place, str(self.point), "--ca", str(ca), *more]
        words += [] if "--no-cache" in more or "--cache" in more else ["--cache", str(self.cache)]
        self.environment = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
        self.environment["HOME"] = str(folder)
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=self.environment)
        assert self.process.stderr is not None
        self._err = self.process.stderr
        self.said_before = ""
        self.said_after = ""

    def wait(self) -> None:
        """Return once it is mounted.

        Raises:
            AssertionError: It says something else and ends.
        """
        while "end it with Ctrl-C" not in (line := self._err.readline()):
            self.said_before += line
            assert line, self.said_before

    def end(self) -> int:
        """End it, unless it has ended, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if not self._err.closed:
            _, self.said_after = self.process.communicate(timeout=_LONGEST_S)
        return self.process.returncode

    def close(self) -> None:
        """End it at once."""
        self.process.kill()
        if not self._err.closed:
            self.process.communicate(timeout=_LONGEST_S)


@contextmanager
def mounted(place: str, folder: Path, ca: Path, *more: str) -> Iterator[Mounted]:
    """Yield a mount of a place in a new or known home; it is taken away afterwards."""
    folder.mkdir(exist_ok=True)
    found = Mounted(place, folder, ca, *more)
    try:
        found.wait()
        yield found
    except Exception as error:
        # Programs are told a number only; the mount says why.
        with suppress(subprocess.TimeoutExpired):
            found.end()
        error.add_note(f"the mount said: {found.said_after}")
        raise
    finally:
        try:
            found.end()
        finally:
            found.close()
            if _is_mount(found.point):
                unmount(found.point)


@contextmanager
def unanswered(point: Path, kind: str = "fuse.fs2od") -> Iterator[Path]:
    """Yield a mount point, made where it is missing, of a FUSE of some kind for which no process ever answers; users without the right skip the test.

    It may be taken away meanwhile, or moved with what it is in.
    """
    if not may_mount():
        pytest.skip("only root can mount what nobody answers for")
    with suppress(FileExistsError):  # with no question to what may be mounted there already
        point.mkdir(parents=True)
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        told = f"fd={device},rootmode=40000,user_id=0,group_id=0"
        words = ["/usr/bin/mount", "-i", "-t", kind, "-o", told, f"{point.name}-of-{os.getpid()}", str(point)]
        subprocess.run(words, pass_fds=[device], check=True)
        yield point
    finally:
        os.close(device)  # from now on it is a dead one
        for each in mounted_in(point):  # not where a link stands by now
            subprocess.run(["/usr/bin/umount", "-l", str(each.path)], check=True)


def _is_mount(point: Path) -> bool:
    """Say whether something is mounted there, also if its process is dead."""
    try:
        os.lstat(point)
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return point.is_mount()
