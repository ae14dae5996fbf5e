"""Who belongs to a site and what they may do; inviting others, and taking people out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.zone import site_people
from fs2od.node.zone.site_people import Role, SiteMember
from fs2od.onedata import errors, tokens
from fs2od.onedata.ids import TokenId, UserId
from fs2od.portal._rendering import wants_twin
from fs2od.portal._sentences import sentence
from fs2od.portal.sites._counters import Counters, Form, Visit, to

__all__ = ["PeoplePages"]

_DAYS = "7"
_NO_DAYS = sentence("An invite works for 1 to 365 days.")
_LAST = sentence("The last administrator stays: invite another one first.")


@dataclass(frozen=True)
class PeoplePages:
    """Everything below /sites/{id}/people."""

    counters: Counters

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        base = "/sites/{id}/people"
        return [
            *self.counters.seen(base, self.every),
            self.counters.pressed(f"{base}/invites", self.invite),
            self.counters.pressed(f"{base}/invites/{{invite}}/end", self.end_invite),
            self.counters.asked(f"{base}/{{user}}/remove", self.ask),
            self.counters.pressed(f"{base}/{{user}}/remove", self.remove),
        ]

    def every(self, visit: Visit) -> Response:
        """Show who belongs to the site, and the invites that work."""
        if not wants_twin(visit.request):
            return self._page(visit)
        people = [{"user_id": each.user, "name": each.name, "role": each.role} for each in self._members(visit)]
        invites = [
            {"id": each.id, "role": each.role, "inviter": each.inviter_name, "until": each.until_s}
            for each in self._invites(visit)
        ]
        return self.counters.twin(visit, {"people": people, "invites": invites})

    def invite(self, visit: Visit, form: Form) -> Response:
        """Make an invite for one person, and show it this once."""
        days, role = form.get("days", "").strip(), form.get("role", "")
        valid_for = timedelta(days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0)
        try:
            made = site_people.invite(self.counters.zone, visit.caller, self._cluster(visit), _role(role), valid_for)
        except errors.Rejected as error:
            if error.error_id == "inviteTokenSubjectNotAuthorized":
                raise errors.forbidden() from error
            return self._page(visit, said=_NO_DAYS, given=form, status=400)
        values = {
            "role": role,
            "token": made.token.reveal(),
            "link": f"{self.counters.zone.settings.zone_url}/join#{made.token.reveal()}",
            "until_s": tokens.valid_until_s(made.caveats),
        }
        return self.counters.page(visit, "site_invite.html", "people", values)

    def end_invite(self, visit: Visit, _: Form) -> Response:
        """End an invite."""
        which = TokenId(str(visit.request.path_params["invite"]))
        site_people.end_invite(self.counters.zone, visit.caller, self._cluster(visit), which)
        return to(f"{visit.base}/people")

    def ask(self, visit: Visit) -> Response:
        """Ask before somebody is taken out, or leaves."""
        member = self._member(visit)
        self._require_may_remove(visit, member.user)
        return self.counters.page(visit, "site_remove.html", "people", {"member": member, "me": visit.user})

    def remove(self, visit: Visit, _: Form) -> Response:
        """Take somebody out, or leave."""
        who = self._member(visit).user
        try:
            site_people.remove(self.counters.zone, visit.caller, self._cluster(visit), who)
        except errors.Rejected as error:
            if error.error_id != "cannotRemoveLastOwner":
                raise
            return self._page(visit, said=_LAST, status=400)
        return to("/sites" if who == visit.user else f"{visit.base}/people")

    def _page(
        self, visit: Visit, *, said: str | None = None, given: Mapping[str, str] | None = None, status: int = 200
    ) -> Response:
        values: dict[str, Any] = {
            "said": said,
            "people": self._members(visit),
            "invites": self._invites(visit),
            "me": visit.user,
            "may_invite": "cluster_add_user" in visit.held,
            "may_make_administrators": "cluster_set_privileges" in visit.held,
            "may_remove": "cluster_remove_user" in visit.held,
            "given": {"days": _DAYS, "role": "", **(given or {})},
        }
        return self.counters.page(visit, "site_people.html", "people", values, status=status)

    def _members(self, visit: Visit) -> list[SiteMember]:
        return site_people.members(self.counters.zone, visit.caller, self._cluster(visit))

    def _invites(self, visit: Visit) -> list[site_people.OpenInvite]:
        if "cluster_add_user" not in visit.held:
            return []
        return site_people.invites(self.counters.zone, visit.caller, self._cluster(visit))

    def _member(self, visit: Visit) -> SiteMember:
        wanted = UserId(str(visit.request.path_params["user"]))
        for each in self._members(visit):
            if each.user == wanted:
                return each
        raise errors.not_found()

    def _require_may_remove(self, visit: Visit, who: UserId) -> None:
        if who != visit.user and "cluster_remove_user" not in visit.held:
            raise errors.forbidden()

    def _cluster(self, visit: Visit) -> str:
        return visit.provider.record.cluster


def _role(given: str) -> Role:
    return cast("Role", given) if given in ("administrator", "viewer") else "viewer"
