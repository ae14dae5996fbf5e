"""Rules of links: for whom a share's link works, from when, until when, what it is called, and how much it was used.

Beyond Onedata, where every link is public from the moment that it is made. A space's rule binds all its links; a link's
own rule can narrow it further, never widen it. LinkRules are judged in `shares`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fs2od.node.clock import Clock, is_awaited
from fs2od.node.zone.activity import Activity
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId, SpaceId
from fs2od.sqlite import Database

__all__ = ["Audience", "Closed", "EndingLink", "Link", "LinkRules", "Rule", "combined", "require_sense", "rule_of"]

Audience = Literal["public", "members"]
Closed = Literal["members", "embargo", "ended"]

_LONGEST_LABEL = 100
_WRITE_EVERY_S = 5
_LOOK_EVERY_S = 600


_LINKS = """SELECT share.id AS id, own.*, every.audience AS all_audience, every.from_s AS all_from_s,
        every.until_s AS all_until_s
    FROM share LEFT JOIN share_rule AS own ON own.share = share.id LEFT JOIN space_rule AS every ON every.space = share.space"""


@dataclass(frozen=True)
class Rule:
    """For whom and when links work; moments in seconds since 1970. Members pass an embargo, and nobody passes the end."""

    audience: Audience = "public"
    from_s: int | None = None
    until_s: int | None = None

    def closed_because(self, now_s: int) -> Closed | None:
        """Return why a guest may not follow the link now, or None."""
        if self.until_s is not None and now_s >= self.until_s:
            return "ended"
        if self.audience == "members":
            return "members"
        return "embargo" if self.from_s is not None and now_s < self.from_s else None


@dataclass(frozen=True)
class Link:
    """A link's own rule, what binds it, its label, and how often it was opened and how many bytes left through it."""

    own: Rule
    effective: Rule
    label: str
    opened: int
    sent_bytes: int


@dataclass(frozen=True)
class EndingLink:
    """A link that ends soon, and whom to tell: the share's creator."""

    share: ShareId
    space: SpaceId
    until_s: int


def combined(*rules: Rule) -> Rule:
    """Return what all the rules together leave: the narrowest audience, the latest beginning, the earliest end; pure."""
    begins = [rule.from_s for rule in rules if rule.from_s is not None]
    ends = [rule.until_s for rule in rules if rule.until_s is not None]
    audience: Audience = "members" if any(rule.audience == "members" for rule in rules) else "public"
    return Rule(audience, max(begins, default=None), min(ends, default=None))


def rule_of(row: sqlite3.Row | None, prefix: str = "") -> Rule:
    """Return the rule in a row whose columns begin with `prefix`; none is no restriction."""
    if row is None:
        return Rule()
    audience: Audience = "members" if row[f"{prefix}audience"] == "members" else "public"
    return Rule(audience, row[f"{prefix}from_s"], row[f"{prefix}until_s"])


