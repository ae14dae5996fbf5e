"""Sessions of browsers: opened by signing in, renewed while they are used, ended one by one or all at once.

Of what stands in the cookie only a hash is kept, so that a copy of the database opens nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass, field
from datetime import timedelta

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.secrets import KeyFile
from fs2od.onedata import errors
from fs2od.onedata.ids import UserId, new_entity_id
from fs2od.sqlite import Database

__all__ = ["SESSION_LASTS", "BrowserSession", "Resumed", "Sessions"]

SESSION_LASTS = timedelta(days=7)
_IDLE = timedelta(hours=8)
_RENEWED_EVERY = timedelta(hours=1)
_OLD_VALUE_LASTS = timedelta(seconds=60)
# Written down at most so often: every page asks.
_NOTED_EVERY = timedelta(minutes=1)
_MOST_OF_ONE_USER = 50
_LONGEST_COOKIE = 100
_ALIVE = "session.used > :idle AND session.created > :oldest"


@dataclass(frozen=True)
class BrowserSession:
    """One session as its owner sees it; times are in seconds since 1970."""

    id: str
    user: UserId
    browser: str
    address: str
    created_s: int
    used_s: int


@dataclass(frozen=True)
class Resumed:
    """A session that stands, and who acts through it.

    Attributes:
        cookie: The new value that the browser has to be given; empty: it keeps its own.
    """

    session: BrowserSession
    caller: Caller
    cookie: str = field(default="", repr=False)


class Sessions:
    """Opens, resumes, lists and ends sessions."""

    def __init__(self, database: Database, keys: KeyFile, epoch: Epoch, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._epoch = epoch
        self._clock = clock

    def open(self, user: UserId, *, browser: str, address: str) -> str:
        """Return the cookie's value of a new session. Beyond fifty of one user the longest unused end.

        Raises:
            Forbidden: The user is blocked.
        """
        value, now_s = secrets.token_urlsafe(32), self._clock.now_s()
        row = (new_entity_id(), user, _digest(value), now_s, now_s, now_s, browser[:80], address[:64])
        with self._database.writing() as db:
            if not db.execute("SELECT 1 FROM user WHERE id = ? AND NOT blocked", (user,)).fetchone():
                raise errors.forbidden()
            # Of those that nobody uses, but not while a download goes on that was begun in them: that is use.
            db.execute(
                f"DELETE FROM session WHERE NOT ({_ALIVE}) AND (created <= :oldest"
                " OR id NOT IN (SELECT session FROM download_session WHERE session IS NOT NULL))",
                self._bounds(),
            )
            db.execute(
                "INSERT INTO session (id, user, digest, renewed, created, used, browser, address)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            db.execute(
                "DELETE FROM session WHERE user = ? AND id NOT IN"
                " (SELECT id FROM session WHERE user = ? ORDER BY used DESC, rowid DESC LIMIT ?)",
                (user, user, _MOST_OF_ONE_USER),
            )
        return value

    def resume(self, cookie: str) -> Resumed | None:
        """Return the session that a cookie belongs to, or None if it has ended, is unknown, or its user is blocked."""
        if not 0 < len(cookie) <= _LONGEST_COOKIE:
            return None
        digest = _digest(cookie)
        query = f"""SELECT session.* FROM session JOIN user ON user.id = session.user
            WHERE (digest = :digest OR previous = :digest) AND NOT user.blocked AND {_ALIVE}"""
        with self._database.reading() as db:
            row = db.execute(query, {"digest": digest, **self._bounds()}).fetchone()
        if row is None:
            return None
        now_s = self._clock.now_s()
        if row["digest"] != digest:
            if now_s - row["renewed"] > _OLD_VALUE_LASTS.total_seconds():
                return None
            return Resumed(_session(row), self._caller(row))
        if now_s - row["renewed"] >= _RENEWED_EVERY.total_seconds():
            return Resumed(_session(row), self._caller(row), self._renew(row["id"], digest))
        if now_s - row["used"] >= _NOTED_EVERY.total_seconds():
            with self._database.writing() as db:
                db.execute("UPDATE session SET used = ? WHERE id = ?", (now_s, row["id"]))
        return Resumed(_session(row), self._caller(row))

    def of(self, user: UserId) -> list[BrowserSession]:
        """Return a user's sessions, those used last first."""
        query = f"SELECT * FROM session WHERE user = :user AND {_ALIVE} ORDER BY used DESC, created DESC, id"
        with self._database.reading() as db:
            return [_session(row) for row in db.execute(query, {"user": user, **self._bounds()})]

    def acting(self, session: str) -> Caller:
        """Return who acts through a session by its id, for what was begun in it and still goes on.

        Raises:
            NotFound: It has ended, or its user is blocked.
        """
        with self._database.reading() as db:
            row = db.execute("SELECT * FROM session WHERE id = ?", (session,)).fetchone()
        if row is None or not self._stands(session):
            raise errors.not_found()
        return self._caller(row)

    def end(self, user: UserId, session: str) -> None:
        """End one session of a user.

        Raises:
            NotFound: They have no such session.
        """
        with self._database.writing() as db:
            gone = db.execute("DELETE FROM session WHERE id = ? AND user = ?", (session, user)).rowcount
        if not gone:
            raise errors.not_found()
        self._epoch.move()

    def end_all(self, user: UserId, *, but: str = "") -> int:
        """End every session of a user, or every one but `but`, and return how many there were."""
        with self._database.writing() as db:
            gone = db.execute("DELETE FROM session WHERE user = ? AND id != ?", (user, but)).rowcount
        self._epoch.move()
        return gone

    def form_key(self, session: str) -> str:
        """Return what a form of ours carries for this session: other sites cannot know it."""
        return self._keys.derive(f"form/{session}").hex()[:32]

    def _renew(self, session: str, digest: bytes) -> str:
        """Return a new value for the cookie; empty if another request was given one at the same moment."""
        value, now_s = secrets.token_urlsafe(32), self._clock.now_s()
        query = "UPDATE session SET digest = ?, previous = ?, renewed = ?, used = ? WHERE id = ? AND digest = ?"
        with self._database.writing() as db:
            changed = db.execute(query, (_digest(value), digest, now_s, now_s, session, digest)).rowcount
        return value if changed else ""

    def _caller(self, row: sqlite3.Row) -> Caller:
        session, until_s = str(row["id"]), int(row["created"] + SESSION_LASTS.total_seconds())
        return Caller(UserId(row["user"]), until_s=until_s, still_holds=lambda: self._stands(session))

    def _stands(self, session: str) -> bool:
        # Not by idleness: a download of many hours is use.
        query = """SELECT 1 FROM session JOIN user ON user.id = session.user
            WHERE session.id = :session AND NOT user.blocked AND session.created > :oldest"""
        with self._database.reading() as db:
            values = {"session": session, "oldest": self._bounds()["oldest"]}
            return db.execute(query, values).fetchone() is not None

    def _bounds(self) -> dict[str, int]:
        now = self._clock.now()
        return {"idle": int((now - _IDLE).timestamp()), "oldest": int((now - SESSION_LASTS).timestamp())}


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def _session(row: sqlite3.Row) -> BrowserSession:
    return BrowserSession(row["id"], UserId(row["user"]), row["browser"], row["address"], row["created"], row["used"])
