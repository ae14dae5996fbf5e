"""The outbox: a letter is written down in the transaction of the event that it tells of, and sent afterwards.

One event, one mail: a key names the event, and a second letter under the same key is not taken. What goes out is stored as bytes
with its Message-ID, so that whatever is sent again is the very same letter. Towards a folder that makes exactly
once; towards SMTP at least once, for a crash between the server's yes and our note of it cannot be told from a no.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from fs2od.mail._letters import Letter, compose
from fs2od.mail._transports import Outcome, Transport
from fs2od.sqlite import Database

__all__ = [
    "OUTBOX_SCHEMA_SQL",
    "DeliveryPass",
    "LetterRecipient",
    "LetterRow",
    "LetterState",
    "Outbox",
    "RecipientState",
    "RefusalNote",
    "pause_after",
]

RecipientState = Literal["queued", "sent", "refused"]

LetterState = Literal["queued", "sent", "partly refused", "refused"]
"""What became of a letter; nothing waits any longer where it is partly refused: some have it, the others never will."""

OUTBOX_SCHEMA_SQL = """
CREATE TABLE mail_letters (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    message_id TEXT NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    message BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    queued_at_us INTEGER NOT NULL,
    next_attempt_at_us INTEGER,
    finished_at_us INTEGER,
    last_error TEXT NOT NULL DEFAULT '',
    CHECK ((state = 'queued') = (next_attempt_at_us IS NOT NULL))
) STRICT;
CREATE INDEX mail_letters_due ON mail_letters (next_attempt_at_us) WHERE state = 'queued';
CREATE TABLE mail_recipients (
    letter INTEGER NOT NULL REFERENCES mail_letters (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    address TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'refused')),
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (letter, position)
) STRICT, WITHOUT ROWID;
"""
"""The tables of an outbox: one step, or a part of one, of the schema of the database that has one."""

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
# Mail systems tell a sender after as long, and try for days (RFC 5321 §4.5.4.1).
_LATE_AFTER = timedelta(hours=4)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


@dataclass(frozen=True)
class LetterRecipient:
    """One address of a letter and what became of it there; `reason` is why not, or empty."""

    address: str
    state: RecipientState
    reason: str


RefusalNote: TypeAlias = Callable[[sqlite3.Connection, str, Sequence[LetterRecipient], datetime], None]
"""Called in the transaction that notes refusals for good, with the letter's key and who is refused since then."""