class LinkRules:
    """Shows and changes rules, and counts what links are used for."""

    def __init__(self, database: Database, rights: Rights, epoch: Epoch, clock: Clock, activity: Activity) -> None:
        self._database = database
        self._rights = rights
        self._epoch = epoch
        self._clock = clock
        self._activity = activity
        self._lock = threading.Lock()
        self._opened: Counter[ShareId] = Counter()
        self._sent: Counter[ShareId] = Counter()
        self._written_s = 0
        self._looked_s = 0

    def of_share(self, caller: Caller, share: ShareId) -> Link:
        """Return what is known of a link, for members of its space.

        Raises:
            NotFound: There is no such share.
            Forbidden: Without space_view.
        """
        self._rights.require_space(caller, self._space(share, caller), "space_view", admin="oz_shares_view")
        self.write_down()
        with self._database.reading() as db:
            row = db.execute(f"{_LINKS} WHERE share.id = ?", (share,)).fetchone()
        if row is None:
            raise errors.not_found()
        return _link(row)

    def of_links(self, caller: Caller, space: SpaceId) -> dict[ShareId, Link]:
        """Return what is known of every link of a space, for its members.

        Raises:
            Forbidden: Without space_view.
        """
        self._rights.require_space(caller, space, "space_view", admin="oz_shares_view")
        self.write_down()
        with self._database.reading() as db:
            return {ShareId(row["id"]): _link(row) for row in db.execute(f"{_LINKS} WHERE share.space = ?", (space,))}

    def set_for_share(self, caller: Caller, share: ShareId, rule: Rule, *, label: str) -> None:
        """Replace a link's own rule and its label; what is under way through it and may no longer be, ends.

        Raises:
            NotFound: There is no such share.
            Forbidden: Without space_manage_shares.
            Rejected: The rule or the label makes no sense.
        """
        space = self._space(share, caller)
        caller.require_all_access()
        self._rights.require_space(caller, space, "space_manage_shares", admin="oz_shares_update")
        require_sense(rule)
        if len(label) > _LONGEST_LABEL or not label.isprintable():
            raise errors.bad_value("String", "label", f"must be at most {_LONGEST_LABEL} printable characters")
        query = """INSERT INTO share_rule (share, audience, from_s, until_s, label) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (share) DO UPDATE SET audience = excluded.audience, from_s = excluded.from_s,
            until_s = excluded.until_s, label = excluded.label, told = 0"""
        with self._database.writing() as db:
            db.execute(query, (share, rule.audience, rule.from_s, rule.until_s, label))
            name = db.execute("SELECT name FROM share WHERE id = ?", (share,)).fetchone()
            self._activity.note(db, space, "link_changed", actor=caller.user, subject=name[0] if name else "")
        self._epoch.move()

    def of_space(self, caller: Caller, space: SpaceId) -> Rule:
        """Return the rule of all links of a space, for its members.

        Raises:
            Forbidden: Without space_view.
        """
        self._rights.require_space(caller, space, "space_view", admin="oz_spaces_view")
        with self._database.reading() as db:
            return rule_of(db.execute("SELECT * FROM space_rule WHERE space = ?", (space,)).fetchone())

    def set_for_space(self, caller: Caller, space: SpaceId, rule: Rule) -> None:
        """Replace the rule of all links of a space, those that are there and those to come.

        Raises:
            Forbidden: Without space_update and space_manage_shares.
            NotFound: There is no such space, for callers who may know that.
            Rejected: The rule makes no sense.
        """
        caller.require_all_access()
        self._rights.require_space(caller, space, "space_update", "space_manage_shares", admin="oz_spaces_update")
        require_sense(rule)
        row = (space, rule.audience, rule.from_s, rule.until_s)
        try:
            with self._database.writing() as db:
                db.execute(
                    "INSERT OR REPLACE INTO space_rule (space, audience, from_s, until_s) VALUES (?, ?, ?, ?)", row
                )
                self._activity.note(db, space, "rule_changed", actor=caller.user)
        except sqlite3.IntegrityError as error:
            raise errors.not_found() from error
        self._epoch.move()

    def count_opened(self, share: ShareId) -> None:
        """Count that a link was opened. Never waits; written down within seconds."""
        with self._lock:
            self._opened[share] += 1

    def count_sent(self, share: ShareId, size_bytes: int) -> None:
        """Count bytes that left through a link. Never waits; written down within seconds."""
        with self._lock:
            self._sent[share] += size_bytes

    def write_down_if_due(self) -> bool:
        """Write the counters down if that was not done for some seconds; say whether it was."""
        is_due = not is_awaited(self._written_s + _WRITE_EVERY_S, self._clock.now_s(), at_most_s=_WRITE_EVERY_S)
        if is_due:
            self.write_down()
        return is_due

    def write_down(self) -> None:
        """Write the counters down. What a power cut takes is the last seconds' counting."""
        with self._lock:
            opened, self._opened = self._opened, Counter()
            sent, self._sent = self._sent, Counter()
            self._written_s = self._clock.now_s()
        counted = [(opened[share], sent[share], share) for share in opened.keys() | sent.keys()]
        if counted:
            self._add(counted)

    def is_look_due(self) -> bool:
        """Say whether it is time to look for links that end soon, which is once in a while; asking resets it."""
        now_s = self._clock.now_s()
        is_due = not is_awaited(self._looked_s + _LOOK_EVERY_S, now_s, at_most_s=_LOOK_EVERY_S)
        self._looked_s = now_s if is_due else self._looked_s
        return is_due

    def ending(self, *, before_s: int, limit: int = 100) -> list[EndingLink]:
        """Return links that end before a moment and of which nobody was told yet; each is returned once."""
        query = """SELECT id, space, until_s FROM (
                SELECT share.id AS id, share.space AS space, coalesce(own.told, 0) AS told,
                    min(coalesce(own.until_s, every.until_s), coalesce(every.until_s, own.until_s)) AS until_s
                FROM share LEFT JOIN share_rule AS own ON own.share = share.id
                LEFT JOIN space_rule AS every ON every.space = share.space)
            WHERE until_s > ? AND until_s <= ? AND told != until_s ORDER BY until_s, id LIMIT ?"""
        told = """INSERT INTO share_rule (share, told) SELECT id, ?1 FROM share WHERE id = ?2
            ON CONFLICT (share) DO UPDATE SET told = excluded.told"""
        with self._database.reading() as db:
            rows = db.execute(query, (self._clock.now_s(), before_s, limit)).fetchall()
        if rows:
            with self._database.writing() as db:
                # Not of a share that was removed meanwhile.
                db.executemany(told, [(row["until_s"], row["id"]) for row in rows])
        return [EndingLink(ShareId(row["id"]), SpaceId(row["space"]), row["until_s"]) for row in rows]

    def _add(self, counted: Iterable[tuple[int, int, ShareId]]) -> None:
        # A share that ended meanwhile is counted nowhere.
        query = """INSERT INTO share_rule (opened, bytes, share) SELECT ?1, ?2, id FROM share WHERE id = ?3
            ON CONFLICT (share) DO UPDATE SET opened = opened + ?1, bytes = bytes + ?2"""
        with self._database.writing() as db:
            db.executemany(query, counted)

    def _space(self, share: ShareId, caller: Caller) -> SpaceId:
        self._rights.require_user(caller)
        with self._database.reading() as db:
            row = db.execute("SELECT space FROM share WHERE id = ?", (share,)).fetchone()
        if row is None:
            raise errors.not_found()
        return SpaceId(row[0])


def _link(row: sqlite3.Row) -> Link:
    own, every = rule_of(row), rule_of(row, "all_")
    return Link(own, combined(own, every), row["label"] or "", row["opened"] or 0, row["bytes"] or 0)


def require_sense(rule: Rule) -> None:
    """Make sure that a link does not end before it begins.

    Raises:
        Rejected: badValueTooLow with key "until".
    """
    if rule.from_s is not None and rule.until_s is not None and rule.until_s <= rule.from_s:
        raise errors.bad_value("TooLow", "until", "must be later than the beginning", limit=rule.from_s + 1)
