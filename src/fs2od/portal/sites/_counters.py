"""What all pages of a site's administrators share: who may come in, how they look, and what errors say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fs2od.errors import Fs2odError
from fs2od.node.panel.storage_records import StorageRecord
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.support_requests import SupportRequest
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, UserId
from fs2od.portal._guarding import Guarded, sign_in_first
from fs2od.portal._problems import Problem
from fs2od.portal._rendering import json_twin
from fs2od.portal._sentences import sentence
from fs2od.portal._sizes import written
from fs2od.portal._tabs import Tab
from fs2od.portal.signin import HEADERS, Form, to

__all__ = ["Counters", "Form", "Visit", "to"]

_TO_SITES = {"link": "/sites", "link_says": sentence("To your sites")}
_FOR_ADMINISTRATORS = Problem(
    403,
    sentence("This is for the site's administrators"),
    sentence(
        "Either there is no such site, or you are not among its administrators, or you may not do this. Nothing was done."
    ),
    sentence("Ask one of its administrators to invite you."),
    **_TO_SITES,
)
_SIGN_IN = sign_in_first(sentence("Only the administrators of the site see this."))


@dataclass(frozen=True)
class Visit:
    """One request of an administrator: who, to which site, and what they may there."""

    request: Request
    caller: Caller
    user: UserId
    provider: Oneprovider
    held: frozenset[str]

    @property
    def base(self) -> str:
        """The address below which the site's pages are."""
        return f"/sites/{self.provider.record.id}"

    @property
    def may_update(self) -> bool:
        """Whether they may change anything."""
        return "cluster_update" in self.held

    def require_update(self) -> None:
        """Let only those pass who may change something.

        Raises:
            Forbidden: They may not.
        """
        self.provider.zone.rights.require_cluster(self.caller, self.provider.record.cluster, "cluster_update")

    def waiting(self) -> list[SupportRequest]:
        """Return the requests that wait for an answer."""
        found = self.provider.zone.support_requests.of_site(self.caller, self.provider.record.id)
        return [each for each in found if each.state == "waiting"]

    def storages(self) -> list[StorageRecord]:
        """Return the site's storages, the oldest first."""
        return [self.provider.storages.get(each) for each in self.provider.storages.every()]

    def writable(self) -> list[StorageRecord]:
        """Return those that can support any space: what is imported belongs to one."""
        return [each for each in self.storages() if not each.imported]


@dataclass(frozen=True)
class Counters(Guarded[Visit]):
    """Makes routes whose handlers only administrators of the site reach. Which sites there are is looked up each time."""

    sites: Iterable[Oneprovider]

    def enter(self, request: Request, caller: Caller) -> Visit:
        """Return the visit of an administrator."""
        wanted = ProviderId(str(request.path_params["id"]))
        provider = next((each for each in self.sites if each.record.id == wanted), None)
        if provider is None:
            raise errors.forbidden()
        cluster = provider.record.cluster
        user = self.zone.rights.require_cluster(caller, cluster, "cluster_view")
        held = self.zone.rights.cluster_privileges(user, cluster) or frozenset()
        return Visit(request, caller, user, provider, held)

    def explain(self, request: Request, error: Fs2odError) -> Problem:
        """Return the words for an error."""
        back = {"link": f"/sites/{request.path_params['id']}", "link_says": sentence("To the site")}
        match error:
            case errors.Unauthorized() | errors.Forbidden():
                return _FOR_ADMINISTRATORS
            case errors.NotFound():
                said = sentence("Somebody took it away while you looked at the page. Nothing was done.")
                return Problem(404, sentence("Not here any more"), said, sentence("See what there is now."), **back)
            case errors.Rejected() | errors.Conflict():
                advice = sentence("Go back and change it.")
                return Problem(400, sentence("That cannot be done"), error.description, advice, **back)
            case _:
                said = sentence("Something is wrong at this server. Nothing was done.")
                advice = sentence("Try again in a few minutes; then look into the node's log.")
                return Problem(503, sentence("Not possible at the moment"), said, advice, **back)

    @property
    def sign_in_first(self) -> Problem:
        """The words for programs of those who are not signed in."""
        return _SIGN_IN

    def page(
        self, visit: Visit, template: str, tab: str, values: Mapping[str, Any], *, status: int = 200, wait_s: int = 0
    ) -> Response:
        """Return a page below the tabs."""
        base = visit.base
        known = {
            "provider": visit.provider.record,
            "is_online": self.zone.providers.is_online(visit.provider.record.id),
            "base": base,
            "tabs": (
                Tab("requests", base),
                Tab("spaces", f"{base}/spaces"),
                Tab("storages", f"{base}/storages"),
                Tab("offer", f"{base}/offer"),
                Tab("people", f"{base}/people"),
            ),
            "tab": tab,
            "waiting_count": len(visit.waiting()),
            "may_update": visit.may_update,
            "now": self.zone.clock.now(),
            "written": written,
            "said": None,
        }
        return self.desk.page(visit.request, template, {**known, **values}, status=status, wait_s=wait_s)

    def twin(self, visit: Visit, document: Mapping[str, Any]) -> Response:
        """Return a page's JSON twin."""
        record = visit.provider.record
        return json_twin(visit.request, {"provider_id": record.id, "name": record.name, **document}, headers=HEADERS)
