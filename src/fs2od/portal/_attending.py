"""The session of a browser's cookie, found before the page is made, for every page of the zone's origin."""

from __future__ import annotations

from collections.abc import Iterable
from http.cookies import SimpleCookie

import anyio.to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fs2od.node.http.routing import Route
from fs2od.node.zone.accounts import SESSION_LASTS
from fs2od.node.zone.zone import Zone
from fs2od.portal._texts import Texts, speaks
from fs2od.portal._visitors import VISITOR_KEY, Visitor

__all__ = ["COOKIE", "attended", "session_cookie"]

COOKIE = "__Host-fs2od"


def attended(zone: Zone, routes: Iterable[BaseRoute], texts: Texts) -> list[BaseRoute]:
    """Return the same routes; from now on they know their visitors, and in which language to speak to them."""
    found = list(routes)
    for route in found:
        if isinstance(route, Route):
            route.app = _Attendant(route.app, zone, texts)
    return found


class _Attendant:
    """What stands before a page: it finds the visitor, and hands a new value of the cookie to the browser when it is time."""

    def __init__(self, app: ASGIApp, zone: Zone, texts: Texts) -> None:
        self._app = app
        self._zone = zone
        self._texts = texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or VISITOR_KEY in scope:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        visitor, cookie = await anyio.to_thread.run_sync(self._visitor, request)
        scope[VISITOR_KEY] = visitor
        speaks(request, self._texts.for_request(request, visitor.language), self._texts)

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                _keep_private(headers, visitor)
                if cookie and not _sets_session(headers):
                    headers.append("Set-Cookie", session_cookie(cookie))
            await send(message)

        await self._app(scope, receive, with_cookie)

    def _visitor(self, request: Request) -> tuple[Visitor, str]:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        resumed = self._zone.accounts.sessions.resume(request.cookies.get(COOKIE, ""))
        if resumed is None:
            return Visitor(here=here), ""
        session = resumed.session
        name = self._zone.users.get(session.user).full_name
        form_key = self._zone.accounts.sessions.form_key(session.id)
        language = self._zone.accounts.language_of(session.user)
        has_sites = not self._zone.settings.plain and bool(self._zone.providers.of_member(session.user))
        return Visitor(resumed.caller, session, name, form_key, here, language, has_sites), resumed.cookie


def session_cookie(value: str) -> str:
    """Return the Set-Cookie header that gives a browser its session; an empty value takes it away."""
    jar: SimpleCookie = SimpleCookie()
    jar[COOKIE] = value
    found = jar[COOKIE]
    found["max-age"] = int(SESSION_LASTS.total_seconds()) if value else 0
    found["path"], found["secure"], found["httponly"], found["samesite"] = "/", True, True, "Lax"
    return found.OutputString()


def _sets_session(headers: MutableHeaders) -> bool:
    return any(each.startswith(f"{COOKIE}=") for each in headers.getlist("set-cookie"))


def _keep_private(headers: MutableHeaders, visitor: Visitor) -> None:
    headers.add_vary_header("Cookie")
    if visitor.caller is None:
        return
    if "immutable" not in headers.get("Cache-Control", ""):
        headers["Cache-Control"] = "no-store"
    # With "no-referrer" browsers would hide from us where our own forms come from.
    if headers.get("Referrer-Policy") == "no-referrer":
        headers["Referrer-Policy"] = "same-origin"
