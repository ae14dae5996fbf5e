"""Who is in a dataset, as what, and how they came in. What it is asked for was allowed elsewhere."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fs2od.node.zone.memberships import GROUP_USER, SPACE_USER, Kind
from fs2od.node.zone.rights import Rights
from fs2od.onedata import roles
from fs2od.onedata.ids import SpaceId, TokenId, UserId
from fs2od.onedata.roles import Role
from fs2od.sqlite import Database

__all__ = ["Member", "Place", "Roster", "Way"]

_BELOW = """WITH RECURSIVE below (id, top) AS (
    SELECT child, child FROM space_group WHERE parent = :space
    UNION SELECT g.child, below.top FROM group_group AS g JOIN below ON g.parent = below.id)
"""
_EVERYBODY = """SELECT child FROM space_user WHERE parent = :space
    UNION SELECT m.child FROM group_user AS m JOIN below ON m.parent = below.id"""


@dataclass(frozen=True)
class Place:
    """Where people come in: a group that is in the space, or the space itself. `is_own`: it leads nowhere else."""

    type: Literal["group", "space"]
    id: str
    name: str
    role: Role
    held: frozenset[str]
    is_own: bool

    @property
    def kind(self) -> Kind:
        """The kind of membership that people have in it."""
        return GROUP_USER if self.type == "group" else SPACE_USER


@dataclass(frozen=True)
class Way:
    """One membership by which somebody is in.

    Attributes:
        place: The group or space that they belong to directly.
        name: Its name.
        type: What it is.
        held: What they may do in it.
        invite: The invite that they came in through, if that is known.
        label: What the invite is called; empty if that is not known.
        from_manager: Whether who made the invite manages the dataset as a whole, as a facility does, and did not make it in a page.
        at_s: When they came in, in seconds since 1970, if that is known.
    """

    place: str
    name: str
    type: Literal["group", "space"]
    held: frozenset[str]
    invite: TokenId | None
    label: str
    from_manager: bool
    at_s: int | None


@dataclass(frozen=True)
class Member:
    """Somebody who is in, and what the caller may change about that.

    Attributes:
        user: Who.
        name: Their full name.
        role: As what they are in.
        words: What they may do, as keys of texts.
        ways: How they are in.
        may_remove: Whether the caller may take them out; nobody takes out themself.
        may_become: What the caller may make of them.
    """

    user: UserId
    name: str
    role: Role
    words: tuple[str, ...]
    ways: tuple[Way, ...]
    may_remove: bool = False
    may_become: Role | None = None


class Roster:
    """Reads who is in."""

    def __init__(self, database: Database, rights: Rights) -> None:
        self._database = database
        self._rights = rights

    def count(self, space: SpaceId) -> int:
        """Return how many people are in, for callers who judged rights."""
        with self._database.reading() as db:
            query = f"{_BELOW} SELECT count(*) FROM ({_EVERYBODY})"
            return int(db.execute(query, {"space": space}).fetchone()[0])

    def page(
        self, space: SpaceId, after: tuple[str, str] | None, *, backwards: bool = False, limit: int
    ) -> list[Member]:
        """Return the people from one on (by name and id), or those before it backwards."""
        order, compared = ("DESC", "<") if backwards else ("ASC", ">")
        start = "" if after is None else f"AND (full_name COLLATE NOCASE, id) {compared} (:name, :id)"
        query = f"""{_BELOW} SELECT id, full_name FROM user WHERE id IN ({_EVERYBODY}) {start}
            ORDER BY full_name COLLATE NOCASE {order}, id {order} LIMIT :limit"""
        name, user = after or ("", "")
        with self._database.reading() as db:
            rows = db.execute(query, {"space": space, "name": name, "id": user, "limit": limit})
            named = [(UserId(row[0]), row[1]) for row in rows]
        return self.members(space, named)

    def one(self, space: SpaceId, user: UserId) -> Member | None:
        """Return one of the people; None for somebody who is not in."""
        with self._database.reading() as db:
            query = f"{_BELOW} SELECT id, full_name FROM user WHERE id = :user AND id IN ({_EVERYBODY})"
            row = db.execute(query, {"space": space, "user": user}).fetchone()
        return None if row is None else self.members(space, [(UserId(row[0]), row[1])])[0]

    def members(self, space: SpaceId, named: Sequence[tuple[UserId, str]]) -> list[Member]:
        """Return those of some users, given with their names, as what they are in."""
        if not named:
            return []
        tops, through = self._tops(space), self._ways(space, [user for user, _ in named])
        return [_member(user, name, through.get(user, ()), tops) for user, name in named]

    def _tops(self, space: SpaceId) -> Mapping[str, frozenset[str]]:
        """Return what belonging to each group below the space gives in it."""
        query = f"""{_BELOW} SELECT below.id, g.privileges FROM below
            JOIN space_group AS g ON g.parent = :space AND g.child = below.top"""
        held: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
        with self._database.reading() as db:
            for group, given in db.execute(query, {"space": space}):
                held[group] |= frozenset(json.loads(given))
        return held

    def _ways(self, space: SpaceId, users: Sequence[UserId]) -> Mapping[UserId, tuple[Way, ...]]:
        query = f"""{_BELOW}, direct (kind, type, parent, child, held, name) AS (
                SELECT 'group_user', 'group', m.parent, m.child, m.privileges, g.name
                    FROM group_user AS m JOIN user_group AS g ON g.id = m.parent
                    WHERE m.child IN (SELECT value FROM json_each(:users)) AND m.parent IN (SELECT id FROM below)
                UNION ALL SELECT 'space_user', 'space', m.parent, m.child, m.privileges, s.name
                    FROM space_user AS m JOIN space AS s ON s.id = m.parent
                    WHERE m.parent = :space AND m.child IN (SELECT value FROM json_each(:users)))
            SELECT d.*, j.token AS invite, j.at AS at, coalesce(n.label, t.name, '') AS label,
                coalesce(n.made_by, 'api') AS made_by, t.user AS maker FROM direct AS d
            LEFT JOIN joined_through AS j ON j.kind = d.kind AND j.parent = d.parent AND j.child = d.child
            LEFT JOIN named_token AS t ON t.id = j.token LEFT JOIN invite_note AS n ON n.token = j.token
            ORDER BY d.name, d.parent"""
        found: defaultdict[UserId, tuple[Way, ...]] = defaultdict(tuple)
        with self._database.reading() as db:
            rows = db.execute(query, {"space": space, "users": json.dumps(users)}).fetchall()
        makers = {row["maker"] for row in rows if row["maker"] is not None and row["made_by"] != "page"}
        managers = {maker for maker in makers if self._manages(UserId(maker), space)}
        for row in rows:
            is_theirs = row["maker"] in managers and row["made_by"] != "page"
            found[UserId(row["child"])] += (_way(row, from_manager=is_theirs),)
        return found

    def _manages(self, user: UserId, space: SpaceId) -> bool:
        return "space_delete" in (self._rights.space_privileges(user, space) or frozenset())

    def places(self, space: SpaceId) -> list[Place]:
        """Return where people come in, the space itself last."""
        query = """SELECT g.child AS id, u.name AS name, g.privileges AS held,
                (SELECT count(*) FROM space_group AS o WHERE o.child = g.child) AS spaces
            FROM space_group AS g JOIN user_group AS u ON u.id = g.child WHERE g.parent = ? ORDER BY u.name, g.child"""
        with self._database.reading() as db:
            name = db.execute("SELECT name FROM space WHERE id = ?", (space,)).fetchone()
            rows = db.execute(query, (space,)).fetchall()
        itself = Place("space", space, name[0] if name else "", "owner", frozenset(), is_own=True)
        return [*map(_place, rows), itself]


def _place(row: sqlite3.Row) -> Place:
    held = frozenset(json.loads(row["held"]))
    role: Role = "manager" if "space_delete" in held else "owner" if roles.is_owning(held) else "member"
    # Whoever manages datasets manages more than this one, also while there is but one.
    return Place("group", row["id"], row["name"], role, held, is_own=row["spaces"] == 1 and role != "manager")


def _way(row: sqlite3.Row, *, from_manager: bool) -> Way:
    invite = None if row["invite"] is None else TokenId(row["invite"])
    type_: Literal["group", "space"] = "group" if row["type"] == "group" else "space"
    held = frozenset(json.loads(row["held"]))
    return Way(row["parent"], row["name"], type_, held, invite, row["label"], from_manager, row["at"])


def _member(user: UserId, name: str, ways: tuple[Way, ...], tops: Mapping[str, frozenset[str]]) -> Member:
    through = [tops.get(way.place, frozenset()) for way in ways if way.type == "group"]
    direct = frozenset[str]().union(*(way.held for way in ways))
    held = direct.union(*through)
    manages = any("space_delete" in given for given in through)
    role: Role = "manager" if manages else "owner" if roles.is_owning(held) else "member"
    return Member(user, name, role, roles.words_of(held), ways)
