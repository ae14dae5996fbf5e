"""The choice of a language at the foot of every page: a cookie for guests, set only when somebody chooses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fs2od.node.http.routing import Route
from fs2od.portal._forms import FOREIGN, read_form
from fs2od.portal._places import local_path
from fs2od.portal._problems import problem_page
from fs2od.portal._texts import CHOICE, Texts, speaks

__all__ = ["Spoken", "language_route"]

_LASTS = timedelta(days=365)


def language_route(texts: Texts, frame: Mapping[str, Any], origin: str) -> Route:
    """Return the route of the buttons with languages; whoever is signed in chooses for the account instead."""

    async def choose(request: Request) -> Response:
        if not _is_from_here(request, origin):
            return problem_page(request, FOREIGN, frame)
        form = await read_form(request)
        answer = RedirectResponse(
            local_path(form.get("next", ""), home="/"), 303, headers={"Cache-Control": "no-store"}
        )
        chosen = form.get("language", "")
        if chosen in texts.languages:
            lasts_s = int(_LASTS.total_seconds())
            answer.set_cookie(CHOICE, chosen, max_age=lasts_s, secure=True, httponly=True, samesite="lax")
        return answer

    return Route("/language", choose, methods=["POST"])


class Spoken:
    """What stands before the pages of an origin that knows no accounts: each request gets its language."""

    def __init__(self, app: ASGIApp, texts: Texts) -> None:
        self._app = app
        self._texts = texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            speaks(request, self._texts.for_request(request), self._texts)
        await self._app(scope, receive, send)


def _is_from_here(request: Request, origin: str) -> bool:
    """Say whether nothing speaks against one of our own pages: guests' pages keep no key, and hide where forms come from."""
    site, sent_from = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    return site in (None, "same-origin") and sent_from in (None, "null", origin)
