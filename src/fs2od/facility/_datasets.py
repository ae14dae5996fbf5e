"""Reading the journal: what command line and operator's page show."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NoReturn

from fs2od.errors import Fs2odError
from fs2od.facility._onedata_access import ONEDATA_STATE
from fs2od.facility._passing_over import PASSED_OVER, unheeded_in
from fs2od.facility._refused_mail import (
    ALWAYS_TOLD,
    RefusedAlways,
    Unreached,
    all_unreached,
    refused_always,
    unreached_words,
)
from fs2od.facility._whereabouts import HEALTH, Supported, read_whereabouts
from fs2od.facility.deciding import STRUCTURAL, Unheeded
from fs2od.facility.journal import ONBOARDING, Phase, Problem, ProblemKind, Record, Step, Wish, read_records
from fs2od.mail import Outbox
from fs2od.sqlite import Database

__all__ = [
    "DatasetEventRow",
    "DatasetRow",
    "DatasetState",
    "Datasets",
    "NothingToAccept",
    "NothingToRetire",
    "Retirement",
]


class NothingToAccept(Fs2odError):
    """No other folder stands under the name of a dataset."""

    exit_code = 6


class NothingToRetire(Fs2odError):
    """A dataset's folder is there, as far as anybody knows."""

    exit_code = 6


DatasetState = Literal["needs you", "waiting", "seen", "onboarding", "acquiring", "finishing", "complete", "retired"]

Retirement = Literal["keep", "close", "delete"]
"""What becomes of what Onedata has of a dataset that is retired."""

_RETIRED_BY: Mapping[Retirement, Wish] = {"keep": Wish.RETIRE, "close": Wish.CLOSE, "delete": Wish.DELETE}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DatasetEventRow:
    """One step in a dataset's history."""

    at: datetime
    kind: str
    said: str


@dataclass(frozen=True)
class DatasetRow:
    """A dataset as the operator sees it. `stuck` says why it does not go on, or is empty."""

    name: str
    path: str
    state: DatasetState
    phase: Phase
    stuck: str
    stuck_since: datetime | None
    next_attempt_at: datetime | None
    title: str
    files: int | None
    size_bytes: int | None
    undeliverable: int
    undeliverable_names: tuple[str, ...]
    link: str
    space: str
    share: str
    detected_at: datetime
    completed_at: datetime | None
    steps_done: int
    steps: int
    last_event: DatasetEventRow | None
    changed_later: str = ""
    """How its data changed after it had been complete, in words."""
    sites: tuple[Supported, ...] = ()
    sites_asked_at: datetime | None = None
    unreached: tuple[Unreached, ...] = ()
    """Whom the mail server refuses, of those who are to hear of it."""
    only_mail_stuck: bool = False
    """Whether its data goes on, and only people were not reached."""

    @property
    def copies_stuck(self) -> tuple[Supported, ...]:
        """The sites to which copies do not come."""
        return tuple(site for site in self.sites if site.problem)


