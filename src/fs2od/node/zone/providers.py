"""Providers: the sites that hold bytes."""

from __future__ import annotations

from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, UserId, new_entity_id
from fs2od.sqlite import Database

__all__ = ["Provider", "Providers"]


@dataclass(frozen=True)
class Provider:
    """One provider. `domain` is host[:port]."""

    id: ProviderId
    cluster: str
    name: str
    domain: str
    created_s: int


class Providers:
    """Registers and shows providers."""

    def __init__(self, database: Database, rights: Rights, clock: Clock) -> None:
        self._database = database
        self._rights = rights
        self._clock = clock

    def ensure(self, name: str, domain: str) -> Provider:
        """Return the provider of that name, made at first use; its domain follows the configuration."""
        with self._database.writing() as db:
            row = db.execute("SELECT id FROM provider WHERE name = ?", (name,)).fetchone()
            if row is None:
                values = (new_entity_id(), new_entity_id(), name, domain, self._clock.now_s())
                db.execute("INSERT INTO provider (id, cluster, name, domain, created) VALUES (?, ?, ?, ?, ?)", values)
                provider = ProviderId(values[0])
            else:
                provider = ProviderId(row[0])
                db.execute("UPDATE provider SET domain = ? WHERE id = ?", (domain, provider))
        return self.known(provider)

    def known(self, provider: ProviderId) -> Provider:
        """Return one provider.

        Raises:
            NotFound: There is none.
        """
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM provider WHERE id = ?", (provider,)).fetchone()
        if row is None:
            raise errors.not_found()
        return Provider(ProviderId(row["id"]), row["cluster"], row["name"], row["domain"], row["created"])

    def every(self, caller: Caller) -> list[ProviderId]:
        """Return all providers.

        Raises:
            Forbidden: Without oz_providers_list.
        """
        self._rights.require_zone(caller, "oz_providers_list")
        with self._database.reading() as db:
            return [ProviderId(row[0]) for row in db.execute("SELECT id FROM provider ORDER BY id")]

    def effective(self, user: UserId) -> list[ProviderId]:
        """Return the providers that support a space of the user's."""
        return sorted(
            {provider for space in self._rights.effective_spaces(user) for provider in self.supporting(space)}
        )

    def supporting(self, space: SpaceId) -> list[ProviderId]:
        """Return the providers that support a space."""
        with self._database.reading() as db:
            rows = db.execute("SELECT provider FROM support WHERE space = ? ORDER BY provider", (space,))
            return [ProviderId(row[0]) for row in rows]

    def get(self, caller: Caller, provider: ProviderId) -> Provider:
        """Return a provider, for users of a space that it supports and for administrators.

        Raises:
            Forbidden: For others.
            NotFound: There is none, for administrators.
        """
        user = self._rights.require_user(caller)
        caller.require_all_access()
        members = self._rights.cluster_privileges(user, self._cluster(provider))
        if members is None and provider not in self.effective(user):
            self._rights.require_zone(caller, "oz_providers_view")
        return self.known(provider)

    def spaces(self, caller: Caller, provider: ProviderId) -> list[SpaceId]:
        """Return the spaces that a provider supports, for members of its cluster and for administrators.

        Raises:
            Forbidden: For others.
            NotFound: There is no such provider, for administrators.
        """
        user = self._rights.require_user(caller)
        caller.require_all_access()
        if self._rights.cluster_privileges(user, self._cluster(provider)) is None:
            self._rights.require_zone(caller, "oz_providers_list_relationships")
        self.known(provider)
        with self._database.reading() as db:
            rows = db.execute("SELECT space FROM support WHERE provider = ? ORDER BY space", (provider,))
            return [SpaceId(row[0]) for row in rows]

    def _cluster(self, provider: ProviderId) -> str:
        with self._database.reading() as db:
            row = db.execute("SELECT cluster FROM provider WHERE id = ?", (provider,)).fetchone()
        return "" if row is None else str(row[0])
