"""A person's datasets: the spaces they are in, with what was last known of each, found without a look into any of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal
from unicodedata import normalize

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rights import EFFECTIVE_GROUPS, Rights
from fs2od.onedata.ids import ShareId, SpaceId
from fs2od.sqlite import Database

__all__ = ["Catalogue", "Choice", "Listed", "Order", "Role", "Shelf", "Summary"]

_FOLD = "fs2od_folded"

Role = Literal["owner", "member"]
Order = Literal["name", "size", "files", "newest", "state"]

# Whoever may make links or bring others in has the dataset as its owner has it (see `onedata.roles`); the others use it.
_REACHED = (
    EFFECTIVE_GROUPS.rstrip()
    + """, reached (space, held) AS (
    SELECT parent, privileges FROM space_user WHERE child = :user
    UNION ALL SELECT s.parent, s.privileges FROM mine CROSS JOIN space_group AS s ON s.child = mine.id
), of_mine (space, owns) AS (
    SELECT space, max(instr(held, '"space_manage_shares"') OR instr(held, '"space_add_user"')) FROM reached GROUP BY space
)
"""
)
_TITLE = "coalesce(nullif(title, ''), space.name)"
_KNOWN = "title, state, facility, instrument, files, size_bytes, newest_s"
_LINK = """(SELECT share.id FROM share LEFT JOIN share_rule AS own ON own.share = share.id
    LEFT JOIN space_rule AS every ON every.space = share.space
    WHERE share.space = page.space AND coalesce(own.until_s, :now + 1) > :now AND coalesce(every.until_s, :now + 1) > :now
    ORDER BY share.root_uuid != 'space_' || share.space, share.created, share.id LIMIT 1)"""
_ORDERS: dict[Order, str] = {
    "name": f"lower({_TITLE})",
    "size": "coalesce(known.size_bytes, -1)",
    "files": "coalesce(known.files, -1)",
    "newest": "coalesce(known.newest_s, 0)",
    "state": "coalesce(nullif(known.state, ''), '~')",
}


@dataclass(frozen=True)
class Summary:
    """What is known of a space at one moment; what nobody said is empty or None."""

    title: str = ""
    state: str = ""
    facility: str = ""
    instrument: str = ""
    files: int = 0
    size_bytes: int = 0
    newest_s: int | None = None


@dataclass(frozen=True)
class Listed:
    """One dataset in somebody's list. `share` is the link whose page shows it; `summary` is None until it was looked at."""

    space: SpaceId
    name: str
    title: str
    role: Role
    share: ShareId | None
    summary: Summary | None


@dataclass(frozen=True)
class Choice:
    """Which of one's datasets are wanted, and in which order; empty restricts nothing.

    `search` looks for a part of their words, `named` for one by its whole title, name or id, or by its link's id.
    """

    search: str = ""
    state: str = ""
    role: Role | Literal[""] = ""
    facility: str = ""
    named: str = ""
    spaces: Collection[SpaceId] | None = None
    by: Order = "newest"
    descending: bool = True
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class Shelf:
    """A page of somebody's datasets: `total` is how many fit the choice, `all` how many they have, `facilities` where from."""

    rows: tuple[Listed, ...]
    total: int
    all: int
    facilities: tuple[str, ...]


