"""What the zone says about itself, and the static lists of privileges."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, json_answer
from fs2od.node.version import BUILD, COMPATIBILITY_REVISION, ONEDATA_VERSION
from fs2od.node.zone.zone import Zone
from fs2od.onedata import privileges, wire

__all__ = ["endpoints"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun."""

    def configuration(_: Call) -> Answer:
        document = wire.ZoneConfiguration(
            version=ONEDATA_VERSION,
            name=zone.settings.name,
            domain=zone.settings.zone_domain,
            build=BUILD,
            subdomain_delegation_supported=False,
            supported_id_ps=(),
            compatibility_registry_revision=COMPATIBILITY_REVISION,
            compatible_oneprovider_versions=(ONEDATA_VERSION,),
            available_space_tags={},
            open_data_xrootd_server_domain=None,
            bagit_uploader_workflow_schema_id=None,
        )
        return json_answer(document)

    def health(_: Call) -> Answer:
        return json_answer(wire.Health(status="unhealthy" if zone.clockwork.troubled() else "healthy"))

    def zone_privileges(_: Call) -> Answer:
        return json_answer({"viewer": sorted(privileges.ZONE_VIEWER), "admin": sorted(privileges.ZONE_ADMIN)})

    def space_privileges(_: Call) -> Answer:
        roles = {
            "member": privileges.SPACE_MEMBER,
            "manager": privileges.SPACE_MANAGER,
            "admin": privileges.SPACE_ADMIN,
        }
        return json_answer({role: sorted(held) for role, held in roles.items()})

    def group_privileges(_: Call) -> Answer:
        roles = {
            "member": privileges.GROUP_MEMBER,
            "manager": privileges.GROUP_MANAGER,
            "admin": privileges.GROUP_ADMIN,
        }
        return json_answer({role: sorted(held) for role, held in roles.items()})

    return [
        Endpoint("GET", "/configuration", "get_configuration", configuration),
        Endpoint("GET", "/health", "health", health),
        Endpoint("GET", "/privileges", "list_privileges", zone_privileges),
        Endpoint("GET", "/spaces/privileges", "list_space_privileges", space_privileges),
        Endpoint("GET", "/groups/privileges", "list_group_privileges", group_privileges),
    ]
