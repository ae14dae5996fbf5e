"""What a site is asked for: requests that wait, to be approved or declined, and storage granted by a support token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.http.endpoints import peer_ip
from fs2od.node.panel import granting
from fs2od.node.zone.support_requests import SupportRequest
from fs2od.onedata.errors import Busy, ServiceError
from fs2od.onedata.ids import StorageId
from fs2od.onedata.pasted import pasted
from fs2od.onedata.tokens import Token
from fs2od.portal._rendering import wants_twin
from fs2od.portal._sizes import NO_SIZE, size_of
from fs2od.portal._texts import language_of
from fs2od.portal._words import iso_of_s
from fs2od.portal.sites._counters import Counters, Form, Visit, to
from fs2od.portal.sites._words import is_of_token, of_token, why

__all__ = ["RequestPages"]

_MOST_ANSWERED = 20
_LONGEST_ANSWER = 500
_NOTHING = {"storage": "", "size": ""}


@dataclass(frozen=True)
class RequestPages:
    """The first page of a site."""

    counters: Counters

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        base = "/sites/{id}"
        return [
            *self.counters.seen(base, self.show),
            self.counters.pressed(f"{base}/requests/{{request}}/approve", self.approve),
            self.counters.pressed(f"{base}/requests/{{request}}/decline", self.decline),
            self.counters.pressed(f"{base}/grant", self.grant),
        ]

    def show(self, visit: Visit) -> Response:
        """Show the requests and the form for a token."""
        if wants_twin(visit.request):
            return self.counters.twin(visit, {"requests": [_document(each) for each in self._asked(visit)]})
        return self._page(visit, {})

    def approve(self, visit: Visit, form: Form) -> Response:
        """Grant what a request asks for."""
        provider, zone = visit.provider, self.counters.zone
        request = zone.support_requests.at_site(visit.caller, provider.record.id, _which(visit))
        size_bytes = size_of(form.get("size", ""))
        if size_bytes is None:
            return self._page(visit, {"said": NO_SIZE, "about": request.id}, status=400)
        try:
            granting.approve(
                provider,
                request,
                storage=StorageId(form["storage"]) if form.get("storage") else None,
                size_bytes=size_bytes,
                answer=form.get("answer", "").strip()[:_LONGEST_ANSWER],
            )
        except ServiceError as error:
            said = why(error, language_of(visit.request))
            if said is None:
                raise
            return self._page(visit, {"said": said, "about": request.id}, status=400)
        return to(visit.base)

    def decline(self, visit: Visit, form: Form) -> Response:
        """Decline a request."""
        answer = form.get("answer", "").strip()[:_LONGEST_ANSWER]
        self.counters.zone.support_requests.decline(
            visit.caller, visit.provider.record.id, _which(visit), answer=answer
        )
        return to(visit.base)

    def grant(self, visit: Visit, form: Form) -> Response:
        """Grant storage by a support token."""
        visit.require_update()
        size_bytes = size_of(form.get("size", ""))
        if size_bytes is None:
            return self._page(visit, {"said": NO_SIZE, "about": "token", "given": {**_NOTHING, **form}}, status=400)
        token: Token | None = None
        try:
            token = pasted(form.get("token", ""))
            space = granting.grant_by_token(
                visit.provider,
                visit.caller,
                token,
                storage=StorageId(form.get("storage", "")),
                size_bytes=size_bytes,
                peer_ip=peer_ip(visit.request),
            )
        except ServiceError as error:
            return self._refused(visit, form, error, token)
        return to(f"{visit.base}/spaces/{space}")

    def _refused(self, visit: Visit, form: Form, error: ServiceError, token: Token | None) -> Response:
        zone, language = self.counters.zone, language_of(visit.request)
        # Wrong tokens slow down whoever sends them, as everywhere.
        judged = zone.wrong_tokens.judged(error, peer_ip(visit.request)) if is_of_token(error) else error
        said = of_token(judged, token, language, domain=zone.tokens.domain)
        wait_s = round(judged.retry_after_s or 0) if isinstance(judged, Busy) else 0
        values = {"said": said, "about": "token", "given": {**_NOTHING, **form}}
        return self._page(visit, values, status=429 if wait_s else 400, wait_s=wait_s)

    def _asked(self, visit: Visit) -> list[SupportRequest]:
        return self.counters.zone.support_requests.of_site(visit.caller, visit.provider.record.id)

    def _page(self, visit: Visit, values: Mapping[str, Any], *, status: int = 200, wait_s: int = 0) -> Response:
        asked = self._asked(visit)
        known: dict[str, Any] = {
            "about": "",
            "given": _NOTHING,
            "waiting": [each for each in asked if each.state == "waiting"],
            "answered": [each for each in asked if each.state != "waiting"][:_MOST_ANSWERED],
            "storages": visit.writable(),
        }
        return self.counters.page(
            visit, "site_requests.html", "requests", {**known, **values}, status=status, wait_s=wait_s
        )


def _which(visit: Visit) -> str:
    return str(visit.request.path_params["request"])


def _document(request: SupportRequest) -> dict[str, Any]:
    return {
        "request_id": request.id,
        "space_id": request.space,
        "space_name": request.space_name,
        "asked_by": request.user_name,
        "size_bytes": request.size_bytes,
        "supported_bytes": request.supported_bytes,
        "note": request.note,
        "state": request.state,
        "answer": request.answer,
        "asked": iso_of_s(request.created_s),
        "answered": iso_of_s(request.answered_s),
    }
