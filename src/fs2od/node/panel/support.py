"""Support: a storage granted to a space, with a size; and how its files are imported."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from fs2od.node.clock import Clock
from fs2od.node.index import Indexes, SpaceIndex, arrivals, replicas
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.clearances import note_end, note_home_left, require_cleared
from fs2od.node.panel.storages import Storages
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.support_requests import MINIMUM_SIZE
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId
from fs2od.onedata.wire import AutoImportConfig
from fs2od.sqlite import Database, Standing
from fs2od.storage import Storage

__all__ = ["HOME", "MINIMUM_SIZE", "ImportConfig", "Support", "Supports", "note_space_removed", "support_record"]

Value = TypeVar("Value")

HOME = """FROM support AS s JOIN storage AS t ON t.id = s.storage
    WHERE s.space = ? ORDER BY t.imported DESC, s.place LIMIT 1"""
"""The end of a query for a space's home: see fs2od.node.panel.homes."""
_LOST = "its home ended before it was copied"
_LARGEST_SIZE = 2**63 - 1
_LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class ImportConfig:
    """How files are imported by scans; the defaults are Onedata's."""

    max_depth: int = 65535
    sync_acl: bool = False
    continuous_scan: bool = False
    scan_interval_s: int = 60
    detect_modifications: bool = True
    detect_deletions: bool = True

    def with_change(self, change: AutoImportConfig) -> ImportConfig:
        """Return the configuration with the keys that `change` sets in their place.

        Raises:
            Rejected: badValueTooHigh.
        """
        for key, number in (("maxDepth", change.max_depth), ("scanInterval", change.scan_interval)):
            if number is not UNSET and number > _LARGEST_NUMBER:
                said = f"must be at most {_LARGEST_NUMBER}"
                raise errors.bad_value("TooHigh", f"autoStorageImportConfig.{key}", said, limit=_LARGEST_NUMBER)

        def chosen(new: Value | UnsetType, old: Value) -> Value:
            return old if new is UNSET else new

        return ImportConfig(
            max_depth=chosen(change.max_depth, self.max_depth),
            sync_acl=chosen(change.sync_acl, self.sync_acl),
            continuous_scan=chosen(change.continuous_scan, self.continuous_scan),
            scan_interval_s=chosen(change.scan_interval, self.scan_interval_s),
            detect_modifications=chosen(change.detect_modifications, self.detect_modifications),
            detect_deletions=chosen(change.detect_deletions, self.detect_deletions),
        )

    def document(self) -> AutoImportConfig:
        """Return the configuration as it stands on the wire."""
        return AutoImportConfig(
            max_depth=self.max_depth,
            sync_acl=self.sync_acl,
            continuous_scan=self.continuous_scan,
            scan_interval=self.scan_interval_s,
            detect_modifications=self.detect_modifications,
            detect_deletions=self.detect_deletions,
        )


@dataclass(frozen=True)
class Support:
    """One support. `config` is None unless files are imported automatically; `size_bytes` is a quota."""

    space: SpaceId
    provider: ProviderId
    storage: StorageId
    size_bytes: int
    imported: bool
    readonly: bool
    mode: str | None
    config: ImportConfig | None
    dir_stats: bool = True
    accounting: bool = False
    created_s: int = field(default=0)


