"""What can stand in the way of putting files."""

from __future__ import annotations

from fs2od.errors import Fs2odError, StorageFull

__all__ = ["NameTaken", "NotWritable", "TargetFull"]


class NotWritable(Fs2odError):
    """The token, or every provider of the space, only reads. The message says what to ask for."""

    exit_code = 5


class TargetFull(StorageFull):
    """The space's quota or its disk is full: ask for more room, then run the same command again."""


class NameTaken(Fs2odError):
    """A file of that name with other content is there. It is left as it is, unless it is to be replaced."""

    exit_code = 7
