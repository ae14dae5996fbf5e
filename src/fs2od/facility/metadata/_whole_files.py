"""Replacing a small file whole or not at all, without a partial one ever lying where it would be imported."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fs2od.errors import Fs2odError, StorageError, StorageFull

__all__ = ["NEVER_IMPORTED_FILE", "NotWritable", "replace_whole", "storage_error"]

NEVER_IMPORTED_FILE = ".fs2od"
"""What nobody imports by this name, wherever it lies."""

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
    for partial in _partials(path):
        try:
            # What a death left behind may hold a token.
            partial.unlink(missing_ok=True)
            return _replace(partial, path, content, prepare, still_right)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            if error.errno not in _ELSEWHERE or partial.parent == path.parent:
                raise storage_error(path, error) from error
    raise AssertionError("unreachable: the second folder either worked or raised")


def _partials(path: Path) -> tuple[Path, Path]:
    """Return where the content may lie until it is whole: never where it would be imported.

    The folder above is no part of the dataset; in the dataset itself, there is a name that is imported nowhere. Both are the
    same each time, so that the next write finds what a death left.
    """
    mark = hashlib.blake2s(os.fsencode(path), digest_size=8).hexdigest()
    return path.parent.parent / f".fs2od-{mark}.partial", path.parent / NEVER_IMPORTED_FILE


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
