"""What can stand in the way of putting files."""

from __future__ import annotations

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError, StorageFull
from fs2od.results._sources import Source

__all__ = ["NameTaken", "NotWritable", "TargetFull", "broken", "too_large"]


class NotWritable(Fs2odError):
    """The token, or every provider of the space, only reads. The message says what to ask for."""

    exit_code = 5


class TargetFull(StorageFull):
    """The space's quota or its disk is full: ask for more room, then run the same command again."""


class NameTaken(Fs2odError):
    """A file of that name with other content is there. It is left as it is, unless it is to be replaced."""

    exit_code = 7


def broken(source: Source) -> IntegrityFailure:
    """Return what is said of a file that did not arrive as it is."""
    return IntegrityFailure(f"{source.path} did not arrive as it was sent, and was removed: run the same command again")


def too_large(source: Source) -> StorageError:
    """Return what is said of a file that its bucket cannot take."""
    size_gib = source.size_bytes / (1 << 30)
    return StorageError(
        f"{source.path} ({size_gib:.1f} GiB) is larger than the service takes into a bucket: split it, or put it into a space that lies on a disk"
    )
