"""Addresses of downloads for browsers: random, bound to one state, and living on through a restart of the node.

The database holds the secret's SHA-256 alone. An address ends ten minutes after its last byte left, and with the share; one
that was given to somebody who is signed in shows what they may see, and ends with their session as well. That of a selection,
which stands in commands that people keep, ends after a day without use, and is bound to a state by the first archive of it.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from fs2od.node.clock import Clock
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId
from fs2od.sqlite import Database

__all__ = ["SELECTION", "Session", "Sessions"]

SELECTION = "selection"
"""The format of a session that stands for what was chosen: its lists, and its archives of both kinds."""

_VALID_S, _SELECTION_VALID_S = 600, 86_400
# How old the database's knowledge of the last byte may be after a power cut.
_WRITE_EVERY_S = 30
_MOST = 10_000
_MOST_PATHS_BYTES = 64 << 20


@dataclass(frozen=True)
class Session:
    """What an address stands for: an archive of a share, in one state, of some paths or of everything; one file; or a selection.

    `browser` is the id of the browser's session that it was given to; empty: it is for everybody.
    """

    digest: bytes
    share: ShareId
    format: str
    state: str
    paths: tuple[str, ...]
    browser: str = ""


class Sessions:
    """Makes addresses and tells what they stand for."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        # When the last byte left, and when that was written down.
        self._used: dict[bytes, tuple[int, int]] = {}

    def issue(self, share: ShareId, format_: str, state: str, paths: Sequence[str], *, browser: str = "") -> str:
        """Return a new secret."""
        secret, now_s = secrets.token_urlsafe(24), self._clock.now_s()
        chosen = json.dumps(list(paths), ensure_ascii=False)
        row = (_digest(secret), share, format_, state, chosen, now_s, browser or None)
        with self._database.writing() as db:
            db.execute("INSERT INTO download_session VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._end_old(db, now_s)
        return secret

    def redeem(self, secret: str) -> Session:
        """Return what a secret stands for.

        Raises:
            NotFound: It is unknown or has ended.
        """
        digest = _digest(secret)
        query = "SELECT share, format, state, paths, used, session FROM download_session WHERE digest = ?"
        with self._database.reading() as db:
            row = db.execute(query, (digest,)).fetchone()
        valid_s = _SELECTION_VALID_S if row is not None and row["format"] == SELECTION else _VALID_S
        if row is None or self._last_used_s(digest, row["used"]) + valid_s < self._clock.now_s():
            raise errors.not_found()
        paths = tuple(json.loads(row["paths"]))
        return Session(digest, ShareId(row["share"]), row["format"], row["state"], paths, row["session"] or "")

    def bind(self, session: Session, state: str) -> str:
        """Bind a session to a state if it is bound to none yet, and return the state that it is bound to."""
        with self._database.writing() as db:
            db.execute("UPDATE download_session SET state = ? WHERE digest = ? AND state = ''", (state, session.digest))
            row = db.execute("SELECT state FROM download_session WHERE digest = ?", (session.digest,)).fetchone()
        if row is None:
            raise errors.not_found()
        return str(row["state"])

    def touch(self, session: Session) -> None:
        """Note that a byte has left just now. Never blocks."""
        with self._lock:
            self._used[session.digest] = (self._clock.now_s(), self._used.get(session.digest, (0, 0))[1])

    def write_down(self, session: Session, *, at_once: bool = False) -> None:
        """Write down when the last byte left, if that was not done of late; or at once. May block."""
        with self._lock:
            used_s, written_s = self._used.get(session.digest, (0, 0))
            if used_s == written_s or (used_s - written_s < _WRITE_EVERY_S and not at_once):
                return
            self._used[session.digest] = (used_s, used_s)
        with self._database.writing() as db:
            db.execute("UPDATE download_session SET used = ? WHERE digest = ?", (used_s, session.digest))

    def _last_used_s(self, digest: bytes, written_s: int) -> int:
        with self._lock:
            return max(written_s, self._used.get(digest, (0, 0))[0])

    def _end_old(self, db: sqlite3.Connection, now_s: int) -> None:
        """Remove what has ended, and the longest unused of too many."""
        ended_s = now_s - _VALID_S - _WRITE_EVERY_S
        long_ended_s = now_s - _SELECTION_VALID_S - _WRITE_EVERY_S
        db.execute(
            "DELETE FROM download_session WHERE used < ? AND (format != ? OR used < ?)",
            (ended_s, SELECTION, long_ended_s),
        )
        db.execute(
            """DELETE FROM download_session WHERE digest IN (SELECT digest FROM (SELECT digest,
                row_number() OVER newest AS place, sum(length(paths)) OVER newest AS bytes
                FROM download_session WINDOW newest AS (ORDER BY used DESC, digest)) WHERE place > ? OR bytes > ?)""",
            (_MOST, _MOST_PATHS_BYTES),
        )
        with self._lock:
            self._used = {digest: used for digest, used in self._used.items() if used[0] >= ended_s}


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
