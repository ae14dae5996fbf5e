"""My tokens: listed with what each can do, looked at, taken back, narrowed, and made with a form that explains itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.http.endpoints import peer_ip
from fs2od.node.http.routing import Route
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.catalogue import Choice
from fs2od.node.zone.refusals import SENTENCES, refusal_of
from fs2od.node.zone.tokens import NamedToken
from fs2od.onedata import tokens
from fs2od.onedata.errors import Busy, NotFound, ServiceError
from fs2od.onedata.ids import TokenId, UserId
from fs2od.onedata.pasted import pasted
from fs2od.onedata.tokens import AccessToken, Caveat, DataPath, IdentityToken, InviteToken, Token, TokenKind
from fs2od.portal._problems import NO_PAGE
from fs2od.portal._rendering import json_twin, wants_twin
from fs2od.portal._sentences import Sentence, sentence
from fs2od.portal._texts import language_of
from fs2od.portal._words import iso
from fs2od.portal.mine._places import Places
from fs2od.portal.mine._token_commands import confine_command, token_commands
from fs2od.portal.mine._token_form import DEFAULTS, SPANS, FieldRefused, Fields, kind_of, restrictions
from fs2od.portal.mine._token_words import what_it_can
from fs2od.portal.mine._twins import signed_out
from fs2od.portal.signin import HEADERS, Desk, Form, to

__all__ = ["TokenPages"]

_MOST_OFFERED = 200
_NAME = sentence(
    "A name has 2 to 128 letters, digits, brackets and underscores, with blanks, dots and hyphens only inside."
)
_TAKEN = sentence("You have a token of that name already: choose another.")
_NO_DATABASE = sentence(
    "Here nobody can tell from which country or network an address is, so such a token would never work."
)
_NOTHING = sentence("Say how it is to be narrowed.")


@dataclass(frozen=True)
class TokenPages:
    """Everything below /tokens."""

    desk: Desk
    places: Places

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        button = self.desk.member_button
        return [
            Route("/tokens", self.list),
            Route("/tokens.json", self.list),
            Route("/tokens/new", self.form),
            button("/tokens/new", self.make),
            button("/tokens/examine", self.examine),
            Route("/tokens/{id}.json", self.show),
            Route("/tokens/{id}", self.show),
            button("/tokens/{id}/revoke", self.revoke),
            button("/tokens/{id}/unrevoke", self.unrevoke),
            button("/tokens/{id}/delete", self.delete),
            button("/tokens/{id}/confine", self.confine),
        ]

    def list(self, request: Request) -> Response:
        """Show the tokens of whoever is signed in."""
        user = self._user(request)
        if user is None:
            return signed_out(request)
        self.places.bring_up_to_date(self._caller(request))
        found = self.desk.zone.tokens.all_of(user)
        if wants_twin(request):
            return json_twin(request, {"tokens": [self._document(request, each) for each in found]}, headers=HEADERS)
        return self.desk.page(request, "tokens.html", {"tokens": [self._line(request, each) for each in found]})

    def show(self, request: Request) -> Response:
        """Show one token, without itself."""
        user = self._user(request)
        if user is None:
            return signed_out(request)
        try:
            found = self._own(request, user)
        except NotFound:
            return self.desk.problem(request, NO_PAGE)
        if wants_twin(request):
            return json_twin(request, self._document(request, found), headers=HEADERS)
        return self._shown(request, found, {**DEFAULTS, "readonly": "", "span": "never"})

    def form(self, request: Request) -> Response:
        """Show the empty form; `?dataset=` fills in one."""
        if self._user(request) is None:
            return signed_out(request)
        fields = {**DEFAULTS, "dataset": request.query_params.get("dataset", "")[:100]}
        return self._form(request, fields)

    def make(self, request: Request, form: Form, user: UserId) -> Response:
        """Say what the token could do; or, when told so, make it and show it once."""
        zone = self.desk.zone
        fields = {key: form.get(key, "") for key in DEFAULTS}
        self.places.bring_up_to_date(self._caller(request))
        try:
            kind, caveats = kind_of(fields), self._caveats(request, fields)
            if form.get("do") != "make":
                return self._form(request, fields, kind=kind, caveats=caveats)
            made = zone.tokens.issue_named(user, fields["name"].strip(), kind=kind, caveats=caveats)
        except FieldRefused as refused:
            return self._form(request, fields, said=refused.said, status=400)
        except ServiceError as error:
            said = _TAKEN if error.error_id == "badValueIdentifierOccupied" else _NAME
            return self._form(request, fields, said=said, status=400)
        zone.audit.record(user, "create_named_token_for_current_user", "/tokens/new")
        return self._once(request, made.name, made.kind, made.caveats, made.token)

    def examine(self, request: Request, form: Form, _: UserId) -> Response:
        """Say what a pasted token is, and whether it works here and now."""
        zone, found = self.desk.zone, self.desk.zone.tokens.all_of(_)
        shown: Token | None = None
        values: dict[str, Any] = {"tokens": [self._line(request, each) for each in found]}
        try:
            shown = pasted(form.get("token", ""))
            examined = tokens.examine(shown)
        except ServiceError as error:
            return self._refused(request, error, shown, values)
        values["examined"] = self._sentence(request, examined.identifier.kind, examined.caveats)
        try:
            zone.credentials.verify_any(shown, peer_ip(request), self._caller(request))
        except ServiceError as error:
            return self._refused(request, error, shown, values)
        return self.desk.page(request, "tokens.html", values)

    def revoke(self, request: Request, _: Form, user: UserId) -> Response:
        """Take a token back, until it is let work again."""
        return self._change(request, user, revoked=True)

    def unrevoke(self, request: Request, _: Form, user: UserId) -> Response:
        """Let a token work again."""
        return self._change(request, user, revoked=False)

    def delete(self, request: Request, _: Form, user: UserId) -> Response:
        """End a token for good."""
        try:
            self.desk.zone.tokens.delete(self._own(request, user).id)
        except NotFound:
            return self.desk.problem(request, NO_PAGE)
        self.desk.zone.audit.record(user, "delete_named_token", "/tokens")
        return to("/tokens")

    def confine(self, request: Request, form: Form, user: UserId) -> Response:
        """Show a narrower copy of a token once; the token itself stays as it is."""
        fields = {**{key: form.get(key, "") for key in DEFAULTS}, "kind": "access"}
        try:
            found = self._own(request, user)
        except NotFound:
            return self.desk.problem(request, NO_PAGE)
        try:
            more = self._caveats(request, fields | ({"kind": "identity"} if not _opens_data(found.kind) else {}))
        except FieldRefused as refused:
            return self._shown(request, found, fields, said=refused.said, status=400)
        if not more:
            return self._shown(request, found, fields, said=_NOTHING, status=400)
        narrowed = tokens.confine(found.token, more)
        caveats = (*found.caveats, *more)
        return self._once(request, found.name, found.kind, caveats, narrowed, offline=confine_command(more))

    def _change(self, request: Request, user: UserId, *, revoked: bool) -> Response:
        try:
            found = self._own(request, user)
        except NotFound:
            return self.desk.problem(request, NO_PAGE)
        self.desk.zone.tokens.change(found.id, revoked=revoked)
        self.desk.zone.audit.record(user, "modify_named_token", f"/tokens/{found.id}")
        return to(f"/tokens/{found.id}")

    def _own(self, request: Request, user: UserId) -> NamedToken:
        found = self.desk.zone.tokens.named(TokenId(str(request.path_params["id"])))
        if found.user != user:
            raise NotFound("notFound", "There is no such token.", status=404)
        return found

    def _caveats(self, request: Request, fields: Fields) -> Sequence[Caveat]:
        caller = self._caller(request)
        found = restrictions(
            fields, now=self.desk.zone.clock.now(), path_of=lambda text: self.places.path_of(caller, text)
        )
        try:
            self.desk.zone.credentials.require_judgeable(found)
        except ServiceError as error:
            raise FieldRefused(_NO_DATABASE) from error
        return found

    def _form(
        self,
        request: Request,
        fields: Fields,
        *,
        kind: TokenKind | None = None,
        caveats: Sequence[Caveat] = (),
        said: Sentence | None = None,
        status: int = 200,
    ) -> Response:
        values = {
            **self._fields(request, fields),
            "said": said,
            "can": None if kind is None else self._sentence(request, kind, caveats),
            "is_wide": isinstance(kind, AccessToken) and not any(map(tokens.is_data_access_caveat, caveats)),
        }
        return self.desk.page(request, "token_new.html", values, status=status)

    def _shown(
        self, request: Request, found: NamedToken, fields: Fields, *, said: Sentence | None = None, status: int = 200
    ) -> Response:
        values = {
            **self._fields(request, fields),
            "said": said,
            "token": self._line(request, found),
            "opens_data": _opens_data(found.kind),
        }
        return self.desk.page(request, "token.html", values, status=status)

    def _fields(self, request: Request, fields: Fields) -> dict[str, Any]:
        zone, caller = self.desk.zone, self._caller(request)
        self.places.bring_up_to_date(caller)
        shelf = zone.catalogue.shelf(caller, Choice(limit=_MOST_OFFERED))
        known = {each.space: each.title for each in shelf.rows}
        if fields["dataset"] and fields["dataset"] not in known:
            known |= {
                each.space: each.title for each in zone.catalogue.shelf(caller, Choice(named=fields["dataset"])).rows
            }
        return {
            "fields": fields,
            "offered": sorted(known.items(), key=lambda each: each[1].casefold()),
            "more_datasets": shelf.all > len(shelf.rows),
            "spans": list(SPANS),
            "here_ip": str(peer_ip(request) or ""),
            "with_countries": zone.settings.country_database is not None,
            "with_systems": zone.settings.asn_database is not None,
        }

    def _once(
        self,
        request: Request,
        name: str,
        kind: TokenKind,
        caveats: Sequence[Caveat],
        token: Token,
        *,
        offline: str = "",
    ) -> Response:
        zone = self.desk.zone
        left = tokens.data_access(caveats)
        goal = self.places.goal(self._caller(request), left.paths)
        commands = token_commands(
            zone=zone.settings.zone_url,
            provider=zone.settings.provider_url,
            place=goal.place,
            folder=goal.folder,
            root=goal.root,
            with_data=_opens_data(kind),
            authority=self.desk.frame["authority"] is not None,
        )
        values = {
            "name": name,
            "token": token.reveal(),
            "can": self._sentence(request, kind, caveats),
            "commands": commands if not isinstance(kind, InviteToken) else (),
            "offline": offline,
        }
        return self.desk.page(request, "token_made.html", values)

    def _refused(
        self, request: Request, error: ServiceError, token: Token | None, values: Mapping[str, Any]
    ) -> Response:
        judged = self.desk.zone.wrong_tokens.judged(error, peer_ip(request))
        reason = refusal_of(judged, token, domain=self.desk.zone.tokens.domain)
        said = language_of(request).text(SENTENCES[reason])
        wait_s = round(judged.retry_after_s or 0) if isinstance(judged, Busy) else 0
        status = 429 if wait_s else 400
        return self.desk.page(request, "tokens.html", {**values, "refused": said}, status=status, wait_s=wait_s)

    def _line(self, request: Request, token: NamedToken) -> Mapping[str, Any]:
        until_s = tokens.valid_until_s(token.caveats)
        return {
            "id": token.id,
            "name": token.name,
            "kind": _kind_name(token.kind),
            "can": self._sentence(request, token.kind, token.caveats),
            "until": None if until_s is None else _moment(until_s),
            "made": _moment(token.created_s),
            "state": self._state(token),
            "revoked": token.revoked,
            "uses": token.usage_count,
            "usage_limit": token.usage_limit,
            "caveats": [_caveat_text(each) for each in token.caveats],
        }

    def _document(self, request: Request, token: NamedToken) -> Mapping[str, Any]:
        until_s = tokens.valid_until_s(token.caveats)
        return {
            "id": token.id,
            "name": token.name,
            "type": tokens.kind_to_json(token.kind),
            "can": self._sentence(request, token.kind, token.caveats),
            "caveats": [tokens.caveat_to_json(each) for each in token.caveats],
            "state": self._state(token),
            "created": iso(_moment(token.created_s)),
            "until": None if until_s is None else iso(_moment(until_s)),
            "usage_limit": token.usage_limit,
            "usage_count": token.usage_count,
        }

    def _state(self, token: NamedToken) -> str:
        until_s = tokens.valid_until_s(token.caveats)
        if token.revoked:
            return "revoked"
        if until_s is not None and until_s <= self.desk.zone.clock.now_s():
            return "over"
        return "used up" if token.usage_limit is not None and token.usage_count >= token.usage_limit else "works"

    def _sentence(self, request: Request, kind: TokenKind, caveats: Sequence[Caveat]) -> str:
        now = self.desk.zone.clock.now()
        return what_it_can(language_of(request), kind, caveats, name_of=self.places.name_of, now=now)

    def _caller(self, request: Request) -> Caller:
        caller = self.desk.visitor(request).caller
        assert caller is not None
        return caller

    def _user(self, request: Request) -> UserId | None:
        caller = self.desk.visitor(request).caller
        return None if caller is None else caller.user


def _opens_data(kind: TokenKind) -> bool:
    return isinstance(kind, AccessToken)


def _caveat_text(caveat: Caveat) -> str:
    """Return a caveat as it stands in the token, but for paths: these are written there in base64."""
    return f"data.path = {'|'.join(caveat.paths)}" if isinstance(caveat, DataPath) else tokens.caveat_to_text(caveat)


def _kind_name(kind: TokenKind) -> str:
    return "access" if isinstance(kind, AccessToken) else "identity" if isinstance(kind, IdentityToken) else "invite"


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
