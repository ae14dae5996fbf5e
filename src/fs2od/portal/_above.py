"""Addresses that only take forms, opened as pages: telephones load such a page again that they had put aside."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

__all__ = ["page_above"]


def page_above(scope: Scope, routes: Sequence[BaseRoute]) -> str:
    """Return the page that a form's address lies below; empty if a request does not look for such an address."""
    path = str(scope["path"])
    if _best(scope, path, routes) is not Match.PARTIAL:
        return ""
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        if _best(scope, path, routes) is Match.FULL:
            return path
    return ""


def _best(scope: Scope, path: str, routes: Sequence[BaseRoute]) -> Match:
    """Return how well any of the routes takes this address with GET."""
    looked_for = {**scope, "path": path, "method": "GET"}
    return max((route.matches(looked_for)[0] for route in routes), key=lambda match: match.value, default=Match.NONE)
