"""Clearing away what copies leave behind: those that nobody wants any more, and uploads that nobody ends."""

from __future__ import annotations

import logging

from fs2od.errors import Fs2odError
from fs2od.node.index import SpaceIndex
from fs2od.node.index import replicas as book
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.replication.demands import Demands
from fs2od.node.replication.passes import Route

__all__ = ["clear_left", "sweep"]

_AT_ONCE = 1000
_ABANDONED_AFTER_S = 7 * 24 * 3600
_NS = 1_000_000_000
_log = logging.getLogger(__name__)


def clear_left(index: SpaceIndex, demands: Demands, homes: Homes) -> bool:
    """Remove copies that nobody wants any more, some at a time; return whether there are more.

    Where a space is imported, files vanish that nobody removed on purpose: their copies stay, for they may be the last ones.
    """
    home = homes.storage(index.space)
    supporting = {storage.id for storage in demands.storages(index.space)}
    found = book.left(index, limit=_AT_ONCE)
    gone: list[book.Held] = []
    for held in found:
        storage = demands.storage(held.storage)
        is_kept = home is not None and (held.storage == home.id or (home.imported and held.storage in supporting))
        if not is_kept and (storage is None or _removed(index, storage, held.path)):
            gone.append(held)
    if gone:
        book.forget_left(index, gone)
    return len(found) == len(gone) == _AT_ONCE


def sweep(route: Route, *, now_s: int) -> int:
    """Give up uploads of the target that nobody ends any more; return how many they were."""
    keep = book.uploads(route.index, route.storage)
    return route.target.sweep(before_ns=(now_s - _ABANDONED_AFTER_S) * _NS, keep=keep)


def _removed(index: SpaceIndex, storage: StorageRecord, path: str) -> bool:
    try:
        storage.opened_for(index.space).delete(path)
    except FileNotFoundError:
        return True
    except Fs2odError as error:
        _log.warning("a copy that nobody wants stays on storage %s: %s", storage.name, error)
        return False
    return True
