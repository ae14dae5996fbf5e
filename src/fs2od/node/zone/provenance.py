"""Which results were made from which dataset: read out of the metadata of results' spaces, and found from the dataset's side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rights import Rights
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.wire.results import DERIVED_FROM
from fs2od.sqlite import Database

__all__ = ["Provenance", "Results"]

_MOST = 100
_LINK = re.compile(r"https://[^/\s]+/share/([0-9a-h]{1,64})/?")
_RESULTS = """
SELECT derivation.results, space.name, derivation.noted FROM derivation JOIN space ON space.id = derivation.results
    WHERE derivation.dataset = ? ORDER BY derivation.noted DESC, derivation.results
"""


@dataclass(frozen=True)
class Results:
    """A space whose metadata names a dataset, and since when (seconds since 1970)."""

    space: SpaceId
    name: str
    noted_s: int


class Provenance:
    """Remembers what results' spaces say of their origins. That is their writers' word, shown to who belongs to both."""

    def __init__(self, database: Database, rights: Rights, clock: Clock) -> None:
        self._database = database
        self._rights = rights
        self._clock = clock

    def note(self, results: SpaceId, metadata: object) -> None:
        """Take note of the datasets that a space's JSON metadata names now; of those that are known here."""
        named = list(_named(metadata))
        with self._database.writing() as db:
            kept: dict[str, int] = dict(
                db.execute("SELECT dataset, noted FROM derivation WHERE results = ?", (results,)).fetchall()
            )
            db.execute("DELETE FROM derivation WHERE results = ?", (results,))
            for kind, text in named:
                query = (
                    "SELECT id FROM space WHERE id = ?" if kind == "space" else "SELECT space FROM share WHERE id = ?"
                )
                found = db.execute(query, (text,)).fetchone()
                if found is not None and found[0] != results:
                    row = (results, found[0], kept.get(found[0], self._clock.now_s()))
                    db.execute("INSERT OR IGNORE INTO derivation (results, dataset, noted) VALUES (?, ?, ?)", row)

    def results_of(self, caller: Caller, dataset: SpaceId) -> list[Results]:
        """Return the results of a dataset that its caller belongs to as well, newest first.

        Raises:
            Unauthorized, Forbidden: The dataset is not the caller's.
        """
        user = self._rights.require_space(caller, dataset, "space_view")
        with self._database.reading() as db:
            rows = [Results(SpaceId(row[0]), row[1], row[2]) for row in db.execute(_RESULTS, (dataset,))]
        return [
            results
            for results in rows
            if caller.sees_space(results.space)
            and "space_view" in (self._rights.space_privileges(user, results.space, needed=["space_view"]) or ())
        ]


def _named(metadata: object) -> Iterator[tuple[str, str]]:
    """Yield what a space's metadata says that it was derived from: ("space", id) or ("share", id)."""
    origins = metadata.get(DERIVED_FROM, []) if isinstance(metadata, dict) else []
    for origin in (origins if isinstance(origins, list) else [origins])[:_MOST]:
        space, link = (origin.get("space"), origin.get("link")) if isinstance(origin, dict) else (None, None)
        if isinstance(space, str):
            yield "space", space
        found = _LINK.fullmatch(link) if isinstance(link, str) else None
        if found is not None:
            yield "share", found[1]
