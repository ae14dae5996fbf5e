"""Results of computations: spaces of their own, supported at a site's storage for results, known as what came of a dataset."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fs2od.node.zone.callers import Caller
from fs2od.node.zone.names import require_name
from fs2od.node.zone.offers import Offer, Offers
from fs2od.node.zone.provenance import Provenance
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.spaces import Spaces
from fs2od.node.zone.support_requests import MINIMUM_SIZE
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId, UserId
from fs2od.onedata.wire.results import DERIVED_FROM
from fs2od.sqlite import Database

__all__ = ["Results", "Room", "Supporter", "name_after", "room_of"]

_DEFAULT_SIZE = 1_000_000_000_000
_DEFAULT_TOTAL = 10 * _DEFAULT_SIZE
# Unless somebody says otherwise, so many find room.
_SHARES = 10
_MOST = 50
_LONGEST_NAME = 128


@dataclass(frozen=True)
class Room:
    """What a site has for results.

    Attributes:
        total_bytes: In all.
        granted_bytes: How much of it the spaces have that were made there.
        most_bytes: How large the next one can be; 0 if there is no room for one.
        proposed_bytes: How large it becomes when nobody says otherwise.
    """

    total_bytes: int
    granted_bytes: int
    most_bytes: int
    proposed_bytes: int


class Supporter(Protocol):
    """Who knows the sites' panels, which the zone does not."""

    def grant_results(
        self, db: sqlite3.Connection, provider: ProviderId, space: SpaceId, storage: StorageId, size_bytes: int
    ) -> None:
        """Support a space, inside a transaction."""

    def describe(self, space: SpaceId, document: Mapping[str, object]) -> None:
        """Write a space's own JSON metadata."""


class Results:
    """Makes spaces of results."""

    def __init__(
        self, database: Database, rights: Rights, spaces: Spaces, offers: Offers, provenance: Provenance
    ) -> None:
        self._database = database
        self._rights = rights
        self._spaces = spaces
        self._offers = offers
        self._provenance = provenance
        self._supporter: Supporter | None = None
        self._moved: Callable[[], None] = lambda: None

    def support_with(self, supporter: Supporter, moved: Callable[[], None]) -> None:
        """Have spaces supported by `supporter` from now on, and `moved` called after each."""
        self._supporter, self._moved = supporter, moved

    def make(
        self,
        caller: Caller,
        dataset: SpaceId,
        provider: ProviderId,
        *,
        name: str | None = None,
        size_bytes: int | None = None,
    ) -> SpaceId:
        """Make a space of the caller's for what comes of a dataset that they may read, support it at a site, and return its id.

        Args:
            caller: Who will own it.
            dataset: What it comes from.
            provider: The site, which names a storage for results.
            name: What it is called; by default after the dataset.
            size_bytes: Its quota, at most what `room` says at this moment; by default what that proposes.

        Raises:
            Forbidden: The dataset is not the caller's to read.
            Rejected: badValueIdNotFound, the site takes no results; badValueTooHigh, with the limit 0 where it has no room,
                badValueTooLow (resultsSize); badValueName (resultsName); notSupported, the caller has very many already.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        user = self._rights.require_space(caller, dataset, "space_read_data")
        offer = self._offers.of(provider)
        if offer.results_storage is None or self._supporter is None:
            raise errors.bad_value("IdNotFound", "providerId", "is no site that takes results")
        with self._database.reading() as db:
            _judged(db, user, provider, offer, size_bytes)
        origin = self._spaces.known(dataset).name
        called = require_name(name or name_after(origin), key="resultsName")
        space = self._spaces.create_for_user(caller, called)
        try:
            with self._database.writing() as db:
                # Once more, in the transaction that grants it: others may have been quicker.
                wanted = _judged(db, user, provider, offer, size_bytes)
                self._supporter.grant_results(db, provider, space, offer.results_storage, wanted)
                db.execute("INSERT INTO results VALUES (?, ?, ?)", (space, user, provider))
        except errors.ServiceError:
            self._spaces.remove(caller, space)
            raise
        self._moved()
        document = {DERIVED_FROM: [{"name": origin, "space": dataset}]}
        self._supporter.describe(space, document)
        self._provenance.note(space, document)
        return space

    def room(self, provider: ProviderId) -> Room:
        """Return what a site has for results, and how much of it is left."""
        offer = self._offers.of(provider)
        with self._database.reading() as db:
            return room_of(offer, _granted_bytes(db, provider))

    def is_one(self, space: SpaceId) -> bool:
        """Say whether a space was made for results: then its data goes with it."""
        with self._database.reading() as db:
            return db.execute("SELECT 1 FROM results WHERE space = ?", (space,)).fetchone() is not None


def room_of(offer: Offer, granted_bytes: int) -> Room:
    """Return what a site that offers this has for results, of which so much is granted.

    What it does not say is as much as it lends to one space at most; if it does not say that either, 10 TB in all, 1 TB for each.
    """
    total = offer.results_total_bytes or offer.largest_bytes or _DEFAULT_TOTAL
    most = min(offer.largest_bytes or _DEFAULT_SIZE, _readable(max(0, total - granted_bytes)))
    most = most if most >= MINIMUM_SIZE else 0
    return Room(total, granted_bytes, most, min(_DEFAULT_SIZE, max(total // _SHARES, MINIMUM_SIZE), most))


def _readable(size_bytes: int) -> int:
    """Return it with three digits, as people are shown it, and not more than it is: so they can ask for what they read."""
    step: int = 10 ** max(0, len(str(size_bytes)) - 3)
    return size_bytes // step * step


def name_after(dataset: str) -> str:
    """Return what the results of a dataset of this name are called when nobody says otherwise."""
    return f"{dataset[: _LONGEST_NAME - 8].rstrip(' .-')} results"


def _judged(db: sqlite3.Connection, user: UserId, provider: ProviderId, offer: Offer, size_bytes: int | None) -> int:
    """Return how many bytes a user's new space gets at a site.

    Raises:
        Rejected: As for `Results.make`.
    """
    count = db.execute("SELECT count(*) FROM results WHERE user = ?", (user,)).fetchone()[0]
    if count >= _MOST:
        raise errors.error_of("notSupported", f"You have {_MOST} spaces of results: remove some, or use one of them.")
    room = room_of(offer, _granted_bytes(db, provider))
    wanted = room.proposed_bytes if size_bytes is None else size_bytes
    if not room.most_bytes:
        said = f"finds no room: all of the {room.total_bytes} bytes that the site has for results are granted"
        raise errors.bad_value("TooHigh", "resultsSize", said, limit=0)
    if wanted > room.most_bytes:
        raise errors.bad_value("TooHigh", "resultsSize", f"must be at most {room.most_bytes}", limit=room.most_bytes)
    if wanted < MINIMUM_SIZE:
        raise errors.bad_value("TooLow", "resultsSize", f"must be at least {MINIMUM_SIZE}", limit=MINIMUM_SIZE)
    return wanted


def _granted_bytes(db: sqlite3.Connection, provider: ProviderId) -> int:
    query = """SELECT total(s.size) FROM results AS r JOIN support AS s ON s.space = r.space AND s.provider = r.provider
        WHERE r.provider = ?"""
    return int(db.execute(query, (provider,)).fetchone()[0])
