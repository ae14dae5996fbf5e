"""One process per folder of state."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fs2od.errors import StateInUse, StorageMissing


@contextmanager
def hold_folder(folder: Path, who: str) -> Iterator[None]:
    """Hold `folder` for this process as long as the block runs; `who` is named to those who come second.

    State lies on a local disk (SQLite needs that, too), where `flock` can be trusted. The kernel lets go at any death.

    Raises:
        StateInUse: Another process holds it.
        StorageMissing: The lock file cannot be made.
    """
    path = folder / f"{who}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageMissing(f"{path} cannot be written ({error.strerror}): check the folder and its rights") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(handle, 32).decode(errors="replace").strip()
            said = f"{folder} is used by another {who}" + (f" (process {holder})" if holder else "")
            raise StateInUse(f"{said}: stop that one first") from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)
