"""A folder of a file server that is away: whoever looks into it waits, and nothing but its return ends that."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path

import pyfuse3

from fs2od.mounted import mounted_in
from fs2od.testing.fuse_serving import serve

__all__ = ["silent_folder"]

_FORKS = multiprocessing.get_context("forkserver")


@contextmanager
def silent_folder(folder: Path) -> Iterator[Callable[[], None]]:
    """Let a folder say nothing as long as the block runs; yield what unmounts it before, and lets those wait who wait in it."""
    mounted = _FORKS.Event()
    process = _FORKS.Process(target=_serve, args=(str(folder), mounted))
    process.start()
    try:
        assert mounted.wait(30)
        os.kill(process.pid or 0, signal.SIGSTOP)
        yield partial(_unmount, folder)
    finally:
        process.kill()
        process.join(30)
        if mounted_in(folder):
            _unmount(folder)


def _unmount(folder: Path) -> None:
    subprocess.run(["fusermount3", "-uz", str(folder)], check=True, timeout=30)  # noqa: S607 - wherever it is


class _Nothing(pyfuse3.Operations):
    """A folder with nothing in it, of which the kernel remembers nothing."""

    async def getattr(self, inode: int, _: object = None) -> pyfuse3.EntryAttributes:
        found = pyfuse3.EntryAttributes()
        found.st_ino, found.st_mode, found.st_nlink = inode, stat.S_IFDIR | 0o755, 2
        found.st_uid, found.st_gid = os.getuid(), os.getgid()
        found.attr_timeout = found.entry_timeout = 0
        return found


def _serve(folder: str, mounted: Event) -> None:
    serve(_Nothing(), folder, {*pyfuse3.default_options} - {"default_permissions"}, mounted)
