"""The sites that somebody administers."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.http.routing import Route
from fs2od.portal._rendering import json_twin, wants_twin
from fs2od.portal.mine._twins import signed_out
from fs2od.portal.signin import HEADERS
from fs2od.portal.sites._counters import Counters

__all__ = ["SitesPage"]


@dataclass(frozen=True)
class SitesPage:
    """The list of one's sites."""

    counters: Counters

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this page."""
        return [Route("/sites", self.show), Route("/sites.json", self.show)]

    def show(self, request: Request) -> Response:
        """Show the sites of whoever is signed in."""
        counters, zone = self.counters, self.counters.zone
        caller = counters.desk.visitor(request).caller
        if caller is None or caller.user is None:
            return signed_out(request)
        rows = []
        for record in zone.providers.of_member(caller.user):
            if "cluster_view" not in (zone.rights.cluster_privileges(caller.user, record.cluster) or ()):
                continue
            asked = zone.support_requests.of_site(caller, record.id)
            waiting = sum(each.state == "waiting" for each in asked)
            rows.append((record, zone.providers.is_online(record.id), zone.offers.of(record.id), waiting))
        if wants_twin(request):
            sites = [
                {
                    "provider_id": record.id,
                    "name": record.name,
                    "domain": record.domain,
                    "online": is_online,
                    "accepts_requests": offer.accepts,
                    "requests_waiting": waiting,
                }
                for record, is_online, offer, waiting in rows
            ]
            return json_twin(request, {"sites": sites}, headers=HEADERS)
        return counters.desk.page(request, "sites.html", {"rows": rows})
