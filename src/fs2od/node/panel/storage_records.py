"""One storage as the zone's database knows it, and the way from there to its files."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from fs2od.errors import StorageError, StorageReplaced
from fs2od.node.panel.bounds import Bounds
from fs2od.node.zone.secrets import KeyFile
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId
from fs2od.onedata.wire.storages import PathType
from fs2od.storage import Number, PosixStorage, Root, Storage

if TYPE_CHECKING:
    from fs2od.storage.s3 import S3Settings

__all__ = [
    "Bucket",
    "Credentials",
    "Failure",
    "Place",
    "StorageRecord",
    "failure_at",
    "failure_of",
    "only_public_at",
    "opened_at",
    "seal",
    "storage_record",
    "try_place",
]

# An S3 client holds a pool of connections: it is kept, for as many spaces as are in use at once.
_MOST_CLIENTS = 64


class Credentials(msgspec.Struct, frozen=True):
    """The key of a bucket. Its text is in no error and no repr."""

    access_key: str = ""
    secret_key: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


class Bucket(msgspec.Struct, frozen=True):
    """Where a bucket is. `endpoint` has its scheme; all keys are canonical: SPACE ID/path, or the path if imported.

    `ca_pem` holds the certificates of who may have signed the store's, where it is none of the public authorities.
    With `direct`, clients may be given addresses of its objects: at `given_endpoint`, or at `endpoint` where that is empty.
    """

    endpoint: str
    name: str
    region: str = ""
    path_type: PathType = "canonical"
    direct: bool = False
    given_endpoint: str = ""
    ca_pem: str = ""


Place: TypeAlias = Path | Bucket
"""A directory of this machine, or a bucket."""


@dataclass(frozen=True)
class StorageRecord:
    """One storage. `qos_parameters` are the ones given; storageId and providerId are implied.

    With `only_public` a bucket is reached at public addresses only, for it is not whoever runs the node who named its store.
    `root` says which directory it is: another one in its place is never used (None: that was not noted yet). What is `kept_out`
    of a directory is never shown.
    """

    id: StorageId
    provider: ProviderId
    name: str
    place: Place
    imported: bool
    readonly: bool
    qos_parameters: Mapping[str, str | float]
    credentials: Credentials = field(default=Credentials(), repr=False)
    only_public: bool = True
    root: Root | None = None
    kept_out: frozenset[Number] = frozenset()

    @property
    def type(self) -> Literal["posix", "s3"]:
        """Onedata's word for its kind."""
        return "s3" if isinstance(self.place, Bucket) else "posix"

    @property
    def all_qos_parameters(self) -> dict[str, str | float]:
        """The parameters that QoS expressions see."""
        return {**self.qos_parameters, "storageId": self.id, "providerId": self.provider}

    def opened(self, *, hurried: bool = False) -> Storage:
        """Return the storage itself. What `hurried` means, says `opened_for`."""
        return self._opened("", hurried=hurried)

    def opened_for(self, space: SpaceId, *, hurried: bool = False) -> Storage:
        """Return the tree of one space: all of an imported storage, a folder of its own elsewhere.

        `hurried` is for who can do without it: a store that does not answer is given up within about 20 s.
        """
        return self._opened("" if self.imported else space, hurried=hurried)

    def _opened(self, below: str, *, hurried: bool = False) -> Storage:
        if isinstance(self.place, Path):
            return _directory(self.place, below, self.root, self.kept_out)
        return opened_at(self.place, self.credentials, below=below, only_public=self.only_public, hurried=hurried)

    def given_out(self) -> StorageRecord:
        """Return the storage as clients reach it who are given addresses of what lies there."""
        place = self.place
        if not isinstance(place, Bucket) or not place.given_endpoint:
            return self
        # The node itself never connects there.
        return replace(self, place=msgspec.structs.replace(place, endpoint=place.given_endpoint), only_public=True)


def storage_record(row: sqlite3.Row, keys: KeyFile, bounds: Bounds) -> StorageRecord:
    """Return what a row of the table says, within the node's bounds.

    Raises:
        StateError: Its credentials were sealed with another key file.
    """
    storage = StorageId(row["id"])
    bucket = row["type"] == "s3"
    opened = keys.opened(_purpose(storage), row["secret"]) if row["secret"] else None
    place: Place = msgspec.json.decode(row["details"], type=Bucket) if bucket else Path(row["mount_point"])
    return StorageRecord(
        id=storage,
        provider=ProviderId(row["provider"]),
        name=row["name"],
        place=place,
        imported=bool(row["imported"]),
        readonly=bool(row["readonly"]),
        qos_parameters=json.loads(row["qos"]),
        credentials=msgspec.json.decode(opened, type=Credentials) if opened else Credentials(),
        only_public=only_public_at(place, bounds.named),
        root=msgspec.json.decode(row["root"], type=Root) if row["root"] else None,
        kept_out=frozenset() if bucket else bounds.kept_out,
    )


