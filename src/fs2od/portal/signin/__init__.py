"""Signing in: links by mail, OpenID Connect, sessions of browsers, and the page of one's own account.

Other pages ask `signed_in(request)` for the caller; a page that has just seen an invite token that holds calls `vouch`.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from fs2od.portal._attending import attended
from fs2od.portal._forms import FOREIGN, FORM_KEY, is_ours
from fs2od.portal._places import local_path
from fs2od.portal._visitors import Visitor, signed_in, visitor_of
from fs2od.portal.signin._account import AccountPages
from fs2od.portal.signin._desk import HEADERS, Desk, Form, to
from fs2od.portal.signin._guests import vouch
from fs2od.portal.signin._pages import SignInPages
from fs2od.portal.signin._settings import ClaimGrant, IdentityProvider, SignInSettings

__all__ = [
    "FOREIGN",
    "FORM_KEY",
    "HEADERS",
    "ClaimGrant",
    "Desk",
    "Form",
    "IdentityProvider",
    "SignInSettings",
    "Visitor",
    "attended",
    "is_ours",
    "local_path",
    "sign_in_routes",
    "signed_in",
    "to",
    "visitor_of",
    "vouch",
]


def sign_in_routes(desk: Desk) -> list[BaseRoute]:
    """Return the routes of signing in and of the account; `attended` has to know them with all other pages."""
    return [*SignInPages(desk).routes(), *_provider_routes(desk), *AccountPages(desk).routes()]


def _provider_routes(desk: Desk) -> list[BaseRoute]:
    if not desk.settings.providers:
        return []
    # Speaking to providers of identities takes an HTTP client and JOSE, a tenth of all that a node loads.
    from fs2od.portal.signin._provider_pages import ProviderPages  # noqa: PLC0415 - slow to load, and most have none

    return ProviderPages.of(desk).routes()
