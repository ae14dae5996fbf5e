"""Addresses that lead straight to a store, beyond Onedata, below /fs2od/; none of it with `plain`. See docs/reference/direct.md."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, json_answer
from fs2od.node.provider.access import Need
from fs2od.node.provider.counting import count_taken
from fs2od.node.provider.provider import Oneprovider
from fs2od.onedata.wire.codec import Secret
from fs2od.onedata.wire.direct import DirectAddress, DirectAddresses, DirectRequest

__all__ = ["endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun; none with `plain`."""
    if provider.zone.settings.plain:
        return []

    def addresses(call: Call) -> Answer:
        located = provider.access.locate_private(call.caller, call.path("id"), Need.READ)
        wanted = call.read(DirectRequest).ranges
        handed = provider.direct.addresses(located, [(each.offset, each.size) for each in wanted])
        # Nobody tells what is fetched there: what could be, counts.
        count_taken(provider, located, sum(each.size_bytes for each in handed.addresses))
        told = (
            DirectAddress(offset=each.first, size=each.size_bytes, url=Secret(each.url)) for each in handed.addresses
        )
        document = DirectAddresses(valid_for=handed.valid_s, addresses=tuple(told))
        return json_answer(document, headers={"Cache-Control": "no-store"})

    return [Endpoint("POST", "/fs2od/data/{id}/addresses", "fs2od_get_direct_addresses", addresses)]
