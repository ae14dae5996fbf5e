"""An invite token while its bearer looks at it and signs in: sealed in a cookie of their browser, for an hour.

So it stands in no address, log or mail, nothing of it is kept here, and a copy of the cookie jar alone tells nothing of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from fs2od.node.zone.zone import Zone
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import Token

__all__ = ["LONGEST_HELD", "Held", "forget", "held_in", "hold"]

_COOKIE = "__Host-fs2od-invite"
_LASTS = timedelta(hours=1)
_NONCE_BYTES, _MOMENT_BYTES = 12, 8
LONGEST_HELD = 2500
"""How many characters a token may have: browsers keep cookies of 4 kB."""


@dataclass(frozen=True)
class Held:
    """An invite token that a browser brings back; `mark` tells it from others, and nothing of it."""

    token: Token
    mark: str = field(repr=False)


def hold(zone: Zone, answer: Response, token: Token) -> None:
    """Let the browser bring a token back for an hour."""
    until_s = int((zone.clock.now() + _LASTS).timestamp())
    plain = until_s.to_bytes(_MOMENT_BYTES, "big") + token.reveal().encode()
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = base64.urlsafe_b64encode(nonce + _cipher(zone).encrypt(nonce, plain, None)).decode()
    lasts_s = int(_LASTS.total_seconds())
    answer.set_cookie(_COOKIE, sealed, max_age=lasts_s, secure=True, httponly=True, samesite="lax")


def held_in(zone: Zone, request: Request) -> Held | None:
    """Return the token that a browser brings back, or None if it has none, or had it for too long."""
    try:
        sealed = base64.urlsafe_b64decode(request.cookies.get(_COOKIE, ""))
        plain = _cipher(zone).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        token = Token(plain[_MOMENT_BYTES:].decode())
    except (InvalidTag, binascii.Error, ValueError, ServiceError):
        return None
    if int.from_bytes(plain[:_MOMENT_BYTES], "big") <= zone.clock.now_s():
        return None
    return Held(token, _mark(token))


def forget(answer: Response) -> None:
    """Take the token away from the browser."""
    answer.delete_cookie(_COOKIE, secure=True, httponly=True, samesite="lax")


def _cipher(zone: Zone) -> AESGCM:
    return AESGCM(zone.keys.derive("held invite"))


def _mark(token: Token) -> str:
    return hashlib.sha256(b"held/" + token.reveal().encode()).hexdigest()[:16]
