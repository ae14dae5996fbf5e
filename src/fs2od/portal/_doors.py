"""Who may pass to the operator's pages: sessions by cookie, and changes only from our own pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from fs2od.node.http.endpoints import peer_ip
from fs2od.node.http.neighbours import neighbourhood
from fs2od.node.http.routing import Route
from fs2od.portal._problems import Problem, problem_page
from fs2od.portal._rendering import html_page, wants_twin
from fs2od.portal._sentences import sentence
from fs2od.portal._sessions import SESSION_LASTS, Attempts, Sessions

__all__ = ["COOKIE", "OPERATOR_HEADERS", "Doors"]

COOKIE = "__Host-fs2od-operator"
_MOST_BYTES = 4096

OPERATOR_HEADERS = {
    "Cache-Control": "no-store",
    # Not "no-referrer": browsers would then hide from us where our own forms come from.
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        "frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}

_FOREIGN = Problem(
    403,
    sentence("That did not come from this page"),
    sentence("The request was made by another site or by a program, so nothing was done."),
    sentence("Open the operator's page by its own address and press the button there."),
    "/",
    sentence("To the operator's page"),
)


_KEY_FIRST = Problem(401, sentence("Sign in first"), "", sentence("POST the operator's key to /sign-in."))


@dataclass(frozen=True)
class Doors:
    """Sign-in and sign-out, and the guard in front of every other page."""

    sessions: Sessions
    attempts: Attempts
    origin: str
    frame: Mapping[str, Any]

    @classmethod
    def with_key(cls, key: str, origin: str, frame: Mapping[str, Any], clock: Callable[[], datetime]) -> Doors:
        """Return doors that open for one key."""
        return cls(Sessions(key, clock), Attempts(clock), origin, frame)

    def routes(self) -> list[BaseRoute]:
        """Return the routes of sign-in and sign-out."""
        return [
            Route("/sign-in", self._form, methods=["GET"]),
            Route("/sign-in", self._sign_in, methods=["POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
        ]

    def page(self, path: str, handler: Callable[[Request], Response]) -> Route:
        """Return the route of a page for whoever is signed in; others are led to the sign-in."""

        async def answer(request: Request) -> Response:
            if not self._is_signed_in(request):
                return self._turned_away(request)
            return await anyio.to_thread.run_sync(handler, request)

        return Route(path, answer, methods=["GET"])

    def change(self, path: str, handler: Callable[[Request], Response]) -> Route:
        """Return the route of a button: for whoever is signed in, and only from our own pages."""

        async def answer(request: Request) -> Response:
            if not self._is_signed_in(request):
                return self._turned_away(request)
            if not self._is_ours(request):
                return self._refused(request)
            return await anyio.to_thread.run_sync(handler, request)

        return Route(path, answer, methods=["POST"])

    def _is_signed_in(self, request: Request) -> bool:
        cookie = request.cookies.get(COOKIE)
        return cookie is not None and self.sessions.stands(cookie)

    def _is_ours(self, request: Request) -> bool:
        """Say whether a form was sent by a page of ours: SameSite keeps the cookie from other sites, this from other ports."""
        origin = request.headers.get("Origin")
        if origin is None:
            return request.headers.get("Sec-Fetch-Site") == "same-origin"
        return origin in (self.origin, f"https://{request.headers.get('Host', '')}")

    def _turned_away(self, request: Request) -> Response:
        if wants_twin(request):
            return problem_page(request, _KEY_FIRST, self.frame, headers=OPERATOR_HEADERS)
        return _to("/sign-in")

    def _refused(self, request: Request) -> Response:
        return problem_page(request, _FOREIGN, self.frame, headers=OPERATOR_HEADERS)

    async def _form(self, request: Request) -> Response:
        return _to("/") if self._is_signed_in(request) else self._form_with(request, "", 200)

    def _form_with(
        self, request: Request, said: str, status: int, headers: Mapping[str, str] | None = None
    ) -> Response:
        values = {**self.frame, "said": said, "signing_in": True}
        return html_page(request, "signin.html", values, status=status, headers={**OPERATOR_HEADERS, **(headers or {})})

    async def _sign_in(self, request: Request) -> Response:
        if not self._is_ours(request):
            return self._refused(request)
        peer = neighbourhood(peer_ip(request))
        wait_s = self.attempts.wait_s(peer)
        if wait_s:
            said = sentence("Too many attempts: try again in %(seconds)s s.", seconds=wait_s)
            return self._form_with(request, said, 429, {"Retry-After": str(wait_s)})
        cookie = self.sessions.open(await _field(request, "key"))
        if cookie is None:
            self.attempts.failed(peer)
            return self._form_with(request, sentence("That is not the key. It stands in the operator's key file."), 403)
        answer = _to("/")
        answer.set_cookie(
            COOKIE, cookie, max_age=int(SESSION_LASTS.total_seconds()), secure=True, httponly=True, samesite="strict"
        )
        return answer

    async def _sign_out(self, request: Request) -> Response:
        if not self._is_ours(request):
            return self._refused(request)
        self.sessions.end(request.cookies.get(COOKIE, ""))
        answer = _to("/sign-in")
        answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="strict")
        return answer


def _to(path: str) -> Response:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


async def _field(request: Request, name: str) -> str:
    """Return one field of a short form; empty if it is missing, or the form is too long."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                return ""
    except ClientDisconnect:
        return ""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:
        return ""
    return fields.get(name, [""])[0].strip()
