"""What all pages of a dataset's members share: who may come in, how they look, and what errors say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fs2od.errors import Fs2odError
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.people import Standing
from fs2od.node.zone.spaces import Space
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId, UserId
from fs2od.portal._guarding import Guarded, sign_in_first
from fs2od.portal._problems import Problem
from fs2od.portal._rendering import json_twin
from fs2od.portal._sentences import sentence
from fs2od.portal._tabs import tabs_of
from fs2od.portal.signin import HEADERS, Form, to

__all__ = ["Form", "Rooms", "Visit", "to"]

_FOR_MEMBERS = Problem(
    403,
    sentence("This is for members of the dataset"),
    sentence(
        "Either there is no such dataset, or you are not among its people, or you may not do this. Nothing was done."
    ),
    sentence("Ask whoever works with the dataset to invite you. If you have an invite, open its link."),
    "/datasets",
    sentence("To your datasets"),
)
_SIGN_IN = sign_in_first(sentence("Only members of the dataset see this."))


@dataclass(frozen=True)
class Visit:
    """One request of a member: who, and to what."""

    request: Request
    caller: Caller
    standing: Standing
    space: Space

    @property
    def user(self) -> UserId:
        """Who they are."""
        return self.standing.user

    @property
    def base(self) -> str:
        """The address below which the dataset's members' pages are."""
        return f"/space/{self.space.id}"


@dataclass(frozen=True)
class Rooms(Guarded[Visit]):
    """Makes routes whose handlers only members reach."""

    provider: Oneprovider

    def enter(self, request: Request, caller: Caller) -> Visit:
        """Return the visit of a member."""
        space = SpaceId(str(request.path_params["id"]))
        standing = self.zone.people.standing(caller, space)
        return Visit(request, caller, standing, self.zone.spaces.known(space))

    def explain(self, request: Request, error: Fs2odError) -> Problem:
        """Return the words for an error."""
        return _problem(error, f"/space/{request.path_params['id']}")

    @property
    def sign_in_first(self) -> Problem:
        """The words for programs of those who are not signed in."""
        return _SIGN_IN

    def page(
        self, visit: Visit, template: str, tab: str, values: Mapping[str, Any], *, status: int = 200, wait_s: int = 0
    ) -> Response:
        """Return a page below the tabs."""
        known = {
            "space": visit.space,
            "base": visit.base,
            "standing": visit.standing,
            "tabs": tabs_of(self.zone, visit.caller, visit.space.id),
            "tab": tab,
            "now": self.zone.clock.now(),
        }
        return self.desk.page(visit.request, template, {**known, **values}, status=status, wait_s=wait_s)

    def twin(self, visit: Visit, document: Mapping[str, Any]) -> Response:
        """Return a page's JSON twin."""
        return json_twin(
            visit.request, {"space": visit.space.id, "name": visit.space.name, **document}, headers=HEADERS
        )


def _problem(error: Fs2odError, back: str) -> Problem:
    to_dataset = {"link": back, "link_says": sentence("To the dataset")}
    match error:
        case errors.Unauthorized() | errors.Forbidden():
            return _FOR_MEMBERS
        case errors.NotFound() | errors.PosixError():
            said = sentence("It ended, or somebody took it away while you looked at the page. Nothing was done.")
            advice = sentence("See what there is now.")
            return Problem(404, sentence("Not here any more"), said, advice, **to_dataset)
        case errors.Busy():
            advice = sentence("Try again later.")
            return Problem(429, sentence("Too much at once"), error.description, advice, **to_dataset)
        case errors.Rejected() if error.error_id == "cannotRemoveLastOwner":
            said = sentence("Nobody would be left who may bring others in. Nothing was done.")
            advice = sentence("Make somebody else an owner first.")
            return Problem(400, sentence("You are the last owner"), said, advice, **to_dataset)
        case errors.Rejected() | errors.Conflict():
            advice = sentence("Go back and change it.")
            return Problem(400, sentence("That cannot be done"), error.description, advice, **to_dataset)
        case _:
            said = sentence("Something is wrong at this server. Nothing was done.")
            advice = sentence("Try again in a few minutes; then tell the facility.")
            return Problem(503, sentence("Not possible at the moment"), said, advice)
