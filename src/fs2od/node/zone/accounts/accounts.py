"""Accounts: from a proof to the user whom it belongs to, who is made at the first time if that is allowed."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from fs2od.errors import Fs2odError
from fs2od.node.zone.accounts.grants import Grant, Grants
from fs2od.node.zone.accounts.identities import Identities, Identity, Proof
from fs2od.node.zone.accounts.sessions import Sessions
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.memberships import GROUP_USER, Memberships
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.users import User, Users
from fs2od.onedata import errors, privileges
from fs2od.onedata.ids import GroupId, UserId
from fs2od.sqlite import Database

__all__ = ["Account", "Accounts", "Blocked", "NotInvited", "SignUp"]

SignUp = Literal["anyone", "invited"]
"""Who may have an account: whoever can prove who they are, or only those who were invited."""

_LONGEST_NAME = 128
_UNNAMED = "Unnamed User"


class NotInvited(Fs2odError):
    """Nobody has an account with this proof, and no new one may be made."""

    exit_code = 5


class Blocked(Fs2odError):
    """The account is blocked."""

    exit_code = 5


@dataclass(frozen=True)
class Account:
    """A user, with what only they and an administrator see."""

    user: User
    identities: tuple[Identity, ...]
    language: str


class Accounts:
    """Signs people in, links their identities, and lets administrators add, list and block users."""

    def __init__(
        self,
        database: Database,
        users: Users,
        memberships: Memberships,
        rights: Rights,
        identities: Identities,
        sessions: Sessions,
        grants: Grants,
        epoch: Epoch,
    ) -> None:
        self._database = database
        self._users = users
        self._memberships = memberships
        self._rights = rights
        self._grants = grants
        self._epoch = epoch
        self.identities = identities
        self.sessions = sessions

    def sign_in(
        self, proof: Proof, *, sign_up: SignUp, invited: bool = False, grants: Collection[Grant] | None = None
    ) -> UserId:
        """Return the user whom a proof belongs to; a new one at the first time.

        Args:
            proof: What was proved.
            sign_up: Who may have a new account.
            invited: Whether this person was invited.
            grants: What their provider's word brings them; None where it says nothing about such.

        Raises:
            Blocked: The account is blocked.
            NotInvited: There is no such account, and none may be made.
        """
        identity = self.identities.find(proof) or self._sign_up(proof, allowed=sign_up == "anyone" or invited)
        if self._users.get(identity.user).blocked:
            raise Blocked("this account is blocked: ask the facility")
        self.identities.note_use(identity, address=proof.address)
        if grants is not None:
            self._grants.apply(identity, grants)
        return identity.user

    def link(self, user: UserId, proof: Proof) -> None:
        """Make a proof another way into a user's account.

        Raises:
            Conflict: It is a way into another account.
        """
        self.identities.add(user, proof)

    def unlink(self, user: UserId, identity: str) -> None:
        """Take a way into an account away, with what had come through it.

        Raises:
            NotFound: The user has no such identity.
            LastIdentity: It is the only one.
        """
        self.identities.remove(user, identity, also=lambda db: self._grants.forget(db, identity, user))
        self._epoch.move()

    def get(self, user: UserId) -> Account:
        """Return a user's account, for the user themself.

        Raises:
            NotFound: There is none.
        """
        with self._database.reading() as db:
            row = db.execute("SELECT language FROM user WHERE id = ?", (user,)).fetchone()
        if row is None:
            raise errors.not_found()
        return Account(self._users.get(user), tuple(self.identities.of(user)), row[0])

    def language_of(self, user: UserId) -> str:
        """Return the language that a user chose; empty if none."""
        with self._database.reading() as db:
            row = db.execute("SELECT language FROM user WHERE id = ?", (user,)).fetchone()
        return "" if row is None else str(row[0])

    def set_language(self, user: UserId, language: str) -> None:
        """Choose the language of a user's pages and mails; empty: their browser's and the facility's."""
        with self._database.writing() as db:
            db.execute("UPDATE user SET language = ? WHERE id = ?", (language, user))

    def language_for(self, address: str) -> str:
        """Return the language that the owner of an address chose; empty if none."""
        query = """SELECT language FROM user JOIN identity ON identity.user = user.id
            WHERE identity.kind = 'mail' AND identity.subject = ?"""
        with self._database.reading() as db:
            row = db.execute(query, (address.casefold(),)).fetchone()
        return "" if row is None else str(row[0])

    def add(
        self,
        caller: Caller,
        full_name: str,
        *,
        username: str | None = None,
        addresses: Collection[str] = (),
        groups: Collection[GroupId] = (),
    ) -> UserId:
        """Add a user, who can sign in by a link to any of `addresses`. For administrators.

        Raises:
            Conflict: The username or an address is somebody else's.
            Forbidden: Without oz_users_create, or oz_groups_add_relationships where groups are given.
            NotFound: A group does not exist.
        """
        self._rights.require_zone(caller, "oz_users_create")
        if groups:
            self._rights.require_zone(caller, "oz_groups_add_relationships")
        try:
            with self._database.writing() as db:
                user = self._users.insert(db, clean_name(full_name, username or ""), username=username)
                for address in addresses:
                    self.identities.insert(db, user, Proof.of_address(address))
                for group in dict.fromkeys(groups):
                    self._memberships.insert(db, GROUP_USER, group, user, privileges.GROUP_MEMBER)
        except sqlite3.IntegrityError as error:
            raise errors.already_exists() from error
        self._epoch.move()
        return user

    def list(self, caller: Caller) -> list[UserId]:
        """Return all users. For administrators.

        Raises:
            Forbidden: Without oz_users_list.
        """
        self._rights.require_zone(caller, "oz_users_list")
        return self._users.every()

    def view(self, caller: Caller, user: UserId) -> Account:
        """Return any user's account. For administrators.

        Raises:
            Forbidden: Without oz_users_view.
            NotFound: There is no such user.
        """
        self._rights.require_zone(caller, "oz_users_view")
        return self.get(user)

    def block(self, caller: Caller, user: UserId, *, blocked: bool) -> None:
        """Block a user or let them in again. All sessions of a blocked user end; their tokens hold no longer.

        Raises:
            Forbidden: Without oz_users_update; nobody blocks themself.
            NotFound: There is no such user.
        """
        administrator = self._rights.require_zone(caller, "oz_users_update")
        if blocked and user == administrator:
            raise errors.forbidden("Nobody can block themself.")
        with self._database.writing() as db:
            if not db.execute("UPDATE user SET blocked = ? WHERE id = ?", (blocked, user)).rowcount:
                raise errors.not_found()
            if blocked:
                db.execute("DELETE FROM session WHERE user = ?", (user,))
        self._epoch.move()

    def _sign_up(self, proof: Proof, *, allowed: bool) -> Identity:
        if not allowed:
            raise NotInvited("there is no account with this sign-in here, and new ones are made by invitation only")
        name = clean_name(proof.name, proof.address.partition("@")[0])
        try:
            with self._database.writing() as db:
                self.identities.insert(db, self._users.insert(db, name), proof)
        except errors.Conflict:
            # Somebody with the same proof was a moment faster: it is their account now, and they are the same person.
            pass
        found = self.identities.find(proof)
        assert found is not None
        return found


def clean_name(name: str, otherwise: str) -> str:
    """Return a person's name fit for one line, or what is to be said in its place."""
    for text in (name, otherwise):
        plain = "".join(each if unicodedata.category(each)[0] not in "CZ" else " " for each in text)
        words = " ".join(plain.split())[:_LONGEST_NAME].strip()
        if len(words) > 1:
            return words
    return _UNNAMED
