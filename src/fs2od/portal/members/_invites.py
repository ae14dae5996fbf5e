"""Invites of a dataset: who came in through which, making one, renewing and ending it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.zone.invite_book import DEFAULT_USES, DEFAULT_VALID_FOR
from fs2od.node.zone.invite_memory import InviteRecord, Joined
from fs2od.node.zone.people import Choice
from fs2od.node.zone.roster import Place
from fs2od.node.zone.tokens import NamedToken
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors
from fs2od.onedata.ids import GroupId, TokenId
from fs2od.onedata.roles import Role
from fs2od.onedata.tokens import InviteToken
from fs2od.portal._sentences import Sentence, sentence
from fs2od.portal.members._rooms import Form, Rooms, Visit, to

__all__ = ["InvitePages", "SeenInvite", "invites_document", "invites_seen"]

State = Literal["open", "used", "over", "void", "ended"]

_MOST_NAMES, _MOST_NAMES_ASKED = 10, 500


@dataclass(frozen=True)
class SeenInvite:
    """An invite as the page shows it.

    Attributes:
        record: The invite.
        role: As what people come in.
        state: Whether it can be used: it is open, used up, over, void because its maker may invite no more, or was ended.
        until: When it ends.
        is_facilitys: It was made by who answers for the dataset, as the one in the mail was.
        is_mine: The caller made it.
        joined: Who came in, as far as there is room.
        more: How many others did.
    """

    record: InviteRecord
    role: Role
    state: State
    until: datetime | None
    is_facilitys: bool
    is_mine: bool
    joined: tuple[tuple[Joined, datetime], ...]
    more: int

    @property
    def left(self) -> int | None:
        """How often it can still be used; None: without limit."""
        return None if self.record.usage_limit is None else max(0, self.record.usage_limit - self.record.uses)


Show = Callable[..., Response]
"""Shows the page of people again: `show(visit, said=…, given=…, status=…)`."""


@dataclass(frozen=True)
class InvitePages:
    """Making and ending invites; the list itself is on the page of people."""

    rooms: Rooms
    show: Show

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        rooms, base = self.rooms, "/space/{id}/people/invites"
        return [
            rooms.pressed(base, self.make),
            rooms.pressed(f"{base}/{{invite}}/renew", self.renew),
            rooms.asked(f"{base}/{{invite}}/end", self.ask_end),
            rooms.pressed(f"{base}/{{invite}}/end", self.end),
        ]

    def make(self, visit: Visit, form: Form) -> Response:
        """Make an invite, and show it this once."""
        try:
            choice = self._choice(visit, form.get("choice", ""))
            made = self.rooms.zone.invite_book.make(
                visit.caller,
                choice.kind,
                label=form.get("label", "").strip(),
                privileges=choice.privileges,
                uses=_number(form, "uses"),
                valid_for=timedelta(days=_number(form, "days")),
                address=form.get("address", "").strip() or None,
            )
        except errors.Busy as error:
            return self.show(visit, said=error.description, given=form, status=429)
        except errors.Rejected as error:
            return self.show(visit, said=_said(error), given=form, status=400)
        return self._shown(visit, made, choice.role, form.get("address", "").strip())

    def renew(self, visit: Visit, _: Form) -> Response:
        """Make an invite like an old one, and show it this once."""
        old = _seen(self.rooms.zone, visit)
        record = old.record
        lasts = (
            DEFAULT_VALID_FOR
            if record.until_s is None
            else timedelta(seconds=max(1, record.until_s - record.created_s))
        )
        uses = DEFAULT_USES if record.usage_limit is None else record.usage_limit
        made = self.rooms.zone.invite_book.renew(visit.caller, record.id, uses=uses, valid_for=lasts)
        return self._shown(visit, made, old.role, "")

    def ask_end(self, visit: Visit) -> Response:
        """Ask whether the memberships that came through an invite shall end with it."""
        invite = _seen(self.rooms.zone, visit)
        others = [each for each in invite.record.joined if each.id != visit.standing.user]
        shown = others[:_MOST_NAMES_ASKED]
        may_remove = self._may_remove(visit, invite)
        values = {"invite": invite, "others": shown, "more": len(others) - len(shown), "may_remove": may_remove}
        return self.rooms.page(visit, "invite_end.html", "people", values)

    def end(self, visit: Visit, form: Form) -> Response:
        """End an invite; with the memberships that came through it, if that was chosen."""
        invite = _seen(self.rooms.zone, visit)
        with_members = form.get("memberships") == "1"
        self.rooms.zone.invite_book.end(visit.caller, invite.record.id, with_members=with_members)
        return to(f"{visit.base}/people#invites")

    def _may_remove(self, visit: Visit, invite: SeenInvite) -> bool:
        target, rights = invite.record.kind.target_id, self.rooms.zone.rights
        if target == visit.space.id:
            return "space_remove_user" in visit.standing.held
        return "group_remove_user" in (rights.group_privileges(visit.standing.user, GroupId(target)) or ())

    def _choice(self, visit: Visit, key: str) -> Choice:
        for choice in self.rooms.zone.people.choices(visit.caller, visit.space.id):
            if choice.key == key:
                return choice
        raise errors.forbidden()

    def _shown(self, visit: Visit, made: NamedToken, role: Role, address: str) -> Response:
        until = next((caveat.valid_until_s for caveat in made.caveats if hasattr(caveat, "valid_until_s")), None)
        values = {
            "made": made,
            "role": role,
            "link": f"{self.rooms.zone.settings.zone_url}/join#{made.token.reveal()}",
            "token": made.token.reveal(),
            "until": None if until is None else datetime.fromtimestamp(until, UTC),
            "address": address,
        }
        return self.rooms.page(visit, "invite_made.html", "people", values)


def invites_seen(zone: Zone, visit: Visit) -> list[SeenInvite]:
    """Return the invites to a dataset's own groups and to its space, as far as the caller may see them: open ones first, newest first."""
    makers = _Makers(zone, visit)
    found = [
        _as_seen(record, place, visit, makers)
        for place in visit.standing.places
        if place.is_own
        for record in _records(zone, visit, place)
    ]
    return sorted(found, key=lambda each: (each.state != "open", -each.record.created_s, each.record.id))


