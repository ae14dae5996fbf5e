"""Whether storages lie in the same place, so that what one of them writes and removes is the other's."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fs2od.errors import StorageBusy, StorageError
from fs2od.node.panel.named_stores import host_and_port
from fs2od.node.panel.storage_records import Bucket, Credentials, Place, StorageRecord, opened_at
from fs2od.onedata.ids import is_entity_id
from fs2od.storage import Storage

__all__ = [
    "SharedPlace",
    "ask_anew",
    "found_in",
    "is_seen",
    "named_alike",
    "overlap",
    "resolved",
    "resolved_folder",
    "same",
    "seen_through",
    "told",
]

_MOST_PAIRS = 256
_ANSWERS_WITHIN_S = 5.0
_guard = threading.Lock()
_under_way: dict[Path, tuple[float, Future[str]]] = {}


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
    """Return a place as it is called without links.

    Raises:
        StorageBusy: A folder on the way does not answer within some seconds, as of a file server that is away.
    """
    return place if isinstance(place, Bucket) else resolved_folder(place)


def resolved_folder(place: Path) -> Path:
    """Return a folder as it is called without links.

    Raises:
        StorageBusy: As for any place.
    """
    with _guard:
        began_s, asked = _under_way.get(place) or (time.monotonic(), Future[str]())
        if place not in _under_way:
            _under_way[place] = began_s, asked
            # Nothing ends a thread that such a server holds, so none else waits for it, neither a pool's end nor the node's.
            threading.Thread(target=_resolve, args=(place, asked), name="resolving", daemon=True).start()
    try:
        return Path(asked.result(max(0.0, began_s + _ANSWERS_WITHIN_S - time.monotonic())))
    except NotYet as error:
        raise StorageBusy(f"the folder {place} does not answer") from error


def _resolve(place: Path, asked: Future[str]) -> None:
    try:
        found = os.path.realpath(place)
    except OSError:
        found = str(place)
    with _guard:
        _under_way.pop(place, None)
    asked.set_result(found)


def told(place: Place) -> Place:
    """Return the same, or the place as it was given where it does not answer."""
    try:
        return resolved(place)
    except StorageBusy:
        return place


def found_in(place: Place, others: Iterable[StorageRecord], *, imported: bool = False) -> StorageRecord | None:
    """Return a storage that lies in a place, or holds it.

    What is imported may lie in what is imported, too, for nothing is written there; and in a storage beside the folders of its
    spaces, for where a facility's data lie is not chosen by whoever imports them.
    """
    here = told(place)
    return next((each for each in others if _is_in_the_way(here, each, imported=imported)), None)


def _is_in_the_way(here: Place, other: StorageRecord, *, imported: bool) -> bool:
    if imported and other.imported:
        return False  # not even asked: a facility imports thousands of folders, each by itself, and any may be silent
    there = told(other.place)
    if not overlap(here, there):
        return False
    if not imported or isinstance(here, Bucket) or isinstance(there, Bucket):
        return True
    is_below = here != there and here.is_relative_to(there)
    return not is_below or is_entity_id(here.relative_to(there).parts[0])


def named_alike(bucket: Bucket, others: Iterable[StorageRecord]) -> list[StorageRecord]:
    """Return those of other storages whose bucket has the same name, in whatever store."""
    return [each for each in others if isinstance(each.place, Bucket) and each.place.name == bucket.name]


def seen_through(
    bucket: Bucket, credentials: Credentials, others: Iterable[StorageRecord], *, only_public: bool
) -> StorageRecord | None:
    """Return the one of other storages through which is seen what is put into a bucket: one store may have several addresses.

    Those that do not answer are passed over.
    """
    mine = _Reached(bucket, credentials, only_public)
    for other in named_alike(bucket, others):
        with suppress(StorageError):
            if _is_seen(mine, _reached(other)):
                return other
    return None


def is_seen(one: StorageRecord, other: StorageRecord) -> bool:
    """Say whether what is put into the bucket of one storage lies in that of another; asked once in the life of the process.

    Raises:
        StorageError: One of them does not answer or refuses.
    """
    return _is_seen(_reached(one), _reached(other))


def ask_anew() -> None:
    """Forget what was found out of buckets, as a process does that is started again."""
    _is_seen.cache_clear()


@dataclass(frozen=True)
class _Reached:
    """A bucket as a storage reaches it."""

    bucket: Bucket
    credentials: Credentials
    only_public: bool

    def opened(self) -> Storage:
        return opened_at(self.bucket, self.credentials, only_public=self.only_public, hurried=True)


def _reached(storage: StorageRecord) -> _Reached:
    if not isinstance(storage.place, Bucket):
        raise TypeError("a storage with a bucket is wanted")
    return _Reached(storage.place, storage.credentials, storage.only_public)


@lru_cache(_MOST_PAIRS)
def _is_seen(one: _Reached, other: _Reached) -> bool:
    """Say whether what is put into one bucket lies in another; remembered, for buckets do not become others.

    Raises:
        StorageError: One of them does not answer or refuses.
    """
    probe, storage = f".fs2od-test-{secrets.token_hex(8)}", one.opened()
    storage.write(probe, [b"fs2od"])
    try:
        other.opened().stat(probe)
    except FileNotFoundError:
        return False
    finally:
        storage.delete(probe)
    return True
