"""QoS requirements, transfers, and where data lies."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.provider.access import Need
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.sources import Share
from fs2od.node.provider.transfers import Order
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import FileRef, QosRequirementId, SpaceId, TransferId, file_id
from fs2od.onedata.wire import QosStatus
from fs2od.storage import Kind

__all__ = ["endpoints"]

_LARGEST_PAGE = 1000
_STATES = ("waiting", "ongoing", "ended")
_WORST_FIRST: tuple[QosStatus, ...] = ("impossible", "pending", "fulfilled")


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of these nouns."""
    return [*_qos(provider), *_transfers(provider), *_distribution(provider)]


def _qos(provider: Oneprovider) -> list[Endpoint]:
    base = f"{provider.record.url}/api/v3/oneprovider"

    def add(call: Call) -> Answer:
        provider.zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        request = call.read(wire.QosRequirementRequest)
        located = provider.access.locate(call.caller, request.file_id, Need.MANAGE)
        requirement = provider.qos.add(located, request.expression, request.replicas_num)
        # The path in Location is 21.02's own word for it; clients read the body.
        return created(
            f"{base}/qos-requirement/{requirement}", wire.QosRequirementCreated(qos_requirement_id=requirement)
        )

    def get(call: Call) -> Answer:
        found = provider.qos.get(call.caller, QosRequirementId(call.path("qid")))
        document = wire.QosRequirementDetails(
            qos_requirement_id=found.id,
            file_id=file_id(FileRef(found.file_uuid, found.space)),
            expression=found.expression,
            replicas_num=found.replicas,
            status=provider.qos.status(found),
        )
        return json_answer(document)

    def remove(call: Call) -> Answer:
        provider.qos.remove(call.caller, QosRequirementId(call.path("qid")))
        return done()

    def summary(call: Call) -> Answer:
        located = provider.access.locate(call.caller, call.path("id"), Need.MANAGE)
        with provider.indexes.using(located.space) as index:
            uuids = [index.ref(above.row).uuid for above in index.ancestry(located.entry)]
        requirements = provider.qos.summary(located, uuids)
        found = set(requirements.values())
        status: QosStatus = next((worst for worst in _WORST_FIRST if worst in found), "fulfilled")
        return json_answer(wire.QosSummary(requirements=requirements, status=status))

    def evaluate(call: Call) -> Answer:
        space = SpaceId(call.path("sid"))
        call.caller.require_all_access()
        provider.zone.rights.require_space(call.caller, space, "space_view_qos")
        matching = provider.qos.matching(space, call.read(wire.QosExpressionRequest).expression)
        storages = [
            wire.MatchingStorage(id=record.id, name=record.name, provider_id=record.provider) for record in matching
        ]
        return json_answer(wire.MatchingStorages(matching_storages=tuple(storages)))

    return [
        Endpoint("POST", "/qos_requirements", "add_qos_requirement", add),
        Endpoint("GET", "/qos_requirements/{qid}", "get_qos_requirement", get),
        Endpoint("DELETE", "/qos_requirements/{qid}", "remove_qos_requirement", remove),
        Endpoint("DELETE", "/qos-requirements/{qid}", "remove_qos_requirement", remove),
        Endpoint("GET", "/data/{id}/qos/summary", "get_file_qos_summary", summary),
        Endpoint("GET", "/data/{id}/qos_summary", "get_file_qos_summary", summary),
        Endpoint("POST", "/spaces/{sid}/evaluate_qos_expression", "evaluate_qos_expression", evaluate),
    ]


