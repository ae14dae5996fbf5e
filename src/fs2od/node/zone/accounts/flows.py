"""Sign-ins that are under way at a provider of identities: each is begun in one browser, and ends there, once.

Source: OpenID Connect Core 1.0 §3.1 (state, nonce), RFC 7636 (code verifier), RFC 9700 §2.1.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from fs2od.node.clock import Clock
from fs2od.node.zone.secrets import KeyFile
from fs2od.onedata import errors
from fs2od.onedata.ids import UserId
from fs2od.sqlite import Database

__all__ = ["Flow", "Flows"]

_LASTS = timedelta(minutes=15)
_MOST = 10_000


@dataclass(frozen=True)
class Flow:
    """One sign-in under way. Its secrets are derived, not stored, and not in the repr.

    Attributes:
        provider: The configured name of the provider.
        user: The user who adds an identity to their account; None: it signs in.
        target: Where to go afterwards, a local path.
        invited: Whether a new account may be made even where only invited people get one.
    """

    provider: str
    user: UserId | None
    target: str
    invited: bool
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        """The code challenge, by S256."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())


class Flows:
    """Begins sign-ins and ends them."""

    def __init__(self, database: Database, keys: KeyFile, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    def begin(
        self, provider: str, *, browser: str, target: str, user: UserId | None = None, invited: bool = False
    ) -> Flow:
        """Return a new sign-in, bound to the browser that holds the secret `browser`."""
        state, now = secrets.token_urlsafe(32), self._clock.now()
        until_s = int((now + _LASTS).timestamp())
        row = (_digest(state), provider, _digest(browser), user, target, invited, until_s)
        with self._database.writing() as db:
            db.execute("DELETE FROM sign_in_flow WHERE until <= ?", (int(now.timestamp()),))
            db.execute("INSERT INTO sign_in_flow VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            db.execute(
                "DELETE FROM sign_in_flow WHERE digest IN"
                " (SELECT digest FROM sign_in_flow ORDER BY until DESC LIMIT -1 OFFSET ?)",
                (_MOST,),
            )
        return self._flow(provider, user, target, state, invited=invited)

    def end(self, provider: str, *, state: str, browser: str) -> Flow:
        """Return the sign-in that a provider's answer belongs to, which it does once.

        Raises:
            NotFound: It was begun elsewhere, with another provider, too long ago, or was ended already.
        """
        digest, now_s = _digest(state), self._clock.now_s()
        query = "SELECT * FROM sign_in_flow WHERE digest = ? AND provider = ? AND browser = ? AND until > ?"
        with self._database.writing() as db:
            row = db.execute(query, (digest, provider, _digest(browser), now_s)).fetchone()
            if row is None:
                raise errors.not_found()
            db.execute("DELETE FROM sign_in_flow WHERE digest = ?", (digest,))
        user = None if row["user"] is None else UserId(row["user"])
        return self._flow(provider, user, row["target"], state, invited=bool(row["invited"]))

    def _flow(self, provider: str, user: UserId | None, target: str, state: str, *, invited: bool) -> Flow:
        nonce = _text(self._keys.derive(f"oidc nonce/{state}"))
        verifier = _text(self._keys.derive(f"oidc verifier/{state}"))
        return Flow(provider, user, target, invited, state, nonce, verifier)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
