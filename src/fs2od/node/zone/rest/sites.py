"""Sites and requests for their support beyond Onedata, below /fs2od/; none of it with `plain`. See docs/reference/sites.md."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.zone.offers import SiteView
from fs2od.node.zone.support_requests import SupportRequest
from fs2od.node.zone.zone import Zone
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.wire import sites as ours

__all__ = ["endpoints", "request_document"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun; none with `plain`."""
    if zone.settings.plain:
        return []
    base = f"{zone.settings.zone_url}/api/v3/onezone/fs2od"

    def every(call: Call) -> Answer:
        return json_answer(ours.Sites(sites=tuple(map(_document, zone.offers.every(call.caller)))))

    def add(call: Call) -> Answer:
        zone.rights.require_zone(call.caller, "oz_providers_invite")
        request = call.read(ours.SiteRequest)
        provider = zone.providers.add(call.caller, request.name, host=request.host, port=request.port)
        view = next(view for view in zone.offers.every(call.caller) if view.provider.id == provider.id)
        return created(f"{base}/sites/{provider.id}", _document(view))

    def of_space(call: Call) -> Answer:
        found = zone.support_requests.of_space(call.caller, SpaceId(call.path("id")))
        return json_answer(ours.SupportsAsked(requests=tuple(map(request_document, found))))

    def ask(call: Call) -> Answer:
        zone.rights.require_user(call.caller)
        request = call.read(ours.SupportAsked)
        made = zone.support_requests.ask(
            call.caller, SpaceId(call.path("id")), request.provider_id, request.size, note=request.note
        )
        return created(f"{base}/support_requests/{made}", ours.SupportAskedMade(request_id=made))

    def withdraw(call: Call) -> Answer:
        zone.support_requests.withdraw(call.caller, call.path("rid"))
        return done()

    return [
        Endpoint("GET", "/fs2od/sites", "fs2od_list_sites", every),
        Endpoint("POST", "/fs2od/sites", "fs2od_add_site", add),
        Endpoint("GET", "/fs2od/spaces/{id}/support_requests", "fs2od_list_support_requests", of_space),
        Endpoint("POST", "/fs2od/spaces/{id}/support_requests", "fs2od_request_support", ask),
        Endpoint("DELETE", "/fs2od/support_requests/{rid}", "fs2od_withdraw_support_request", withdraw),
    ]


def request_document(request: SupportRequest) -> ours.SupportAskedDetails:
    """Return a request as both sides see it."""
    return ours.SupportAskedDetails(
        request_id=request.id,
        space_id=request.space,
        space_name=request.space_name,
        provider_id=request.provider,
        provider_name=request.provider_name,
        user_id=request.user,
        user_name=request.user_name,
        size=request.size_bytes,
        supported_size=request.supported_bytes,
        note=request.note,
        state=request.state,
        answer=request.answer,
        creation_time=request.created_s,
        answer_time=request.answered_s,
    )


def _document(view: SiteView) -> ours.SiteDetails:
    return ours.SiteDetails(
        provider_id=view.provider.id,
        name=view.provider.name,
        domain=view.provider.domain,
        online=view.is_online,
        administered=view.is_administered,
        accepts=view.offer.accepts,
        largest=view.offer.largest_bytes,
        hint=view.offer.hint,
        takes_results=view.offer.results_storage is not None,
        networks=view.offer.networks,
    )
