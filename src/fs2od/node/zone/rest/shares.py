"""Shares: their public side, and the way from a share to the provider that serves it."""

from __future__ import annotations

from msgspec import UNSET
from starlette.responses import Response

from fs2od.node.http import Answer, Call, Endpoint, done, json_answer
from fs2od.node.zone.rest.documents import public_share_document, share_document
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import InvalidFileId, ShareId, parse_file_id

__all__ = ["endpoints"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun."""

    def public(call: Call) -> Answer:
        share = zone.shares.public(ShareId(call.path("id")), call.caller)
        zone.link_rules.count_opened(share.id)
        return json_answer(public_share_document(zone, share))

    def get(call: Call) -> Answer:
        return json_answer(share_document(zone, zone.shares.get(call.caller, ShareId(call.path("id")))))

    def change(call: Call) -> Answer:
        request = call.read(wire.ShareChange)
        name = None if request.name is UNSET else request.name
        description = None if request.description is UNSET else request.description
        zone.shares.change(call.caller, ShareId(call.path("id")), name=name, description=description)
        return done()

    def data(call: Call) -> Answer:
        try:
            ref = parse_file_id(call.path("fid"))
        except InvalidFileId as error:
            raise errors.bad_data("FileId") from error
        if ref.share is None:
            raise errors.bad_data("FileId")
        share = zone.shares.public(ref.share, call.caller)
        serving = zone.providers.serving(share.space)
        # The path and query go on as they came: still escaped, so that nothing can be smuggled in between.
        rest = call.request.scope["raw_path"].decode().partition("/shares/data/")[2]
        query = call.request.url.query
        location = f"{serving.url}/api/v3/oneprovider/data/{rest}{'?' + query if query else ''}"
        return Response(b"", 307, headers={"Location": location, "Access-Control-Allow-Origin": "*"})

    return [
        Endpoint("GET", "/shares/{id}/public", "get_public_share_details", public),
        Endpoint("GET", "/shares/{id}", "get_share", get),
        Endpoint("PATCH", "/shares/{id}", "modify_share", change),
        Endpoint("GET", "/shares/data/{fid}", "get_shared_data", data),
        Endpoint("GET", "/shares/data/{fid}/{subpath:path}", "get_shared_data", data),
    ]