def _transfers(provider: Oneprovider) -> list[Endpoint]:
    base = f"{provider.record.url}/api/v3/oneprovider/transfers"

    def create(call: Call) -> Answer:
        provider.zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        request = call.read(wire.TransferRequest)
        if request.data_source_type != "file":
            raise errors.error_of("notSupported", "Transfers of views are not supported here.")
        if request.file_id is UNSET:
            raise errors.missing("fileId")
        order = Order(
            kind=request.type,
            located=provider.access.locate(call.caller, request.file_id, Need.MANAGE),
            to=None if request.replicating_provider_id is UNSET else request.replicating_provider_id,
            away_from=None if request.evicting_provider_id is UNSET else request.evicting_provider_id,
            callback=None if request.callback is UNSET else request.callback,
        )
        _require_targets(order)
        transfer = provider.transfers.create(order)
        return created(f"{base}/{transfer}", wire.TransferCreated(transfer_id=transfer))

    def get(call: Call) -> Answer:
        return json_answer(provider.transfers.get(call.caller, TransferId(call.path("tid"))))

    def rerun(call: Call) -> Answer:
        transfer = TransferId(call.path("tid"))
        found = provider.transfers.get(call.caller, transfer)
        located = provider.access.locate(call.caller, found.file_id or "", Need.MANAGE)
        again = provider.transfers.rerun(call.caller, transfer, located)
        return created(f"{base}/{again}", wire.TransferCreated(transfer_id=again))

    def cancel(call: Call) -> Answer:
        provider.transfers.cancel(call.caller, TransferId(call.path("tid")))
        return done()

    def of_space(call: Call) -> Answer:
        state = (call.values("state") or ["ongoing"])[-1]
        if state not in _STATES:
            raise errors.not_allowed("state", _STATES)
        limit = _page_size(call)
        given = call.values("page_token")
        after = given[-1] if given else None
        space = SpaceId(call.path("sid"))
        found = provider.transfers.of_space(call.caller, space, state=state, limit=limit, after=after)
        token = found[-1] if len(found) == limit else None
        return json_answer(wire.TransferIds(transfers=tuple(found), next_page_token=token))

    return [
        Endpoint("POST", "/transfers", "create_transfer", create),
        Endpoint("GET", "/transfers/{tid}", "get_transfer_status", get),
        Endpoint("DELETE", "/transfers/{tid}", "cancel_transfer", cancel),
        Endpoint("POST", "/transfers/{tid}/rerun", "rerun_transfer", rerun),
        Endpoint("GET", "/spaces/{sid}/transfers", "get_all_transfers", of_space),
    ]


def _page_size(call: Call) -> int:
    given = (call.values("limit") or ["100"])[-1]
    if not given.isdecimal():
        raise errors.bad_value("Integer", "limit", "is not an integer")
    if not 1 <= int(given) <= _LARGEST_PAGE:
        raise errors.bad_value("NotInRange", "limit", "must be between 1 and 1000", low=1, high=_LARGEST_PAGE)
    return int(given)


def _require_targets(order: Order) -> None:
    if order.kind != "eviction" and order.to is None:
        raise errors.missing("replicatingProviderId")
    if order.kind != "replication" and order.away_from is None:
        raise errors.missing("evictingProviderId")


def _distribution(provider: Oneprovider) -> list[Endpoint]:
    def get(call: Call) -> Answer:
        located = provider.access.locate(call.caller, call.path("id"), Need.MANAGE)
        entry = located.entry
        providers = {
            share.storage.provider: wire.ProviderDistribution(
                success=True,
                virtual_size=entry.size_bytes,
                logical_size=entry.size_bytes if entry.kind is Kind.DIRECTORY else UNSET,
                distribution_per_storage={share.storage.id: _held(share, entry.kind)},
                locations_per_storage=UNSET if entry.kind is Kind.DIRECTORY else {share.storage.id: share.location},
            )
            for share in provider.sources.distribution(located)
        }
        kind: Literal["DIR", "SYMLNK", "REG"] = "REG"
        if entry.kind is not Kind.FILE:
            kind = "DIR" if entry.kind is Kind.DIRECTORY else "SYMLNK"
        return json_answer(wire.Distribution(type=kind, distribution_per_provider=providers))

    return [Endpoint("GET", "/data/{id}/distribution", "get_data_distribution", get)]


def _held(share: Share, kind: Kind) -> wire.StorageDistribution:
    blocks = ((0, share.size_bytes),) if share.size_bytes else ()
    return wire.StorageDistribution(physical_size=share.size_bytes, blocks=UNSET if kind is Kind.DIRECTORY else blocks)