def seal(keys: KeyFile, storage: StorageId, credentials: Credentials) -> bytes:
    """Return credentials as the database keeps them: of use only with the key file, for this storage."""
    return keys.sealed(_purpose(storage), msgspec.json.encode(credentials))


def only_public_at(place: Place, named: Container[str]) -> bool:
    """Say whether a place may be reached at public addresses only: a bucket of a store that is not among the `named`."""
    return isinstance(place, Bucket) and place.endpoint not in named


def opened_at(
    place: Place, credentials: Credentials, *, below: str = "", only_public: bool, hurried: bool = False
) -> Storage:
    """Return the storage at a place, or the folder `below` it; `hurried` gives up soon where it does not answer."""
    if isinstance(place, Path):
        return _directory(place, below, None, frozenset())
    from fs2od.storage.s3 import S3Settings  # noqa: PLC0415 - its library takes a moment to load

    settings = S3Settings(
        endpoint=place.endpoint,
        bucket=place.name,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        prefix=below,
        region=place.region or S3Settings.region,
        ca_pem=place.ca_pem,
        only_public=only_public,
    )
    return _bucket(replace(settings, connect_timeout_s=5.0, read_timeout_s=10.0, attempts=2) if hurried else settings)


@lru_cache(_MOST_CLIENTS)
def _directory(place: Path, below: str, root: Root | None, kept_out: frozenset[Number]) -> Storage:
    return PosixStorage(place, below=below, root=root, kept_out=kept_out)


@lru_cache(_MOST_CLIENTS)
def _bucket(settings: S3Settings) -> Storage:
    from fs2od.storage.s3 import S3Storage  # noqa: PLC0415 - its library takes a moment to load

    return S3Storage(settings)


@dataclass(frozen=True)
class Failure:
    """Why a storage cannot be used: what was tried ("read", "write", "remove"), and what stands against it."""

    operation: str
    reason: str


def try_place(place: Place, credentials: Credentials, *, readonly: bool, only_public: bool) -> None:
    """Make sure that a storage works there: it can be listed, and written to unless it is read-only. Nothing stays behind.

    Raises:
        Rejected: storageTestFailed, with the operation.
    """
    failure = failure_at(place, credentials, readonly=readonly, only_public=only_public)
    if failure is not None:
        said = f"Storage test failed: {failure.operation} ({failure.reason})."
        raise errors.error_of("storageTestFailed", said, {"operation": failure.operation})


def keeps_versions(place: Place, credentials: Credentials, *, only_public: bool) -> bool:
    """Say whether what is removed there stays as a version: in a bucket that is set so, and says it."""
    if isinstance(place, Path):
        return False
    from fs2od.storage.s3 import S3Storage  # noqa: PLC0415 - its library takes a moment to load

    storage = opened_at(place, credentials, only_public=only_public)
    return isinstance(storage, S3Storage) and storage.keeps_versions()


def failure_of(storage: StorageRecord) -> Failure | None:
    """Try whether a storage works where it is, and return what stands against it; None if it does."""
    if isinstance(storage.place, Path):
        try:
            storage.opened().stat("")
        except StorageReplaced as error:
            return Failure("read", str(error))
        except StorageError:
            pass  # said below, as when it was added
    return failure_at(storage.place, storage.credentials, readonly=storage.readonly, only_public=storage.only_public)


def failure_at(place: Place, credentials: Credentials, *, readonly: bool, only_public: bool) -> Failure | None:
    """Do the same, and return what stands against it; None if it works."""
    operation = "read"
    try:
        for step in _tried(place, credentials, readonly=readonly, only_public=only_public):
            operation = step
    except (StorageError, OSError) as error:
        return Failure(operation, (error.strerror or str(error)) if isinstance(error, OSError) else str(error))
    return None


def _tried(place: Place, credentials: Credentials, *, readonly: bool, only_public: bool) -> Iterator[str]:
    """Try what a storage is for, saying before each step what it is."""
    probe = f".fs2od-test-{secrets.token_hex(8)}"
    yield "read"
    if isinstance(place, Path):
        with os.scandir(place):
            pass
        if not readonly:
            yield "write"
            (place / probe).touch(exist_ok=False)
            (place / probe).unlink()
        return
    storage = opened_at(place, credentials, only_public=only_public)
    next(iter(storage.list("")), None)
    if not readonly:
        yield "write"
        storage.write(probe, [b"fs2od"])
        yield "read"
        with storage.open(probe) as written:
            is_same = written.read(6) == b"fs2od"
        yield "remove"
        storage.delete(probe)
        if not is_same:
            raise StorageError("it gives back other bytes than it was given")


def _purpose(storage: StorageId) -> str:
    return f"storage credentials/{storage}"
