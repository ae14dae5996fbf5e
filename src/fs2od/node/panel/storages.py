"""Storages: POSIX directories of this machine that a provider can support spaces with."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fs2od.node.clock import Clock
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId, new_entity_id
from fs2od.sqlite import Database
from fs2od.storage import PosixStorage, Storage

__all__ = ["StorageRecord", "Storages", "storage_record"]


@dataclass(frozen=True)
class StorageRecord:
    """One storage. `qos_parameters` are the ones given; storageId and providerId are implied."""

    id: StorageId
    provider: ProviderId
    name: str
    mount_point: Path
    imported: bool
    readonly: bool
    qos_parameters: Mapping[str, str | float]

    @property
    def all_qos_parameters(self) -> dict[str, str | float]:
        """The parameters that QoS expressions see."""
        return {**self.qos_parameters, "storageId": self.id, "providerId": self.provider}

    def opened(self) -> Storage:
        """Return the storage itself."""
        return PosixStorage(self.mount_point)

    def opened_for(self, space: SpaceId) -> PosixStorage:
        """Return the tree of one space: all of an imported storage, a folder of its own elsewhere."""
        return PosixStorage(self.mount_point if self.imported else self.mount_point / space)


class Storages:
    """Adds, shows, changes and removes a provider's storages."""

    def __init__(self, database: Database, provider: ProviderId, clock: Clock) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock

    def add_posix(
        self,
        name: str,
        mount_point: str,
        *,
        imported: bool = False,
        readonly: bool = False,
        qos_parameters: Mapping[str, str | float] | None = None,
    ) -> StorageId:
        """Add a POSIX directory.

        Raises:
            Rejected: requiresImportedStorage, storageTestFailed, badValueFilePath.
        """
        if readonly and not imported:
            said = "Only an imported storage can be read-only."
            raise errors.error_of("requiresImportedStorage", said)
        path = Path(mount_point)
        if not path.is_absolute():
            raise errors.error_of("badValueFilePath", "Bad value: provided file path is not absolute.")
        _test(path, readonly=readonly)
        storage = StorageId(new_entity_id())
        row = (
            storage, self._provider, name, "posix", str(path), imported, readonly, json.dumps(dict(qos_parameters or {})), self._clock.now_s(),
        )  # fmt: skip
        columns = "id, provider, name, type, mount_point, imported, readonly, qos, created"
        with self._database.writing() as db:
            db.execute(f"INSERT INTO storage ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return storage

    def every(self) -> list[StorageId]:
        """Return the ids of the provider's storages, oldest first."""
        with self._database.reading() as db:
            rows = db.execute("SELECT id FROM storage WHERE provider = ? ORDER BY created, id", (self._provider,))
            return [StorageId(row[0]) for row in rows]

    def get(self, storage: StorageId) -> StorageRecord:
        """Return one storage.

        Raises:
            NotFound: There is none.
        """
        query = "SELECT * FROM storage WHERE id = ? AND provider = ?"
        with self._database.reading() as db:
            row = db.execute(query, (storage, self._provider)).fetchone()
        if row is None:
            raise errors.not_found()
        return storage_record(row)

    def of_space(self, space: SpaceId) -> list[StorageRecord]:
        """Return the storages that support a space, of every provider, sorted by id."""
        query = "SELECT t.* FROM support AS s JOIN storage AS t ON t.id = s.storage WHERE s.space = ? ORDER BY t.id"
        with self._database.reading() as db:
            return [storage_record(row) for row in db.execute(query, (space,))]

    def change(
        self, storage: StorageId, *, name: str | None = None, qos_parameters: Mapping[str, str | float] | None = None
    ) -> None:
        """Rename a storage or replace its QoS parameters; None leaves a value.

        Raises:
            NotFound: There is none.
        """
        self.get(storage)
        given = None if qos_parameters is None else json.dumps(dict(qos_parameters))
        query = "UPDATE storage SET name = coalesce(?, name), qos = coalesce(?, qos) WHERE id = ?"
        with self._database.writing() as db:
            db.execute(query, (name, given, storage))

    def remove(self, storage: StorageId) -> None:
        """Remove a storage from the list; its files stay as they are.

        Raises:
            NotFound: There is none.
            Rejected: storageInUse, it supports a space.
        """
        self.get(storage)
        try:
            with self._database.writing() as db:
                db.execute("DELETE FROM storage WHERE id = ?", (storage,))
        except sqlite3.IntegrityError as error:
            raise errors.error_of("storageInUse", "The storage supports a space.") from error


def storage_record(row: sqlite3.Row) -> StorageRecord:
    """Return what a row of the table says."""
    return StorageRecord(
        id=StorageId(row["id"]),
        provider=ProviderId(row["provider"]),
        name=row["name"],
        mount_point=Path(row["mount_point"]),
        imported=bool(row["imported"]),
        readonly=bool(row["readonly"]),
        qos_parameters=json.loads(row["qos"]),
    )


def _test(path: Path, *, readonly: bool) -> None:
    """Make sure that a storage works: it can be listed, and written to unless it is read-only."""
    operation = "read"
    try:
        with os.scandir(path):
            pass
        if not readonly:
            operation = "write"
            probe = path / f".fs2od-test-{secrets.token_hex(8)}"
            probe.touch(exist_ok=False)
            probe.unlink()
    except OSError as error:
        said = f"Storage test failed: {operation} ({error.strerror})."
        raise errors.error_of("storageTestFailed", said, {"operation": operation}) from error
