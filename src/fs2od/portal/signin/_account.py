"""One's own account: the ways in, the sessions, the language."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.errors import ConfigurationError
from fs2od.node.http.routing import Route
from fs2od.node.zone.accounts import Account, AskedTooOften, BrowserSession, Identity, LastIdentity
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import UserId
from fs2od.portal._attending import session_cookie
from fs2od.portal._places import local_path
from fs2od.portal._problems import SIGN_IN_FIRST, Problem, problem_page
from fs2od.portal._rendering import json_twin, wants_twin
from fs2od.portal._sentences import sentence
from fs2od.portal._texts import languages_for
from fs2od.portal._words import iso_of_s
from fs2od.portal.signin._desk import HEADERS, Desk, Form, to

__all__ = ["AccountPages"]

_LAST = Problem(
    409,
    sentence("This is the only way into your account"),
    sentence("Without it nobody could sign in to this account any more, so nothing was changed."),
    sentence("Add another way to sign in first."),
    "/account",
    sentence("To your account"),
)


@dataclass(frozen=True)
class AccountPages:
    """Everything below /account."""

    desk: Desk

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        button = self.desk.member_button
        return [
            Route("/account", self.account),
            Route("/account.json", self.account),
            button("/account/language", self.language),
            button("/account/sessions/end", self.end_session),
            button("/account/identities/add", self.add_address),
            button("/account/identities/remove", self.remove_identity),
        ]

    def account(self, request: Request) -> Response:
        """Show the account of whoever is signed in."""
        return self._show(request)

    def language(self, request: Request, form: Form, user: UserId) -> Response:
        """Choose the language of pages and mails."""
        chosen = form.get("language", "")
        if chosen not in ("", *(each.code for each in languages_for(request))):
            return self._show(request, said=sentence("There are no pages in that language."), status=400)
        self.desk.zone.accounts.set_language(user, chosen)
        return to(local_path(form.get("next", "")))

    def end_session(self, request: Request, form: Form, user: UserId) -> Response:
        """End one session, all others, or all."""
        sessions, session = self.desk.zone.accounts.sessions, self.desk.visitor(request).session
        here = session.id if session else ""
        which = form.get("session", "")
        if which in ("all", "others"):
            sessions.end_all(user, but=here if which == "others" else "")
        else:
            # It may have ended meanwhile, which is what was asked for.
            with contextlib.suppress(NotFound):
                sessions.end(user, which)
        if which in ("all", here):
            answer = to("/sign-in")
            answer.headers.append("Set-Cookie", session_cookie(""))
            return answer
        return to("/account")

    def add_address(self, request: Request, form: Form, user: UserId) -> Response:
        """Send a link to an address that shall be another way in."""
        address = form.get("address", "").strip()
        try:
            self.desk.zone.links.ask(address, peer=self.desk.peer(request), target="/account", user=user)
        except AskedTooOften as error:
            return self._show(
                request,
                said=sentence("Too many letters: try again in %(seconds)s s.", seconds=error.retry_after_s),
                status=429,
            )
        except ConfigurationError:
            said = sentence("That is no mail address: it looks like name@example.org.")
            return self._show(request, said=said, status=400)
        return self.desk.page(request, "link_sent.html", {"address": address, "adds": True})

    def remove_identity(self, request: Request, form: Form, user: UserId) -> Response:
        """Take a way in away, unless it is the last."""
        try:
            self.desk.zone.accounts.unlink(user, form.get("identity", ""))
        except LastIdentity:
            return self.desk.problem(request, _LAST)
        except NotFound:
            pass  # it is gone already, which is what was asked for
        return to("/account")

    def _show(self, request: Request, *, said: str = "", status: int = 200) -> Response:
        visitor = self.desk.visitor(request)
        json = wants_twin(request)
        if visitor.caller is None or visitor.caller.user is None or visitor.session is None:
            if json:
                return problem_page(request, SIGN_IN_FIRST, self.desk.frame, headers=HEADERS)
            return to("/sign-in?next=/account")
        account = self.desk.zone.accounts.get(visitor.caller.user)
        sessions = self.desk.zone.accounts.sessions.of(visitor.caller.user)
        if json:
            document = self._document(account, sessions, visitor.session.id)
            return json_twin(request, document, status=status, headers=HEADERS)
        values = {
            "said": said,
            "account": account,
            "ways": [(each, self._label(each), _moment(each.used_s)) for each in account.identities],
            "sessions": [(each, _moment(each.used_s), _moment(each.created_s)) for each in sessions],
            "here": visitor.session.id,
            "providers": self.desk.settings.providers,
            "by_mail": self.desk.settings.by_mail,
            "choices": languages_for(request),
        }
        return self.desk.page(request, "account.html", values, status=status)

    def _document(self, account: Account, sessions: list[BrowserSession], here: str) -> Mapping[str, Any]:
        return {
            "user": account.user.id,
            "name": account.user.full_name,
            "username": account.user.username,
            "addresses": list(account.user.emails),
            "language": account.language,
            "identities": [
                {
                    "id": each.id,
                    "kind": each.kind,
                    "label": self._label(each),
                    "issuer": each.issuer,
                    "address": each.address,
                    "last_used": iso_of_s(each.used_s),
                }
                for each in account.identities
            ],
            "sessions": [
                {
                    "id": each.id,
                    "browser": each.browser,
                    "address": each.address,
                    "began": iso_of_s(each.created_s),
                    "last_used": iso_of_s(each.used_s),
                    "this": each.id == here,
                }
                for each in sessions
            ],
        }

    def _label(self, identity: Identity) -> str:
        if identity.kind == "mail":
            return sentence("Link by mail to %(address)s", address=identity.address)
        names = {each.issuer: each.name for each in self.desk.settings.providers}
        name = names.get(identity.issuer, identity.issuer)
        return f"{name}: {identity.address or identity.subject}"


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
