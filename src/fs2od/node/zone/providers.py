"""Providers: the sites that hold bytes, and which of them answer."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass

from fs2od.errors import ConfigurationError
from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.names import require_name
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors, privileges
from fs2od.onedata.ids import ProviderId, SpaceId, UserId, new_entity_id
from fs2od.sqlite import Database

__all__ = ["Provider", "Providers"]


@dataclass(frozen=True)
class Provider:
    """One provider. `domain` is host[:port] where it is reached, or was when it last answered.

    `host` and `port` are what is asked for: "" is the node's own host, 0 any free port.
    """

    id: ProviderId
    cluster: str
    name: str
    domain: str
    created_s: int
    host: str = ""
    port: int = 0

    @property
    def url(self) -> str:
        """The provider's origin, without trailing slash."""
        return f"https://{self.domain}"


class Providers:
    """Registers and shows providers."""

    def __init__(self, database: Database, rights: Rights, clock: Clock) -> None:
        self._database = database
        self._rights = rights
        self._clock = clock
        self._online: frozenset[ProviderId] = frozenset()
        self._adding = threading.Lock()
        self._serve: Callable[[Provider], Provider] | None = None
        self._leave: Callable[[Provider], Callable[[], None]] = _nobody_serves

    def ensure(self, name: str, *, host: str = "", port: int = 0) -> Provider:
        """Return the provider of that name, made at first use; what it asks for follows the configuration."""
        with self._database.writing() as db:
            row = db.execute("SELECT id FROM provider WHERE name = ?", (name,)).fetchone()
            if row is None:
                provider = self._insert(db, name, host, port)
            else:
                provider = ProviderId(row[0])
                db.execute("UPDATE provider SET host = ?, port = ? WHERE id = ?", (host, port, provider))
        return self.known(provider)

    def serve_with(
        self, serve: Callable[[Provider], Provider], leave: Callable[[Provider], Callable[[], None]]
    ) -> None:
        """Have `serve` called with each provider that is added from now on; it returns it as it answers then.

        `leave` is called with each one that is to be removed, and returns what to call once that was done; it raises
        Rejected for one that has to stay.
        """
        self._serve, self._leave = serve, leave

    def add(self, caller: Caller, name: str, *, host: str = "", port: int = 0) -> Provider:
        """Make a new provider, administered by the caller, that answers when this returns.

        Raises:
            Forbidden: Without oz_providers_invite.
            Rejected: badValueName; badValueIdentifierOccupied, there is one of that name; badData, the port cannot be had.
            Busy: serviceUnavailable, nobody can serve it just now.
        """
        user = self._rights.require_zone(caller, "oz_providers_invite")
        require_name(name)
        if self._serve is None:
            raise errors.error_of("serviceUnavailable", "No further site can be served just now.")
        with self._adding:
            with self._database.writing() as db:
                if db.execute("SELECT 1 FROM provider WHERE name = ?", (name,)).fetchone() is not None:
                    raise errors.bad_value("IdentifierOccupied", "name", "is the name of another provider")
                provider = self._insert(db, name, host, port)
                row = (self._cluster_in(db, provider), user, json.dumps(sorted(privileges.CLUSTER_ADMIN)))
                db.execute("INSERT INTO cluster_user (parent, child, privileges) VALUES (?, ?, ?)", row)
            try:
                return self._serve(self.known(provider))
            except ConfigurationError as error:
                self._forget(provider)
                raise errors.error_of("badData", str(error), {"key": "port", "hint": str(error)}) from error

    def remove(self, caller: Caller, provider: ProviderId) -> None:
        """Remove a provider with its storages, its offer and its administrators, in the name of the zone's administrator.

        What lies on its storages stays as it is.

        Raises:
            Forbidden: Without oz_providers_delete.
            NotFound: There is none.
            Rejected: storageInUse, it supports spaces; notSupported, it is the node's own, or stands in the configuration.
        """
        self._rights.require_zone(caller, "oz_providers_delete")
        self.remove_known(provider)

    def remove_known(self, provider: ProviderId) -> None:
        """Do the same for callers whose right was judged elsewhere.

        Raises:
            NotFound: There is none.
            Rejected: As for `remove`.
        """
        with self._adding:
            stop_serving = self._leave(self.known(provider))
            with self._database.writing() as db:
                count = db.execute("SELECT count(*) FROM support WHERE provider = ?", (provider,)).fetchone()[0]
                if count:
                    said = f"The provider supports {count} space{'s' if count > 1 else ''}: end its supports first."
                    raise errors.error_of("storageInUse", said)
                self._delete(db, provider)
            self._online -= {provider}
            stop_serving()

    def _insert(self, db: sqlite3.Connection, name: str, host: str, port: int) -> ProviderId:
        values = (new_entity_id(), new_entity_id(), name, self._clock.now_s(), host, port)
        columns = "id, cluster, name, domain, created, host, port"
        db.execute(f"INSERT INTO provider ({columns}) VALUES (?, ?, ?, '', ?, ?, ?)", values)
        return ProviderId(values[0])

    def _forget(self, provider: ProviderId) -> None:
        with self._database.writing() as db:
            self._delete(db, provider)

    def _delete(self, db: sqlite3.Connection, provider: ProviderId) -> None:
        db.execute("DELETE FROM offer WHERE provider = ?", (provider,))
        db.execute("DELETE FROM storage WHERE provider = ?", (provider,))
        db.execute("DELETE FROM cluster_user WHERE parent = ?", (self._cluster_in(db, provider),))
        db.execute("DELETE FROM provider WHERE id = ?", (provider,))

    def went_online(self, provider: ProviderId, domain: str) -> Provider:
        """Note that a provider answers from now on, and where."""
        with self._database.writing() as db:
            db.execute("UPDATE provider SET domain = ? WHERE id = ?", (domain, provider))
        self._online |= {provider}
        return self.known(provider)

    def is_online(self, provider: ProviderId) -> bool:
        """Say whether a provider answers."""
        return provider in self._online

    def all_known(self) -> list[Provider]:
        """Return all providers by name, for callers whose right was judged elsewhere."""
        with self._database.reading() as db:
            return [_provider(row) for row in db.execute("SELECT * FROM provider ORDER BY name")]

    def of_member(self, user: UserId) -> list[Provider]:
        """Return the providers in whose cluster a user is, by name."""
        query = """SELECT p.* FROM provider AS p JOIN cluster_user AS c ON c.parent = p.cluster AND c.child = ?
            ORDER BY p.name"""
        with self._database.reading() as db:
            return [_provider(row) for row in db.execute(query, (user,))]

    def known(self, provider: ProviderId) -> Provider:
        """Return one provider.

        Raises:
            NotFound: There is none.
        """
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM provider WHERE id = ?", (provider,)).fetchone()
        if row is None:
            raise errors.not_found()
        return _provider(row)

    def of_cluster(self, cluster: str) -> Provider:
        """Return the provider whose cluster this is.

        Raises:
            NotFound: There is none.
        """
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM provider WHERE cluster = ?", (cluster,)).fetchone()
        if row is None:
            raise errors.not_found()
        return _provider(row)

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
        """Return the providers that support a space, the first one first."""
        with self._database.reading() as db:
            rows = db.execute("SELECT provider FROM support WHERE space = ? ORDER BY place, provider", (space,))
            return [ProviderId(row[0]) for row in rows]

    def serving(self, space: SpaceId) -> Provider:
        """Return a provider that supports a space and answers.

        Raises:
            Busy: serviceUnavailable, there is none.
        """
        for provider in self.supporting(space):
            if self.is_online(provider):
                return self.known(provider)
        raise errors.error_of("serviceUnavailable", "No provider that supports the space is online.")

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
            return self._cluster_in(db, provider)

    def _cluster_in(self, db: sqlite3.Connection, provider: ProviderId) -> str:
        row = db.execute("SELECT cluster FROM provider WHERE id = ?", (provider,)).fetchone()
        return "" if row is None else str(row[0])


def _nobody_serves(_: Provider) -> Callable[[], None]:
    raise errors.error_of("serviceUnavailable", "No site can be removed just now.")


def _provider(row: sqlite3.Row) -> Provider:
    return Provider(
        ProviderId(row["id"]), row["cluster"], row["name"], row["domain"], row["created"], row["host"], row["port"]
    )
