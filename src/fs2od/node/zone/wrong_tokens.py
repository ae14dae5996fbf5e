"""Wrong tokens, slowed down for each client address: whoever shows many is told to wait, and nobody else is.

A right token is never held back, not even from an address that shows wrong ones: many people may stand behind one address.
Guessing is hopeless anyhow; this keeps a broken or hostile client from being heard more than it deserves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address

from fs2od.node.clock import Clock
from fs2od.node.http.neighbours import neighbourhood
from fs2od.node.zone.accounts import Pace
from fs2od.onedata import errors

__all__ = ["WrongTokens"]

_MOST = 30
_WITHIN = timedelta(minutes=1)
_WRONG = frozenset({"badToken", "tokenInvalid"})
_NESTED = {"unauthorized": "authError", "badValueToken": "tokenError"}


class WrongTokens:
    """Counts wrong tokens by client address, in a table with a bound."""

    def __init__(self, clock: Clock) -> None:
        self._pace = Pace(clock, most=_MOST, within=_WITHIN)

    def judged(self, error: errors.ServiceError, peer_ip: IPv4Address | IPv6Address | None) -> errors.ServiceError:
        """Return the answer to a request that failed: `error`, or that too many wrong tokens came from the address.

        Expired, revoked and used-up tokens are not wrong in this sense: they were ours, and their bearer should be told.
        """
        if not _is_wrong(error):
            return error
        who = neighbourhood(peer_ip)
        wait_s = self._pace.wait_s(who)
        self._pace.note(who)
        if not wait_s:
            return error
        said = "Too many wrong tokens came from your address: wait, then look at the token again."
        return errors.Busy("tooManyRequests", said, status=429, retry_after_s=wait_s)


def _is_wrong(error: errors.ServiceError) -> bool:
    nested = error.details.get(_NESTED.get(error.error_id, ""))
    found = nested.get("id") if isinstance(nested, Mapping) else error.error_id
    return found in _WRONG
