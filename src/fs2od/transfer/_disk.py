"""What the system says about the disk, in our words, and the calls that not every system has."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Final, Iterator

from fs2od.errors import StorageError, StorageFull, StorageRefused

__all__ = [
    "EXISTING_FILE",
    "FLAGS",
    "NEW_FILE",
    "NS",
    "datasync",
    "is_own_file",
    "read_at",
    "storage_error",
    "sync",
    "told",
    "write_at",
]

FLAGS: Final = {
    name: int(getattr(os, name, 0)) for name in ("O_BINARY", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK")
}
"""What not every system has; 0 where it is missing."""
EXISTING_FILE: Final = os.O_RDONLY | FLAGS["O_NONBLOCK"] | FLAGS["O_BINARY"]
"""Opens a file; a pipe does not keep us waiting."""
NEW_FILE: Final = os.O_RDWR | os.O_CREAT | FLAGS["O_NONBLOCK"] | FLAGS["O_BINARY"]
"""Opens a file or makes it."""
NS: Final = 1_000_000_000
_KINDS: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), StorageFull),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), StorageRefused),
}
_NO_FOLDER: Final = "a symbolic link or a file stands where a folder is needed"
_SAID: Final = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the quota on the disk is used up",
    errno.EFBIG: "it is larger than files may be here (a limit of the disk or of this account)",
    errno.ELOOP: _NO_FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
}


@contextlib.contextmanager
def told(where: Path | None = None, *, missing: bool = False) -> Iterator[None]:
    """Turn what the system says into an error of ours; `where` is for errors that no file or folder of the share stands for.

    With `missing`, FileNotFoundError passes as it is.
    """
    try:
        yield
    except OSError as error:
        if missing and isinstance(error, FileNotFoundError):
            raise
        raise storage_error(error, where) from error


def storage_error(error: OSError, where: Path | None = None) -> StorageError:
    """Return what the system says as an error of ours; see `told`, which costs more than some calls of the system."""
    prefix = f"{where}: " if where else ""
    kind = _KINDS.get(error.errno or 0, StorageError)
    return kind(prefix + _SAID.get(error.errno or 0, f"the disk says: {error.strerror}"))


def write_at(handle: int, data: memoryview, offset: int) -> None:
    """Write all of `data` from `offset` on."""
    pwrite = getattr(os, "pwrite", None) or _pwrite
    while data:
        written = pwrite(handle, data, offset)
        offset += written
        data = data[written:]


def read_at(handle: int, count: int, offset: int) -> bytes:
    """Return up to `count` bytes from `offset` on; none at the end."""
    data: bytes = (getattr(os, "pread", None) or _pread)(handle, count, offset)
    return data


# Windows has neither: there, the place and the bytes are two calls that nobody may come between.
_moving: Final = threading.Lock()


def _pwrite(handle: int, data: memoryview, offset: int) -> int:
    with _moving:
        os.lseek(handle, offset, os.SEEK_SET)
        return os.write(handle, data)


def _pread(handle: int, count: int, offset: int) -> bytes:
    with _moving:
        os.lseek(handle, offset, os.SEEK_SET)
        return os.read(handle, count)


def datasync(handle: int) -> None:
    """Wait until a file's bytes are safe against a power cut."""
    getattr(os, "fdatasync", os.fsync)(handle)


def sync(folder: int | None) -> None:
    """Write back the file system of a folder; where the system knows only all of them, all."""
    if folder is not None and sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError, ImportError):
            # Small builds of Python come without it.
            import ctypes  # noqa: PLC0415 - and it is wanted once a run

            syncfs = ctypes.CDLL(None, use_errno=True).syncfs
            if syncfs(folder) == 0:
                return
            code = ctypes.get_errno()
            if code not in {errno.ENOSYS, errno.EINVAL}:
                raise StorageError(f"the disk says: {os.strerror(code)}")
    everywhere = getattr(os, "sync", None)
    if everywhere is not None:
        everywhere()


def is_own_file(handle: int) -> bool:
    """Say whether an open file is a plain one with a single name, so that writing to it changes nothing else."""
    facts = os.fstat(handle)
    return stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1
