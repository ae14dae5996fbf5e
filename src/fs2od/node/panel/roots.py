"""Which directories the storages are that an earlier version added: noted once, as soon as they are there."""

from __future__ import annotations

from fs2od.node.index import Indexes
from fs2od.node.index.scans import listed_inode
from fs2od.node.panel.storages import Storages

__all__ = ["note_roots"]


def note_roots(storages: Storages, indexes: Indexes) -> None:
    """Note which directories the storages are of which that is not known: the one that was imported, where its number is remembered."""
    for storage, space in storages.unnoted():
        expected = None
        if space is not None:
            with indexes.using(space) as index:
                expected = listed_inode(index)
        storages.note_root(storage, expected)
