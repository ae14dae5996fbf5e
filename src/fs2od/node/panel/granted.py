"""What a site grants, as its administrators want to see it: which spaces, how much of it is used, and what an end would mean."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fs2od.node.index import replicas
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.storage_records import StorageRecord
from fs2od.onedata.ids import SpaceId, StorageId

if TYPE_CHECKING:
    from fs2od.node.provider.provider import Oneprovider

__all__ = ["Ending", "Granted", "Room", "Shelf", "ending", "granted", "of_storages", "one", "room"]


@dataclass(frozen=True)
class Granted:
    """One support. `problem` is why files could not be copied here, of `failed` files; empty if all is well."""

    space: SpaceId
    name: str
    storage: StorageId
    storage_name: str
    size_bytes: int
    occupied_bytes: int
    is_home: bool
    failed: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Shelf:
    """A part of the supports, sorted by the spaces' names, and how many there are in all that were looked for."""

    rows: tuple[Granted, ...]
    total: int


@dataclass(frozen=True)
class Room:
    """What a storage has granted to how many spaces, and what its disk has left; None where nobody can tell."""

    spaces: int = 0
    granted_bytes: int = 0
    free_bytes: int | None = None
    total_bytes: int | None = None


@dataclass(frozen=True)
class Ending:
    """What the end of a support would mean.

    Attributes:
        granted: The support.
        imported: Whether its files lie where they were found: then they belong to whoever put them there.
        is_only: Whether nobody else supports the space.
        files: How many files the space has.
        size_bytes: How many bytes these have.
        lost_files: How many of them could be read nowhere any more.
    """

    granted: Granted
    imported: bool
    is_only: bool
    files: int
    size_bytes: int
    lost_files: int


def granted(provider: Oneprovider, *, search: str = "", limit: int, offset: int = 0) -> Shelf:
    """Return supports of a site whose space's name holds `search`."""
    where = (
        "FROM support AS u JOIN space AS s ON s.id = u.space WHERE u.provider = ? AND instr(lower(s.name), lower(?))"
    )
    given = (provider.record.id, search)
    with provider.zone.database.reading() as db:
        total = db.execute(f"SELECT count(*) {where}", given).fetchone()[0]
        query = f"SELECT u.space {where} ORDER BY lower(s.name), u.space LIMIT ? OFFSET ?"
        spaces = [SpaceId(row[0]) for row in db.execute(query, (*given, limit, offset))]
    return Shelf(tuple(one(provider, space) for space in spaces), total)


def one(provider: Oneprovider, space: SpaceId) -> Granted:
    """Return one support.

    Raises:
        NotFound: The provider does not support the space.
    """
    support, supports = provider.supports.get(space), provider.supports
    with provider.indexes.using(space) as index:
        failed, problem = replicas.problem(index, support.storage)
    return Granted(
        space,
        provider.zone.spaces.known(space).name,
        support.storage,
        provider.storages.get(support.storage).name,
        support.size_bytes,
        supports.occupancy_bytes(space),
        supports.is_home(space),
        failed,
        problem or "",
    )


def ending(provider: Oneprovider, space: SpaceId) -> Ending:
    """Return what would be lost and kept if the support of a space ended now. Looks at each of its files.

    Raises:
        NotFound: The provider does not support it.
    """
    support = provider.supports.get(space)
    known = one(provider, space)
    others = [each for each in provider.storages.of_space(space) if each.id != support.storage]
    with provider.indexes.using(space) as index:
        root = index.get(ROOT)
        files, size_bytes = (root.files, root.size_bytes) if root else (0, 0)
        lost = 0
        if known.is_home:
            lost = replicas.without_copy(index, [each.id for each in others])
    return Ending(known, support.imported, not others, files, size_bytes, lost)


def of_storages(provider: Oneprovider) -> dict[StorageId, Room]:
    """Return what each storage of a site has granted, without what its disk says."""
    query = "SELECT storage, count(*), total(size) FROM support WHERE provider = ? GROUP BY storage"
    with provider.zone.database.reading() as db:
        rows = db.execute(query, (provider.record.id,)).fetchall()
    return {StorageId(storage): Room(spaces, int(size)) for storage, spaces, size in rows}


def room(record: StorageRecord, known: Room) -> Room:
    """Return the same with what is free where the storage is a directory; a bucket tells nobody."""
    if not isinstance(record.place, Path):
        return known
    try:
        disk = shutil.disk_usage(record.place)
    except OSError:
        return known
    return Room(known.spaces, known.granted_bytes, disk.free, disk.total)
