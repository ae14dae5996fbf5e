"""What happened to a dataset, newest first. Owners and managers see everything, members what is everybody's and their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.zone.activity import PRIVATE, Event
from fs2od.portal._paging import Page, Position, page_of
from fs2od.portal._rendering import wants_twin
from fs2od.portal.members._rooms import Rooms, Visit

__all__ = ["ActivityPages"]

_AT_ONCE = 100
_LONGEST_KEY = 40


@dataclass(frozen=True)
class ActivityPages:
    """The page of activity."""

    rooms: Rooms

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this page."""
        return [*self.rooms.seen("/space/{id}/activity", self.activity)]

    def activity(self, visit: Visit) -> Response:
        """Show a page of what happened."""
        page = self._page(visit)
        if wants_twin(visit.request):
            following = None if page.next is None else f"{visit.base}/activity.json?{_query(page.next)}"
            return self.rooms.twin(visit, {"events": [_document(each) for each in page.items], "next_url": following})
        values = {"page": page, "at": lambda position: f"{visit.base}/activity?{_query(position)}"}
        return self.rooms.page(visit, "activity.html", "activity", values)

    def _page(self, visit: Visit) -> Page[Event]:
        is_member, query = visit.standing.role == "member", visit.request.query_params

        def fetch(key: str | None, backwards: bool, limit: int) -> list[Event]:
            return self.rooms.zone.activity.of_space(
                visit.space.id,
                seen_by=visit.standing.user,
                hidden=PRIVATE if is_member else (),
                only_own_downloads=is_member,
                after=_place(key),
                backwards=backwards,
                limit=limit,
            )

        position = Position(query.get("from"), backwards=query.get("dir") == "back")
        wanted = position if _place(position.key) is not None else Position()
        return page_of(fetch, lambda event: f"{event.at_s}-{event.id}", wanted, size=_AT_ONCE)


def _place(key: str | None) -> tuple[int, int] | None:
    at, _, number = (key or "").partition("-")
    plain = (at + number).isascii() and at.isdigit() and number.isdigit() and len(at + number) < _LONGEST_KEY
    # What no database holds is no place in one.
    return (min(int(at), 2**62), min(int(number), 2**62)) if plain else None


def _query(position: Position) -> str:
    given = {} if position.key is None else {"from": position.key}
    return urlencode({**given, **({"dir": "back"} if position.backwards else {})})


def _document(event: Event) -> Mapping[str, Any]:
    return {
        "at": event.at_s,
        "what": event.kind,
        "by": event.actor,
        "by_name": event.actor_name or None,
        "subject": event.subject or None,
        "bytes": event.sent_bytes if event.kind == "downloaded" else None,
    }
