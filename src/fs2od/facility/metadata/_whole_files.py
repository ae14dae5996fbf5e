"""Replacing a small file whole or not at all, without a partial one ever lying where it would be imported."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fs2od.errors import Fs2odError, StorageError, StorageFull

__all__ = ["NotWritable", "replace_whole", "storage_error"]

_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_ELSEWHERE = _NOT_ALLOWED | {errno.EXDEV}


class NotWritable(Fs2odError):
    """The folder may not be written to: the information stays in the facility's database."""


def replace_whole(
    path: Path, content: bytes, *, prepare: Callable[[int], None], still_right: Callable[[], bool] = lambda: True
) -> bool:
    """Put `content` at `path` by one rename; `False`: `still_right` said no at the last moment, nothing was changed.

    Args:
        path: The file's final name.
        content: All of it.
        prepare: Sets mode and owner of the open partial file.
        still_right: Asked just before the rename.

    Raises:
        NotWritable: The folder may not be written to.
        StorageFull: No space left.
        StorageError: Anything else that the file system refused.
    """
    # The folder above is no part of the dataset, so nobody imports what lies there.
    for folder in (path.parent.parent, path.parent):
        partial = folder / f".{path.name}.{secrets.token_hex(4)}.partial"
        try:
            return _replace(partial, path, content, prepare, still_right)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            if error.errno not in _ELSEWHERE or folder == path.parent:
                raise storage_error(path, error) from error
    raise AssertionError("unreachable: the second folder either worked or raised")


def storage_error(path: Path, error: OSError) -> Fs2odError:
    """Return the error of ours that says what the file system refused."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"no space left for {path}")
    if error.errno in _NOT_ALLOWED:
        return NotWritable(f"{path.parent} may not be written to ({error.strerror})")
    return StorageError(f"{path} cannot be written ({error.strerror})")


def _replace(
    partial: Path, path: Path, content: bytes, prepare: Callable[[int], None], still_right: Callable[[], bool]
) -> bool:
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor with its mode set at creation
        prepare(descriptor)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    if not still_right():
        partial.unlink()
        return False
    partial.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
