"""The pages of signing in: the ways in, the letter with a link, the link's button, and out again."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.errors import ConfigurationError
from fs2od.node.http.routing import Route
from fs2od.node.zone.accounts import AskedTooOften, Blocked, NotInvited, Proof, SignInLink
from fs2od.onedata.errors import Conflict, NotFound
from fs2od.onedata.ids import UserId
from fs2od.portal._attending import session_cookie
from fs2od.portal._places import local_path
from fs2od.portal._problems import Problem
from fs2od.portal._sentences import sentence
from fs2od.portal.signin._desk import Desk, Form, to
from fs2od.portal.signin._guests import is_invited

__all__ = ["OTHER_ACCOUNT", "SignInPages"]

_NO_LINK = Problem(
    404,
    sentence("This link works no more"),
    sentence("It was used already, is older than 15 minutes, or was cut short when it was copied. Nothing was done."),
    sentence("Ask for a new one: it comes to your mailbox within a minute."),
    "/sign-in",
    sentence("To the sign-in page"),
)
_OTHER_BROWSER = Problem(
    403,
    sentence("Open this link where you are signed in"),
    sentence(
        "It adds a mail address to an account, and you are not signed in to that account in this browser. Nothing was done."
    ),
    sentence("Open it in the browser that you asked from. If it was not you who asked, forget the letter."),
    "/sign-in",
    sentence("To the sign-in page"),
)
OTHER_ACCOUNT = Problem(
    409,
    sentence("That sign-in belongs to another account"),
    sentence("Somebody, perhaps you, has an account with it already. Nothing was changed."),
    sentence("Sign in with it to see that account, and remove it there if it shall belong to this one."),
    "/account",
    sentence("To your account"),
)


@dataclass(frozen=True)
class SignInPages:
    """Everything below /sign-in that needs no provider of identities, and /sign-out."""

    desk: Desk

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        mail = [
            self.desk.button("/sign-in/mail", self.ask),
            Route("/sign-in/link/{secret}", self.link),
            self.desk.button("/sign-in/link/{secret}", self.use_link),
        ]
        return [
            Route("/sign-in", self.ways),
            Route("/sign-in.json", self.ways),
            *(mail if self.desk.settings.by_mail else []),
            self.desk.member_button("/sign-out", self.sign_out),
        ]

    def ways(self, request: Request) -> Response:
        """Show the ways in; who is in already goes on."""
        if self.desk.visitor(request).caller is not None and not request.url.path.endswith(".json"):
            return to(local_path(request.query_params.get("next", "")))
        return self.desk.ways(request)

    def ask(self, request: Request, form: Form) -> Response:
        """Send a link, and say the same to everybody."""
        address, target = form.get("address", "").strip(), local_path(form.get("next", ""))
        invited = is_invited(self.desk.zone, request)
        try:
            self.desk.zone.links.ask(address, peer=self.desk.peer(request), target=target, invited=invited)
        except AskedTooOften as error:
            return self.desk.refused(request, error, target=target)
        except ConfigurationError:
            said = sentence("That is no mail address: it looks like name@example.org.")
            return self.desk.ways(request, said=said, target=target, status=400)
        return self.desk.page(request, "link_sent.html", {"address": address, "adds": False})

    def link(self, request: Request) -> Response:
        """Show the button of a link. This changes nothing, for scanners of mail come here first."""
        try:
            found = self.desk.zone.links.look(_secret(request), peer=self.desk.peer(request))
        except NotFound:
            return self.desk.problem(request, _NO_LINK)
        except AskedTooOften as error:
            return self.desk.refused(request, error)
        if found.user is not None and found.user != self._user(request):
            return self.desk.problem(request, _OTHER_BROWSER)
        return self.desk.page(request, "link.html", {"link": found, "action": request.url.path})

    def use_link(self, request: Request, _: Form) -> Response:
        """Do what a link does, once."""
        links, secret, peer = self.desk.zone.links, _secret(request), self.desk.peer(request)
        try:
            adds_for = links.look(secret, peer=peer).user
            if adds_for is not None and adds_for != self._user(request):
                return self.desk.problem(request, _OTHER_BROWSER)
            return self._done(request, links.take(secret, peer=peer))
        except NotFound:
            return self.desk.problem(request, _NO_LINK)
        except (AskedTooOften, Blocked, NotInvited) as error:
            return self.desk.refused(request, error)
        except Conflict:
            return self.desk.problem(request, OTHER_ACCOUNT)

    def sign_out(self, request: Request, _: Form, user: UserId) -> Response:
        """End the session of this browser."""
        session = self.desk.visitor(request).session
        assert session is not None
        self.desk.zone.accounts.sessions.end(user, session.id)
        answer = to("/")
        answer.headers.append("Set-Cookie", session_cookie(""))
        return answer

    def _done(self, request: Request, link: SignInLink) -> Response:
        accounts, proof = self.desk.zone.accounts, Proof.of_address(link.address)
        if link.user is not None:
            accounts.link(link.user, proof)
            return to("/account")
        user = accounts.sign_in(proof, sign_up=self.desk.settings.sign_up, invited=link.invited)
        return self.desk.begin_session(request, user, link.target)

    def _user(self, request: Request) -> UserId | None:
        caller = self.desk.visitor(request).caller
        return None if caller is None else caller.user


def _secret(request: Request) -> str:
    return str(request.path_params["secret"])