class Datasets:
    """What the journal in a database says. Any process may read while the facility works."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> tuple[DatasetRow, ...]:
        """Return all datasets: those that need a person first, then the newest."""
        with self._database.reading() as db:
            last = {row["dataset"]: _event(row) for row in db.execute(_LAST_EVENTS)}
        known = read_whereabouts(self._database)
        records = tuple(read_records(self._database))
        always = self._known(ALWAYS_TOLD).split()
        # Whom the configuration names is the trouble of no single dataset.
        refused = {
            dataset: tuple(each for each in some if each.address.casefold() not in always)
            for dataset, some in all_unreached(Outbox(self._database), records).items()
        }
        rows = [
            _row(record, last.get(record.id), known.get(record.id, (None, ())), refused.get(record.id, ()))
            for record in records
        ]
        return tuple(sorted(rows, key=lambda row: (row.state != "needs you", -row.detected_at.timestamp())))

    def get(self, name: str) -> DatasetRow:
        """Return one dataset.

        Raises:
            KeyError: There is none of that name.
        """
        return next((row for row in self.list() if row.name == name), None) or _missing(name)

    def history(self, name: str) -> tuple[DatasetEventRow, ...]:
        """Return every step of a dataset, oldest first.

        Raises:
            KeyError: There is none of that name.
        """
        with self._database.reading() as db:
            dataset = self._id(db, name)
            rows = db.execute("SELECT at_us, kind, said FROM event WHERE dataset = ? ORDER BY id", (dataset,))
            return tuple(_event(row) for row in rows)

    def retry(self, name: str, now: datetime) -> None:
        """Wish that a dataset is tried again at once; the facility hears it with its next look.

        Raises:
            KeyError: There is none of that name.
        """
        self._wish(name, Wish.RETRY, now)

    def accept(self, name: str, now: datetime) -> None:
        """Wish that the folder which has a dataset's name by now is taken for the dataset's own, with the next look.

        Raises:
            KeyError: There is none of that name.
            NothingToAccept: The dataset is not held back because another folder has its name.
        """
        record = next((each for each in read_records(self._database) if each.name == name), None) or _missing(name)
        if record.problem is None or record.problem.kind is not ProblemKind.REPLACED:
            raise NothingToAccept(f"no other folder has the name of {name}: there is nothing to accept")
        self._wish(name, Wish.ACCEPT, now)

    def require_retirable(self, name: str) -> bool:
        """Make sure that a dataset may be retired; `True`: it was already.

        Raises:
            KeyError: There is none of that name.
            NothingToRetire: Its folder is in order, as far as the facility has looked.
        """
        record = next((each for each in read_records(self._database) if each.name == name), None) or _missing(name)
        if record.problem is None or record.problem.kind not in STRUCTURAL:
            raise NothingToRetire(f"{record.path} is there, or its facility has not looked: {name} is not retired")
        return record.is_retired

    def retire(self, name: str, onedata: Retirement, now: datetime) -> None:
        """Wish that nobody looks for a dataset's folder any more, and what becomes of it at Onedata; see `require_retirable`.

        Raises:
            KeyError: There is none of that name.
            NothingToRetire: Its folder is in order, as far as the facility has looked.
        """
        self.require_retirable(name)
        self._wish(name, _RETIRED_BY[onedata], now)

    def refused_always(self) -> tuple[RefusedAlways, ...]:
        """Return who of those that the configuration names is refused by the mail server."""
        always, outbox = self._known(ALWAYS_TOLD), Outbox(self._database)
        if not always or not outbox.refused_letters():
            return ()
        return refused_always(all_unreached(outbox, read_records(self._database)).values(), always)

    def passed_over(self) -> tuple[Unheeded, ...]:
        """Return what lies in the watched folders, seems to be meant as a dataset and is not taken up, with what to do."""
        return unheeded_in(self._known(PASSED_OVER))

    def onedata_trouble(self) -> str:
        """Return why Onedata cannot be reached, or nothing when it can."""
        return self._known(ONEDATA_STATE)

    def onedata_unwell(self) -> bool:
        """Say whether the zone, when it was last asked, said that it is not well."""
        return bool(self._known(HEALTH))

    def _wish(self, name: str, kind: Wish, now: datetime) -> None:
        with self._database.writing() as db:
            values = (self._id(db, name), (now - _EPOCH) // _US, kind)
            db.execute("INSERT INTO wish (dataset, at_us, kind) VALUES (?, ?, ?)", values)

    def _known(self, key: str) -> str:
        with self._database.reading() as db:
            row = db.execute("SELECT value FROM known WHERE key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])

    def _id(self, db: sqlite3.Connection, name: str) -> int:
        row = db.execute("SELECT id FROM dataset WHERE name = ?", (name,)).fetchone()
        return _missing(name) if row is None else int(row[0])


_US = timedelta(microseconds=1)
_LAST_EVENTS = """SELECT dataset, at_us, kind, said FROM event
    WHERE id IN (SELECT max(id) FROM event GROUP BY dataset)"""


def _missing(name: str) -> NoReturn:
    raise KeyError(name)


def _event(row: sqlite3.Row) -> DatasetEventRow:
    return DatasetEventRow(_EPOCH + timedelta(microseconds=row["at_us"]), row["kind"], row["said"])


def _row(
    record: Record,
    last: DatasetEventRow | None,
    whereabouts: tuple[datetime | None, tuple[Supported, ...]],
    refused: tuple[Unreached, ...],
) -> DatasetRow:
    refused = () if record.is_retired else refused
    tally, only_mail = record.tally, bool(refused) and not (record.stuck and record.stuck.needs_you)
    stuck = _refusal(refused) if only_mail else record.stuck
    return DatasetRow(
        name=record.name,
        path=str(record.path),
        state=_state(record, stuck),
        phase=record.phase,
        stuck=stuck.said if stuck else "",
        stuck_since=stuck.since if stuck else None,
        next_attempt_at=record.next_attempt_at if record.trouble else None,
        title=record.facts.title if record.facts else record.name,
        files=tally.files if tally else None,
        size_bytes=tally.size_bytes if tally else None,
        undeliverable=tally.undeliverable if tally else 0,
        undeliverable_names=tally.undeliverable_names if tally else (),
        link=record.share_url,
        space=record.done.get(Step.SPACE, ""),
        share=record.done.get(Step.SHARE, ""),
        detected_at=record.detected_at,
        completed_at=record.completed_at,
        steps_done=len(record.done),
        steps=len(ONBOARDING),
        last_event=last,
        changed_later=record.changed_later,
        sites_asked_at=whereabouts[0],
        sites=whereabouts[1],
        unreached=refused,
        only_mail_stuck=only_mail,
    )


def _refusal(refused: tuple[Unreached, ...]) -> Problem:
    return Problem(ProblemKind.RECIPIENTS, unreached_words(refused), min(each.since for each in refused))


_STATES: Mapping[Phase, DatasetState] = {
    Phase.SEEN: "seen",
    Phase.ONBOARDING: "onboarding",
    Phase.ACQUIRING: "acquiring",
    Phase.FINISHING: "finishing",
    Phase.COMPLETE: "complete",
}


def _state(record: Record, stuck: Problem | None) -> DatasetState:
    if stuck is None:
        return "retired" if record.is_retired else _STATES[record.phase]
    return "needs you" if stuck.needs_you else "waiting"