@dataclass(frozen=True)
class LetterRow:
    """A letter as the operator sees it: everything but its content."""

    id: int
    key: str
    message_id: str
    subject: str
    sender: str
    recipients: tuple[LetterRecipient, ...]
    state: LetterState
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    last_error: str

    @property
    def name(self) -> str:
        """The letter's own name, fit for a file: when, what about, and a hash of its key."""
        subject = unicodedata.normalize("NFKD", self.subject).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", subject)[:48].strip("-") or "letter"
        return f"{self.queued_at:%Y%m%dT%H%M%SZ}-{slug}-{hashlib.sha256(self.key.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class DeliveryPass:
    """What one pass did: how many letters are now sent, refused (also partly), or put off; `hindrance` is why no letter could go out at all."""

    sent: int = 0
    refused: int = 0
    put_off: int = 0
    hindrance: str = ""


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts in vain: 30 s, doubling up to an hour, then every hour."""
    doublings = min(max(attempts - 1, 0), 16)
    return min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)


class Outbox:
    """The letters in one database. Any thread may use it; deliveries take turns."""

    def __init__(self, database: Database, *, on_refusal: RefusalNote = lambda *_: None) -> None:
        self._database = database
        self._on_refusal = on_refusal
        self._delivering = threading.Lock()

    def enqueue(self, connection: sqlite3.Connection, letter: Letter, *, key: str, now: datetime) -> bool:
        """Write the letter down inside the caller's transaction; `False`: there is one for this key, nothing was changed.

        Raises:
            LetterError: No recipient, or a line that is too long for mail; nothing was written.
        """
        if connection.execute("SELECT 1 FROM mail_letters WHERE key = ?", (key,)).fetchone():
            return False
        message_id = _message_id(letter, key=key, now=now)
        message = compose(letter, message_id=message_id, now=now)
        now_us = _to_us(now)
        row = (key, message_id, letter.sender.address, letter.subject, message, now_us, now_us)
        inserted = connection.execute(
            "INSERT INTO mail_letters (key, message_id, sender, subject, message, queued_at_us, next_attempt_at_us)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        connection.executemany(
            "INSERT INTO mail_recipients (letter, position, address) VALUES (?, ?, ?)",
            [(inserted.lastrowid, position, address) for position, address in enumerate(letter.envelope)],
        )
        return True

    def withdraw(self, connection: sqlite3.Connection, key: str) -> None:
        """Forget the letters under a key that wait and that nobody has, inside the caller's transaction."""
        connection.execute(
            "DELETE FROM mail_letters WHERE key > ? AND key < ? AND state = 'queued'"
            " AND NOT EXISTS (SELECT 1 FROM mail_recipients WHERE letter = mail_letters.id AND state = 'sent')",
            (f"{key}/", f"{key}0"),
        )

    def due(self, now: datetime, *, limit: int = 20) -> tuple[LetterRow, ...]:
        """Return the letters whose time has come, those that wait longest first. A clock that was set back puts none off."""
        values = (_to_us(now), _to_us(now), _FIRST_PAUSE // _US, _LONGEST_PAUSE // _US, limit)
        return self._rows(f"WHERE {_DUE} ORDER BY next_attempt_at_us, id LIMIT ?", values)

    def next_attempt_at(self) -> datetime | None:
        """Return when the next letter is due, or `None` when none is waiting."""
        with self._database.reading() as connection:
            query = "SELECT min(next_attempt_at_us) FROM mail_letters WHERE state = 'queued'"
            return _from_us(connection.execute(query).fetchone()[0])

    def deliver(self, transport: Transport, now: datetime, *, limit: int = 20) -> DeliveryPass:
        """Try every letter that is due, at most `limit` of them, and note what became of each. Blocks; call it in a thread.

        When the transport cannot be reached at all the pass ends there: an hour without a server costs one attempt a pass.

        Raises:
            StorageFull: What became of a letter could not be written down; that letter is sent again.
        """
        states: list[LetterState] = []
        hindrance = ""
        with self._delivering:
            for row in self.due(now, limit=limit):
                waiting = [each.address for each in row.recipients if each.state == "queued"]
                outcome = transport.send(self.message(row.id), row.sender, waiting, name=row.name)
                states.append(self._note(row, outcome, now))
                if outcome.unreachable:
                    hindrance = outcome.retry[0].reason if outcome.retry else ""
                    break
        refused = states.count("refused") + states.count("partly refused")
        return DeliveryPass(states.count("sent"), refused, states.count("queued"), hindrance)

    def retry(self, letter_id: int, now: datetime) -> bool:
        """Make a letter due now, also for those who were refused; `False`: it does not exist or everybody has it."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE mail_recipients SET state = 'queued' WHERE letter = ? AND state = 'refused'", (letter_id,)
            )
            changed = connection.execute(
                "UPDATE mail_letters SET state = 'queued', next_attempt_at_us = ?, finished_at_us = NULL WHERE id = ?"
                " AND EXISTS (SELECT 1 FROM mail_recipients WHERE letter = mail_letters.id AND state = 'queued')",
                (_to_us(now), letter_id),
            )
            return changed.rowcount > 0

    def list_letters(self, *, limit: int = 100, before: int | None = None) -> tuple[LetterRow, ...]:
        """Return the newest letters first; `before` is the last id of the previous page."""
        return self._rows("WHERE id < ? ORDER BY id DESC LIMIT ?", (2**62 if before is None else before, limit))

    def refused_letters(self) -> tuple[LetterRow, ...]:
        """Return the letters that were refused for somebody, oldest first."""
        return self._rows("WHERE id IN (SELECT letter FROM mail_recipients WHERE state = 'refused') ORDER BY id", ())

    def letters_under(self, key: str) -> tuple[LetterRow, ...]:
        """Return the letters whose key begins with `key` and a slash, oldest first."""
        return self._rows("WHERE key > ? AND key < ? ORDER BY id", (f"{key}/", f"{key}0"))

    def counts(self) -> dict[LetterState, int]:
        """Return how many letters are in each state."""
        found: dict[LetterState, int] = {"queued": 0, "sent": 0, "partly refused": 0, "refused": 0}
        with self._database.reading() as connection:
            found.update(connection.execute(_COUNTS).fetchall())
        return found

    def late(self, now: datetime) -> int:
        """Return how many letters wait for more than four hours, although they were tried; they still are."""
        query = "SELECT count(*) FROM mail_letters WHERE state = 'queued' AND attempts > 0 AND queued_at_us < ?"
        with self._database.reading() as connection:
            return int(connection.execute(query, (_to_us(now - _LATE_AFTER),)).fetchone()[0])

    def message(self, letter_id: int) -> bytes:
        """Return a letter's bytes. They hold tokens: show them to nobody but its recipients and the operator.

        Raises:
            KeyError: There is no such letter.
        """
        with self._database.reading() as connection:
            row = connection.execute("SELECT message FROM mail_letters WHERE id = ?", (letter_id,)).fetchone()
        if row is None:
            raise KeyError(letter_id)
        return bytes(row["message"])

    def _rows(self, condition: str, values: Sequence[int | str]) -> tuple[LetterRow, ...]:
        # `condition` is one of the texts above, never a caller's.
        with self._database.reading() as connection:
            letters = connection.execute(f"SELECT * FROM mail_letters {condition}", values).fetchall()
            recipients = defaultdict(list)
            for letter in letters:
                query = "SELECT address, state, reason FROM mail_recipients WHERE letter = ? ORDER BY position"
                recipients[letter["id"]] = [
                    LetterRecipient(*each) for each in connection.execute(query, (letter["id"],))
                ]
        return tuple(_as_row(letter, recipients[letter["id"]]) for letter in letters)

    def _note(self, row: LetterRow, outcome: Outcome, now: datetime) -> LetterState:
        recipients = _after(row.recipients, outcome)
        state = _letter_state(recipients)
        attempts = row.attempts + 1
        waits = state == "queued"
        values = {
            "id": row.id,
            "state": "sent" if state == "partly refused" else state,
            "attempts": attempts,
            "next": _to_us(now + pause_after(attempts)) if waits else None,
            "finished": None if waits else _to_us(now),
            "error": "; ".join(dict.fromkeys(each.reason for each in recipients if each.reason)),
        }
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE mail_letters SET state = :state, attempts = :attempts, next_attempt_at_us = :next,"
                " finished_at_us = :finished, last_error = :error WHERE id = :id",
                values,
            )
            connection.executemany(
                "UPDATE mail_recipients SET state = ?, reason = ? WHERE letter = ? AND position = ?",
                [(each.state, each.reason, row.id, position) for position, each in enumerate(recipients)],
            )
            before = {each.address for each in row.recipients if each.state == "refused"}
            refused = [each for each in recipients if each.state == "refused" and each.address not in before]
            if refused:
                self._on_refusal(connection, row.key, refused, now)
        return state


# The last line is `pause_after`, and nothing for what was not tried yet: whoever would wait longer was written down before the
# clock was set back.
_DUE = """state = 'queued' AND (next_attempt_at_us <= ? OR next_attempt_at_us > ?
    + (attempts > 0) * min(? << min(attempts - 1, 16), ?))"""

# Stored is whether anything waits and whether anybody has it; who was refused stands with the recipients.
_COUNTS = """SELECT CASE WHEN state = 'sent' AND EXISTS
        (SELECT 1 FROM mail_recipients WHERE letter = mail_letters.id AND state = 'refused')
    THEN 'partly refused' ELSE state END, count(*) FROM mail_letters GROUP BY 1"""


def _after(recipients: Iterable[LetterRecipient], outcome: Outcome) -> list[LetterRecipient]:
    refused = {each.address: each.reason for each in outcome.refused}
    retry = {each.address: each.reason for each in outcome.retry}

    def judged(recipient: LetterRecipient) -> LetterRecipient:
        address = recipient.address
        if recipient.state != "queued":
            return recipient
        if address in outcome.delivered:
            return LetterRecipient(address, "sent", "")
        if address in refused:
            return LetterRecipient(address, "refused", refused[address])
        return LetterRecipient(address, "queued", retry.get(address, recipient.reason))

    return [judged(recipient) for recipient in recipients]


def _letter_state(recipients: Sequence[LetterRecipient]) -> LetterState:
    states = {recipient.state for recipient in recipients}
    if "queued" in states:
        return "queued"
    if "refused" not in states:
        return "sent"
    return "partly refused" if "sent" in states else "refused"


def _as_row(row: sqlite3.Row, recipients: Sequence[LetterRecipient]) -> LetterRow:
    return LetterRow(
        id=row["id"],
        key=row["key"],
        message_id=row["message_id"],
        subject=row["subject"],
        sender=row["sender"],
        recipients=tuple(recipients),
        state=_letter_state(recipients),
        attempts=row["attempts"],
        queued_at=_EPOCH + timedelta(microseconds=row["queued_at_us"]),
        next_attempt_at=_from_us(row["next_attempt_at_us"]),
        finished_at=_from_us(row["finished_at_us"]),
        last_error=row["last_error"],
    )


def _message_id(letter: Letter, *, key: str, now: datetime) -> str:
    digest = hashlib.sha256(f"{key}\0{now.isoformat()}".encode()).hexdigest()[:32]
    return f"<{digest}@{letter.sender.address.rpartition('@')[2]}>"


def _to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // _US


def _from_us(moment_us: int | None) -> datetime | None:
    return None if moment_us is None else _EPOCH + timedelta(microseconds=moment_us)
