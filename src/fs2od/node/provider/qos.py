"""QoS requirements: taken, shown and judged by what copies there really are.

One is impossible when too few storages of its space match, fulfilled when every file that it is about has a checked copy of
its present state on each storage that was chosen, and pending until then.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.index import Indexes
from fs2od.node.index.replicas import Event, events, is_complete, lost
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.access import Located
from fs2od.node.replication import Replicator, Requirement
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors, qos
from fs2od.onedata.ids import FileRef, QosRequirementId, SpaceId, new_entity_id
from fs2od.onedata.wire import QosStatus
from fs2od.sqlite import Database

__all__ = ["QosRequirement", "QosRequirements"]


@dataclass(frozen=True)
class QosRequirement:
    """One requirement. `expression` is in the form that Onedata replies with."""

    id: QosRequirementId
    space: SpaceId
    file_uuid: str
    expression: str
    replicas: int


class QosRequirements:
    """Adds, shows, judges and removes requirements."""

    def __init__(
        self, database: Database, rights: Rights, indexes: Indexes, replicator: Replicator, clock: Clock
    ) -> None:
        self._database = database
        self._rights = rights
        self._indexes = indexes
        self._replicator = replicator
        self._clock = clock

    def add(self, located: Located, expression: str, replicas: int) -> QosRequirementId:
        """Add a requirement to a file or directory.

        Raises:
            Forbidden: Without space_manage_qos.
            Rejected: invalidQosExpression with the reason.
        """
        with self._database.writing() as db:
            requirement = self.insert(db, located, expression, replicas)
        self._replicator.look_now(located.space)
        return requirement

    def insert(self, db: sqlite3.Connection, located: Located, expression: str, replicas: int) -> QosRequirementId:
        """Add a requirement inside a transaction of the caller's, who has the replicator look after it.

        Raises:
            Forbidden: Without space_manage_qos.
            Rejected: invalidQosExpression with the reason.
        """
        located.caller.require_all_access()
        self._rights.require_space(located.caller, located.space, "space_manage_qos")
        printed = qos.print_expression(qos.parse(expression))
        requirement = QosRequirementId(new_entity_id())
        row = (requirement, located.space, located.ref.uuid, printed, replicas, self._clock.now_s())
        db.execute("INSERT INTO qos_requirement VALUES (?, ?, ?, ?, ?, ?)", row)
        return requirement

    def get(self, caller: Caller, requirement: QosRequirementId) -> QosRequirement:
        """Return a requirement.

        Raises:
            NotFound: There is none.
            Forbidden: Without space_view_qos.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        found = self.known(requirement)
        self._rights.require_space(caller, found.space, "space_view_qos")
        return found

    def of_space(self, caller: Caller, space: SpaceId) -> list[QosRequirement]:
        """Return all requirements of a space, oldest first.

        Raises:
            Forbidden: Without space_view_qos.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        self._rights.require_space(caller, space, "space_view_qos")
        return [
            QosRequirement(found.id, space, found.file_uuid, found.expression, found.replicas)
            for found in self._replicator.demands.requirements(space)
        ]

    def remove(self, caller: Caller, requirement: QosRequirementId) -> None:
        """Remove a requirement; what was replicated stays, unprotected.

        Raises:
            NotFound: There is none.
            Forbidden: Without space_manage_qos.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        self._rights.require_space(caller, self.known(requirement).space, "space_manage_qos")
        with self._database.writing() as db:
            db.execute("DELETE FROM qos_requirement WHERE id = ?", (requirement,))

    def summary(self, located: Located, uuids: list[str]) -> dict[QosRequirementId, QosStatus]:
        """Return the requirements in force for a file, given its uuid and those of all directories above it.

        Raises:
            Forbidden: Without space_view_qos.
        """
        self._rights.require_space(located.caller, located.space, "space_view_qos")
        marks = ", ".join("?" * len(uuids))
        query = f"SELECT id FROM qos_requirement WHERE space = ? AND file_uuid IN ({marks}) ORDER BY created, id"
        with self._database.reading() as db:
            found = [QosRequirementId(row[0]) for row in db.execute(query, (located.space, *uuids))]
        return {requirement: self.status(self.known(requirement)) for requirement in found}

    def status(self, requirement: QosRequirement) -> QosStatus:
        """Return how a requirement stands. Looks at every file that it is about, until one lacks a copy."""
        asked = Requirement(requirement.id, requirement.file_uuid, requirement.expression, requirement.replicas)
        wanted = self._replicator.demands.of_requirement(requirement.space, asked)
        if wanted is None:
            return "impossible"
        with self._indexes.using(requirement.space) as index:
            top = index.find(requirement.file_uuid)
            if top is None:
                return "fulfilled"  # what it was about is gone
            is_met = all(is_complete(index, demand.storage.id, top=top.row) for demand in wanted)
            home = self._replicator.home(requirement.space)
            is_met = is_met and (home is None or not lost(index, home.id, top=top.row).files)
        return "fulfilled" if is_met else "pending"

    def events(
        self, requirement: QosRequirement, *, since_s: int, offset: int, limit: int
    ) -> list[tuple[FileRef, Event]]:
        """Return what last happened to each file on the storages that were chosen for a requirement, oldest first."""
        asked = Requirement(requirement.id, requirement.file_uuid, requirement.expression, requirement.replicas)
        wanted = self._replicator.demands.of_requirement(requirement.space, asked) or []
        with self._indexes.using(requirement.space) as index:
            top = index.find(requirement.file_uuid)
            if top is None:
                return []
            storages = [demand.storage.id for demand in wanted]
            found = events(index, storages, top=top.row, since_s=since_s, offset=offset, limit=limit)
            return [(index.ref(event.row), event) for event in found]

    def matching(self, space: SpaceId, expression: str) -> list[StorageRecord]:
        """Return the storages of a space that an expression matches.

        Raises:
            Rejected: invalidQosExpression with the reason.
        """
        parsed = qos.parse(expression)
        return [
            record
            for record in self._replicator.demands.storages(space)
            if qos.matches(parsed, record.all_qos_parameters)
        ]

    def known(self, requirement: QosRequirementId) -> QosRequirement:
        """Return a requirement, for callers whose right was judged elsewhere.

        Raises:
            NotFound: There is none.
        """
        query = "SELECT id, space, file_uuid, expression, replicas FROM qos_requirement WHERE id = ?"
        with self._database.reading() as db:
            row = db.execute(query, (requirement,)).fetchone()
        if row is None:
            raise errors.not_found()
        return QosRequirement(QosRequirementId(row[0]), SpaceId(row[1]), row[2], row[3], row[4])
