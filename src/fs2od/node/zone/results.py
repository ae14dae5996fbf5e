"""Results of computations: spaces of their own, supported at a site's storage for results, known as what came of a dataset."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
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

__all__ = ["Results", "Supporter", "largest_at", "name_after", "proposed_at"]

_DEFAULT_SIZE = 1_000_000_000_000
_MOST = 50
_LONGEST_NAME = 128


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
            size_bytes: Its quota, at most `largest_at` what the site offers; by default `proposed_at`.

        Raises:
            Forbidden: The dataset is not the caller's to read.
            Rejected: badValueIdNotFound, the site takes no results; badValueTooHigh, badValueTooLow (resultsSize);
                badValueName (resultsName); notSupported, the caller has very many already.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        user = self._rights.require_space(caller, dataset, "space_read_data")
        offer = self._offers.of(provider)
        if offer.results_storage is None or self._supporter is None:
            raise errors.bad_value("IdNotFound", "providerId", "is no site that takes results")
        wanted = proposed_at(offer) if size_bytes is None else size_bytes
        _require_size(wanted, largest_at(offer))
        self._require_few(user)
        origin = self._spaces.known(dataset).name
        called = require_name(name or name_after(origin), key="resultsName")
        space = self._spaces.create_for_user(caller, called)
        try:
            with self._database.writing() as db:
                self._supporter.grant_results(db, provider, space, offer.results_storage, wanted)
                db.execute("INSERT INTO results VALUES (?, ?)", (space, user))
        except errors.ServiceError:
            self._spaces.remove(caller, space)
            raise
        self._moved()
        document = {DERIVED_FROM: [{"name": origin, "space": dataset}]}
        self._supporter.describe(space, document)
        self._provenance.note(space, document)
        return space

    def _require_few(self, user: UserId) -> None:
        with self._database.reading() as db:
            count = db.execute("SELECT count(*) FROM results WHERE user = ?", (user,)).fetchone()[0]
        if count >= _MOST:
            raise errors.error_of(
                "notSupported", f"You have {_MOST} spaces of results: remove some, or use one of them."
            )


def largest_at(offer: Offer) -> int:
    """Return how many bytes a space of results may get at most where this is offered."""
    return offer.largest_bytes or _DEFAULT_SIZE


def proposed_at(offer: Offer) -> int:
    """Return how many it gets when nobody says otherwise."""
    return min(_DEFAULT_SIZE, largest_at(offer))


def name_after(dataset: str) -> str:
    """Return what the results of a dataset of this name are called when nobody says otherwise."""
    return f"{dataset[: _LONGEST_NAME - 8].rstrip(' .-')} results"


def _require_size(size_bytes: int, largest: int) -> None:
    if size_bytes > largest:
        raise errors.bad_value("TooHigh", "resultsSize", f"must be at most {largest}", limit=largest)
    if size_bytes < MINIMUM_SIZE:
        raise errors.bad_value("TooLow", "resultsSize", f"must be at least {MINIMUM_SIZE}", limit=MINIMUM_SIZE)
