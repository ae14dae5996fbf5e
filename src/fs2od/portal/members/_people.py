"""Who is in a dataset: the list, taking somebody out, owner or member, and leaving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.zone.invite_book import DEFAULT_USES, DEFAULT_VALID_FOR
from fs2od.node.zone.roster import Member
from fs2od.onedata import errors
from fs2od.onedata.ids import UserId
from fs2od.onedata.roles import Role
from fs2od.portal._paging import Page, Position, page_of
from fs2od.portal._rendering import wants_twin
from fs2od.portal.members._invites import invites_document, invites_seen
from fs2od.portal.members._results_end import may_remove
from fs2od.portal.members._rooms import Form, Rooms, Visit, to

__all__ = ["PeoplePages"]

_AT_ONCE = 100
_EMPTY_FORM = {
    "label": "",
    "choice": "",
    "uses": str(DEFAULT_USES),
    "days": str(DEFAULT_VALID_FOR.days),
    "address": "",
}


@dataclass(frozen=True)
class PeoplePages:
    """Everything about people."""

    rooms: Rooms

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        rooms, base = self.rooms, "/space/{id}"
        return [
            *rooms.seen(f"{base}/people", self.people),
            rooms.asked(f"{base}/people/{{user}}/remove", self.ask_remove),
            rooms.pressed(f"{base}/people/{{user}}/remove", self.remove),
            rooms.pressed(f"{base}/people/{{user}}/role", self.change_role),
            rooms.asked(f"{base}/leave", self.ask_leave),
            rooms.pressed(f"{base}/leave", self.leave),
        ]

    def people(self, visit: Visit) -> Response:
        """Show who is in, and the invites to those who may invite."""
        if not wants_twin(visit.request):
            return self.show(visit)
        page, zone = self._page(visit), self.rooms.zone
        document = {
            "you": visit.standing.role,
            "count": zone.people.count(visit.space.id),
            "people": [_document(each) for each in page.items],
            "next_url": None if page.next is None else f"{visit.base}/people.json?{_query(page.next)}",
            "invites": [invites_document(each) for each in invites_seen(zone, visit)],
        }
        return self.rooms.twin(visit, document)

    def show(self, visit: Visit, *, said: str = "", given: Form | None = None, status: int = 200) -> Response:
        """Show the page, perhaps with what was wrong with a form, and what was in it."""
        zone = self.rooms.zone
        values = {
            "page": self._page(visit),
            "count": zone.people.count(visit.space.id),
            "at": lambda position: f"{visit.base}/people?{_query(position)}",
            "invites": invites_seen(zone, visit),
            "choices": zone.people.choices(visit.caller, visit.space.id),
            "may_remove_all": may_remove(self.rooms, visit),
            "by_mail": self.rooms.desk.settings.by_mail,
            "given": {**_EMPTY_FORM, **(given or {})},
            "said": said,
        }
        return self.rooms.page(visit, "people.html", "people", values, status=status)

    def ask_remove(self, visit: Visit) -> Response:
        """Ask before somebody is taken out."""
        member = self.rooms.zone.people.member(visit.caller, visit.space.id, _user(visit))
        if not member.may_remove:
            raise errors.forbidden()
        return self.rooms.page(visit, "member_remove.html", "people", {"member": member})

    def remove(self, visit: Visit, _: Form) -> Response:
        """Take somebody out."""
        self.rooms.zone.people.remove(visit.caller, visit.space.id, _user(visit))
        return to(f"{visit.base}/people")

    def change_role(self, visit: Visit, form: Form) -> Response:
        """Make an owner of a member, or the other way round."""
        role: Role = "owner" if form.get("role") == "owner" else "member"
        self.rooms.zone.people.change_role(visit.caller, visit.space.id, _user(visit), role)
        return to(f"{visit.base}/people")

    def ask_leave(self, visit: Visit) -> Response:
        """Ask before the caller goes."""
        return self.rooms.page(visit, "member_leave.html", "people", {})

    def leave(self, visit: Visit, _: Form) -> Response:
        """Let the caller go."""
        self.rooms.zone.people.leave(visit.caller, visit.space.id)
        return to("/datasets")

    def _page(self, visit: Visit) -> Page[Member]:
        people, query = self.rooms.zone.people, visit.request.query_params
        position = Position(query.get("from"), backwards=query.get("dir") == "back")

        def fetch(key: str | None, backwards: bool, limit: int) -> list[Member]:
            user, _, name = (key or "").partition("~")
            after = None if key is None else (name, user)
            return people.of_space(visit.caller, visit.space.id, after=after, backwards=backwards, limit=limit)

        return page_of(fetch, lambda member: f"{member.user}~{member.name}", position, size=_AT_ONCE)


def _query(position: Position) -> str:
    given = {} if position.key is None else {"from": position.key}
    return urlencode({**given, **({"dir": "back"} if position.backwards else {})})


def _user(visit: Visit) -> UserId:
    return UserId(str(visit.request.path_params["user"]))


def _document(member: Member) -> Mapping[str, Any]:
    return {
        "user": member.user,
        "name": member.name,
        "role": member.role,
        "may": list(member.words),
        "came_in": [
            {"through": way.name, "invite": way.label or None, "at": way.at_s, "type": way.type} for way in member.ways
        ],
        "you_may_remove": member.may_remove,
        "you_may_make": member.may_become,
    }
