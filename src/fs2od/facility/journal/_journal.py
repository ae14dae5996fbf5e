"""The journal in facility.db: the one writer of what the facility did. Kept in memory as well, so that a look costs no query."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from fs2od.facility.journal._records import Record, Wish
from fs2od.mail import Letter, LetterRecipient, Outbox
from fs2od.sqlite import Database

__all__ = ["FaultPoint", "Journal", "no_fault", "read_records"]

FaultPoint: TypeAlias = Callable[[str], None]
"""Called with a name before and after every write; a test may let it raise, or end the process."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def no_fault(name: str) -> None:
    """Let everything go on."""


class Journal:
    """Reads and writes records. One process at a time holds it; any thread may call."""

    def __init__(self, database: Database, *, fault_point: FaultPoint = no_fault) -> None:
        self.database = database
        self.outbox = Outbox(database, on_refusal=self._tell_of_refusal)
        self._fault_point = fault_point
        self._records = {record.id: record for record in read_records(database)}

    def records(self) -> tuple[Record, ...]:
        """Return every record."""
        return tuple(self._records.values())

    def get(self, dataset: int) -> Record:
        """Return one record as it is now."""
        return self._records[dataset]

    def add(self, record: Record, *, said: str, now: datetime) -> Record:
        """Write down a new dataset and return it with its id."""
        with self.writing("add") as db:
            columns = "root, relative, name, record"
            row = (record.root, record.relative, record.name, b"")
            cursor = db.execute(f"INSERT INTO dataset ({columns}) VALUES (?, ?, ?, ?)", row)
            record = msgspec.structs.replace(record, id=int(cursor.lastrowid or 0))
            self._store(db, record, "detected", said, now)
        self._records[record.id] = record
        return record

    def write(
        self,
        record: Record,
        *,
        kind: str = "",
        said: str = "",
        now: datetime,
        letter: Letter | None = None,
        letter_key: str = "",
        withdraw: str = "",
    ) -> Record:
        """Write down a record's new state, the event that tells of it, and the letter about it: all or nothing.

        Args:
            record: The new state.
            kind: The kind of the event; empty: there is none.
            said: What it says.
            now: The time of day.
            letter: What is to be sent.
            letter_key: What it is known by.
            withdraw: Letters under this key that nobody has are withdrawn.

        Raises:
            LetterError: The letter cannot be sent; nothing was written.
            StorageFull: Nothing was written.
        """
        with self.writing(kind or "write") as db:
            if letter is not None:
                self.outbox.enqueue(db, letter, key=letter_key, now=now)
            if withdraw:
                self.outbox.withdraw(db, withdraw)
            self._store(db, record, kind, said, now)
        self._records[record.id] = record
        return record

    def tell(self, db: sqlite3.Connection, dataset: int, *, kind: str, said: str, now: datetime) -> None:
        """Add an event to a dataset's history within a transaction of the caller's; the record stays as it is."""
        row = (dataset, (now - _EPOCH) // timedelta(microseconds=1), kind, said)
        db.execute("INSERT INTO event (dataset, at_us, kind, said) VALUES (?, ?, ?, ?)", row)

    def pause(self, record: Record) -> None:
        """Take a record's new pause into account without writing it down: after a restart nothing is lost by trying sooner."""
        self._records[record.id] = record

    def wishes(self) -> dict[int, Wish]:
        """Return the datasets that the operator wants to be tried again now, or the folder of which to be accepted."""
        with self.database.reading() as db:
            rows = db.execute("SELECT dataset, kind FROM wish ORDER BY id").fetchall()
        return {int(row["dataset"]): Wish(row["kind"]) for row in rows}

    def grant(self, datasets: Iterable[int]) -> None:
        """Forget wishes that were heard."""
        with self.writing("grant") as db:
            db.executemany("DELETE FROM wish WHERE dataset = ?", [(dataset,) for dataset in datasets])

    def known(self, key: str) -> str | None:
        """Return what the facility knows under a key."""
        with self.database.reading() as db:
            row = db.execute("SELECT value FROM known WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def know(self, key: str, value: str) -> None:
        """Remember a value."""
        with self.writing("know") as db:
            db.execute("INSERT OR REPLACE INTO known VALUES (?, ?)", (key, value))

    def _store(self, db: sqlite3.Connection, record: Record, kind: str, said: str, now: datetime) -> None:
        values = (record.root, record.relative, msgspec.json.encode(record), record.id)
        db.execute("UPDATE dataset SET root = ?, relative = ?, record = ? WHERE id = ?", values)
        if kind:
            self.tell(db, record.id, kind=kind, said=said, now=now)

    def _tell_of_refusal(
        self, db: sqlite3.Connection, key: str, refused: Sequence[LetterRecipient], now: datetime
    ) -> None:
        about = key.partition("/")[0]
        record = next((each for each in self.records() if each.unique_name == about), None)
        if record is not None:
            said = "; ".join(f"{each.address}: {each.reason}" for each in refused)
            self.tell(db, record.id, kind="mail refused", said=said, now=now)

    @contextmanager
    def writing(self, name: str) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside one transaction, between two fault points.

        Raises:
            StorageFull: No space left; nothing of this transaction was kept.
        """
        self.pass_fault_point(f"journal {name}: before")
        with self.database.writing() as db:
            yield db
        self.pass_fault_point(f"journal {name}: after")

    def pass_fault_point(self, name: str) -> None:
        """Let a test end the process here; everybody who writes what the journal tells of asks between steps."""
        self._fault_point(name)


def read_records(database: Database) -> Iterator[Record]:
    """Yield every record of a journal, oldest first."""
    decoder = msgspec.json.Decoder(Record)
    with database.reading() as db:
        rows = db.execute("SELECT record FROM dataset ORDER BY id").fetchall()
    for row in rows:
        yield decoder.decode(row[0])
