"""Spaces."""

from __future__ import annotations

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.zone.rest.documents import share_document, space_document
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import ShareId, SpaceId

__all__ = ["endpoints"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    base = f"{zone.settings.zone_url}/api/v3/onezone/spaces"

    def space_of(call: Call) -> SpaceId:
        return SpaceId(call.path("id"))

    def create(call: Call) -> Answer:
        request = call.read(wire.SpaceRequest)
        return created(f"{base}/{zone.spaces.create_for_user(call.caller, request.name)}")

    def get(call: Call) -> Answer:
        return json_answer(space_document(zone.spaces.get(call.caller, space_of(call))))

    def change(call: Call) -> Answer:
        request = call.read(wire.SpaceChange)
        zone.spaces.update(
            call.caller,
            space_of(call),
            name=None if request.name is UNSET else request.name,
            description=None if request.description is UNSET else request.description,
            organization=None if request.organization_name is UNSET else request.organization_name,
        )
        return done()

    def remove(call: Call) -> Answer:
        zone.spaces.remove(call.caller, space_of(call))
        return done()

    def users(call: Call) -> Answer:
        return json_answer(wire.UserIds(users=tuple(zone.spaces.users(call.caller, space_of(call)))))

    def groups(call: Call) -> Answer:
        return json_answer(wire.GroupIds(groups=tuple(zone.spaces.groups(call.caller, space_of(call)))))

    def providers(call: Call) -> Answer:
        space = zone.spaces.get(call.caller, space_of(call))
        return json_answer(wire.ProviderIds(providers=tuple(space.supports)))

    def shares(call: Call) -> Answer:
        return json_answer(wire.ShareIds(shares=tuple(zone.spaces.shares(call.caller, space_of(call)))))

    def share(call: Call) -> Answer:
        found = zone.shares.get(call.caller, ShareId(call.path("shid")))
        if found.space != space_of(call):
            raise errors.not_found()
        return json_answer(share_document(zone, found))

    return [
        Endpoint("POST", "/spaces", "create_space", create),
        Endpoint("GET", "/spaces/{id}", "get_space", get),
        Endpoint("PATCH", "/spaces/{id}", "modify_space", change),
        Endpoint("DELETE", "/spaces/{id}", "remove_space", remove),
        Endpoint("GET", "/spaces/{id}/users", "list_space_users", users),
        Endpoint("GET", "/spaces/{id}/groups", "list_space_groups", groups),
        Endpoint("GET", "/spaces/{id}/providers", "list_space_providers", providers),
        Endpoint("GET", "/spaces/{id}/shares", "list_space_shares", shares),
        Endpoint("GET", "/spaces/{id}/shares/{shid}", "get_space_share", share),
    ]
