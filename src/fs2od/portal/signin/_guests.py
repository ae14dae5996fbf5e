"""What a browser holds while somebody signs in: a secret of its own, and perhaps the word that they were invited."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from fs2od.node.zone.zone import Zone

__all__ = ["ensure_guest", "guest_key", "is_invited", "remember", "vouch"]

_GUEST = "__Host-fs2od-guest"
_INVITED = "__Host-fs2od-invited"
_LASTS = timedelta(hours=1)


def ensure_guest(request: Request) -> str:
    """Return the secret of the request's browser; a new one if it has none. `remember` hands it over."""
    held = request.cookies.get(_GUEST, "")
    return held if 20 < len(held) < 100 else secrets.token_urlsafe(24)


def remember(answer: Response, guest: str) -> None:
    """Let the browser hold its secret."""
    lasts_s = int(_LASTS.total_seconds())
    answer.set_cookie(_GUEST, guest, max_age=lasts_s, secure=True, httponly=True, samesite="lax")


def guest_key(zone: Zone, guest: str) -> str:
    """Return what a form of ours carries for a browser that nobody is signed in with."""
    return zone.keys.derive(f"guest form/{guest}").hex()[:32]


def vouch(zone: Zone, answer: Response) -> None:
    """Say that who gets this answer was invited: they may make an account within the hour, even where only invited people may.

    For pages that have just seen an invite token that holds.
    """
    until = str(int((zone.clock.now() + _LASTS).timestamp()))
    lasts_s = int(_LASTS.total_seconds())
    signed = f"{until}.{_signature(zone, until)}"
    answer.set_cookie(_INVITED, signed, max_age=lasts_s, secure=True, httponly=True, samesite="lax")


def is_invited(zone: Zone, request: Request) -> bool:
    """Say whether a page of ours vouched for this browser."""
    until, _, signature = request.cookies.get(_INVITED, "").partition(".")
    if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), _signature(zone, until).encode()):
        return False
    return zone.clock.now_s() < int(until)


def _signature(zone: Zone, until: str) -> str:
    return zone.keys.derive(f"invited until/{until.encode('utf-8', 'surrogatepass').hex()}").hex()
