"""Joining: paste an invite, see what it is, sign in, accept; and then the dataset is among one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.http.endpoints import peer_ip
from fs2od.node.http.routing import Route
from fs2od.node.zone.callers import GUEST, Caller
from fs2od.node.zone.catalogue import Choice
from fs2od.node.zone.invite_previews import Preview
from fs2od.node.zone.refusals import SENTENCES, Refusal, refusal_of
from fs2od.onedata.errors import Busy, ServiceError
from fs2od.onedata.pasted import pasted
from fs2od.onedata.tokens import InviteToken, InviteType, Token, examine
from fs2od.portal._problems import NO_PAGE
from fs2od.portal._rendering import json_twin, wants_twin
from fs2od.portal._sentences import sentence
from fs2od.portal._texts import language_of
from fs2od.portal._words import iso_of_s
from fs2od.portal.mine._held import LONGEST_HELD, Held, forget, held_in, hold
from fs2od.portal.mine._listing import listed_document
from fs2od.portal.mine._summaries import Summaries
from fs2od.portal.mine._twins import signed_out
from fs2od.portal.signin import HEADERS, Desk, Form, to, vouch

__all__ = ["JoinPages"]

_TOO_LONG = sentence("This token is longer than a browser can keep while you sign in: ask for a shorter one.")
_OPERATIONS = {
    InviteType.USER_JOIN_GROUP: "join_group",
    InviteType.USER_JOIN_SPACE: "join_space",
    InviteType.USER_JOIN_CLUSTER: "user_join_cluster",
}
_FOR_PEOPLE = tuple(_OPERATIONS)


@dataclass(frozen=True)
class JoinPages:
    """Everything below /join, and /joined."""

    desk: Desk
    summaries: Summaries

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        return [
            Route("/join", self.join),
            Route("/join.json", self.join),
            self.desk.button("/join", self.look),
            self.desk.button("/join/accept", self.accept),
            self.desk.button("/join/forget", self.forget),
            Route("/joined/{id}.json", self.joined),
            Route("/joined/{id}", self.joined),
        ]

    def join(self, request: Request) -> Response:
        """Ask for a token; or show what the one is that the browser brings back."""
        held = held_in(self.desk.zone, request)
        if held is None:
            return self._asking(request)
        try:
            return self._card(request, held, self._preview(request, held.token))
        except ServiceError as error:
            return self._refused(request, error, held.token)

    def look(self, request: Request, form: Form) -> Response:
        """Look at a pasted token; one that holds is kept by the browser from here on."""
        token: Token | None = None
        try:
            token = pasted(form.get("token", ""))
            if len(token.reveal()) > LONGEST_HELD:
                return self._asking(request, said=_TOO_LONG, status=400)
            self._preview(request, token)
        except ServiceError as error:
            return self._refused(request, error, token)
        answer = to("/join")
        hold(self.desk.zone, answer, token)
        vouch(self.desk.zone, answer)
        return answer

    def accept(self, request: Request, form: Form) -> Response:
        """Use the invite that was shown."""
        zone, held, caller = self.desk.zone, held_in(self.desk.zone, request), self._caller(request)
        if held is None or held.mark != form.get("invite") or caller.user is None:
            return to("/join")
        try:
            kind = examine(held.token).identifier.kind
            wanted = kind.invite_type if isinstance(kind, InviteToken) else InviteType.USER_JOIN_GROUP
            if wanted not in _FOR_PEOPLE:
                return to("/join")
            joined = zone.invites.join(caller, held.token, wanted, peer_ip=peer_ip(request))
        except ServiceError as error:
            return self._refused(request, error, held.token)
        zone.audit.record(caller.user, _OPERATIONS[wanted], "/join/accept")
        is_site = wanted is InviteType.USER_JOIN_CLUSTER
        answer = to(f"/sites/{zone.providers.of_cluster(joined).id}" if is_site else f"/joined/{joined}")
        forget(answer)
        return answer

    def forget(self, _: Request, __: Form) -> Response:
        """Let go of the token, to use another one."""
        answer = to("/join")
        forget(answer)
        return answer

    def joined(self, request: Request) -> Response:
        """Say what is among one's datasets now, through a group or a space that one is in."""
        zone, caller, target = self.desk.zone, self._caller(request), str(request.path_params["id"])
        if caller.user is None:
            return signed_out(request)
        spaces = zone.catalogue.spaces_of(target)
        if target not in (*zone.rights.effective_groups(caller.user), *zone.rights.effective_spaces(caller.user)):
            return self.desk.problem(request, NO_PAGE)
        self.summaries.bring_up_to_date(spaces)
        rows = zone.catalogue.shelf(caller, Choice(spaces=spaces, by="name", descending=False)).rows
        if wants_twin(request):
            return json_twin(request, {"datasets": [listed_document(zone, each) for each in rows]}, headers=HEADERS)
        return self.desk.page(request, "joined.html", {"datasets": rows})

    def _card(self, request: Request, held: Held, seen: Preview) -> Response:
        zone = self.desk.zone
        kind = examine(held.token).identifier.kind
        spaces = zone.catalogue.spaces_of(kind.target_id) if isinstance(kind, InviteToken) else []
        self.summaries.bring_up_to_date(spaces)
        titles = zone.catalogue.titles(spaces) or ((seen.target_name,) if seen.target_name else ())
        facility = zone.catalogue.facility_of(spaces) or zone.settings.facility_name or zone.settings.name
        if wants_twin(request):
            return json_twin(request, {"invite": _document(seen, titles, facility)}, headers=HEADERS)
        values = {
            "said": "",
            "invite": seen,
            "titles": titles,
            "facility": facility,
            "until": None if seen.until_s is None else datetime.fromtimestamp(seen.until_s, UTC),
            "mark": held.mark,
            "for_people": seen.kind in _FOR_PEOPLE,
            "target": kind.target_id if isinstance(kind, InviteToken) else "",
            "is_site": seen.kind is InviteType.USER_JOIN_CLUSTER,
        }
        return self.desk.page(request, "join.html", values)

    def _asking(
        self, request: Request, *, said: str = "", status: int = 200, wait_s: int = 0, sign_in: bool = False
    ) -> Response:
        if wants_twin(request):
            document = {"invite": None} | ({"problem": said} if said else {})
            return json_twin(request, document, status=status, headers=HEADERS)
        values = {"invite": None, "said": said, "sign_in": sign_in}
        return self.desk.page(request, "join.html", values, status=status, wait_s=wait_s)

    def _refused(self, request: Request, error: ServiceError, token: Token | None) -> Response:
        zone = self.desk.zone
        judged = zone.wrong_tokens.judged(error, peer_ip(request))
        reason = refusal_of(judged, token, domain=zone.tokens.domain)
        said = language_of(request).text(SENTENCES[reason])
        if reason is Refusal.NOT_FOR_YOU and token is not None and self._caller(request).user is None:
            # Whom it is for is known only once they have signed in.
            answer = self._asking(request, said=said, status=403, sign_in=True)
            hold(zone, answer, token)
            return answer
        wait_s = round(judged.retry_after_s or 0) if isinstance(judged, Busy) else 0
        answer = self._asking(request, said=said, status=429 if wait_s else 400, wait_s=wait_s)
        forget(answer)
        return answer

    def _preview(self, request: Request, token: Token) -> Preview:
        return self.desk.zone.invite_previews.preview(self._caller(request), token, peer_ip=peer_ip(request))

    def _caller(self, request: Request) -> Caller:
        return self.desk.visitor(request).caller or GUEST


def _document(seen: Preview, titles: tuple[str, ...], facility: str) -> Mapping[str, Any]:
    return {
        "type": seen.kind.value,
        "datasets": list(titles),
        "facility": facility,
        "inviter": seen.inviter_name,
        "rights": list(seen.rights),
        "until": iso_of_s(seen.until_s),
        "uses_left": seen.uses_left,
        "is_member": seen.is_member,
    }
