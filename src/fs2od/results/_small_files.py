"""Small files in folders of other people: whatever was put there in their place, it keeps nobody waiting and fills no memory."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

__all__ = ["open_plain", "read_json"]

_LONGEST_BYTES = 64 << 10


def open_plain(path: str | Path, flags: int = os.O_RDONLY, *, dir_fd: int | None = None) -> int:
    """Return the handle of a plain file; no link is followed, and no pipe waited for.

    Raises:
        OSError: It cannot be opened, or is something else.
    """
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=dir_fd)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "no plain file", str(path))


def read_json(path: str | Path, *, dir_fd: int | None = None) -> object:
    """Return what a plain file of at most 64 KiB says.

    Raises:
        OSError: It cannot be read, is something else, or is larger.
        ValueError: It is no JSON.
    """
    with open(open_plain(path, dir_fd=dir_fd), "rb") as file:
        data = file.read(_LONGEST_BYTES + 1)
    if len(data) > _LONGEST_BYTES:
        raise OSError(errno.EFBIG, "too large", str(path))
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
