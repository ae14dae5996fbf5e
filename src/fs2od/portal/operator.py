"""The operator's pages: what is stuck and why, every dataset with its history, and the outbox. On an origin of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from fs2od.facility import Datasets
from fs2od.mail import LetterRow, Outbox
from fs2od.portal._choosing import Spoken, language_route
from fs2od.portal._doors import OPERATOR_HEADERS, Doors
from fs2od.portal._letters import parts_of
from fs2od.portal._overview import (
    Glance,
    dataset_document,
    event_document,
    glance_document,
    letter_document,
    named_like,
    next_words,
    stages_of,
)
from fs2od.portal._problems import NO_PAGE, problem_page
from fs2od.portal._rendering import asset_route, html_page, json_twin, wants_json
from fs2od.portal._texts import Texts
from fs2od.sqlite import Database

__all__ = ["operator_app"]

_ROWS = 200
_LETTERS = 100
# What ails hundreds at once, such as a full disk, is one thing to mend.
_STUCK = 20
_LONGEST_SEARCH = 200
_LETTER_HEADERS = {
    **OPERATOR_HEADERS,
    # A mail is shown as its reader would see it, but it may run nothing, load nothing and send nothing.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
}


def operator_app(
    database: Database,
    *,
    key: str,
    origin: str,
    facility_name: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    texts: Texts | None = None,
) -> ASGIApp:
    """Return the application of the operator's origin, over the facility's database.

    Args:
        database: With the journal and the outbox. Another thread or process may write meanwhile.
        key: What opens it. An empty key opens nothing.
        origin: The scheme, host and port that it is reached at, without trailing slash.
        facility_name: What stands at the top of every page.
        clock: The time of day, aware.
        texts: The languages of the pages; by default ours, and English for whoever asks for none of them.
    """
    spoken = texts or Texts.of()
    frame = {"site": facility_name, "home": "/"}
    doors = Doors.with_key(key, origin, frame, clock)
    pages = _OperatorPages(Datasets(database), Outbox(database), frame, clock)

    async def unknown(request: Request, _: Exception) -> Response:
        return problem_page(request, NO_PAGE, frame, headers=OPERATOR_HEADERS)

    routes = [asset_route(), language_route(spoken, frame, origin), *doors.routes(), *pages.routes(doors)]
    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})
    app.router.redirect_slashes = False
    return Spoken(app, spoken)


@dataclass(frozen=True)
class _OperatorPages:
    """Everything behind the sign-in."""

    datasets: Datasets
    outbox: Outbox
    frame: Mapping[str, Any]
    clock: Callable[[], datetime]

    def routes(self, doors: Doors) -> list[BaseRoute]:
        return [
            doors.page("/", self.overview),
            doors.page("/datasets.json", self.overview_twin),
            doors.page("/outbox", self.letters),
            doors.page("/outbox.json", self.letters_twin),
            doors.page("/outbox/{id:int}", self.letter),
            doors.page("/outbox/{id:int}/html", self.letter_html),
            doors.change("/outbox/{id:int}/retry", self.retry_letter),
            doors.page("/dataset/{name:path}", self.history),
            doors.change("/retry/{name:path}", self.retry),
        ]

    def overview(self, request: Request) -> Response:
        glance = self._glance()
        if wants_json(request):
            return json_twin(request, glance_document(glance), headers=OPERATOR_HEADERS)
        search = request.query_params.get("search", "").strip()[:_LONGEST_SEARCH]
        found = named_like(glance.rows, search)
        skipped = min(_number(request, "skipped"), max(0, len(found) - 1))
        values = {
            "glance": glance,
            "stuck_shown": _STUCK,
            "search": search,
            "found": len(found),
            "rows": found[skipped : skipped + _ROWS],
            "skipped": skipped,
            "page_size": _ROWS,
            "at": lambda skipped: f"/?{urlencode({'skipped': skipped} | ({'search': search} if search else {}))}",
            "stages": stages_of,
        }
        return self._page(request, "overview.html", values)

    def overview_twin(self, request: Request) -> Response:
        return json_twin(request, glance_document(self._glance()), headers=OPERATOR_HEADERS)

    def history(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        try:
            row, events = self.datasets.get(name), self.datasets.history(name)
        except KeyError:
            return self._unknown(request)
        if wants_json(request):
            document = {**dataset_document(row), "history": [event_document(event) for event in events]}
            return json_twin(request, document, headers=OPERATOR_HEADERS)
        values = {"row": row, "events": events, "stages": stages_of(row), "next": next_words(row)}
        return self._page(request, "history.html", values)

    def retry(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        try:
            self.datasets.retry(name, self.clock())
        except KeyError:
            return self._unknown(request)
        return _back(f"/dataset/{quote(name, safe='')}")

    def letters(self, request: Request) -> Response:
        found = self._letters(request)
        if wants_json(request):
            return self.letters_twin(request)
        values = {
            "letters": found[:_LETTERS],
            "counts": self.outbox.counts(),
            "late": self.outbox.late(self.clock()),
            "more": len(found) > _LETTERS,
        }
        return self._page(request, "outbox.html", values)

    def letters_twin(self, request: Request) -> Response:
        letters = [letter_document(letter) for letter in self._letters(request)[:_LETTERS]]
        document = {"counts": self.outbox.counts(), "late": self.outbox.late(self.clock()), "letters": letters}
        return json_twin(request, document, headers=OPERATOR_HEADERS)

    def letter(self, request: Request) -> Response:
        found = self._letter(request)
        if found is None:
            return self._unknown(request)
        if wants_json(request):
            return json_twin(request, letter_document(found), headers=OPERATOR_HEADERS)
        parts = parts_of(self.outbox.message(found.id))
        return self._page(request, "letter.html", {"letter": found, "parts_of": parts})

    def letter_html(self, request: Request) -> Response:
        found = self._letter(request)
        if found is None:
            return self._unknown(request)
        html = parts_of(self.outbox.message(found.id)).html
        return Response(html, media_type="text/html; charset=utf-8", headers=_LETTER_HEADERS)

    def retry_letter(self, request: Request) -> Response:
        letter = int(request.path_params["id"])
        if self._letter(request) is None:
            return self._unknown(request)
        self.outbox.retry(letter, self.clock())
        return _back(f"/outbox/{letter}")

    def _glance(self) -> Glance:
        trouble, is_unwell = self.datasets.onedata_trouble(), self.datasets.onedata_unwell()
        rows, counts, unheeded = self.datasets.list(), self.outbox.counts(), self.datasets.passed_over()
        always, now = self.datasets.refused_always(), self.clock()
        return Glance(rows, counts, trouble, is_unwell, now, unheeded, always, self.outbox.late(now))

    def _letters(self, request: Request) -> tuple[LetterRow, ...]:
        return self.outbox.list_letters(limit=_LETTERS + 1, before=_number(request, "before") or None)

    def _letter(self, request: Request) -> LetterRow | None:
        wanted = int(request.path_params["id"])
        if wanted >= 1 << 60:
            return None
        found = self.outbox.list_letters(limit=1, before=wanted + 1)
        return found[0] if found and found[0].id == wanted else None

    def _page(self, request: Request, template: str, values: Mapping[str, object]) -> Response:
        more = {
            "now": self.clock(),
            "path": request.url.path,
            "signing_in": True,
            "quote": lambda text: quote(text, safe=""),
        }
        return html_page(request, template, {**self.frame, **more, **values}, headers=OPERATOR_HEADERS)

    def _unknown(self, request: Request) -> Response:
        return problem_page(request, NO_PAGE, self.frame, headers=OPERATOR_HEADERS)


def _back(path: str) -> Response:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
