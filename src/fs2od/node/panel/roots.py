"""Which directories the storages are that an earlier version added: noted once, as soon as they are there."""

from __future__ import annotations

import logging

from fs2od.errors import StorageBusy
from fs2od.node.index import Indexes
from fs2od.node.index.scans import listed_inode
from fs2od.node.panel.storages import Storages
from fs2od.onedata.ids import SpaceId, StorageId

__all__ = ["note_root", "note_roots"]
_log = logging.getLogger(__name__)


def note_roots(storages: Storages, indexes: Indexes) -> None:
    """Note which directories the storages are of which that is not known: the one that was imported, where its number is remembered."""
    for storage, space in storages.unnoted():
        try:
            _note(storages, indexes, storage, space)
        except StorageBusy as error:
            # A file server that is away: the start of the node waits for it once, and not for each of its storages.
            _log.warning("which directories the storages are is noted later: %s", error)
            return


def note_root(storages: Storages, indexes: Indexes, storage: StorageId) -> None:
    """Do so for one, if it is not known of it.

    Raises:
        StorageBusy: Its folder does not answer.
    """
    space = dict(storages.unnoted()).get(storage)
    _note(storages, indexes, storage, space)


def _note(storages: Storages, indexes: Indexes, storage: StorageId, space: SpaceId | None) -> None:
    expected = None
    if space is not None:
        with indexes.using(space) as index:
            expected = listed_inode(index)
    storages.note_root(storage, expected)
