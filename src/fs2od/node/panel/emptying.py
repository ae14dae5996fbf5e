"""Removing the folders of spaces that storages support no more: a little at a time, nothing outside of them, nothing imported."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fs2od.errors import Fs2odError, StorageBusy, StorageError, StorageMissing, StorageRefused
from fs2od.node.clock import Clock
from fs2od.node.panel.clearances import Clearance, Clearances
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.overlaps import resolved_folder
from fs2od.node.panel.storage_records import Bucket, StorageRecord
from fs2od.onedata.ids import SpaceId, StorageId, is_entity_id
from fs2od.storage import Can, Kind, Seen, Storage

__all__ = ["Emptied", "Emptying", "empty", "in_the_way"]

_TURN_S = 2.0
_AT_ONCE = 500
# So many entries that cannot be removed are passed over: there will be a reason for all of them.
_MOST_STUCK = 100
# What says that nothing can be removed on the whole storage just now.
_OF_ALL = (StorageBusy, StorageMissing, StorageRefused)
_NS = 1_000_000_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Emptied:
    """What came of emptying a folder for a while: how much was removed, why something stays, and whether nothing does."""

    removed: int = 0
    problem: str | None = None
    is_gone: bool = False


class Emptying:
    """Goes on with what is to be removed. One thread at a time calls it."""

    def __init__(
        self, clearances: Clearances, homes: Homes, clock: Clock, *, is_used: Callable[[SpaceId, StorageId], bool]
    ) -> None:
        """Remove what is in no use: `is_used` says whether copies of a space come to a storage just now."""
        self._clearances = clearances
        self._homes = homes
        self._clock = clock
        self._is_used = is_used

    def go_on(self) -> None:
        """Remove some of a folder that is due; of one alone, for the node's end waits for it."""
        for known in self._clearances.due(self._clock.now_s()):
            if not self._is_used(known.space, known.storage) and self._clearances.begin(known):
                self._turn(known)
                return

    def _turn(self, known: Clearance) -> None:
        found = self._emptied(known)
        if found.is_gone:
            _log.info("what storage %s had of space %s is removed", known.storage_name, known.space)
            self._clearances.end(known)
            return
        if found.problem is not None:
            _log.warning("storage %s keeps what it had of space %s: %s", known.storage_name, known.space, found.problem)
        self._clearances.note(known, removed=found.removed, problem=found.problem, now_s=self._clock.now_s())

    def _emptied(self, known: Clearance) -> Emptied:
        record = self._homes.known(known.storage)
        if record is None:
            return Emptied(is_gone=True)
        supports = {each.id for each in self._homes.storages(known.space)}
        over_s = time.monotonic() + _TURN_S
        try:
            reason = in_the_way(record, known.space, self._homes.every_storage(), supports)
            if reason is not None:
                return Emptied(problem=reason)
            found = empty(record.opened(hurried=True), known.space, goes_on=lambda: time.monotonic() < over_s)
            if found.is_gone and isinstance(record.place, Bucket):
                # Uploads under way are in no listing.
                record.opened_for(known.space, hurried=True).sweep(before_ns=self._clock.now_s() * _NS)
        except Fs2odError as error:
            return Emptied(problem=str(error))
        return found


def empty(storage: Storage, top: str, *, goes_on: Callable[[], bool]) -> Emptied:
    """Remove a folder of a storage with all that lies in it, as long as `goes_on` says so. No link is followed.

    What cannot be removed keeps nothing else from it. Of each folder on the way some hundred entries are held in memory.

    Raises:
        StorageBusy, StorageMissing, StorageRefused: Nothing can be removed on the storage just now.
    """
    return _Removal(storage, top, goes_on).run()


