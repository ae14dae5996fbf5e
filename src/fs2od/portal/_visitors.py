"""Who looks at a page. Pages ask `signed_in(request)`; the templates get the visitor as `visitor`.

Pages of other origins than the zone's have none, and are made without what knows people.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.requests import Request

if TYPE_CHECKING:
    # Every page is rendered for a visitor or for none: the operator's need not load the zone for their types.
    from fs2od.node.zone.accounts import BrowserSession
    from fs2od.node.zone.callers import Caller

__all__ = ["VISITOR_KEY", "Visitor", "signed_in", "visitor_of"]

VISITOR_KEY = "fs2od.visitor"
"""Under this key a request's scope holds its visitor."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who looks at a page: a guest, or who is signed in.

    Attributes:
        caller: Whom the services know; None for a guest.
        name: Their full name; empty for a guest.
        form_key: What our forms carry, so that nobody else's do; empty for a guest.
        here: The page's own address, to come back to.
        language: The language that they chose for their account; empty if they chose none.
        has_sites: Whether they are among the administrators of a site.
    """

    caller: Caller | None = None
    session: BrowserSession | None = None
    name: str = ""
    form_key: str = field(default="", repr=False)
    here: str = "/"
    language: str = ""
    has_sites: bool = False

    @property
    def sign_in(self) -> str:
        """The address of the sign-in page, which leads back here."""
        return "/sign-in" if self.here.startswith("/sign-in") else f"/sign-in?{urlencode({'next': self.here})}"


def visitor_of(request: Request) -> Visitor | None:
    """Return who makes a request; None on origins that nobody signs in to."""
    found = request.scope.get(VISITOR_KEY)
    return found if isinstance(found, Visitor) else None


def signed_in(request: Request) -> Caller | None:
    """Return as whom the request's browser is signed in, or None. The services judge what they may."""
    visitor = visitor_of(request)
    return None if visitor is None else visitor.caller
