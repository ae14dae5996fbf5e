"""How copies stand, beyond Onedata, below /fs2od/; none of it with `plain`. See docs/reference/replication.md."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, json_answer
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.qos import QosRequirement
from fs2od.node.replication import Progress
from fs2od.onedata import wire
from fs2od.onedata.ids import FileRef, SpaceId, file_id
from fs2od.onedata.wire.copies import CopiesOnStorage, Replication, RequirementState

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

    return [Endpoint("GET", "/fs2od/spaces/{sid}/replication", "fs2od_get_replication", get)]


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
    )
