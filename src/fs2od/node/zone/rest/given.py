"""Tokens that stand in a request's body: read with the errors that belong there."""

from __future__ import annotations

from fs2od.onedata import errors, tokens
from fs2od.onedata.tokens import Token

__all__ = ["understood"]


def understood(token: Token) -> Token:
    """Return `token` if it can be read at all.

    Raises:
        Rejected: badValueToken with the reason; tokenCaveatUnknown.
    """
    try:
        tokens.examine(token)
    except errors.ServiceError as error:
        raise errors.bad_token(error) if error.error_id == "badToken" else error from error
    return token
