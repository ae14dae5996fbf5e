"""Whether clients are led straight to a bucket of the site, for its administrators: beyond Onedata, none of it with `plain`."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, done, json_answer
from fs2od.node.panel.rest.storages import endpoint_of, require_cluster
from fs2od.node.panel.storage_records import Bucket
from fs2od.node.provider.provider import Oneprovider
from fs2od.onedata.ids import StorageId
from fs2od.onedata.wire.direct import DirectReading

__all__ = ["endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun; none with `plain`."""
    if provider.zone.settings.plain:
        return []

    def get(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        place = provider.storages.get(StorageId(call.path("id"))).place
        if not isinstance(place, Bucket):
            return json_answer(DirectReading())
        return json_answer(DirectReading(allowed=place.direct, hostname=place.given_endpoint))

    def put(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        storage, wanted = StorageId(call.path("id")), call.read(DirectReading)
        hostname = endpoint_of(wanted.hostname) if wanted.hostname else ""
        provider.storages.lead_to(storage, allowed=wanted.allowed, endpoint=hostname)
        return done()

    path = "/fs2od/storages/{id}/direct"
    return [
        Endpoint("GET", path, "fs2od_get_direct_reading", get),
        Endpoint("PUT", path, "fs2od_set_direct_reading", put),
    ]
