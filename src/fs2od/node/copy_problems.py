"""What members of a space are told where copies do not come: they must not learn where a site's storage is.

Its administrators find the error itself in the log.
"""

from __future__ import annotations

from fs2od.errors import (
    StateError,
    StateFull,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageMissing,
    StorageRefused,
)
from fs2od.node.panel.overlaps import SharedPlace

__all__ = ["PROBLEMS", "USED_UP", "for_people"]

USED_UP = "the size that was granted is used up: ask the site for more"
_OWN = "the node's own disk is full or damaged: tell whoever runs it, who sees why in the log"
_SAID: tuple[tuple[type[Exception], str], ...] = (
    (StorageBusy, "the storage is busy or away; it is tried again by itself"),
    (StateFull, _OWN),
    (StateError, _OWN),
    (StorageFull, "the storage's space or quota is used up: ask the site for more"),
    (StorageMissing, "the storage's folder or bucket is not there: tell the site's administrators"),
    (StorageRefused, "the storage refuses our credentials or what is done: tell the site's administrators"),
    (SharedPlace, "the storage lies in the same place as another of the dataset's: tell the site's administrators"),
    (StorageError, "it cannot be read or written: the site's administrators see why in the log"),
)
PROBLEMS = frozenset({USED_UP, *(said for _, said in _SAID)})
"""All that is said of whole storages, for those who say it in other languages."""


def for_people(error: Exception) -> str:
    """Return in one sentence what is in the way, without where a storage is."""
    return next((said for kind, said in _SAID if isinstance(error, kind)), str(error))
