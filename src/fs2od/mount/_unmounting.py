"""How mounts are taken away: fs2od's own and nobody else's, and the very one that was looked at."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fs2od.errors import StorageError
from fs2od.mounted import MountPoint, all_mounted, mounted_in

__all__ = ["unmount", "unmount_own"]

_DETACH = 2  # MNT_DETACH of umount2(2): at once, whoever uses it
_AS_A_USER = ["fusermount3", "-u", "-z"]
_LONGEST_S = 20


def unmount(mountpoint: Path) -> None:
    """Take a mount of fs2od's away, also one whose process is dead, and one that is in use: who uses it gets errors.

    Links on the way are the caller's own, and followed.

    Raises:
        StorageError: It is none of fs2od's, has somebody else's in it, or cannot be taken away.
    """
    try:
        with _reached(mountpoint, ()) as handle:
            if not _is_own_alone(handle):
                raise StorageError(f"{mountpoint} is no mount of fs2od's, or another one is mounted in it: it is left")
            _take_away(handle, mountpoint)
    except OSError as error:
        raise StorageError(f"{mountpoint} cannot be unmounted ({error.strerror})") from error


def unmount_own(folder: Path) -> list[MountPoint]:
    """Take away fs2od's own mounts at an absolute path and below it, and return what is mounted there still, the deepest first.

    No link is followed from the folder's parent on: whoever may rename things in the folder leads nowhere else. What stays
    are everybody else's mounts, own ones that have such a one in them, which would go as well, and own ones in somebody's
    FUSE, whose process might never answer.

    Raises:
        StorageError: One cannot be taken away.
    """
    found = mounted_in(folder)
    known = {each.number: each for each in found}
    for each in found:
        # What is below an own one goes with it, and nobody waits for its process; what is on it, at the same place, goes before it.
        if each.is_own and not any(above.is_fuse and above.path != each.path for above in _above(each, known)):
            _unmount_below(folder.parent, each.path.relative_to(folder.parent).parts)
    return mounted_in(folder)


def _unmount_below(top: Path, names: Sequence[str]) -> None:
    """Take away what is mounted below a folder, if it can be reached through no link and is a mount of fs2od's."""
    try:
        with _reached(top, names) as handle:
            if _is_own_alone(handle):
                _take_away(handle, top.joinpath(*names))
    except OSError:
        return  # somebody has put something else there, and the caller finds what is still mounted


@contextmanager
def _reached(top: Path, names: Sequence[str]) -> Iterator[int]:
    """Yield a handle that only names what stands below a folder; the file system that it is on is not asked, as it might be silent.

    Raises:
        OSError: There is no folder, or a link on the way from the top.
    """
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    handle = os.open(top, flags)
    try:
        for name in names:
            below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _is_own_alone(handle: int) -> bool:
    """Say whether what is open is in a mount of fs2od's in which nobody else's is mounted. While it is open, its number is no other's."""
    number = _mount_of(handle)
    every = all_mounted()
    known = {each.number: each for each in every}
    with_it = [each for each in every if each.number == number or number in {up.number for up in _above(each, known)}]
    return number in known and all(each.is_own for each in with_it)


def _mount_of(handle: int) -> int:
    """Return the number of the mount that an open file is in, of proc(5)."""
    facts = Path(f"/proc/self/fdinfo/{handle}").read_text()
    return next(int(line.split()[1]) for line in facts.splitlines() if line.startswith("mnt_id:"))


def _above(mount: MountPoint, known: Mapping[int, MountPoint]) -> Iterator[MountPoint]:
    """Yield the known mounts that one is in, the nearest first."""
    while (above := known.get(mount.parent)) is not None and above != mount:
        yield above
        mount = above


def _take_away(handle: int, mountpoint: Path) -> None:
    """Take away the mount whose mount point is open.

    Raises:
        StorageError: It cannot be taken away.
    """
    if os.geteuid() == 0:
        # By the handle: at the path might stand a link by now. The kernel's own link in /proc leads to what is open, wherever
        # that was moved, and UMOUNT_NOFOLLOW would refuse it. umount(8) follows links, and no kept binding has this call.
        if ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(f"/proc/self/fd/{handle}"), _DETACH):
            raise StorageError(f"{mountpoint} cannot be unmounted ({os.strerror(ctypes.get_errno())})")
        return
    try:
        done = subprocess.run(  # noqa: S603 - words of ours
            [*_AS_A_USER, "--", str(mountpoint)],
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StorageError(f"{mountpoint} cannot be unmounted: fusermount3 did not run") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise StorageError(f"{mountpoint} cannot be unmounted: {said[-1] if said else 'fusermount3 refused'}")
