"""My datasets: those that one is in, found, sorted and turned over, however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.http.routing import Route
from fs2od.node.zone.catalogue import Choice, Order, Shelf
from fs2od.portal._rendering import json_twin, wants_twin
from fs2od.portal.mine._listing import listed_document, newest_of
from fs2od.portal.mine._summaries import Summaries
from fs2od.portal.mine._twins import signed_out
from fs2od.portal.signin import HEADERS, Desk

__all__ = ["DatasetsPage", "choice_of", "query_of"]

PAGE_SIZE = 50
_MOST_PAGES = 10_000
_LONGEST_SEARCH = 200
_STATES = ("acquiring", "complete")
# What reads best from its small end, and what from its large one.
_ASCENDING: tuple[Order, ...] = ("name", "state")


def choice_of(query: Mapping[str, str]) -> Choice:
    """Return what the query of an address asks for; what makes no sense is as if it were not there."""
    by: Order = next((each for each in get_args(Order) if each == query.get("sort")), "newest")
    page = query.get("page", "")
    number = min(int(page), _MOST_PAGES) if page.isascii() and page.isdigit() else 1
    order = query.get("order")
    return Choice(
        search=query.get("search", "").strip()[:_LONGEST_SEARCH],
        state=next((each for each in _STATES if each == query.get("state")), ""),
        role="owner" if query.get("role") == "owner" else "member" if query.get("role") == "member" else "",
        facility=query.get("facility", "")[:_LONGEST_SEARCH],
        by=by,
        descending=order == "down" if order in ("up", "down") else by not in _ASCENDING,
        limit=PAGE_SIZE,
        offset=(max(1, number) - 1) * PAGE_SIZE,
    )


def query_of(choice: Choice) -> dict[str, str]:
    """Return the query of an address that asks for a choice."""
    page = choice.offset // PAGE_SIZE + 1
    words = {
        "search": choice.search,
        "state": choice.state,
        "role": choice.role,
        "facility": choice.facility,
        "sort": "" if choice.by == "newest" else choice.by,
        "order": "" if choice.descending == (choice.by not in _ASCENDING) else "down" if choice.descending else "up",
        "page": "" if page == 1 else str(page),
    }
    return {key: value for key, value in words.items() if value}


@dataclass(frozen=True)
class DatasetsPage:
    """The list of one's datasets."""

    desk: Desk
    summaries: Summaries

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this page."""
        return [Route("/datasets", self.datasets), Route("/datasets.json", self.datasets)]

    def datasets(self, request: Request) -> Response:
        """Show the datasets of whoever is signed in."""
        zone, caller = self.desk.zone, self.desk.visitor(request).caller
        if caller is None:
            return signed_out(request)
        choice = choice_of(request.query_params)
        # Before the list is made: what is not known yet is found by no word and sorted nowhere.
        self.summaries.bring_up_to_date(zone.catalogue.reached(caller))
        shelf = zone.catalogue.shelf(caller, choice)
        if self.summaries.bring_up_to_date([each.space for each in shelf.rows]):
            shelf = zone.catalogue.shelf(caller, choice)
        if wants_twin(request):
            return json_twin(request, self._document(choice, shelf), headers=HEADERS)
        values = {
            "shelf": shelf,
            "choice": choice,
            "first": choice.offset + 1,
            "rows": [(each, each.summary, newest_of(each)) for each in shelf.rows],
            "facilities": [(each, each) for each in shelf.facilities],
            "sorted_by": lambda by: _address(_sorted(choice, by)),
            "previous": _address(_turned(choice, -1)) if choice.offset else None,
            "next": _address(_turned(choice, 1)) if choice.offset + len(shelf.rows) < shelf.total else None,
            "is_narrowed": bool(choice.search or choice.state or choice.role or choice.facility),
            "now": zone.clock.now(),
        }
        return self.desk.page(request, "datasets.html", values)

    def _document(self, choice: Choice, shelf: Shelf) -> dict[str, Any]:
        more = choice.offset + len(shelf.rows) < shelf.total
        return {
            "datasets": [listed_document(self.desk.zone, each) for each in shelf.rows],
            "total": shelf.total,
            "all": shelf.all,
            "facilities": list(shelf.facilities),
            "sorted_by": choice.by,
            "descending": choice.descending,
            "skipped": choice.offset,
            "next_url": _address(_turned(choice, 1), path="/datasets.json") if more else None,
        }


def _sorted(choice: Choice, by: Order) -> Choice:
    descending = not choice.descending if by == choice.by else by not in _ASCENDING
    return replace(choice, by=by, descending=descending, offset=0)


def _turned(choice: Choice, pages: int) -> Choice:
    return replace(choice, offset=max(0, choice.offset + pages * PAGE_SIZE))


def _address(choice: Choice, *, path: str = "/datasets") -> str:
    query = urlencode(query_of(choice))
    return f"{path}?{query}" if query else path
