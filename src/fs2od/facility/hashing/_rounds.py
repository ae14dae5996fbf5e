"""One round through one dataset: read what is new and settled, publish what waits, seal what is complete."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fs2od.errors import StorageError, StorageMissing
from fs2od.facility.hashing._publishing import Publisher, is_due
from fs2od.facility.hashing._reading import Budget, Changed, read_once
from fs2od.facility.hashing._settling import FileSettling
from fs2od.facility.hashing._store import State, Store
from fs2od.facility.hashing._walking import Version, Walk, version_of
from fs2od.facility.journal import Phase, Record
from fs2od.manifests import ManifestEntry
from fs2od.storage import Seen, Storage

__all__ = ["Round", "Vanished"]

_BATCH_FILES = 256
_BATCH_BYTES = 1 << 30
_LOOKS_BETWEEN = 500


class Vanished(Exception):
    """The dataset's folder is not there, or is another one: nothing may be concluded."""


@dataclass
class Round:
    """Goes through a dataset in small steps, so that several datasets take turns."""

    record: Record
    walk: Walk
    storage: Storage
    store: Store
    publisher: Publisher
    settling: FileSettling
    budget: Budget
    clock: Callable[[], datetime]
    first_within: timedelta
    waiting_since: datetime | None = None
    """Since when files wait for a part; handed on from round to round."""
    pending: int = 0
    """Files that have not settled, or changed while they were read."""
    walked_s: float = 0.0
    """How long the steps took, without the reading."""
    unsealed: bool = False
    """Whether everything is published, and the seal has to wait until Onedata has it: `seal` goes on from there."""
    published: bool = False
    """Whether anything appeared since this was last set to False."""
    began_at: datetime = field(init=False)
    _batch: list[tuple[ManifestEntry, Version]] = field(default_factory=list)
    _batch_bytes: int = 0
    _waiting: int = 0
    _met: int = 0
    _state: State = field(default_factory=State)

    def __post_init__(self) -> None:
        """Note when it begins."""
        self.began_at = self.clock()

    def steps(self) -> Iterator[None]:
        """Do everything, step by step.

        Raises:
            Vanished: The dataset's folder is not there.
            Fs2odError: The sidecar or the journal cannot be written, or we were told to stop. A later round does the rest.
        """
        self._require_folder()
        self.publisher.prepare()
        self._state = self.publisher.store.state(self.record.id)
        self._count()
        yield
        yield from self._read_new()
        self._remember()
        yield from self._find_gone()
        yield from self._publish_rest()

    def _read_new(self) -> Iterator[None]:
        began_s, spent_s = time.monotonic(), self.budget.spent_s
        for looked, (path, seen) in enumerate(self._files(), 1):
            version = version_of(seen)
            if self.store.version(self.record.id, path) == version:
                self._met += 1
                self.settling.forget(path)
            elif not self.settling.has_settled(path, version, self.clock()):
                self.pending += 1
            else:
                self._read(path, version)
            if looked % _LOOKS_BETWEEN == 0 or self.budget.spent_s != spent_s:
                self.walked_s += time.monotonic() - began_s - (self.budget.spent_s - spent_s)
                yield from self._publish_if_due()
                yield
                began_s, spent_s = time.monotonic(), self.budget.spent_s

    def _files(self) -> Iterator[tuple[str, Seen]]:
        try:
            yield from self.walk.files()
        except StorageMissing as error:
            raise Vanished from error

    def _read(self, path: str, version: Version) -> None:
        try:
            entry = read_once(self.storage, path, version, self.budget)
        except Changed:
            self.pending += 1
            return
        except StorageMissing as error:
            raise Vanished from error
        except StorageError:
            self.walk.note_unread(path)
            return
        self.settling.forget(path)
        self._met += 1
        self._batch.append((entry, version))
        self._batch_bytes += entry.size_bytes
        if len(self._batch) >= _BATCH_FILES or self._batch_bytes >= _BATCH_BYTES:
            self._remember()

    def _remember(self) -> None:
        if self._batch:
            self.store.put(self.record.id, self._batch)
            self._batch, self._batch_bytes = [], 0
            self._count()

    def _count(self) -> None:
        self._waiting = self.store.waiting(self.record.id)
        now = self.clock()
        # Not later than now: the clock may have been set back.
        self.waiting_since = min(self.waiting_since or now, now) if self._waiting else None

    def _find_gone(self) -> Iterator[None]:
        # Counting is enough to see that none is gone; only then each one is looked for.
        if self._met == self.store.files(self.record.id):
            return
        for paths in self.store.paths(self.record.id):
            gone = [path for path in paths if self._is_gone(path)]
            # A file system that went away while we looked has no files either.
            self._require_folder()
            if gone:
                self.store.note_gone(self.record.id, gone)
            yield
        self._count()

    def _is_gone(self, path: str) -> bool:
        if self.walk.leaves_out(path):
            return True  # it was published before, and no link delivers it any more
        try:
            return not stat.S_ISREG(os.lstat(self.record.path / path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False

    def _publish_if_due(self) -> Iterator[None]:
        waiting = self._waiting + len(self._batch)
        waited = self.clock() - (self.waiting_since or self.clock())
        if not is_due(self._state, waiting, waited, self.first_within):
            return
        self._remember()
        if self._publish():
            yield

    def _publish(self) -> bool:
        if not self.publisher.publish():
            return False
        self.published = True
        self._state = self.store.state(self.record.id)
        self._count()
        return True

    def _publish_rest(self) -> Iterator[None]:
        whole = self.record.phase is Phase.COMPLETE and not self.pending
        if not whole:
            yield from self._publish_if_due()
            return
        while self._publish():
            yield
        self.unsealed = not self.walk.unread and not self.publisher.may_seal()
        if not self.unsealed:
            self._seal()

    def seal(self) -> Iterator[None]:
        """Seal what `steps` published, now that Onedata has it; raises as `steps` does."""
        self._require_folder()
        self.publisher.prepare()
        yield
        self.unsealed = not self.publisher.may_seal()
        if not self.unsealed:
            self._seal()

    def _seal(self) -> None:
        if not self.walk.unread:
            self.published = self.publisher.seal() or self.published
        # Not while the seal waits: after a restart, another round has to come to it.
        self.store.note_checked(self.record.id, self.began_at)

    def _require_folder(self) -> None:
        try:
            facts = os.lstat(self.record.path)
        except OSError as error:
            raise Vanished from error
        if not stat.S_ISDIR(facts.st_mode) or facts.st_ino != self.record.inode:
            raise Vanished