class Supports:
    """Grants, shows, changes and ends a provider's support of spaces."""

    def __init__(
        self, database: Database, provider: ProviderId, storages: Storages, indexes: Indexes, epoch: Epoch, clock: Clock
    ) -> None:
        self._database = database
        self.provider = provider
        self._storages = storages
        self._indexes = indexes
        self._epoch = epoch
        self._clock = clock
        self._standing = Standing(database, self._found)

    def grant(
        self,
        db: sqlite3.Connection,
        space: SpaceId,
        storage: StorageId,
        *,
        size_bytes: int,
        mode: str | None = None,
        config: ImportConfig | None = None,
        dir_stats: bool = True,
        accounting: bool = False,
    ) -> None:
        """Support `space`, inside the transaction that consumes the invite. The caller moves the epoch after it.

        Raises:
            Rejected: badValueTooLow; badValueIdNotFound for the storage.
            Conflict: relationAlreadyExists, spaceAlreadySupportedWithImportedStorage, storageInUse.
            Busy: temporaryFailure, what the storage had of the space is still being removed.
        """
        _require_size(size_bytes, lowest=MINIMUM_SIZE)
        try:
            record = self._storages.get(storage)
        except errors.NotFound as error:
            raise errors.bad_value("IdNotFound", "storageId", "does not exist") from error
        self._require_free(db, space, storage, imported=record.imported)
        require_cleared(db, space, storage)
        home = _home_of(db, space)
        if record.imported and home is not None:
            note_home_left(db, space, home)
        chosen = (mode or "auto") if record.imported else None
        stored = msgspec.json.encode(config or ImportConfig()).decode() if chosen == "auto" else None
        place = db.execute("SELECT 1 + ifnull(max(place), 0) FROM support WHERE space = ?", (space,)).fetchone()[0]
        now_s = self._clock.now_s()
        row = (space, self.provider, storage, size_bytes, chosen, stored, dir_stats, accounting, now_s, place)
        columns = "space, provider, storage, size, import_mode, import_config, dir_stats, accounting, created, place"
        db.execute(f"INSERT INTO support ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _require_free(self, db: sqlite3.Connection, space: SpaceId, storage: StorageId, *, imported: bool) -> None:
        there = db.execute(
            "SELECT storage FROM support WHERE space = ? AND provider = ?", (space, self.provider)
        ).fetchone()
        if there is not None and there[0] == storage:
            raise errors.relation_already_exists("space", space, "storage", storage)
        if there is not None:
            raise errors.relation_already_exists("space", space, "oneprovider", self.provider)
        if not imported:
            return
        if db.execute("SELECT 1 FROM support WHERE storage = ?", (storage,)).fetchone() is not None:
            # An imported storage can belong to one space only: two would register the same files.
            raise errors.error_of("storageInUse", "The imported storage supports another space.")
        query = "SELECT t.id FROM support AS s JOIN storage AS t ON t.id = s.storage WHERE s.space = ? AND t.imported"
        other = db.execute(query, (space,)).fetchone()
        if other is not None:
            said = "The space is supported with an imported storage already."
            details = {"spaceId": space, "storageId": other[0]}
            raise errors.error_of("spaceAlreadySupportedWithImportedStorage", said, details)

    def every(self) -> list[SpaceId]:
        """Return the spaces that the provider supports, oldest first."""
        with self._database.reading() as db:
            rows = db.execute("SELECT space FROM support WHERE provider = ? ORDER BY created, space", (self.provider,))
            return [SpaceId(row[0]) for row in rows]

    def find(self, space: SpaceId) -> Support | None:
        """Return the support of a space, or None."""
        return self._standing.get(space)

    def _found(self, space: SpaceId) -> Support | None:
        query = """SELECT s.*, t.imported, t.readonly FROM support AS s JOIN storage AS t ON t.id = s.storage
            WHERE s.space = ? AND s.provider = ?"""
        with self._database.reading() as db:
            row = db.execute(query, (space, self.provider)).fetchone()
        return None if row is None else support_record(row)

    def get(self, space: SpaceId) -> Support:
        """Return the support of a space.

        Raises:
            NotFound: The provider does not support it.
        """
        found = self.find(space)
        if found is None:
            raise errors.not_found()
        return found

    def change(
        self,
        space: SpaceId,
        *,
        size_bytes: int | None = None,
        config: AutoImportConfig | None = None,
        dir_stats: bool | None = None,
        accounting: bool | None = None,
    ) -> None:
        """Change the size, single keys of the import configuration, or the switches; None leaves a value.

        Raises:
            NotFound: The provider does not support the space.
            Rejected: badValueTooLow: the size is below the minimum, or below what the files occupy;
                requiresAutoStorageImportMode.
        """
        support = self.get(space)
        if size_bytes is not None:
            _require_size(size_bytes, lowest=max(MINIMUM_SIZE, self.occupancy_bytes(space)))
        if config is not None and support.config is None:
            said = "The space's files are not imported automatically."
            raise errors.error_of("requiresAutoStorageImportMode", said)
        merged = support.config.with_change(config) if support.config is not None and config is not None else None
        stored = None if merged is None else msgspec.json.encode(merged).decode()
        query = """UPDATE support SET size = coalesce(?, size), import_config = coalesce(?, import_config),
            dir_stats = coalesce(?, dir_stats), accounting = coalesce(?, accounting) WHERE space = ? AND provider = ?"""
        with self._database.writing() as db:
            db.execute(query, (size_bytes, stored, dir_stats, accounting, space, self.provider))

    def resize(self, db: sqlite3.Connection, space: SpaceId, size_bytes: int) -> None:
        """Change the size alone, inside a transaction of the caller's.

        Raises:
            Rejected: badValueTooLow: the size is below the minimum, or below what the files occupy.
        """
        _require_size(size_bytes, lowest=max(MINIMUM_SIZE, self.occupancy_bytes(space)))
        db.execute("UPDATE support SET size = ? WHERE space = ? AND provider = ?", (size_bytes, space, self.provider))

    def end(self, space: SpaceId) -> None:
        """End the support of a space; what was registered is forgotten with the last one.

        What is at home there stays as it is; copies of what is at home elsewhere are removed in a while. When a home ends, the
        storage with most of its copies is the next one. What it lacks is remembered: no requirement is met by it.

        Raises:
            NotFound: The provider does not support it.
        """
        ended, heir = self.get(space), self._heir(space)
        with self._indexes.using(space) as index:
            # Before the index goes, which alone knows of them.
            arrivals.give_up(index, partial(self._opened, space), storage=ended.storage)
        if heir is not None:
            # Before anything else: what is not there must never be taken for what is.
            with self._indexes.using(space) as index:
                _note_missing(index, heir, now_s=self._clock.now_s())
        now_s = self._clock.now_s()
        with self._database.writing() as db:
            note_end(db, space, ended.storage, is_home=_home_of(db, space) == ended.storage, now_s=now_s)
            db.execute("DELETE FROM support WHERE space = ? AND provider = ?", (space, self.provider))
            least = db.execute("SELECT min(place) FROM support WHERE space = ?", (space,)).fetchone()[0]
            if heir is not None:
                db.execute("UPDATE support SET place = ? WHERE space = ? AND storage = ?", (least - 1, space, heir))
        self._epoch.move()
        if least is None:
            self._indexes.drop(space)
        else:
            with self._indexes.using(space) as index:
                replicas.leave(index, ended.storage)

    def _opened(self, space: SpaceId, storage: StorageId) -> Storage:
        return self._storages.get(storage).opened_for(space, hurried=True)

    def _heir(self, space: SpaceId) -> StorageId | None:
        """Return the storage that is a space's home once its home here ends; None if it stays where it is, or has none then."""
        if not self.is_home(space):
            return None
        query = "SELECT storage FROM support WHERE space = ? AND provider != ? ORDER BY place"
        with self._database.reading() as db:
            others = [StorageId(row[0]) for row in db.execute(query, (space, self.provider))]
        with self._indexes.using(space) as index:
            return max(others, key=lambda each: replicas.counts(index, each).replicated_files, default=None)

    def occupancy_bytes(self, space: SpaceId) -> int:
        """Return how many bytes of a space lie on the storage that supports it here."""
        with self._indexes.using(space) as index:
            storage = self.get(space).storage
            if not self.is_home(space):
                return replicas.occupied_bytes(index, storage)
            root = index.get(ROOT)
            return root.size_bytes - replicas.lost(index, storage).size_bytes if root else 0

    def is_home(self, space: SpaceId) -> bool:
        """Say whether the space is at home on the storage that supports it here."""
        with self._database.reading() as db:
            row = db.execute(f"SELECT s.provider {HOME}", (space,)).fetchone()
        return row is not None and row[0] == self.provider


def note_space_removed(db: sqlite3.Connection, space: SpaceId, *, now_s: int) -> None:
    """Write down what becomes of a space's files, inside the transaction that removes it: those of results go everywhere."""
    home = _home_of(db, space)
    is_results = db.execute("SELECT 1 FROM results WHERE space = ?", (space,)).fetchone() is not None
    # Its home first: what stays there is known before other storages are judged.
    query = "SELECT storage FROM support WHERE space = ? ORDER BY storage != ?"
    for row in db.execute(query, (space, home)).fetchall():
        note_end(db, space, row[0], is_home=row[0] == home, with_home=is_results, now_s=now_s)


def _home_of(db: sqlite3.Connection, space: SpaceId) -> StorageId | None:
    row = db.execute(f"SELECT s.storage {HOME}", (space,)).fetchone()
    return None if row is None else StorageId(row[0])


def _note_missing(index: SpaceIndex, heir: StorageId, *, now_s: int) -> None:
    missing = []
    for row, version in replicas.not_on(index, heir):
        entry = index.get(row)
        if entry is not None:
            missing.append(replicas.Failure(row, index.path(entry), version, _LOST, pause_s=0))
    replicas.note_failure(index, heir, missing, now_s=now_s)


def support_record(row: sqlite3.Row) -> Support:
    """Return what a row of the table says, with `imported` and `readonly` of its storage."""
    config = row["import_config"]
    return Support(
        space=SpaceId(row["space"]),
        provider=ProviderId(row["provider"]),
        storage=StorageId(row["storage"]),
        size_bytes=row["size"],
        imported=bool(row["imported"]),
        readonly=bool(row["readonly"]),
        mode=row["import_mode"],
        config=None if config is None else msgspec.json.decode(config, type=ImportConfig),
        dir_stats=bool(row["dir_stats"]),
        accounting=bool(row["accounting"]),
        created_s=row["created"],
    )


def _require_size(size_bytes: int, *, lowest: int) -> None:
    if size_bytes < lowest:
        raise errors.bad_value("TooLow", "size", f"must be at least {lowest}", limit=lowest)
    if size_bytes > _LARGEST_SIZE:
        raise errors.bad_value("TooHigh", "size", f"must be at most {_LARGEST_SIZE}", limit=_LARGEST_SIZE)
