"""What the end of a support would lose, for a site's administrators: beyond Onedata, none of it with `plain`."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, json_answer
from fs2od.node.panel import granted
from fs2od.node.panel.rest.storages import require_cluster
from fs2od.node.provider.provider import Oneprovider
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.wire.sites import SupportEnding

__all__ = ["endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoint; none with `plain`."""
    if provider.zone.settings.plain:
        return []

    def get(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        found = granted.ending(provider, SpaceId(call.path("id")))
        document = SupportEnding(
            space_id=found.granted.space,
            space_name=found.granted.name,
            occupancy=found.granted.occupied_bytes,
            is_home=found.granted.is_home,
            is_only_support=found.is_only,
            files=found.files,
            size=found.size_bytes,
            files_lost=found.lost_files,
        )
        return json_answer(document)

    return [Endpoint("GET", "/fs2od/spaces/{id}/ending", "fs2od_get_ending", get)]
