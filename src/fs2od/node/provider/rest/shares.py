"""Shares, as members make and change them."""

from __future__ import annotations

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.provider.access import Need
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.shares import RootType
from fs2od.onedata import wire
from fs2od.onedata.ids import ShareId
from fs2od.storage import Kind

__all__ = ["endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    zone = provider.zone
    base = f"{provider.record.url}/api/v3/oneprovider/shares"

    def create(call: Call) -> Answer:
        zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        request = call.read(wire.ShareRequest)
        located = provider.access.locate(call.caller, request.root(), Need.MANAGE)
        root_type: RootType = "dir" if located.entry.kind is Kind.DIRECTORY else "file"
        share = zone.shares.create(call.caller, located.ref, root_type, request.name, description=request.description)
        return created(f"{base}/{share.id}", wire.ShareCreated(share_id=share.id))

    def get(call: Call) -> Answer:
        share = zone.shares.get(call.caller, ShareId(call.path("shid")))
        document = wire.ShareDetails(
            share_id=share.id,
            space_id=share.space,
            name=share.name,
            description=share.description,
            public_url=zone.public_url(share.id),
            public_rest_url=zone.public_rest_url(share.id),
            root_file_id=share.root_file_id,
            root_file_type="DIR" if share.root_type == "dir" else "REG",
            handle_id=None,
        )
        return json_answer(document)

    def change(call: Call) -> Answer:
        request = call.read(wire.ShareChange)
        name = None if request.name is UNSET else request.name
        description = None if request.description is UNSET else request.description
        zone.shares.change(call.caller, ShareId(call.path("shid")), name=name, description=description)
        return done()

    def end(call: Call) -> Answer:
        zone.shares.end(call.caller, ShareId(call.path("shid")))
        return done()

    return [
        Endpoint("POST", "/shares", "create_share", create),
        Endpoint("GET", "/shares/{shid}", "get_share", get),
        Endpoint("PATCH", "/shares/{shid}", "update_share", change),
        Endpoint("DELETE", "/shares/{shid}", "remove_share", end),
    ]
