"""Why a token is refused, in one sentence for the person who holds it: which of the few reasons it is, and nothing more.

A bearer may know what became of their token. Nobody learns whether a token that was made up names something that exists:
its signature is judged before anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from fs2od.onedata import errors, tokens
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import Token

__all__ = ["SENTENCES", "Refusal", "refusal_of"]


class Refusal(StrEnum):
    """The reasons, as keys of texts."""

    MISTYPED = "mistyped"
    FOREIGN = "foreign"
    WRONG = "wrong"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED_UP = "used up"
    NO_INVITE = "no invite"
    INVITER = "inviter"
    GONE = "gone"
    NOT_FOR_YOU = "not for you"
    NOT_HERE = "not here"
    MEMBER_ALREADY = "member already"
    TOO_MANY = "too many"
    OTHER = "other"


SENTENCES: Mapping[Refusal, str] = {
    Refusal.MISTYPED: "This is no token: a part of it may be missing, so copy it once more, whole.",
    Refusal.FOREIGN: "This token was made by another service: use it there.",
    Refusal.WRONG: "This token is not valid: it was changed, or not made here.",
    Refusal.EXPIRED: "The time of this token is over: ask for a new one.",
    Refusal.REVOKED: "This token was taken back by its maker: ask for a new one.",
    Refusal.USED_UP: "This token has been used as often as it may be: ask for a new one.",
    Refusal.NO_INVITE: "This token is no invite of this kind.",
    Refusal.INVITER: "Whoever made this token may no longer invite: ask somebody else for one.",
    Refusal.GONE: "What this token invited to is no longer there.",
    Refusal.NOT_FOR_YOU: "This token is meant for somebody else, or you have to sign in first.",
    Refusal.NOT_HERE: "This token may not be used from where you are.",
    Refusal.MEMBER_ALREADY: "You are in already: nothing was used up.",
    Refusal.TOO_MANY: "Too many wrong tokens came from your address: wait a minute, then try again.",
    Refusal.OTHER: "This token cannot be used for this.",
}
_BY_ID = {
    "badToken": Refusal.MISTYPED,
    "badValueEmpty": Refusal.MISTYPED,
    "tokenInvalid": Refusal.WRONG,
    "tokenSubjectInvalid": Refusal.INVITER,
    "tokenRevoked": Refusal.REVOKED,
    "inviteTokenUsageLimitReached": Refusal.USED_UP,
    "inviteTokenSubjectNotAuthorized": Refusal.INVITER,
    "inviteTokenTargetIdInvalid": Refusal.GONE,
    "notFound": Refusal.GONE,
    "notAnInviteToken": Refusal.NO_INVITE,
    "relationAlreadyExists": Refusal.MEMBER_ALREADY,
    "tooManyRequests": Refusal.TOO_MANY,
}
_BY_CAVEAT = {
    "time": Refusal.EXPIRED,
    "consumer": Refusal.NOT_FOR_YOU,
    "ip": Refusal.NOT_HERE,
    "asn": Refusal.NOT_HERE,
    "geo.country": Refusal.NOT_HERE,
    "geo.region": Refusal.NOT_HERE,
}
_NESTED = {"unauthorized": "authError", "badValueToken": "tokenError"}


def refusal_of(error: ServiceError, token: Token | None = None, *, domain: str = "") -> Refusal:
    """Return why a token was refused; pure.

    Args:
        error: What judging or using it ended with.
        token: The token itself, where it could be read.
        domain: The domain of the tokens that are made here, to tell those of others.
    """
    nested = error.details.get(_NESTED.get(error.error_id, ""))
    inner = nested if isinstance(nested, Mapping) else error.inner()
    found = _BY_ID.get(str(inner.get("id")), Refusal.OTHER)
    if inner.get("id") == "tokenCaveatUnverified":
        return _BY_CAVEAT.get(_caveat_of(inner), Refusal.OTHER)
    if found is Refusal.WRONG and token is not None and domain and _location(token) != domain:
        return Refusal.FOREIGN
    return found


def _caveat_of(inner: Mapping[str, object]) -> str:
    details = inner.get("details")
    caveat = details.get("caveat") if isinstance(details, Mapping) else None
    return str(caveat.get("type")) if isinstance(caveat, Mapping) else ""


def _location(token: Token) -> str | None:
    try:
        return tokens.examine(token).location
    except errors.ServiceError:
        return None
