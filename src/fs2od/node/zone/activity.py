"""What happened to a dataset, for its people: who came and went, which invites and links were made and ended, who took how much.

Services write an event into the transaction that brings it about. What is taken is counted in memory, and added up per person
or link and day. No addresses, no paths, no secrets: names of people and of links only.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from fs2od.node.clock import Clock
from fs2od.onedata.ids import ShareId, SpaceId, UserId
from fs2od.sqlite import Database

__all__ = ["PRIVATE", "Activity", "Event", "Happening", "Taker"]

Happening = Literal[
    "joined",
    "left",
    "removed",
    "made_owner",
    "made_member",
    "rights_changed",
    "invited",
    "invite_ended",
    "link_made",
    "link_changed",
    "link_ended",
    "rule_changed",
    "downloaded",
]
PRIVATE: frozenset[Happening] = frozenset({"invited", "invite_ended"})
"""What only those see who may invite."""

_MOST = 20_000
_TIDY_EVERY = 100
_MOST_SPACES = 20
_DAY_S = 86_400


@dataclass(frozen=True)
class Taker:
    """Who takes bytes: somebody in a space, perhaps by a link that is for members, or whoever has a link."""

    space: SpaceId | None = None
    user: UserId | None = None
    share: ShareId | None = None


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        id: Its number.
        at_s: When, in seconds since 1970; of what is added up, the last time.
        kind: What.
        actor: Who did it; None: nobody who is known, as behind a link.
        actor_name: Their name now; empty if they are gone.
        subject: The name of whom or what it concerns, as it was then.
        sent_bytes: How many bytes were taken, on that day.
    """

    id: int
    at_s: int
    kind: Happening
    actor: UserId | None
    actor_name: str
    subject: str
    sent_bytes: int


class Activity:
    """Writes down what happens, and shows it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: Counter[Taker] = Counter()

    def note(
        self, db: sqlite3.Connection, space: SpaceId, kind: Happening, *, actor: UserId | None, subject: str = ""
    ) -> None:
        """Write an event down, in a transaction of the caller's; of a space that is gone nothing is kept."""
        query = (
            """INSERT INTO activity (space, at, kind, actor, subject) SELECT id, ?, ?, ?, ? FROM space WHERE id = ?"""
        )
        line = db.execute(query, (self._clock.now_s(), kind, actor or "", subject, space)).lastrowid or 0
        if line % _TIDY_EVERY == 0:
            self._tidy(db, space)

    def note_at(
        self,
        db: sqlite3.Connection,
        target_type: str,
        target: str,
        kind: Happening,
        *,
        actor: UserId | None,
        subject: str = "",
    ) -> None:
        """Write an event down for the space itself, or for the spaces that a group is in itself, unless these are many."""
        if target_type == "space":
            self.note(db, SpaceId(target), kind, actor=actor, subject=subject)
            return
        query = "SELECT parent FROM space_group WHERE child = ? LIMIT ?"
        spaces = [SpaceId(row[0]) for row in db.execute(query, (target, _MOST_SPACES + 1)).fetchall()]
        # Whoever comes to a group of managers comes to every dataset: that is no event of each.
        for space in spaces if len(spaces) <= _MOST_SPACES else ():
            self.note(db, space, kind, actor=actor, subject=subject)

    def note_member(
        self,
        db: sqlite3.Connection,
        target_type: str,
        target: str,
        kind: Happening,
        *,
        actor: UserId | None,
        who: str,
    ) -> None:
        """Write down what concerns a member, whose name is kept with it."""
        query = "SELECT full_name FROM user WHERE id = ?1 UNION ALL SELECT name FROM user_group WHERE id = ?1"
        row = db.execute(query, (who,)).fetchone()
        self.note_at(db, target_type, target, kind, actor=actor, subject=row[0] if row else "")

    def count_taken(self, taker: Taker, size_bytes: int) -> None:
        """Count bytes that somebody took. Never waits; written down within seconds."""
        with self._lock:
            self._taken[taker] += size_bytes

    def write_down(self) -> None:
        """Write down what was counted. What a power cut takes is the last seconds' counting."""
        with self._lock:
            taken, self._taken = self._taken, Counter()
        if not taken:
            return
        now_s = self._clock.now_s()
        by_share = """INSERT INTO activity (space, at, day, kind, actor, share, subject, bytes)
            SELECT space, ?1, ?2, 'downloaded', '', id, name, ?3 FROM share WHERE id = ?4
            ON CONFLICT (space, day, actor, share) WHERE kind = 'downloaded' DO UPDATE SET bytes = bytes + ?3, at = ?1"""
        by_user = """INSERT INTO activity (space, at, day, kind, actor, share, subject, bytes)
            SELECT id, ?1, ?2, 'downloaded', ?4, '', '', ?3 FROM space WHERE id = ?5
            ON CONFLICT (space, day, actor, share) WHERE kind = 'downloaded' DO UPDATE SET bytes = bytes + ?3, at = ?1"""
        with self._database.writing() as db:
            for taker, size in taken.items():
                if taker.space is not None and taker.user is not None:
                    db.execute(by_user, (now_s, now_s // _DAY_S, size, taker.user, taker.space))
                elif taker.share is not None:
                    db.execute(by_share, (now_s, now_s // _DAY_S, size, taker.share))

    def of_space(
        self,
        space: SpaceId,
        *,
        seen_by: UserId,
        hidden: Collection[Happening] = (),
        only_own_downloads: bool = False,
        after: tuple[int, int] | None = None,
        backwards: bool = False,
        limit: int = 100,
    ) -> list[Event]:
        """Return what happened, newest first, for callers who judged rights.

        Args:
            space: The dataset's space.
            seen_by: Who looks.
            hidden: What is left out.
            only_own_downloads: Leave out what others took by their own access; what went through links stays.
            after: The event (moment and number) after which to begin; None begins at the newest.
            backwards: Return those before it instead, from there back.
            limit: How many at most.
        """
        self.write_down()
        order, compared = ("ASC", ">") if backwards else ("DESC", "<")
        start = "" if after is None else f"AND (at, a.id) {compared} (:at, :id)"
        own = "AND (kind != 'downloaded' OR actor IN ('', :user))" if only_own_downloads else ""
        query = f"""SELECT a.*, coalesce(u.full_name, '') AS name FROM activity AS a LEFT JOIN user AS u ON u.id = a.actor
            WHERE space = :space AND kind NOT IN (SELECT value FROM json_each(:hidden)) {own} {start}
            ORDER BY at {order}, a.id {order} LIMIT :limit"""
        at_s, number = after or (0, 0)
        listed = "[" + ",".join(f'"{kind}"' for kind in sorted(hidden)) + "]"
        values = {"space": space, "hidden": listed, "user": seen_by, "at": at_s, "id": number, "limit": limit}
        with self._database.reading() as db:
            return [_event(row) for row in db.execute(query, values)]

    def _tidy(self, db: sqlite3.Connection, space: SpaceId) -> None:
        query = """DELETE FROM activity WHERE space = ?1 AND id <=
            (SELECT id FROM activity WHERE space = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"""
        db.execute(query, (space, _MOST))


def _event(row: sqlite3.Row) -> Event:
    return Event(
        id=row["id"],
        at_s=row["at"],
        kind=row["kind"],
        actor=UserId(row["actor"]) if row["actor"] else None,
        actor_name=row["name"],
        subject=row["subject"],
        sent_bytes=row["bytes"],
    )
