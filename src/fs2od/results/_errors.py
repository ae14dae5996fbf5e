"""What can stand in the way of putting files."""

from __future__ import annotations

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError, StorageFull
from fs2od.onedata.errors import PosixError, ServiceError
from fs2od.results._sources import Source

__all__ = ["NameTaken", "NotTaken", "NotWritable", "TargetFull", "broken", "is_of_one_file", "not_taken", "too_large"]

# What a service says of one file alone, whatever comes of the others.
_SENTENCES = {
    "eacces": "you may not write there: ask the space's managers for the right to",
    "eexist": "something else has its name",
    "efbig": "it is larger than the service takes",
    "eisdir": "a folder has its name",
    "enametoolong": "its name is too long there: 255 bytes are the most, and in a bucket 1,024 with the folders above it",
    "enotdir": "a file stands where a folder of it would have to be",
    "eperm": "that name is kept for the service's own: give it another one",
    "einval": "no file can have that name there: give it another one",
}


class NotWritable(Fs2odError):
    """The token, or every provider of the space, only reads. The message says what to ask for."""

    exit_code = 5


class TargetFull(StorageFull):
    """The space's quota or its disk is full: ask for more room, then run the same command again."""


class NameTaken(Fs2odError):
    """A file of that name with other content is there. It is left as it is, unless it is to be replaced."""

    exit_code = 7


class NotTaken(Fs2odError):
    """The service does not take a file at its place; the message says why, and what else there is to do."""

    exit_code = 7


def is_of_one_file(error: ServiceError) -> bool:
    """Say whether an error is about one file for sure; else it may be the service's, and come for every other, too."""
    return error.errno in _SENTENCES if isinstance(error, PosixError) else error.error_id == "badValueFilePath"


def not_taken(path: str, error: ServiceError) -> NotTaken | NotWritable:
    """Return what is said of a file that the service does not take at a path of the space."""
    errno = error.errno if isinstance(error, PosixError) else "einval" if is_of_one_file(error) else ""
    said = _SENTENCES.get(errno, f"the service did not take it ({error})")
    return (NotWritable if errno == "eacces" else NotTaken)(f"{shown(path)}: {said}")


def shown(path: str) -> str:
    """Return a path for one line of a terminal."""
    return path if path.isprintable() else ascii(path)


def broken(source: Source) -> IntegrityFailure:
    """Return what is said of a file that did not arrive as it is."""
    return IntegrityFailure(f"{source.path} did not arrive as it was sent, and was removed: run the same command again")


def too_large(source: Source) -> StorageError:
    """Return what is said of a file that its bucket cannot take."""
    size_gib = source.size_bytes / (1 << 30)
    return StorageError(
        f"{source.path} ({size_gib:.1f} GiB) is larger than the service takes into a bucket: split it, or put it into a space that lies on a disk"
    )
