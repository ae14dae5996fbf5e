"""Who changed what: one line for each change that came in through the APIs, the newest kept."""

from __future__ import annotations

from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.onedata.ids import UserId
from fs2od.sqlite import Database

__all__ = ["Audit", "Change"]

_MOST = 100_000


@dataclass(frozen=True)
class Change:
    """One change: `action` is an operationId, `subject` the path that it was asked on. Never a secret."""

    at_s: int
    user: UserId | None
    action: str
    subject: str


class Audit:
    """Writes and shows changes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(self, user: UserId | None, action: str, subject: str) -> None:
        """Write down a change that was made; above a hundred thousand lines the oldest go."""
        row = (self._clock.now_s(), user, action, subject)
        with self._database.writing() as db:
            line = db.execute("INSERT INTO audit (at, user, action, subject) VALUES (?, ?, ?, ?)", row).lastrowid
            db.execute("DELETE FROM audit WHERE id <= ?", ((line or 0) - _MOST,))

    def latest(self, *, limit: int = 100) -> list[Change]:
        """Return the newest changes, newest first."""
        query = "SELECT at, user, action, subject FROM audit ORDER BY id DESC LIMIT ?"
        with self._database.reading() as db:
            return [Change(*row) for row in db.execute(query, (limit,))]
