"""What the provider says about itself, its spaces, and the way from a path to an id."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, json_answer
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.version import BUILD, COMPATIBILITY_REVISION, ONEDATA_VERSION
from fs2od.onedata import wire
from fs2od.onedata.ids import FileId, FileRef, SpaceId, file_id

__all__ = ["endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    zone = provider.zone

    def configuration(_: Call) -> Answer:
        document = wire.ProviderConfiguration(
            provider_id=provider.record.id,
            name=provider.record.name,
            domain=provider.record.domain,
            onezone_domain=zone.settings.zone_domain,
            version=ONEDATA_VERSION,
            build=BUILD,
            rtransfer_port=0,
            compatibility_registry_revision=COMPATIBILITY_REVISION,
            compatible_onezone_versions=(ONEDATA_VERSION,),
            compatible_oneprovider_versions=(ONEDATA_VERSION,),
            compatible_oneclient_versions=(),
        )
        return json_answer(document)

    def health(_: Call) -> Answer:
        return json_answer(wire.Health(status="unhealthy" if zone.clockwork.troubled() else "healthy"))

    def space_document(space: SpaceId) -> wire.ProviderSpace:
        def fixed(uuid: str) -> FileId:
            return file_id(FileRef(uuid, space))

        names = [zone.providers.known(found) for found in zone.providers.supporting(space)]
        return wire.ProviderSpace(
            name=zone.spaces.known(space).name,
            space_id=space,
            file_id=FileId(provider.files.root_id(space)),
            dir_id=FileId(provider.files.root_id(space)),
            trash_dir_id=fixed(f"trash_{space}"),
            archives_dir_id=fixed(f"archives_{space}"),
            providers=tuple(wire.ProviderName(provider_id=found.id, provider_name=found.name) for found in names),
        )

    def spaces(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        mine = [space for space in zone.rights.effective_spaces(user) if call.caller.sees_space(space)]
        return json_answer([space_document(space) for space in mine])

    def space(call: Call) -> Answer:
        wanted = SpaceId(call.path("sid"))
        zone.rights.require_space(call.caller, wanted)
        if provider.supports.find(wanted) is None:
            raise provider.access.not_supported(wanted)
        return json_answer(space_document(wanted))

    def lookup(call: Call) -> Answer:
        located = provider.files.lookup(call.caller, call.file_path())
        return json_answer(wire.FileCreated(file_id=located.file_id))

    return [
        Endpoint("GET", "/configuration", "get_configuration", configuration),
        Endpoint("GET", "/health", "health", health),
        Endpoint("GET", "/spaces", "get_all_spaces", spaces),
        Endpoint("GET", "/spaces/{sid}", "get_space", space),
        Endpoint("POST", "/lookup-file-id/{path:path}", "lookup_file_id", lookup),
    ]
