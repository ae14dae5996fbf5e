"""From which storage a file's bytes come: the one place that knows, however many copies there are."""

from __future__ import annotations

from typing import BinaryIO

from fs2od.node.panel.homes import Homes
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.located import Located
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Storage

__all__ = ["Sources"]


class Sources:
    """Answers for all providers of the node: one that has no bytes of a space yet reads them through from where they are."""

    def __init__(self, homes: Homes) -> None:
        self._homes = homes

    def of(self, located: Located) -> StorageRecord:
        """Return the storage that a located file is read from, for the provider that was asked for it.

        Raises:
            PosixError: enoent, no storage has it: the space is not supported any more.
        """
        return self.of_space(located.space)

    def of_space(self, space: SpaceId) -> StorageRecord:
        """Return the storage that holds all that was imported or written of a space.

        Raises:
            PosixError: enoent, the space is not supported any more.
        """
        found = self._homes.storage(space)
        if found is None:
            raise errors.posix("enoent")
        return found

    def tree(self, located: Located) -> Storage:
        """Return a storage through which every file at or below a located one can be read by its path in the space.

        Raises:
            PosixError: enoent, the space is not supported any more.
        """
        return self.of_space(located.space).opened_for(located.space)

    def open(self, located: Located) -> BinaryIO:
        """Return a located file, opened for reading.

        Raises:
            PosixError: enoent, it is not on the storage any more.
            StorageError: It cannot be read.
        """
        try:
            return self.of(located).opened_for(located.space).open(located.path)
        except FileNotFoundError as error:
            raise errors.posix("enoent") from error
