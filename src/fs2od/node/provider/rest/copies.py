"""How copies stand and where they are wanted, beyond Onedata, below /fs2od/; none of it with `plain`. See docs/reference/replication.md."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, done, json_answer
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.qos import QosRequirement
from fs2od.node.replication import Progress
from fs2od.onedata import wire
from fs2od.onedata.ids import FileRef, ProviderId, SpaceId, file_id
from fs2od.onedata.wire.copies import CopiesOnStorage, Replication, RequirementState, WishDetails, Wishes, WishRequest

__all__ = ["endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun; none with `plain`."""
    if provider.zone.settings.plain:
        return []

    def get(call: Call) -> Answer:
        space = SpaceId(call.path("sid"))
        requirements = provider.qos.of_space(call.caller, space)
        copies = [_copies(each) for each in provider.replicator.progress(space)]
        stands = [_stands(provider, each) for each in requirements]
        return json_answer(Replication(requirements=tuple(stands), copies=tuple(copies)))

    def wishes(call: Call) -> Answer:
        space = SpaceId(call.path("sid"))
        provider.zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        provider.zone.rights.require_space(call.caller, space, "space_view_qos")
        found = [
            WishDetails(provider_id=each.provider, user_id=each.user, qos_requirement_id=each.requirement)
            for each in provider.wishes.of_space(space)
        ]
        return json_answer(Wishes(wishes=tuple(found)))

    def want(call: Call) -> Answer:
        provider.zone.rights.require_user(call.caller)
        provider.wishes.make(call.caller, SpaceId(call.path("sid")), call.read(WishRequest).provider_id)
        return done()

    def drop(call: Call) -> Answer:
        provider.wishes.drop(call.caller, SpaceId(call.path("sid")), ProviderId(call.path("pid")))
        return done()

    return [
        Endpoint("GET", "/fs2od/spaces/{sid}/replication", "fs2od_get_replication", get),
        Endpoint("GET", "/fs2od/spaces/{sid}/wishes", "fs2od_get_wishes", wishes),
        Endpoint("POST", "/fs2od/spaces/{sid}/wishes", "fs2od_make_wish", want),
        Endpoint("DELETE", "/fs2od/spaces/{sid}/wishes/{pid}", "fs2od_drop_wish", drop),
    ]


def _stands(provider: Oneprovider, found: QosRequirement) -> RequirementState:
    status: wire.QosStatus = provider.qos.status(found)
    problem = None
    if status == "impossible":
        matching = len(provider.qos.matching(found.space, found.expression))
        problem = f"{matching} of the space's storages match, and copies on {found.replicas} are asked for"
    return RequirementState(
        qos_requirement_id=found.id,
        file_id=file_id(FileRef(found.file_uuid, found.space)),
        expression=found.expression,
        replicas_num=found.replicas,
        status=status,
        problem=problem,
    )


def _copies(progress: Progress) -> CopiesOnStorage:
    left_s = progress.left_s
    return CopiesOnStorage(
        storage_id=progress.storage.id,
        storage_name=progress.storage.name,
        provider_id=progress.storage.provider,
        files=progress.sum.files,
        size=progress.sum.size_bytes,
        copied_files=progress.sum.replicated_files,
        copied_size=progress.sum.replicated_bytes,
        bytes_per_second=round(progress.bytes_s),
        seconds_left=None if left_s is None else round(left_s),
        failed_files=progress.failed,
        problem=progress.problem,
        waits=progress.waits,
    )
