"""Providers."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, done, json_answer
from fs2od.node.zone.rest.documents import provider_document
from fs2od.node.zone.zone import Zone
from fs2od.onedata import wire
from fs2od.onedata.ids import ProviderId

__all__ = ["endpoints"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun."""

    def every(call: Call) -> Answer:
        return json_answer(wire.ProviderIds(providers=tuple(zone.providers.every(call.caller))))

    def get(call: Call) -> Answer:
        return json_answer(provider_document(zone, zone.providers.get(call.caller, ProviderId(call.path("id")))))

    def spaces(call: Call) -> Answer:
        found = zone.providers.spaces(call.caller, ProviderId(call.path("id")))
        return json_answer(wire.SpaceIds(spaces=tuple(found)))

    def remove(call: Call) -> Answer:
        zone.providers.remove(call.caller, ProviderId(call.path("id")))
        zone.epoch.move()
        return done()

    return [
        Endpoint("GET", "/providers", "oz_providers_list", every),
        Endpoint("GET", "/providers/{id}", "get_provider_details", get),
        Endpoint("DELETE", "/providers/{id}", "remove_provider", remove),
        Endpoint("GET", "/providers/{id}/spaces", "list_provider_supported_spaces", spaces),
    ]