def invites_document(invite: SeenInvite) -> Mapping[str, Any]:
    """Return an invite for the JSON twin; its token is in none."""
    record = invite.record
    return {
        "id": record.id,
        "label": record.label,
        "role": invite.role,
        "state": invite.state,
        "uses": record.uses,
        "usage_limit": record.usage_limit,
        "until": record.until_s,
        "inviter": record.inviter_name,
        "from_facility": invite.is_facilitys,
        "joined": [{"id": each.id, "name": each.name, "at": each.at_s} for each in record.joined],
    }


class _Makers:
    """What matters of those who made invites; asks once for each of them."""

    def __init__(self, zone: Zone, visit: Visit) -> None:
        self._zone = zone
        self._space = visit.space.id
        self._managers: dict[str, bool] = {}
        self._inviters: dict[tuple[str, InviteToken, bool], bool] = {}
        self.now_s = zone.clock.now_s()

    def is_facilitys(self, record: InviteRecord) -> bool:
        """Say whether an invite was made by who answers for the dataset as a whole."""
        if record.inviter not in self._managers:
            held = self._zone.rights.space_privileges(record.inviter, self._space) or frozenset()
            self._managers[record.inviter] = "space_delete" in held
        return self._managers[record.inviter] and record.made_by != "page"

    def may_invite(self, record: InviteRecord) -> bool:
        """Say whether its maker may still invite: else it lets nobody in."""
        key = (record.inviter, record.kind, bool(record.privileges))
        if key not in self._inviters:
            try:
                self._zone.invites.require_may_invite(record.inviter, record.kind, with_privileges=key[2])
                self._inviters[key] = True
            except errors.ServiceError:
                self._inviters[key] = False
        return self._inviters[key]


def _records(zone: Zone, visit: Visit, place: Place) -> list[InviteRecord]:
    try:
        return zone.invite_book.of_target(visit.caller, place.type, place.id)
    except errors.Forbidden:
        return []


def _seen(zone: Zone, visit: Visit) -> SeenInvite:
    wanted = TokenId(str(visit.request.path_params["invite"]))
    for invite in invites_seen(zone, visit):
        if invite.record.id == wanted:
            return invite
    raise errors.not_found()


def _as_seen(record: InviteRecord, place: Place, visit: Visit, makers: _Makers) -> SeenInvite:
    role: Role = place.role
    if place.type == "space":
        role = "owner" if "space_add_user" in record.privileges else "member"
    shown = record.joined[:_MOST_NAMES]
    return SeenInvite(
        record=record,
        role=role,
        state=_state(record, makers),
        until=None if record.until_s is None else datetime.fromtimestamp(record.until_s, UTC),
        is_facilitys=makers.is_facilitys(record),
        is_mine=record.inviter == visit.standing.user,
        joined=tuple((each, datetime.fromtimestamp(each.at_s, UTC)) for each in shown),
        more=len(record.joined) - len(shown),
    )


def _state(record: InviteRecord, makers: _Makers) -> State:
    if record.ended:
        return "ended"
    if record.until_s is not None and makers.now_s >= record.until_s:
        return "over"
    if record.usage_limit is not None and record.uses >= record.usage_limit:
        return "used"
    return "open" if makers.may_invite(record) else "void"


def _number(form: Form, key: str) -> int:
    text = form.get(key, "").strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise errors.bad_value("Integer", key, "must be a whole number")
    return int(text)


_SAID: Mapping[str, Sentence] = {
    "label": sentence("The name of the invite is too long: at most 100 letters, on one line."),
    "uses": sentence("So many people cannot come in through one invite: at least 1 and at most 10,000."),
    "days": sentence("The number of days must be a whole number of at least 1."),
    "validForS": sentence("An invite lasts at least a day and at most ten years."),
    "address": sentence("That is no mail address: it looks like name@example.org."),
}


def _said(error: errors.Rejected) -> str:
    return _SAID.get(str(error.details.get("key", "")), error.description)
