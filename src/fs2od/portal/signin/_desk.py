"""What all pages of signing in share: how they look, who may press their buttons, and how a session begins and ends."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fs2od.node.http.endpoints import peer_ip
from fs2od.node.http.neighbours import neighbourhood
from fs2od.node.http.routing import Route
from fs2od.node.zone.accounts import AskedTooOften, Blocked, NotInvited
from fs2od.node.zone.zone import Zone
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import UserId
from fs2od.portal._attending import session_cookie
from fs2od.portal._forms import FOREIGN, is_ours, read_form
from fs2od.portal._places import local_path
from fs2od.portal._problems import Problem, problem_page
from fs2od.portal._rendering import html_page, json_twin, wants_twin
from fs2od.portal._sentences import sentence
from fs2od.portal._visitors import Visitor, visitor_of
from fs2od.portal.signin._browsers import browser_family
from fs2od.portal.signin._guests import ensure_guest, guest_key, remember
from fs2od.portal.signin._refusal import IdentityRefused
from fs2od.portal.signin._settings import SignInSettings

__all__ = ["HEADERS", "Desk", "Form", "to"]

Form = Mapping[str, str]


HEADERS = {
    "Cache-Control": "no-store",
    # Not "no-referrer": browsers would then hide from us where our own forms come from.
    "Referrer-Policy": "same-origin",
}


def to(path: str) -> Response:
    """Return the answer that leads to a place on this server."""
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


@dataclass(frozen=True)
class Desk:
    """The zone, the configured ways in, and what stands on every page."""

    zone: Zone
    settings: SignInSettings
    frame: Mapping[str, Any]

    def page(
        self, request: Request, template: str, values: Mapping[str, Any], *, status: int = 200, wait_s: int = 0
    ) -> Response:
        """Return a page with forms; its browser gets what they are known by."""
        guest = ensure_guest(request)
        visitor = self.visitor(request)
        key = visitor.form_key or guest_key(self.zone, guest)
        headers = {**HEADERS, "Retry-After": str(wait_s)} if wait_s else HEADERS
        answer = html_page(
            request,
            template,
            {**self.frame, "form_key": key, "signing_in": True, **values},
            status=status,
            headers=headers,
        )
        if visitor.caller is None:
            remember(answer, guest)
        return answer

    def ways(
        self, request: Request, *, said: str = "", target: str | None = None, status: int = 200, wait_s: int = 0
    ) -> Response:
        """Return the sign-in page, with what went wrong before, if anything did."""
        wanted = local_path(request.query_params.get("next", "")) if target is None else target
        providers = self.settings.providers
        if wants_twin(request):
            document = {
                "mail": self.settings.by_mail,
                "providers": [{"key": each.key, "name": each.name} for each in providers],
                "sign_up": self.settings.sign_up,
            }
            return json_twin(request, document | ({"problem": said} if said else {}), status=status, headers=HEADERS)
        values = {"said": said, "target": wanted, "by_mail": self.settings.by_mail, "providers": providers}
        return self.page(request, "ways.html", values, status=status, wait_s=wait_s)

    def visitor(self, request: Request) -> Visitor:
        """Return who makes the request."""
        return visitor_of(request) or Visitor()

    def peer(self, request: Request) -> str:
        """Return what the client is slowed down by."""
        return neighbourhood(peer_ip(request))

    def button(self, path: str, handler: Callable[[Request, Form], Response]) -> Route:
        """Return the route of a form of ours: others are refused."""

        async def guarded(request: Request, form: Form) -> Response:
            return await anyio.to_thread.run_sync(handler, request, form)

        return self.async_button(path, guarded)

    def async_button(self, path: str, handler: Callable[[Request, Form], Awaitable[Response]]) -> Route:
        """Do what `button` does, for handlers that wait for others."""

        async def pressed(request: Request) -> Response:
            form = await read_form(request)
            key = guest_key(self.zone, ensure_guest(request))
            visitor = self.visitor(request)
            if not is_ours(request, form, self.zone.settings.zone_url, visitor=visitor, guest_key=key):
                return self.problem(request, FOREIGN)
            return await handler(request, form)

        return Route(path, pressed, methods=["POST"])

    def member_button(self, path: str, handler: Callable[[Request, Form, UserId], Response]) -> Route:
        """Return the route of a form for whoever is signed in; others are led to the sign-in."""

        def guarded(request: Request, form: Form) -> Response:
            caller = self.visitor(request).caller
            if caller is None or caller.user is None:
                return to("/sign-in")
            return handler(request, form, caller.user)

        return self.button(path, guarded)

    def problem(self, request: Request, problem: Problem) -> Response:
        """Return an error in the look of our pages."""
        return problem_page(request, problem, self.frame, headers=HEADERS)

    def begin_session(self, request: Request, user: UserId, target: str) -> Response:
        """Sign the request's browser in, which leaves the session it had, and lead it on."""
        sessions, visitor = self.zone.accounts.sessions, self.visitor(request)
        if visitor.session is not None:
            with contextlib.suppress(NotFound):
                sessions.end(visitor.session.user, visitor.session.id)
        browser = browser_family(request.headers.get("User-Agent", ""))
        address = request.client.host if request.client else ""
        answer = to(local_path(target))
        answer.headers.append("Set-Cookie", session_cookie(sessions.open(user, browser=browser, address=address)))
        self.zone.audit.record(user, "fs2od_sign_in", "/sign-in")
        return answer

    def refused(
        self,
        request: Request,
        error: NotInvited | Blocked | IdentityRefused | AskedTooOften,
        *,
        target: str | None = None,
    ) -> Response:
        """Return the sign-in page with one sentence about what went wrong."""
        said: str
        match error:
            case AskedTooOften():
                said = sentence(
                    "Too many attempts from your network: try again in %(seconds)s s.", seconds=error.retry_after_s
                )
                return self.ways(request, said=said, target=target, status=429, wait_s=error.retry_after_s)
            case NotInvited():
                said = sentence(
                    "There is no account with this sign-in here, and new ones are made by invitation only: "
                    "open the link of your invitation first."
                )
            case Blocked():
                said = sentence("This account is blocked: ask the facility.")
            case IdentityRefused():
                said = error.said
        return self.ways(request, said=said, target=target, status=403)