class Catalogue:
    """Lists the datasets of a person, and keeps what was last known of each."""

    def __init__(self, database: Database, rights: Rights, clock: Clock) -> None:
        self._database = database
        self._rights = rights
        self._clock = clock

    def shelf(self, caller: Caller, choice: Choice) -> Shelf:
        """Return a page of the caller's datasets.

        Raises:
            Unauthorized: A guest.
        """
        user = self._rights.require_user(caller)
        caller.require_all_access()
        conditions, values = _conditions(choice)
        order = f"{_ORDERS[choice.by]} {'DESC' if choice.descending else 'ASC'}, lower({_TITLE}), space.id"
        # Links are looked up for the rows of this page alone.
        query = f"""{_REACHED.rstrip()}, page AS (
            SELECT space.id AS space, space.name AS name, owns, {_TITLE} AS shown, count(*) OVER () AS total,
                row_number() OVER (ORDER BY {order}) AS place, {_KNOWN}
            FROM of_mine JOIN space ON space.id = of_mine.space LEFT JOIN space_summary AS known ON known.space = space.id
            WHERE {conditions} ORDER BY place LIMIT :limit OFFSET :offset
        ) SELECT page.*, {_LINK} AS share FROM page ORDER BY place"""
        values |= {"user": user, "now": self._clock.now_s(), "limit": choice.limit, "offset": choice.offset}
        counting = f"""{_REACHED} SELECT known.facility, count(*) FROM of_mine
            LEFT JOIN space_summary AS known ON known.space = of_mine.space GROUP BY known.facility ORDER BY known.facility"""
        with self._database.reading() as db:
            if choice.search:
                db.create_function(_FOLD, 1, _folded, deterministic=True)
            rows = db.execute(query, values).fetchall()
            counted = db.execute(counting, {"user": user}).fetchall()
        return Shelf(
            rows=tuple(map(_listed, rows)),
            total=rows[0]["total"] if rows else 0,
            all=sum(row[1] for row in counted),
            facilities=tuple(row[0] for row in counted if row[0]),
        )

    def reached(self, caller: Caller) -> list[SpaceId]:
        """Return every space that the caller is in.

        Raises:
            Unauthorized: A guest.
        """
        caller.require_all_access()
        return self._rights.effective_spaces(self._rights.require_user(caller))

    def spaces_of(self, target: str) -> list[SpaceId]:
        """Return the spaces that a group is in itself, or the space itself, for whoever may see them."""
        query = "SELECT parent FROM space_group WHERE child = ? UNION SELECT id FROM space WHERE id = ? LIMIT 100"
        with self._database.reading() as db:
            rows = db.execute(query, (target, target))
            return [SpaceId(row[0]) for row in rows]

    def titles(self, spaces: Collection[SpaceId]) -> tuple[str, ...]:
        """Return what people call some spaces, in alphabetical order."""
        marks = ", ".join("?" * len(spaces))
        query = f"""SELECT {_TITLE} FROM space LEFT JOIN space_summary AS known ON known.space = space.id
            WHERE id IN ({marks}) ORDER BY 1"""
        with self._database.reading() as db:
            return tuple(row[0] for row in db.execute(query, tuple(spaces)))

    def facility_of(self, spaces: Collection[SpaceId]) -> str:
        """Return the facility that some spaces are from, as far as it is known, and one."""
        marks = ", ".join("?" * len(spaces))
        query = f"SELECT DISTINCT facility FROM space_summary WHERE space IN ({marks}) AND facility != '' LIMIT 2"
        with self._database.reading() as db:
            found = [str(row[0]) for row in db.execute(query, tuple(spaces))]
        return found[0] if len(found) == 1 else ""

    def name_of(self, id_: str) -> str:
        """Return what people call the space, group or user of an id; empty if there is none."""
        query = f"""SELECT {_TITLE} FROM space LEFT JOIN space_summary AS known ON known.space = space.id
            WHERE id = :id UNION ALL SELECT name FROM user_group WHERE id = :id UNION ALL SELECT full_name FROM user WHERE id = :id"""
        with self._database.reading() as db:
            row = db.execute(query, {"id": id_}).fetchone()
        return str(row[0]) if row else ""

    def note(self, space: SpaceId, summary: Summary) -> None:
        """Keep what is known of a space now; of one that is gone nothing is kept."""
        words = f"{summary.title} {summary.facility} {summary.instrument}".casefold()
        row = (
            summary.title, summary.state, summary.facility, summary.instrument, summary.files, summary.size_bytes, summary.newest_s,
            words, space,
        )  # fmt: skip
        query = """INSERT OR REPLACE INTO space_summary (title, state, facility, instrument, files, size_bytes, newest_s, words, space)
            SELECT ?, ?, ?, ?, ?, ?, ?, ?, id FROM space WHERE id = ?"""
        with self._database.writing() as db:
            db.execute(query, row)


def _folded(text: str) -> str:
    """Return what is the same of texts that differ only in case, or in how their letters are composed."""
    return normalize("NFC", normalize("NFC", text).casefold())


def _conditions(choice: Choice) -> tuple[str, dict[str, Any]]:
    wanted: list[tuple[object, str]] = [
        (choice.search, f"(instr({_FOLD}(coalesce(known.words, '')), :search) OR instr({_FOLD}(space.name), :search))"),
        (choice.named, f"(:named IN (space.id, space.name, {_TITLE}) OR space.id = (SELECT space FROM share WHERE id = :named))"),
        (choice.state, "known.state = :state"),
        (choice.role, "owns = :owns"),
        (choice.facility, "known.facility = :facility"),
    ]  # fmt: skip
    found = [condition for asked, condition in wanted if asked]
    values = {
        "search": _folded(choice.search),
        "named": choice.named,
        "state": choice.state,
        "owns": choice.role == "owner",
        "facility": choice.facility,
    }
    if choice.spaces is not None:
        marks = {f"space{number}": space for number, space in enumerate(choice.spaces)}
        found.append(f"space.id IN ({', '.join(f':{mark}' for mark in marks)})")
        values |= marks
    return " AND ".join(found) or "1", values


def _listed(row: sqlite3.Row) -> Listed:
    summary = None
    if row["files"] is not None:
        summary = Summary(
            title=row["title"],
            state=row["state"],
            facility=row["facility"],
            instrument=row["instrument"],
            files=row["files"],
            size_bytes=row["size_bytes"],
            newest_s=row["newest_s"],
        )
    share = None if row["share"] is None else ShareId(row["share"])
    return Listed(SpaceId(row[0]), row["name"], row["shown"], "owner" if row["owns"] else "member", share, summary)
