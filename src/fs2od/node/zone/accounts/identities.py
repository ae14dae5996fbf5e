"""Identities: the ways in which a person proves to be the one whom an account belongs to."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fs2od.node.clock import Clock
from fs2od.onedata import errors
from fs2od.onedata.ids import UserId, new_entity_id
from fs2od.sqlite import Database

__all__ = ["Identities", "Identity", "IdentityKind", "LastIdentity", "Proof"]

IdentityKind = Literal["mail", "oidc"]


class LastIdentity(errors.Rejected):
    """It is the only way into the account: add another one first."""

    def __init__(self) -> None:
        super().__init__("lastIdentity", "This is the only way to sign in to the account: add another one first.")


@dataclass(frozen=True)
class Proof:
    """What somebody has just proved: that a mail address reaches them, or what a provider of identities says of them.

    Attributes:
        issuer: The provider's issuer; empty for mail.
        subject: Who it is there; for mail, the address in small letters.
        address: A mail address that was proved to be theirs, or empty.
        name: What they are called, or empty.
    """

    kind: IdentityKind
    issuer: str
    subject: str
    address: str = ""
    name: str = ""

    @classmethod
    def of_address(cls, address: str) -> Proof:
        """Return the proof of a mail address."""
        return cls("mail", "", address.casefold(), address)


@dataclass(frozen=True)
class Identity:
    """One identity of an account; times are in seconds since 1970."""

    id: str
    user: UserId
    kind: IdentityKind
    issuer: str
    subject: str
    address: str
    created_s: int
    used_s: int | None


class Identities:
    """Adds, finds, lists and removes identities."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def of(self, user: UserId) -> list[Identity]:
        """Return a user's identities, oldest first."""
        with self._database.reading() as db:
            rows = db.execute("SELECT * FROM identity WHERE user = ? ORDER BY created, kind, subject", (user,))
            return [_identity(row) for row in rows]

    def find(self, proof: Proof) -> Identity | None:
        """Return the identity that a proof is about, or None."""
        query = "SELECT * FROM identity WHERE kind = ? AND issuer = ? AND subject = ?"
        with self._database.reading() as db:
            row = db.execute(query, (proof.kind, proof.issuer, proof.subject)).fetchone()
        return None if row is None else _identity(row)

    def add(self, user: UserId, proof: Proof) -> Identity:
        """Make a proof another way into a user's account; it may be one already.

        Raises:
            Conflict: It is a way into another account.
        """
        with self._database.writing() as db:
            self.insert(db, user, proof)
        found = self.find(proof)
        assert found is not None
        return found

    def insert(self, db: sqlite3.Connection, user: UserId, proof: Proof) -> None:
        """Do what `add` does, inside a transaction of the caller's.

        Raises:
            Conflict: As for `add`.
        """
        query = "SELECT user FROM identity WHERE kind = ? AND issuer = ? AND subject = ?"
        there = db.execute(query, (proof.kind, proof.issuer, proof.subject)).fetchone()
        if there is not None:
            if there[0] != user:
                raise errors.already_exists()
            return
        row = (new_entity_id(), user, proof.kind, proof.issuer, proof.subject, proof.address, self._clock.now_s())
        db.execute(
            "INSERT INTO identity (id, user, kind, issuer, subject, address, created) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        )
        _keep_addresses(db, user, add=proof.address)

    def note_use(self, identity: Identity, *, address: str = "") -> None:
        """Note that somebody signed in with it, and with which address the provider knows them now."""
        with self._database.writing() as db:
            row = (self._clock.now_s(), address or identity.address, identity.id)
            db.execute("UPDATE identity SET used = ?, address = ? WHERE id = ?", row)
            if address != identity.address:
                _keep_addresses(db, identity.user, add=address, drop=identity.address if address else "")

    def remove(self, user: UserId, identity: str, *, also: Callable[[sqlite3.Connection], None] | None = None) -> None:
        """Take a way into an account away, and do `also` in the same transaction.

        Raises:
            NotFound: The user has no such identity.
            LastIdentity: It is the only one.
        """
        with self._database.writing() as db:
            held = {row[0]: row[1] for row in db.execute("SELECT id, address FROM identity WHERE user = ?", (user,))}
            if identity not in held:
                raise errors.not_found()
            if len(held) == 1:
                raise LastIdentity
            if also is not None:
                also(db)
            db.execute("DELETE FROM identity WHERE id = ?", (identity,))
            _keep_addresses(db, user, drop=held[identity])


def _keep_addresses(db: sqlite3.Connection, user: UserId, *, add: str = "", drop: str = "") -> None:
    """Keep the user's own record of their addresses true: what is dropped goes, unless another identity has it."""
    row = db.execute("SELECT emails FROM user WHERE id = ?", (user,)).fetchone()
    others = {each[0].casefold() for each in db.execute("SELECT address FROM identity WHERE user = ?", (user,))}
    emails = [each for each in json.loads(row[0]) if each.casefold() != drop.casefold() or drop.casefold() in others]
    if add and add.casefold() not in {each.casefold() for each in emails}:
        emails.append(add)
    db.execute("UPDATE user SET emails = ? WHERE id = ?", (json.dumps(emails), user))


def _identity(row: sqlite3.Row) -> Identity:
    return Identity(
        id=row["id"],
        user=UserId(row["user"]),
        kind=row["kind"],
        issuer=row["issuer"],
        subject=row["subject"],
        address=row["address"],
        created_s=row["created"],
        used_s=row["used"],
    )