class _Removal:
    """One run of that. What is `stuck` is passed over, and with it the folders that lead there.

    What was `missed` is gone already, or so is said: buckets may list for ever what is not there.
    """

    def __init__(self, storage: Storage, top: str, goes_on: Callable[[], bool]) -> None:
        self._storage = storage
        self._folders = [top]
        self._asked = goes_on
        self._stuck: set[str] = set()
        self._missed: set[str] = set()
        self._removed = 0
        self._problem: str | None = None

    def run(self) -> Emptied:
        top = self._folders[0]
        try:
            if self._storage.stat(top).kind is not Kind.DIRECTORY:
                return Emptied(problem=f"{top} is no folder: remove by hand what is not needed there")
        except FileNotFoundError:
            return Emptied(is_gone=True)
        try:
            while self._folders and len(self._stuck) < _MOST_STUCK and self._goes_on():
                self._look_into(self._folders[-1])
        except _OF_ALL as error:
            if not self._removed:
                raise
            self._problem = str(error)
        is_gone = not self._folders and top not in self._stuck
        return Emptied(self._removed, None if is_gone else self._problem, is_gone=is_gone)

    def _goes_on(self) -> bool:
        # However long the way down to the first file is: each run removes something.
        return not self._removed or self._asked()

    def _look_into(self, folder: str) -> None:
        found: list[Seen] = []
        with self._noting(folder):
            fresh = (each for each in self._storage.list(folder) if f"{folder}/{each.name}" not in self._stuck)
            found.extend(islice(fresh, _AT_ONCE))
        if not found:
            self._folders.pop()
            self._remove_folder(folder)
        for each in found:
            path = f"{folder}/{each.name}"
            if path in self._missed:
                self._keep(path, f"{path} is listed, and is not there: let the store's administrators look")
            elif each.kind is not Kind.DIRECTORY:
                self._remove(path, each.refused)
            elif each.refused is None:
                self._folders.append(path)
            else:
                self._keep(path, f"{each.name}: {each.refused}")
            if not self._goes_on():
                return

    def _remove_folder(self, folder: str) -> None:
        if any(path.startswith(f"{folder}/") for path in self._stuck):
            self._stuck.add(folder)
        elif Can.KEEP_DIRECTORIES in self._storage.can and folder not in self._stuck:
            self._remove(folder)

    def _remove(self, path: str, refused: str | None = None) -> None:
        with self._noting(path, refused):
            self._storage.delete(path)
            self._removed += 1

    @contextmanager
    def _noting(self, path: str, refused: str | None = None) -> Iterator[None]:
        """Pass over what cannot be listed or removed, and over what is not there any more."""
        try:
            yield
        except _OF_ALL:
            raise
        except (FileNotFoundError, FileExistsError):
            # Some names are only shown, and lead nowhere.
            if refused is not None:
                self._keep(path, f"{path}: {refused}")
            else:
                self._missed.add(path)
        except StorageError as error:
            self._keep(path, str(error))

    def _keep(self, path: str, problem: str) -> None:
        self._stuck.add(path)
        self._problem = self._problem or problem


def in_the_way(
    storage: StorageRecord, space: SpaceId, others: Iterable[StorageRecord], supports: set[StorageId]
) -> str | None:
    """Return why a space's folder on a storage must not be touched, for people; None if it may be removed.

    Args:
        storage: The storage.
        space: The space.
        others: All storages of the node.
        supports: Those that support the space now.

    Raises:
        StorageBusy: That cannot be told, for a folder does not answer.
    """
    if storage.imported:
        return "the storage is imported: its files belong to whoever put them there"
    if not is_entity_id(space):
        return "this is no space"
    if storage.id in supports:
        return "the storage supports the space again"
    for other in others:
        if other.id != storage.id and _shares(storage, space, other, supports):
            return f"the storage “{other.name}” is in the same place: remove by hand what is not needed there"
    return None


def _shares(storage: StorageRecord, space: SpaceId, other: StorageRecord, supports: set[StorageId]) -> bool:
    """Say whether what lies in a space's folder may be another storage's, too."""
    mine, there = storage.place, other.place
    if isinstance(mine, Bucket) and isinstance(there, Bucket):
        # One store may have several addresses, so only the bucket's name says that it is another.
        return mine.name == there.name and (other.imported or other.id in supports)
    if isinstance(mine, Bucket) or isinstance(there, Bucket):
        return False
    root, place = resolved_folder(mine), resolved_folder(there)
    folder = root / space
    if other.imported:
        return _is_below(folder, place) or _is_below(place, folder)
    return _is_below(place, folder) or (place == root and other.id in supports)


def _is_below(path: Path, above: Path) -> bool:
    return path == above or above in path.parents
