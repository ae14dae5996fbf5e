"""Says once what lies in the watched folders and is passed over, keeps it for command line and operator's page, and forgets it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from fs2od.configuration import Watch
from fs2od.facility.deciding import Unheeded, standing, to_be_told
from fs2od.facility.journal import Journal
from fs2od.facility.watching import Look

__all__ = ["PASSED_OVER", "PassingOver", "unheeded_in"]

PASSED_OVER = "passed over"
"""Under this key the journal knows what is passed over."""

_log = logging.getLogger(__name__)


class PassingOver:
    """What the last looks passed over. What was said before a restart is not said again."""

    def __init__(self, journal: Journal, watches: Sequence[Watch]) -> None:
        self._journal = journal
        self._watches = watches
        self._since = {(each.path, each.said): each.since for each in unheeded_in(journal.known(PASSED_OVER) or "")}
        self._told = frozenset(self._since)

    def note(self, look: Look, known: Collection[tuple[str, str]], now: datetime) -> None:
        """Take a look into account.

        Args:
            look: What was seen.
            known: The identities of datasets in the journal.
            now: The time of day.

        Raises:
            StorageFull: The journal could not be written; the next look says it again.
        """
        self._since = standing(look, known, self._since, now)
        rows = to_be_told(self._since, self._told, self._watches, now)
        told = frozenset((each.path, each.said) for each in rows)
        if told == self._told:
            return
        self._journal.know(PASSED_OVER, msgspec.json.encode(rows).decode())
        for path, said in sorted(told - self._told):
            _log.warning("passed over: %s: %s", path, said)
        for path, _ in sorted(self._told - told):
            _log.info("no longer passed over: %s", path)
        self._told = told

    def due_at(self) -> datetime | None:
        """Return when something will have stood for long enough to be said; None: nothing waits for that."""
        waiting = [moment for each, moment in self._since.items() if each not in self._told]
        return min(waiting) + max(watch.settle for watch in self._watches) if waiting else None


def unheeded_in(text: str) -> tuple[Unheeded, ...]:
    """Return what the journal says under the key; pure."""
    return msgspec.json.decode(text, type=tuple[Unheeded, ...]) if text else ()
