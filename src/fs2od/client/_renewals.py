"""A token that ends while work goes on, and another one that takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fs2od.onedata.errors import Unauthorized
from fs2od.onedata.tokens import Token

__all__ = ["Renewal", "has_ended"]


class Renewal(Protocol):
    """Where another token comes from."""

    def worked(self) -> None:
        """Take note that a service accepted the token: it is one that can be waited for."""
        ...

    async def renew(self, used: Token) -> Token:
        """Return another token than `used` as soon as there is one; any number of calls may wait at once.

        Raises:
            Fs2odError: There will be none.
        """
        ...


def has_ended(error: Unauthorized) -> bool:
    """Tell whether a service refused a token because it works no more, and not because it never opened this."""
    told = error.details.get("authError")
    inner: Mapping[str, object] = told if isinstance(told, Mapping) else error.inner()
    if inner.get("id") != "tokenCaveatUnverified":
        return inner.get("id") in {"tokenInvalid", "tokenRevoked"}
    details = inner.get("details")
    caveat = details.get("caveat") if isinstance(details, Mapping) else None
    return isinstance(caveat, Mapping) and caveat.get("type") == "time"
