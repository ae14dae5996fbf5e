"""What programs are told of what went wrong."""

from __future__ import annotations

import errno

from fs2od.errors import Fs2odError, StorageFull
from fs2od.onedata import errors
from fs2od.transfer import Forbidden, NotFound

__all__ = ["errno_of"]


_REJECTED = {"badValueFilePath": errno.EINVAL, "quotaExceeded": errno.EDQUOT}
_KINDS: tuple[tuple[tuple[type[Fs2odError], ...], int], ...] = (
    ((NotFound, errors.NotFound), errno.ENOENT),
    ((Forbidden, errors.Forbidden, errors.Unauthorized), errno.EACCES),
    ((StorageFull,), errno.ENOSPC),
)


def errno_of(error: Fs2odError) -> int:
    """Return what programs are told of an error."""
    if isinstance(error, errors.PosixError):
        return getattr(errno, error.errno.upper(), errno.EIO)
    if isinstance(error, errors.Rejected):
        return _REJECTED.get(error.error_id, errno.EIO)
    return next((number for kinds, number in _KINDS if isinstance(error, kinds)), errno.EIO)
