"""Signing in a machine that has no browser: type its short code, see what it asks for, allow or refuse it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.http.routing import Route
from fs2od.onedata import tokens
from fs2od.onedata.errors import Busy, NotFound
from fs2od.onedata.ids import UserId
from fs2od.onedata.tokens import AccessToken
from fs2od.portal._sentences import Sentence, sentence
from fs2od.portal._texts import language_of
from fs2od.portal.mine._places import Places
from fs2od.portal.mine._token_words import what_it_can
from fs2od.portal.mine._twins import signed_out
from fs2od.portal.signin import Desk, Form

__all__ = ["DevicePages"]

_LONGEST_CODE = 40
_UNKNOWN = sentence(
    "No machine waits with this code: look whether you typed it as it stands there. A code works for a quarter of an hour."
)


@dataclass(frozen=True)
class DevicePages:
    """Everything below /device."""

    desk: Desk
    places: Places

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages; none with `plain`."""
        if self.desk.zone.settings.plain:
            return []
        button = self.desk.member_button
        return [
            Route("/device", self.ask),
            button("/device", self.look),
            button("/device/answer", self.answer),
        ]

    def ask(self, request: Request) -> Response:
        """Ask for the code; one that the address holds is filled in, and still has to be sent by a person."""
        caller = self.desk.visitor(request).caller
        if caller is None or caller.user is None:
            return signed_out(request)
        return self._page(request, {"code": request.query_params.get("code", "")[:_LONGEST_CODE]})

    def look(self, request: Request, form: Form, user: UserId) -> Response:
        """Say what the machine of a code asks for."""
        code = form.get("code", "")[:_LONGEST_CODE]
        try:
            wish = self.desk.zone.devices.look(user, code)
        except (NotFound, Busy) as error:
            return self._refused(request, code, error)
        zone = self.desk.zone
        can = what_it_can(
            language_of(request), AccessToken(), wish.caveats, name_of=self.places.name_of, now=zone.clock.now()
        )
        asked = {
            "name": wish.name,
            "can": can,
            "is_wide": not any(map(tokens.is_data_access_caveat, wish.caveats)),
            "address": wish.address,
            "begun": datetime.fromtimestamp(wish.begun_s, UTC),
        }
        return self._page(request, {"code": code, "asked": asked})

    def answer(self, request: Request, form: Form, user: UserId) -> Response:
        """Allow or refuse it."""
        code, allow = form.get("code", "")[:_LONGEST_CODE], form.get("do") == "allow"
        try:
            self.desk.zone.devices.answer(user, code, allow=allow)
        except (NotFound, Busy) as error:
            return self._refused(request, code, error)
        self.desk.zone.audit.record(user, f"fs2od_{'allow' if allow else 'refuse'}_device", "/device/answer")
        return self._page(request, {"code": "", "done": "allowed" if allow else "refused"})

    def _refused(self, request: Request, code: str, error: NotFound | Busy) -> Response:
        wait_s = round(error.retry_after_s or 0) if isinstance(error, Busy) else 0
        said: Sentence = (
            sentence("Too many wrong codes: try again in %(seconds)s s.", seconds=wait_s) if wait_s else _UNKNOWN
        )
        return self._page(request, {"code": code, "said": said}, status=429 if wait_s else 400, wait_s=wait_s)

    def _page(self, request: Request, values: Mapping[str, Any], *, status: int = 200, wait_s: int = 0) -> Response:
        shown = {"said": None, "asked": None, "done": "", **values}
        return self.desk.page(request, "device.html", shown, status=status, wait_s=wait_s)
