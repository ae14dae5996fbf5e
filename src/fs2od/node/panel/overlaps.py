"""Whether storages lie in the same place, so that what one of them writes and removes is the other's."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fs2od.errors import Fs2odError, StorageError
from fs2od.node.panel.named_stores import host_and_port
from fs2od.node.panel.storage_records import Bucket, Place, StorageRecord
from fs2od.onedata.ids import SpaceId, is_entity_id
from fs2od.storage import Storage

__all__ = ["SharedPlace", "found_in", "overlap", "resolved", "same", "seen_through", "twin"]


class SharedPlace(StorageError):
    """A storage lies in the same place as another one of a space: what came there would be no copy; remove one of the two."""


def same(one: Place, other: Place) -> bool:
    """Say whether two places are the same bucket or folder; by their names alone."""
    if isinstance(one, Bucket) and isinstance(other, Bucket):
        return one.name == other.name and host_and_port(one.endpoint)[1] == host_and_port(other.endpoint)[1]
    return one == other


def overlap(one: Place, other: Place) -> bool:
    """Say whether two places are the same, or folders of which one holds the other; by their names alone."""
    if isinstance(one, Bucket) or isinstance(other, Bucket):
        return same(one, other)
    return one.is_relative_to(other) or other.is_relative_to(one)


def resolved(place: Place) -> Place:
    """Return a place as it is called without links."""
    return place if isinstance(place, Bucket) else Path(os.path.realpath(place))


def found_in(place: Place, others: Iterable[StorageRecord], *, imported: bool = False) -> StorageRecord | None:
    """Return a storage that lies in a place, or holds it.

    What is imported may lie in what is imported, too, for nothing is written there; and in a storage beside the folders of its
    spaces, for where a facility's data lie is not chosen by whoever imports them.
    """
    here = resolved(place)
    return next((each for each in others if _is_in_the_way(here, each, imported=imported)), None)


def _is_in_the_way(here: Place, other: StorageRecord, *, imported: bool) -> bool:
    there = resolved(other.place)
    if not overlap(here, there) or (imported and other.imported):
        return False
    if not imported or isinstance(here, Bucket) or isinstance(there, Bucket):
        return True
    is_below = here != there and here.is_relative_to(there)
    return not is_below or is_entity_id(here.relative_to(there).parts[0])


def twin(storage: StorageRecord, space: SpaceId, others: Iterable[StorageRecord]) -> StorageRecord | None:
    """Return another storage whose tree of a space lies in that of a storage or holds it: what is in one is no copy of the other."""
    here = resolved(_tree(storage, space))
    apart = (each for each in others if each.id != storage.id)
    return next((each for each in apart if overlap(here, resolved(_tree(each, space)))), None)


def _tree(storage: StorageRecord, space: SpaceId) -> Place:
    # All that is not imported has the same prefix in a bucket.
    place = storage.place
    return place if isinstance(place, Bucket) or storage.imported else place / space


def seen_through(storage: Storage, others: Iterable[StorageRecord]) -> StorageRecord | None:
    """Return the one of other storages through which is seen what is put into a storage: one place may have several names.

    Those that do not answer are passed over.

    Raises:
        StorageError: Nothing can be put there.
    """
    probe = f".fs2od-test-{secrets.token_hex(8)}"
    storage.write(probe, [b"fs2od"])
    try:
        for other in others:
            with suppress(Fs2odError, OSError):
                other.opened(hurried=True).stat(probe)
                return other
    finally:
        storage.delete(probe)
    return None
