"""Requests for support: a space's people ask a site for so many bytes, its administrators approve or decline."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import cast

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.notices import Notices, SupportAnswered, SupportAsked
from fs2od.node.zone.offers import Offers
from fs2od.node.zone.providers import Providers
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, UserId, new_entity_id
from fs2od.onedata.wire.sites import SupportRequestState
from fs2od.sqlite import Database

__all__ = ["MINIMUM_SIZE", "SupportRequest", "SupportRequests"]

MINIMUM_SIZE = 1_000_000
"""The smallest support, in bytes (Onezone's default)."""
_LARGEST_SIZE = 2**63 - 1
_MOST_WAITING = 100
_MOST_SHOWN = 200
_SELECT = """SELECT r.*, s.name AS space_name, p.name AS provider_name, u.full_name AS user_name,
    ifnull((SELECT size FROM support WHERE space = r.space AND provider = r.provider), 0) AS supported
    FROM support_request AS r JOIN space AS s ON s.id = r.space JOIN provider AS p ON p.id = r.provider
    JOIN user AS u ON u.id = r.user"""
_ORDER = "ORDER BY r.state != 'waiting', r.created DESC, r.id LIMIT ?"


@dataclass(frozen=True)
class SupportRequest:
    """One request. `supported_bytes` is what the site grants the space now: 0, or less than what is asked for."""

    id: str
    space: SpaceId
    space_name: str
    provider: ProviderId
    provider_name: str
    user: UserId
    user_name: str
    size_bytes: int
    supported_bytes: int
    note: str
    state: SupportRequestState
    answer: str
    created_s: int
    answered_s: int | None


class SupportRequests:
    """Takes, shows and closes requests."""

    def __init__(
        self,
        database: Database,
        rights: Rights,
        providers: Providers,
        offers: Offers,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._database = database
        self._rights = rights
        self._providers = providers
        self._offers = offers
        self._notices = notices
        self._clock = clock

    def ask(self, caller: Caller, space: SpaceId, provider: ProviderId, size_bytes: int, *, note: str = "") -> str:
        """Ask a site for so many bytes in all, and return the request's id. Its administrators are told by mail.

        Raises:
            Forbidden: Without space_add_support.
            Rejected: badValueIdNotFound, there is no such site, or it takes no requests; badValueTooLow, badValueTooHigh.
            Conflict: alreadyExists, a request of the space waits there, or it has as much already.
        """
        user = self._require_member(caller, space, "space_add_support")
        offer = self._offers.of(provider)
        if not offer.accepts:
            raise errors.bad_value("IdNotFound", "providerId", "is no site that takes requests")
        largest = min(offer.largest_bytes or _LARGEST_SIZE, _LARGEST_SIZE)
        if size_bytes < MINIMUM_SIZE:
            raise errors.bad_value("TooLow", "size", f"must be at least {MINIMUM_SIZE}", limit=MINIMUM_SIZE)
        if size_bytes > largest:
            raise errors.bad_value("TooHigh", "size", f"must be at most {largest}", limit=largest)
        request = new_entity_id()
        row = (request, space, provider, user, size_bytes, note, self._clock.now_s())
        with self._database.writing() as db:
            self._require_new(db, space, provider, size_bytes)
            db.execute(
                "INSERT INTO support_request (id, space, provider, user, size, note, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        self._notices.tell(SupportAsked(self.known(request)))
        return request

    def _require_new(self, db: sqlite3.Connection, space: SpaceId, provider: ProviderId, size_bytes: int) -> None:
        query = (
            "SELECT count(*), ifnull(sum(provider = ?), 0) FROM support_request WHERE space = ? AND state = 'waiting'"
        )
        waiting, here = db.execute(query, (provider, space)).fetchone()
        granted = db.execute("SELECT size FROM support WHERE space = ? AND provider = ?", (space, provider)).fetchone()
        if here or waiting >= _MOST_WAITING or (granted is not None and granted[0] >= size_bytes):
            raise errors.already_exists()

    def of_space(self, caller: Caller, space: SpaceId) -> list[SupportRequest]:
        """Return the requests of a space, the waiting ones first, then the newest.

        Raises:
            Forbidden: Without space_view.
        """
        self._require_member(caller, space, "space_view")
        return self._found("r.space = ?", space)

    def of_site(self, caller: Caller, provider: ProviderId) -> list[SupportRequest]:
        """Return the requests at a site, the waiting ones first, then the newest.

        Raises:
            Forbidden: Without cluster_view there.
        """
        self._rights.require_cluster(caller, self._providers.known(provider).cluster, "cluster_view")
        return self._found("r.provider = ?", provider)

    def withdraw(self, caller: Caller, request: str) -> None:
        """Take a request back.

        Raises:
            NotFound: There is none that the caller may know of.
            Forbidden: Without space_add_support.
            Rejected: notSupported, it was answered.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        found = self.known(request)
        self._require_member(caller, found.space, "space_add_support")
        with self._database.writing() as db:
            self.close(db, found, "withdrawn")

    def at_site(self, caller: Caller, provider: ProviderId, request: str) -> SupportRequest:
        """Return a request at a site, for those who may answer it.

        Raises:
            Forbidden: Without cluster_update there.
            NotFound: There is none at this site.
        """
        self._rights.require_cluster(caller, self._providers.known(provider).cluster, "cluster_update")
        found = self.known(request)
        if found.provider != provider:
            raise errors.not_found()
        return found

    def decline(self, caller: Caller, provider: ProviderId, request: str, *, answer: str = "") -> None:
        """Decline a request. Who asked is told by mail.

        Raises:
            Forbidden: Without cluster_update there.
            NotFound: There is none at this site.
            Rejected: notSupported, it was answered.
        """
        found = self.at_site(caller, provider, request)
        with self._database.writing() as db:
            self.close(db, found, "declined", answer=answer)
        self._notices.tell(SupportAnswered(self.known(request)))

    def told(self, request: str) -> None:
        """Tell who asked that their request was answered, after the transaction that did it."""
        self._notices.tell(SupportAnswered(self.known(request)))

    def close(
        self, db: sqlite3.Connection, request: SupportRequest, state: SupportRequestState, *, answer: str = ""
    ) -> None:
        """Answer a request, inside the transaction that does what the answer says.

        Raises:
            Rejected: notSupported, it was answered already.
        """
        query = "UPDATE support_request SET state = ?, answer = ?, answered = ? WHERE id = ? AND state = 'waiting'"
        if not db.execute(query, (state, answer, self._clock.now_s(), request.id)).rowcount:
            raise errors.error_of("notSupported", "The request was answered already.")

    def known(self, request: str) -> SupportRequest:
        """Return a request, for callers whose right was judged elsewhere.

        Raises:
            NotFound: There is none.
        """
        found = self._found("r.id = ?", request)
        if not found:
            raise errors.not_found()
        return found[0]

    def _require_member(self, caller: Caller, space: SpaceId, needed: str) -> UserId:
        self._rights.require_user(caller)
        caller.require_all_access()
        return self._rights.require_space(caller, space, needed)

    def _found(self, condition: str, value: str) -> list[SupportRequest]:
        with self._database.reading() as db:
            rows = db.execute(f"{_SELECT} WHERE {condition} {_ORDER}", (value, _MOST_SHOWN)).fetchall()
        return [_request(row) for row in rows]


def _request(row: sqlite3.Row) -> SupportRequest:
    return SupportRequest(
        id=row["id"],
        space=SpaceId(row["space"]),
        space_name=row["space_name"],
        provider=ProviderId(row["provider"]),
        provider_name=row["provider_name"],
        user=UserId(row["user"]),
        user_name=row["user_name"],
        size_bytes=row["size"],
        supported_bytes=row["supported"],
        note=row["note"],
        state=cast("SupportRequestState", row["state"]),
        answer=row["answer"],
        created_s=row["created"],
        answered_s=row["answered"],
    )
