"""Tokens: named and temporary, access, identity and invite.

A named token's record holds no secret: its text is computed again from the key file, its identifier and its caveats.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from fs2od.node.clock import Clock
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.names import require_name
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.secrets import KeyFile
from fs2od.onedata import errors, tokens
from fs2od.onedata.ids import TokenId, UserId, new_entity_id
from fs2od.onedata.tokens import (
    AccessToken,
    Caveat,
    Context,
    Examined,
    Identifier,
    InviteToken,
    Named,
    Subject,
    Temporary,
    Token,
    TokenKind,
)
from fs2od.sqlite import Database, Standing

__all__ = ["NamedToken", "Tokens"]

_LONGEST_TEMPORARY_S = 2_592_000
_MOST_USES = 2**31 - 1
_MOST_SIGNED, _LONGEST_SIGNED = 1000, 2000
# As the index in `sharing_schema` has it.
_TARGET = (
    "substr(identifier, instr(identifier, ':') + 1, instr(substr(identifier, instr(identifier, ':') + 1), ':') - 1)"
)


@dataclass(frozen=True)
class NamedToken:
    """One named token: its record, and the text computed from it."""

    id: TokenId
    user: UserId
    name: str
    kind: TokenKind
    caveats: tuple[Caveat, ...]
    revoked: bool
    usage_limit: int | None
    usage_count: int
    privileges: tuple[str, ...]
    custom: dict[str, Any]
    created_s: int
    token: Token


class Tokens:
    """Issues, lists and ends tokens, and knows those that it issued."""

    def __init__(
        self, database: Database, rights: Rights, keys: KeyFile, epoch: Epoch, clock: Clock, *, domain: str
    ) -> None:
        self._database = database
        self._rights = rights
        self._keys = keys
        self._epoch = epoch
        self._clock = clock
        self._domain = domain
        self._generations = Standing(database, self._asked_generation)
        self._blocked = Standing(database, self._asked_blocked)
        self._revoked = Standing(database, self._asked_revoked)
        self._signed: dict[bytes, Examined] = {}

    @property
    def domain(self) -> str:
        """The location that all tokens made here name."""
        return self._domain

    def issue_named(
        self,
        user: UserId,
        name: str,
        *,
        kind: TokenKind | None = None,
        caveats: Sequence[Caveat] = (),
        usage_limit: int | None = None,
        privileges: Collection[str] | None = None,
        custom: dict[str, Any] | None = None,
        revoked: bool = False,
    ) -> NamedToken:
        """Return a new named token of `user`. What an invite may invite to is judged by the caller (see `invites`).

        Raises:
            Rejected: badValueIdentifierOccupied with key "name", badValueName, badValueCaveat.
        """
        require_name(name)
        if usage_limit is not None and usage_limit > _MOST_USES:
            raise errors.bad_value("TooHigh", "usageLimit", f"must be at most {_MOST_USES}", limit=_MOST_USES)
        token = TokenId(new_entity_id())
        identifier = Identifier(Named(), Subject("user", user), kind or AccessToken(), token)
        self._text(identifier, caveats)  # refuses caveats that do not fit before anything is stored
        row = (
            token, user, name, str(identifier), json.dumps([tokens.caveat_to_json(caveat) for caveat in caveats]), revoked, usage_limit,
            None if privileges is None else json.dumps(sorted(privileges)), json.dumps(custom or {}), self._clock.now_s(),
        )  # fmt: skip
        columns = "id, user, name, identifier, caveats, revoked, usage_limit, privileges, custom, created"
        try:
            with self._database.writing() as db:
                db.execute(f"INSERT INTO named_token ({columns}) VALUES ({', '.join('?' * len(row))})", row)
        except sqlite3.IntegrityError as error:
            raise errors.bad_value("IdentifierOccupied", "name", "is already occupied") from error
        return self.named(token)

    def issue_temporary(self, user: UserId, *, kind: TokenKind | None = None, caveats: Sequence[Caveat]) -> Token:
        """Return a new temporary token of `user`.

        Raises:
            Rejected: tokenTimeCaveatRequired: it must end within 30 days.
        """
        until = tokens.valid_until_s(caveats)
        if until is None or until > self._clock.now_s() + _LONGEST_TEMPORARY_S:
            said = f"A temporary token must have a time caveat of at most {_LONGEST_TEMPORARY_S} seconds."
            raise errors.error_of("tokenTimeCaveatRequired", said, {"maxTtl": _LONGEST_TEMPORARY_S})
        persistence = Temporary(self._generations.get(user))
        identifier = Identifier(persistence, Subject("user", user), kind or AccessToken(), TokenId(new_entity_id()))
        return self._text(identifier, caveats)

    def named(self, token: TokenId) -> NamedToken:
        """Return a named token by its id.

        Raises:
            NotFound: There is none.
        """
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM named_token WHERE id = ?", (token,)).fetchone()
        if row is None:
            raise errors.not_found()
        return self._as_named(row)

    def named_by_name(self, user: UserId, name: str) -> NamedToken:
        """Return a named token of a user by its name.

        Raises:
            NotFound: There is none.
        """
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM named_token WHERE user = ? AND name = ?", (user, name)).fetchone()
        if row is None:
            raise errors.not_found()
        return self._as_named(row)

    def named_of(self, user: UserId) -> list[TokenId]:
        """Return the ids of a user's named tokens."""
        with self._database.reading() as db:
            rows = db.execute("SELECT id FROM named_token WHERE user = ? ORDER BY created, id", (user,))
            return [TokenId(row[0]) for row in rows]

    def all_of(self, user: UserId) -> list[NamedToken]:
        """Return a user's named tokens, the newest first."""
        with self._database.reading() as db:
            rows = db.execute("SELECT * FROM named_token WHERE user = ? ORDER BY created DESC, name", (user,))
            return [self._as_named(row) for row in rows]

    def invites_to(self, target: str) -> list[NamedToken]:
        """Return all named invites to a group or space, whoever made them, oldest first."""
        query = f"SELECT * FROM named_token WHERE {_TARGET} = ? ORDER BY created, id"
        with self._database.reading() as db:
            found = [self._as_named(row) for row in db.execute(query, (target,))]
        return [token for token in found if isinstance(token.kind, InviteToken)]

    def change(
        self,
        token: TokenId,
        *,
        name: str | None = None,
        revoked: bool | None = None,
        custom: dict[str, Any] | None = None,
    ) -> None:
        """Rename, revoke or un-revoke a named token, or replace its custom metadata; None leaves a value.

        Raises:
            Rejected: badValueIdentifierOccupied, badValueName.
        """
        new_name = None if name is None else require_name(name)
        row = (new_name, revoked, None if custom is None else json.dumps(custom), token)
        query = """UPDATE named_token SET name = coalesce(?, name), revoked = coalesce(?, revoked),
            custom = coalesce(?, custom) WHERE id = ?"""
        try:
            with self._database.writing() as db:
                db.execute(query, row)
        except sqlite3.IntegrityError as error:
            raise errors.bad_value("IdentifierOccupied", "name", "is already occupied") from error
        self._epoch.move()

    def delete(self, token: TokenId) -> None:
        """End a named token for good."""
        with self._database.writing() as db:
            db.execute("DELETE FROM named_token WHERE id = ?", (token,))
        self._epoch.move()

    def end_temporary(self, user: UserId) -> None:
        """End all temporary tokens of a user."""
        with self._database.writing() as db:
            db.execute("UPDATE user SET token_generation = token_generation + 1 WHERE id = ?", (user,))
        self._epoch.move()

    def examine(self, token: Token) -> Examined:
        """Return what a token says about itself, unverified.

        Raises:
            Rejected: badToken, it cannot be read; tokenCaveatUnknown.
        """
        known = self._signed.get(token.digest) if len(token.reveal()) <= _LONGEST_SIGNED else None
        return known or tokens.examine(token)

    def verify(self, token: Token, examined: Examined, context: Context) -> None:
        """Accept a token of any kind that we issued, whose subject exists, that is not revoked and whose caveats hold.

        Raises:
            Rejected: tokenInvalid, tokenRevoked, tokenSubjectInvalid, tokenCaveatUnverified …
        """
        identifier, subject = examined.identifier, examined.identifier.subject
        # The signature first: a forged token must not tell whether its subject exists.
        self._verify_signature(token, examined)
        tokens.verify_caveats(examined, context)
        if subject.type != "user" or self._blocked.get(UserId(subject.id)):
            raise errors.error_of("tokenSubjectInvalid", "The token's subject does not exist or may not use it.")
        if isinstance(identifier.persistence, Temporary):
            if identifier.persistence.generation != self._generations.get(UserId(subject.id)):
                raise errors.error_of("tokenRevoked", "The token has been revoked.")
        elif self._revoked.get(identifier.token_id):
            raise errors.error_of("tokenRevoked", "The token has been revoked.")

    def _verify_signature(self, token: Token, examined: Examined) -> None:
        """Make sure that we signed a token. Once it is known, it stays so: only what else is judged of it can change."""
        is_short = len(token.reveal()) <= _LONGEST_SIGNED
        if is_short and token.digest in self._signed:
            return
        tokens.verify_signature(token, self._root_key(examined.identifier))
        if is_short:
            if len(self._signed) >= _MOST_SIGNED:
                self._signed.clear()
            self._signed[token.digest] = examined

    def count_use(self, db: sqlite3.Connection, identifier: Identifier) -> None:
        """Count one use of an invite, inside the transaction that makes the membership.

        Raises:
            Rejected: inviteTokenUsageLimitReached, tokenRevoked.
        """
        if isinstance(identifier.persistence, Temporary):
            return
        query = """UPDATE named_token SET usage_count = usage_count + 1
            WHERE id = ? AND NOT revoked AND (usage_limit IS NULL OR usage_count < usage_limit)"""
        if db.execute(query, (identifier.token_id,)).rowcount:
            return
        # Judged again here, where nothing can come between: it may have been revoked since.
        row = db.execute("SELECT revoked FROM named_token WHERE id = ?", (identifier.token_id,)).fetchone()
        if row is None or row[0]:
            raise errors.error_of("tokenRevoked", "The token has been revoked.")
        raise errors.error_of("inviteTokenUsageLimitReached", "The invite token has been used up.")

    def _as_named(self, row: sqlite3.Row) -> NamedToken:
        identifier = tokens.parse_identifier(row["identifier"])
        caveats = tokens.caveats_from_json(json.loads(row["caveats"]))
        return NamedToken(
            id=TokenId(row["id"]),
            user=UserId(row["user"]),
            name=row["name"],
            kind=identifier.kind,
            caveats=caveats,
            revoked=bool(row["revoked"]),
            usage_limit=row["usage_limit"],
            usage_count=row["usage_count"],
            privileges=tuple(json.loads(row["privileges"] or "[]")),
            custom=json.loads(row["custom"]),
            created_s=row["created"],
            token=self._text(identifier, caveats),
        )

    def _text(self, identifier: Identifier, caveats: Sequence[Caveat]) -> Token:
        return tokens.create(self._domain, identifier, self._root_key(identifier), caveats)

    def _root_key(self, identifier: Identifier) -> bytes:
        persistence = identifier.persistence
        if isinstance(persistence, Temporary):
            return self._keys.derive(f"temporary token/{identifier.subject}/{persistence.generation}")
        return self._keys.derive(f"named token/{identifier.token_id}")

    def _asked_generation(self, user: UserId) -> int:
        with self._database.reading() as db:
            row = db.execute("SELECT token_generation FROM user WHERE id = ?", (user,)).fetchone()
        if row is None:
            raise errors.not_found()
        return int(row[0])

    def _asked_blocked(self, user: UserId) -> bool:
        with self._database.reading() as db:
            row = db.execute("SELECT blocked FROM user WHERE id = ?", (user,)).fetchone()
        return row is None or bool(row[0])

    def _asked_revoked(self, token: TokenId) -> bool:
        with self._database.reading() as db:
            row = db.execute("SELECT revoked FROM named_token WHERE id = ?", (token,)).fetchone()
        return row is None or bool(row[0])
