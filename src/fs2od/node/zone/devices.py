"""Signing in on a machine without a browser: it shows a short code, a person confirms it elsewhere, it gets a token.

Source: RFC 8628 (device authorization grant): §3.1 to §3.5 the steps, §5 what must be bounded, §6.1 the user code.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from fs2od.errors import Fs2odError
from fs2od.node.clock import Clock
from fs2od.node.zone.accounts.pace import Pace
from fs2od.node.zone.names import require_name
from fs2od.node.zone.secrets import KeyFile
from fs2od.node.zone.tokens import NamedToken, Tokens
from fs2od.onedata import errors, tokens
from fs2od.onedata.ids import UserId
from fs2od.onedata.tokens import Caveat, Time, caveats_from_json
from fs2od.sqlite import Database

__all__ = ["LASTS", "Begun", "DeviceRefused", "Devices", "Reason", "Wish"]

LASTS = timedelta(minutes=15)
"""How long a code can be confirmed."""
_INTERVAL_S = 5
_DEFAULT_VALID = timedelta(days=30)
_LONGEST_VALID = timedelta(days=365)
_MOST = 10_000
# No vowels, so that no words come out; eight of these are 34 bits, of which each person may try ten in a quarter of an hour.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_CODE_LENGTH = 8
_EVERYBODY = ""

Reason = Literal["authorization_pending", "slow_down", "expired_token", "access_denied"]


class DeviceRefused(Fs2odError):
    """A waiting machine gets no token, or not yet; `reason` is RFC 8628's word."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Begun:
    """What a machine gets that wants to sign in. The device code is its secret, the user code is for the person."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    expires_in_s: int
    interval_s: int


@dataclass(frozen=True)
class Wish:
    """What a machine asks for: a token of this name with these caveats. `address` is where the request came from."""

    name: str
    caveats: tuple[Caveat, ...]
    address: str
    begun_s: int


class Devices:
    """Takes wishes, has them answered by people, and gives each token out once."""

    def __init__(self, database: Database, keys: KeyFile, tokens: Tokens, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._from_one_peer = Pace(clock, most=20, within=timedelta(minutes=10))
        self._from_everybody = Pace(clock, most=1000, within=timedelta(hours=1))
        self._wrong = Pace(clock, most=10, within=LASTS)

    def begin(self, name: str, caveats: Sequence[Caveat], *, address: str, peer: str) -> Begun:
        """Take a wish. A token without an end gets one in 30 days; none is for longer than a year.

        Raises:
            Rejected: badValueName, badValueCaveat.
            Busy: This peer, or everybody, asked too often.
        """
        require_name(name)
        wait_s = max(self._from_one_peer.wait_s(peer), self._from_everybody.wait_s(_EVERYBODY))
        if wait_s:
            raise _too_often(wait_s)
        self._from_one_peer.note(peer)
        self._from_everybody.note(_EVERYBODY)
        now_s = self._clock.now_s()
        given = json.dumps([tokens.caveat_to_json(caveat) for caveat in _ending(caveats, now_s)])
        device_code = secrets.token_urlsafe(32)
        code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
        until_s = now_s + int(LASTS.total_seconds())
        row = (_digest(device_code), self._known_by(code), name, given, address, now_s, until_s, _INTERVAL_S)
        columns = "digest, code, name, caveats, address, begun, until, interval"
        with self._database.writing() as db:
            db.execute("DELETE FROM device WHERE until <= ?", (now_s - int(LASTS.total_seconds()),))
            if db.execute("SELECT count(*) FROM device").fetchone()[0] >= _MOST:
                raise _too_often(int(LASTS.total_seconds()))
            db.execute(f"INSERT OR REPLACE INTO device ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return Begun(device_code, f"{code[:4]}-{code[4:]}", until_s - now_s, _INTERVAL_S)

    def look(self, user: UserId, code: str) -> Wish:
        """Return what stands behind a user code, as somebody typed it.

        Raises:
            NotFound: Nothing that still waits.
            Busy: This person tried too many wrong ones.
        """
        row = self._waiting(user, code)
        caveats = caveats_from_json(json.loads(row["caveats"]))
        return Wish(row["name"], caveats, row["address"], row["begun"])

    def answer(self, user: UserId, code: str, *, allow: bool) -> None:
        """Allow or refuse what stands behind a user code; allowed, the machine gets a token of the user's.

        Raises:
            NotFound: Nothing that still waits.
            Busy: This person tried too many wrong ones.
        """
        row = self._waiting(user, code)
        state = "allowed" if allow else "refused"
        query = "UPDATE device SET state = ?, user = ? WHERE digest = ? AND state = 'waiting'"
        with self._database.writing() as db:
            if not db.execute(query, (state, user if allow else None, row["digest"])).rowcount:
                raise errors.not_found()

    def token(self, device_code: str) -> NamedToken:
        """Return the token that a machine waits for, which it gets once.

        Raises:
            DeviceRefused: Not yet; too often asked; too late; refused, or no such code.
        """
        digest, now_s = _digest(device_code), self._clock.now_s()
        with self._database.writing() as db:
            row = db.execute("SELECT * FROM device WHERE digest = ?", (digest,)).fetchone()
            reason = "expired_token" if row is None else self._judged(db, row, now_s)
            if row is not None and reason is None:
                db.execute("DELETE FROM device WHERE digest = ?", (digest,))
        if row is None or reason is not None:
            raise DeviceRefused(reason or "expired_token")
        caveats = caveats_from_json(json.loads(row["caveats"]))
        return self._issued(UserId(row["user"]), row["name"], caveats)

    def _judged(self, db: sqlite3.Connection, row: sqlite3.Row, now_s: int) -> Reason | None:
        """Return why there is no token yet, or ever; None if there is. What is asked too often is asked less often from then on."""
        if row["state"] == "refused":
            return "access_denied"
        if now_s >= row["until"]:
            return "expired_token"
        if row["state"] == "allowed":
            return None
        asked_s, interval_s = row["asked"], row["interval"]
        # A second of grace: seconds are counted in whole ones here.
        is_hasty = asked_s is not None and now_s - asked_s < interval_s - 1
        db.execute(
            "UPDATE device SET asked = ?, interval = ? WHERE digest = ?",
            (now_s, interval_s + (_INTERVAL_S if is_hasty else 0), row["digest"]),
        )
        return "slow_down" if is_hasty else "authorization_pending"

    def _issued(self, user: UserId, name: str, caveats: Sequence[Caveat]) -> NamedToken:
        try:
            return self._tokens.issue_named(user, name, caveats=caveats)
        except errors.ServiceError as error:
            if error.error_id != "badValueIdentifierOccupied":
                raise
            return self._tokens.issue_named(user, f"{name[:110]} {secrets.token_hex(4)}", caveats=caveats)

    def _waiting(self, user: UserId, code: str) -> sqlite3.Row:
        wait_s = self._wrong.wait_s(user)
        if wait_s:
            raise _too_often(wait_s)
        typed = "".join(letter for letter in code.upper() if letter in _LETTERS)
        query = "SELECT * FROM device WHERE code = ? AND state = 'waiting' AND until > ?"
        with self._database.reading() as db:
            row: sqlite3.Row | None = db.execute(query, (self._known_by(typed), self._clock.now_s())).fetchone()
        if row is None:
            self._wrong.note(user)
            raise errors.not_found()
        return row

    def _known_by(self, code: str) -> bytes:
        return self._keys.derive(f"device code/{code}")


def _ending(caveats: Sequence[Caveat], now_s: int) -> list[Caveat]:
    until_s = tokens.valid_until_s(caveats)
    if until_s is None:
        return [*caveats, Time(now_s + int(_DEFAULT_VALID.total_seconds()))]
    longest_s = now_s + int(_LONGEST_VALID.total_seconds())
    return [*caveats, Time(longest_s)] if until_s > longest_s else list(caveats)


def _too_often(wait_s: int) -> errors.Busy:
    return errors.Busy("tooManyRequests", "Too many attempts: try again later.", status=429, retry_after_s=wait_s)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
