"""Storages that a provider can support spaces with: directories of this machine, and buckets of any S3 store."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from msgspec import structs

from fs2od.errors import StorageBusy, StorageError
from fs2od.node.clock import Clock
from fs2od.node.panel.bounds import Bounds
from fs2od.node.panel.overlaps import found_in, overlap, resolved, seen_through, told
from fs2od.node.panel.storage_records import (
    Bucket,
    Credentials,
    Failure,
    Place,
    StorageRecord,
    failure_of,
    keeps_versions,
    only_public_at,
    seal,
    storage_record,
    try_place,
)
from fs2od.node.zone.secrets import KeyFile
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId, new_entity_id
from fs2od.sqlite import Database
from fs2od.storage import Root, noted_root

__all__ = ["StorageRecord", "Storages", "Trial"]

_log = logging.getLogger(__name__)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_COLUMNS = "id, provider, name, type, mount_point, details, secret, imported, readonly, qos, root, created"


@dataclass(frozen=True)
class Trial:
    """What trying a storage showed, and when. Without a failure it can be used.

    With `keeps_versions`, what is removed from it can still be read by whoever reads its bucket, and takes room.
    """

    at_s: int
    failure: Failure | None
    keeps_versions: bool = False


class Storages:
    """Adds, shows, changes and removes a provider's storages."""

    def __init__(
        self,
        database: Database,
        provider: ProviderId,
        clock: Clock,
        keys: KeyFile,
        bounds: Bounds,
    ) -> None:
        """Keep them in the zone's database.

        Stores that are not named are reached at public addresses only; nothing may lie in the node's own folders.
        """
        self._database = database
        self._provider = provider
        self._clock = clock
        self._keys = keys
        self._bounds = bounds
        self._trials: dict[StorageId, Trial] = {}

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
        return self._add(
            name, _absolute(mount_point), Credentials(), imported=imported, readonly=readonly, qos=qos_parameters
        )

    def add_s3(
        self,
        name: str,
        bucket: Bucket,
        credentials: Credentials,
        *,
        imported: bool = False,
        readonly: bool = False,
        qos_parameters: Mapping[str, str | float] | None = None,
    ) -> StorageId:
        """Add a bucket. Its credentials are kept sealed with the node's key file.

        Raises:
            Rejected: requiresImportedStorage, storageTestFailed, badValueNotAllowed.
        """
        _require_usable(bucket)
        return self._add(name, bucket, credentials, imported=imported, readonly=readonly, qos=qos_parameters)

    def _add(
        self,
        name: str,
        place: Place,
        credentials: Credentials,
        *,
        imported: bool,
        readonly: bool,
        qos: Mapping[str, str | float] | None,
    ) -> StorageId:
        if readonly and not imported:
            said = "Only an imported storage can be read-only."
            raise errors.error_of("requiresImportedStorage", said)
        others = self._require_free(place, imported=imported)
        # Noted before it is tried: what was tried is then what is noted, or the first use says that it is not.
        root = self._root_at(place, links=not (imported and readonly))
        try_place(place, credentials, readonly=readonly, only_public=only_public_at(place, self._bounds.named))
        if not readonly:
            self._require_unseen(place, credentials, others)
        storage = StorageId(new_entity_id())
        is_bucket = isinstance(place, Bucket)
        row = (
            storage,
            self._provider,
            name,
            "s3" if is_bucket else "posix",
            "" if is_bucket else str(place),
            msgspec.json.encode(place).decode() if is_bucket else "{}",
            seal(self._keys, storage, credentials) if is_bucket else None,
            imported,
            readonly,
            json.dumps(dict(qos or {})),
            _written(root),
            self._clock.now_s(),
        )
        with self._database.writing() as db:
            db.execute(f"INSERT INTO storage ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._noted(storage, None, keeps_versions=not readonly and self._keeps_versions(place, credentials))
        return storage

    def _require_free(
        self, place: Place, *, imported: bool = False, besides: StorageId | None = None
    ) -> list[StorageRecord]:
        """Let only places pass where no other storage of the node lies, of any site; return the other storages.

        Raises:
            Rejected: storageTestFailed.
        """
        with self._database.reading() as db:
            rows = db.execute("SELECT * FROM storage WHERE id IS NOT ?", (besides,))
            others = [storage_record(row, self._keys, self._bounds) for row in rows]
        if any(overlap(told(place), told(each)) for each in self._bounds.own_folders):
            raise _taken("the node keeps its own state there")
        found = found_in(place, others, imported=imported)
        if found is not None:
            raise self._taken_by(found)
        return others

    def _root_at(self, place: Place, *, links: bool) -> Root | None:
        """Return which directory stands at a place; None for a bucket.

        Raises:
            Rejected: storageTestFailed.
        """
        if isinstance(place, Bucket):
            return None
        try:
            return noted_root(place, kept_out=self._bounds.kept_out, links=links)
        except StorageError as error:
            raise _refused("read", str(error)) from error

    def _require_unseen(self, place: Place, credentials: Credentials, others: Iterable[StorageRecord]) -> None:
        """Let no bucket pass that is another storage's by another address of its store.

        Raises:
            Rejected: storageTestFailed.
        """
        if not isinstance(place, Bucket):
            return
        found = seen_through(place, credentials, others, only_public=only_public_at(place, self._bounds.named))
        if found is not None:
            raise self._taken_by(found)

    def _taken_by(self, found: StorageRecord) -> errors.ServiceError:
        whose = f"the storage “{found.name}”" if found.provider == self._provider else "a storage of another site"
        return _taken(f"{whose} lies there, in it or above it")

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
        with self._database.reading() as db:
            return self._read(db, storage)

    def _read(self, db: sqlite3.Connection, storage: StorageId) -> StorageRecord:
        query = "SELECT * FROM storage WHERE id = ? AND provider = ?"
        row = db.execute(query, (storage, self._provider)).fetchone()
        if row is None:
            raise errors.not_found()
        return storage_record(row, self._keys, self._bounds)

    def of_space(self, space: SpaceId) -> list[StorageRecord]:
        """Return the storages that support a space, of every provider, sorted by id."""
        query = "SELECT t.* FROM support AS s JOIN storage AS t ON t.id = s.storage WHERE s.space = ? ORDER BY t.id"
        with self._database.reading() as db:
            return [storage_record(row, self._keys, self._bounds) for row in db.execute(query, (space,))]

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

    def move_bucket(self, storage: StorageId, bucket: Bucket, credentials: Credentials) -> None:
        """Reach a bucket by another address or other credentials from now on, if it can be used by them.

        Raises:
            NotFound: There is none.
            Rejected: storageTestFailed; badValueNotAllowed; notSupported, it is no bucket.
        """
        record = self.get(storage)
        if not isinstance(record.place, Bucket):
            raise errors.error_of("notSupported", "The storage is no bucket.")
        _require_usable(bucket)
        moves = not overlap(record.place, bucket)
        others = self._require_free(bucket, imported=record.imported, besides=storage) if moves else []
        try_place(bucket, credentials, readonly=record.readonly, only_public=only_public_at(bucket, self._bounds.named))
        if not record.readonly:
            self._require_unseen(bucket, credentials, others)
        values = (msgspec.json.encode(bucket).decode(), seal(self._keys, storage, credentials), storage)
        with self._database.writing() as db:
            db.execute("UPDATE storage SET details = ?, secret = ? WHERE id = ?", values)
        self._noted(storage, None, keeps_versions=not record.readonly and self._keeps_versions(bucket, credentials))

    def move_directory(self, storage: StorageId, mount_point: str) -> None:
        """Find a directory's files at a path from now on, in the directory that stands there now; also where it was at that path before.

        It is how whoever runs the node says that another directory is meant: one that was restored, or moved to another disk.

        Raises:
            NotFound: There is none.
            Rejected: storageTestFailed; badValueFilePath; notSupported, it is a bucket.
        """
        record, place = self.get(storage), _absolute(mount_point)
        if isinstance(record.place, Bucket):
            raise errors.error_of("notSupported", "The storage is a bucket.")
        self._require_free(place, imported=record.imported, besides=storage)
        root = self._root_at(place, links=not (record.imported and record.readonly))
        try_place(place, record.credentials, readonly=record.readonly, only_public=record.only_public)
        with self._database.writing() as db:
            db.execute(
                "UPDATE storage SET mount_point = ?, root = ? WHERE id = ?", (str(place), _written(root), storage)
            )
        self._noted(storage, None)

    def unnoted(self) -> list[tuple[StorageId, SpaceId | None]]:
        """Return the directories of which is not noted which they are; each with the space that was imported from it, if one was."""
        query = """SELECT t.id, s.space FROM storage AS t LEFT JOIN support AS s ON s.storage = t.id AND t.imported
            WHERE t.provider = ? AND t.type = 'posix' AND t.root = '' GROUP BY t.id"""
        with self._database.reading() as db:
            return [(StorageId(row[0]), row[1]) for row in db.execute(query, (self._provider,))]

    def note_root(self, storage: StorageId, expected_inode: int | None = None) -> None:
        """Note which directory a storage is that an earlier version added. Where it is not there, a later call may do it.

        Args:
            storage: Which.
            expected_inode: The number that its directory had when it was last imported, if that is known. Where another one
                stands there now, the storage is not used until whoever runs the node says that this one is meant.

        Raises:
            NotFound: There is none.
            StorageBusy: Its folder does not answer.
        """
        record = self.get(storage)
        if record.root is not None or isinstance(record.place, Bucket):
            return
        try:
            resolved(record.place)  # nobody waits for a file server that is away
            root = noted_root(record.place, kept_out=self._bounds.kept_out)
        except StorageBusy:
            raise
        except StorageError as error:
            _log.warning("storage '%s' cannot be used: %s", record.name, error)
            return
        if expected_inode is not None and expected_inode != root.inode:
            root = structs.replace(root, inode=expected_inode, generation=0)
        with self._database.writing() as db:
            db.execute("UPDATE storage SET root = ? WHERE id = ? AND root = ''", (_written(root), storage))

    def lead_to(self, storage: StorageId, *, allowed: bool, endpoint: str = "") -> None:
        """Say whether clients may be given addresses that lead straight to a bucket.

        Args:
            storage: Which.
            allowed: Whether they may.
            endpoint: Where clients reach the store; "" for the address that the node uses itself.

        Raises:
            NotFound: There is none.
            Rejected: notSupported, it is no bucket; badValueString, bytes would travel unencrypted at that address.
        """
        # Read and written in one transaction, or a bucket that is moved meanwhile would be moved back.
        with self._database.writing() as db:
            place = self._read(db, storage).place
            if not isinstance(place, Bucket):
                raise errors.error_of("notSupported", "The storage is no bucket.")
            bucket = structs.replace(place, direct=allowed, given_endpoint=endpoint)
            _require_usable(bucket)
            db.execute("UPDATE storage SET details = ? WHERE id = ?", (msgspec.json.encode(bucket).decode(), storage))

    def tried(self, storage: StorageId) -> Trial:
        """Try whether a storage can be used now as it was when it was added, and remember what was found; the log says it, too.

        Raises:
            NotFound: There is none.
        """
        record = self.get(storage)
        failure = failure_of(record)
        if failure is not None:
            _log.warning("storage '%s' cannot be used (%s): %s", record.name, failure.operation, failure.reason)
        is_asked = failure is None and not record.readonly
        kept = is_asked and self._keeps_versions(record.place, record.credentials)
        return self._noted(storage, failure, keeps_versions=kept)

    def trial(self, storage: StorageId) -> Trial | None:
        """Return what trying a storage showed when that was last done since the node started; None if it was not."""
        return self._trials.get(storage)

    def _keeps_versions(self, place: Place, credentials: Credentials) -> bool:
        return keeps_versions(place, credentials, only_public=only_public_at(place, self._bounds.named))

    def _noted(self, storage: StorageId, failure: Failure | None, *, keeps_versions: bool = False) -> Trial:
        found = self._trials[storage] = Trial(self._clock.now_s(), failure, keeps_versions)
        return found

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
        self._trials.pop(storage, None)


def _absolute(mount_point: str) -> Path:
    path = Path(mount_point)
    if not path.is_absolute():
        raise errors.error_of("badValueFilePath", "Bad value: provided file path is not absolute.")
    return path


def _written(root: Root | None) -> str:
    return "" if root is None else msgspec.json.encode(root).decode()


def _taken(said: str) -> errors.ServiceError:
    return _refused("write", f"{said}: give a folder or bucket that is for this storage alone")


def _refused(operation: str, reason: str) -> errors.ServiceError:
    return errors.error_of(
        "storageTestFailed", f"Storage test failed: {operation} ({reason}).", {"operation": operation}
    )


def _is_private(endpoint: str) -> bool:
    """Say whether what is sent there is for nobody else: by TLS, or within this machine."""
    told = urlsplit(endpoint)
    return told.scheme == "https" or told.hostname in _LOOPBACK


def _is_address(endpoint: str) -> bool:
    scheme, _, rest = endpoint.partition("://")
    try:
        told = urlsplit(endpoint)
        is_split = bool(told.hostname) and told.port != 0
    except ValueError:
        is_split = False
    return is_split and scheme in ("http", "https") and not any(sign in rest for sign in "@?# ")


def _require_usable(bucket: Bucket) -> None:
    """Let only buckets pass whose keys can be made canonical, whose address is one, and whose authorities are certificates.

    Raises:
        Rejected: badValueNotAllowed, badValueString.
    """
    if bucket.path_type != "canonical":
        raise errors.not_allowed("storagePathType", ("canonical",))
    if not (_is_address(bucket.endpoint) and _is_address(bucket.given_endpoint or bucket.endpoint)):
        raise errors.bad_value("String", "hostname", "must be http(s)://host[:port]")
    if bucket.direct and not _is_private(bucket.given_endpoint or bucket.endpoint):
        raise errors.bad_value("String", "hostname", "must be https://host[:port], for clients are led there")
    if bucket.ca_pem and not _are_certificates(bucket.ca_pem):
        raise errors.bad_value("String", "caCertificates", "must hold certificates (PEM)")


def _are_certificates(pem: str) -> bool:
    try:
        return bool(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return False
