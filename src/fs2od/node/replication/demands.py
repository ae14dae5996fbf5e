"""Which storages are to hold copies of what: requirements turned into demands on single storages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.overlaps import same
from fs2od.node.panel.storage_records import StorageRecord
from fs2od.node.replication.neighbours import Neighbours
from fs2od.onedata import qos
from fs2od.onedata.ids import QosRequirementId, SpaceId, StorageId
from fs2od.sqlite import Database

__all__ = ["Demand", "Demands", "Requirement", "chosen"]


@dataclass(frozen=True)
class Requirement:
    """So many replicas of a file, or of all below a directory, on storages that match."""

    id: QosRequirementId
    file_uuid: str
    expression: str
    replicas: int


@dataclass(frozen=True)
class Demand:
    """A copy of a file, or of all below a directory, on one storage that is not the space's home."""

    storage: StorageRecord
    file_uuid: str


def chosen(
    requirement: Requirement, storages: Iterable[StorageRecord], home: StorageRecord | None
) -> list[StorageRecord] | None:
    """Return on which storages a requirement is met; None if too few match, so that it is impossible.

    The space's home counts as one if it matches. Among the others the choice is as good as random, but always the same as
    long as the same ones match, so that nothing is copied twice. Of storages in one place one counts, and none in the home's.
    """
    parsed = qos.parse(requirement.expression)
    matching = [each for each in storages if qos.matches(parsed, each.all_qos_parameters)]

    def rank(storage: StorageRecord) -> tuple[bool, bytes]:
        drawn = hashlib.sha256(f"{requirement.id} {storage.id}".encode()).digest()
        return home is None or storage.id != home.id, drawn

    taken = [] if home is None else [home]
    found: list[StorageRecord] = []
    for each in sorted(matching, key=rank):
        if all(each.id == other.id or not same(each.place, other.place) for other in taken):
            taken.append(each)
            found.append(each)
    return found[: requirement.replicas] if len(found) >= requirement.replicas else None


class Demands:
    """Reads what is wanted of a space."""

    def __init__(self, database: Database, homes: Homes, clock: Clock) -> None:
        self._database = database
        self._homes = homes
        self._neighbours = Neighbours(database, clock)

    def spaces(self) -> list[SpaceId]:
        """Return the spaces of which anything is wanted."""
        query = "SELECT space FROM qos_requirement UNION SELECT space FROM transfer WHERE NOT ended"
        with self._database.reading() as db:
            return [SpaceId(row[0]) for row in db.execute(query)]

    def storages(self, space: SpaceId) -> list[StorageRecord]:
        """Return the storages that support a space, of every provider."""
        return self._homes.storages(space)

    def twin(self, space: SpaceId, storage: StorageRecord, *, surely: bool) -> StorageRecord | None:
        """Return another storage of a space that lies in the same place as one: what lies there is no copy, and is not removed.

        `surely` is for whoever removes something: then none is judged by what it said before.

        Raises:
            StorageError: That cannot be told now.
        """
        return self._neighbours.twin(space, storage, self.storages(space), surely=surely)

    def storage(self, storage: StorageId) -> StorageRecord | None:
        """Return a storage, whether it supports the space or not."""
        return self._homes.known(storage)

    def requirements(self, space: SpaceId) -> list[Requirement]:
        """Return the requirements of a space, oldest first."""
        query = "SELECT id, file_uuid, expression, replicas FROM qos_requirement WHERE space = ? ORDER BY created, id"
        with self._database.reading() as db:
            return [
                Requirement(QosRequirementId(row[0]), row[1], row[2], row[3]) for row in db.execute(query, (space,))
            ]

    def of_requirement(self, space: SpaceId, requirement: Requirement) -> list[Demand] | None:
        """Return what a requirement asks of single storages; None if it is impossible."""
        home = self._homes.storage(space)
        found = chosen(requirement, self.storages(space), home)
        if found is None:
            return None
        return [Demand(each, requirement.file_uuid) for each in found if home is None or each.id != home.id]

    def of_space(self, space: SpaceId) -> Sequence[Demand]:
        """Return everything that the requirements of a space ask, each once."""
        found: dict[tuple[str, str], Demand] = {}
        for requirement in self.requirements(space):
            for demand in self.of_requirement(space, requirement) or ():
                found.setdefault((demand.storage.id, demand.file_uuid), demand)
        return list(found.values())

    def granted_bytes(self, space: SpaceId, storage: StorageRecord) -> int:
        """Return the size of the support that grants a storage to a space; 0 without one."""
        with self._database.reading() as db:
            query = "SELECT size FROM support WHERE space = ? AND storage = ?"
            row = db.execute(query, (space, storage.id)).fetchone()
        return 0 if row is None else int(row[0])
