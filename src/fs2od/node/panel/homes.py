"""The home of a space: the support whose storage holds all that was imported or written, whichever provider is asked.

What was imported lies where it was imported from; else the provider that supported the space first keeps what is written.
When a home ends, the storage with most of its copies is the next one (fs2od.node.panel.support), and what it got as copies keeps
the state that is registered (fs2od.node.provider.sources).
"""

from __future__ import annotations

from fs2od.node.index import Indexes, replicas
from fs2od.node.index.arrivals import arrived_bytes
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.bounds import Bounds
from fs2od.node.panel.storage_records import StorageRecord, storage_record
from fs2od.node.panel.support import HOME, Support, support_record
from fs2od.node.zone.secrets import KeyFile
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.sqlite import Database, Standing

__all__ = ["Homes"]


class Homes:
    """Finds the homes of spaces, for all providers of the node."""

    def __init__(self, database: Database, indexes: Indexes, keys: KeyFile, bounds: Bounds) -> None:
        self._database = database
        self._keys = keys
        self._bounds = bounds
        self._indexes = indexes
        self._supports = Standing(database, self._support)
        self._storages = Standing(database, self._all_storages)
        self._homes = Standing(database, self._storage)

    def support(self, space: SpaceId) -> Support | None:
        """Return the support that is the home of a space; None if nobody supports it."""
        return self._supports.get(space)

    def storage(self, space: SpaceId) -> StorageRecord | None:
        """Return the storage of that support."""
        return self._homes.get(space)

    def storages(self, space: SpaceId) -> list[StorageRecord]:
        """Return the storages that support a space, of every provider, sorted by id."""
        return list(self._storages.get(space))

    def _support(self, space: SpaceId) -> Support | None:
        with self._database.reading() as db:
            row = db.execute(f"SELECT s.*, t.imported, t.readonly {HOME}", (space,)).fetchone()
        return None if row is None else support_record(row)

    def _storage(self, space: SpaceId) -> StorageRecord | None:
        with self._database.reading() as db:
            row = db.execute(f"SELECT t.* {HOME}", (space,)).fetchone()
        return None if row is None else storage_record(row, self._keys, self._bounds)

    def _all_storages(self, space: SpaceId) -> tuple[StorageRecord, ...]:
        query = "SELECT t.* FROM support AS s JOIN storage AS t ON t.id = s.storage WHERE s.space = ? ORDER BY t.id"
        with self._database.reading() as db:
            return tuple(storage_record(row, self._keys, self._bounds) for row in db.execute(query, (space,)))

    def known(self, storage: StorageId) -> StorageRecord | None:
        """Return a storage of any provider, whatever it supports."""
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM storage WHERE id = ?", (storage,)).fetchone()
        return None if row is None else storage_record(row, self._keys, self._bounds)

    def every_storage(self) -> list[StorageRecord]:
        """Return all storages of the node."""
        with self._database.reading() as db:
            return [storage_record(row, self._keys, self._bounds) for row in db.execute("SELECT * FROM storage")]

    def every(self) -> list[SpaceId]:
        """Return all spaces that anybody supports, sorted by id."""
        with self._database.reading() as db:
            return [SpaceId(row[0]) for row in db.execute("SELECT DISTINCT space FROM support ORDER BY space")]

    def occupancy_bytes(self, space: SpaceId) -> int:
        """Return how many bytes the registered files of a space have at home; those of lost ones are not there."""
        home = self.support(space)
        with self._indexes.using(space) as index:
            root = index.get(ROOT)
            if root is None or home is None:
                return root.size_bytes if root else 0
            return root.size_bytes - replicas.lost(index, home.storage).size_bytes

    def arrived_bytes(self, space: SpaceId) -> int:
        """Return how many bytes are there of files of a space that are not whole yet, and registered as empty."""
        with self._indexes.using(space) as index:
            return index.kept(arrived_bytes, None)
