"""What a site offers and is asked for, for its administrators: beyond Onedata, below /fs2od/, none of it with `plain`."""

from __future__ import annotations

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, done, json_answer
from fs2od.node.panel.granting import approve as approve_request
from fs2od.node.panel.rest.storages import require_cluster
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.offers import Offer
from fs2od.node.zone.rest.sites import request_document
from fs2od.onedata.wire import sites as ours

__all__ = ["endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun; none with `plain`."""
    if provider.zone.settings.plain:
        return []
    return [*_offer(provider), *_requests(provider)]


def _offer(provider: Oneprovider) -> list[Endpoint]:
    offers, site = provider.zone.offers, provider.record.id

    def get(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        found = offers.of(site)
        document = ours.Offer(
            accepts=found.accepts,
            largest=found.largest_bytes,
            hint=found.hint,
            results_storage_id=found.results_storage,
            networks=found.networks,
            results_total=found.results_total_bytes,
        )
        return json_answer(document)

    def put(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        given = call.read(ours.Offer)
        results = (given.results_storage_id, given.networks, given.results_total)
        offer = Offer(given.accepts, given.largest, given.hint, *results)
        offers.set(call.caller, site, offer)
        return done()

    return [
        Endpoint("GET", "/fs2od/offer", "fs2od_get_offer", get),
        Endpoint("PUT", "/fs2od/offer", "fs2od_set_offer", put),
    ]


def _requests(provider: Oneprovider) -> list[Endpoint]:
    requests, site = provider.zone.support_requests, provider.record.id

    def every(call: Call) -> Answer:
        found = requests.of_site(call.caller, site)
        return json_answer(ours.SupportsAsked(requests=tuple(map(request_document, found))))

    def approve(call: Call) -> Answer:
        request = requests.at_site(call.caller, site, call.path("rid"))
        given = call.read(ours.Approval)
        approve_request(
            provider,
            request,
            storage=None if given.storage_id is UNSET else given.storage_id,
            size_bytes=None if given.size is UNSET else given.size,
            answer=given.answer,
        )
        return done()

    def decline(call: Call) -> Answer:
        requests.at_site(call.caller, site, call.path("rid"))
        requests.decline(call.caller, site, call.path("rid"), answer=call.read(ours.Refusal).answer)
        return done()

    path = "/fs2od/support_requests"
    return [
        Endpoint("GET", path, "fs2od_list_support_requests_at_site", every),
        Endpoint("POST", f"{path}/{{rid}}/approve", "fs2od_approve_support_request", approve),
        Endpoint("POST", f"{path}/{{rid}}/decline", "fs2od_decline_support_request", decline),
    ]
