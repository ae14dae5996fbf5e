"""Support of spaces, and the import of their files."""

from __future__ import annotations

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.panel.granting import end as end_support
from fs2od.node.panel.granting import grant_by_token
from fs2od.node.panel.imports import ImportInfo
from fs2od.node.panel.rest.storages import require_cluster
from fs2od.node.panel.statistics import statistics, statistics_request
from fs2od.node.panel.support import ImportConfig, Support
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.rest.given import understood
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import SpaceId

__all__ = ["endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of these nouns."""
    return [*_support(provider), *_import(provider)]


def _support(provider: Oneprovider) -> list[Endpoint]:
    base = f"{provider.record.url}/api/v3/onepanel/provider/spaces"

    def every(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        return json_answer(wire.SupportedSpaceIds(ids=tuple(provider.supports.every())))

    def grant(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        space = _granted(provider, call, call.read(wire.SupportRequest))
        return created(f"{base}/{space}", wire.SupportCreated(id=space))

    def get(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        return json_answer(_details(provider, provider.supports.get(SpaceId(call.path("id")))))

    def change(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        request = call.read(wire.SupportChange)
        config = request.auto_storage_import_config
        dir_stats, accounting = request.dir_stats_service_enabled, request.accounting_enabled
        provider.supports.change(
            SpaceId(call.path("id")),
            size_bytes=None if request.size is UNSET else request.size,
            config=None if config is UNSET else config,
            dir_stats=None if dir_stats is UNSET else dir_stats,
            accounting=None if accounting is UNSET else accounting,
        )
        return done()

    def end(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        end_support(provider, SpaceId(call.path("id")))
        return done()

    return [
        Endpoint("GET", "/provider/spaces", "get_provider_spaces", every),
        Endpoint("POST", "/provider/spaces", "support_space", grant),
        Endpoint("GET", "/provider/spaces/{id}", "get_space_details", get),
        Endpoint("PATCH", "/provider/spaces/{id}", "modify_space", change),
        Endpoint("DELETE", "/provider/spaces/{id}", "revoke_space_support", end),
    ]


def _granted(provider: Oneprovider, call: Call, request: wire.SupportRequest) -> SpaceId:
    asked = request.storage_import
    config = None
    if asked is not UNSET and asked.auto_storage_import_config is not UNSET:
        config = ImportConfig().with_change(asked.auto_storage_import_config)
    return grant_by_token(
        provider,
        call.caller,
        understood(request.token),
        storage=request.storage_id,
        size_bytes=request.size,
        peer_ip=call.peer_ip,
        mode=None if asked is UNSET else asked.mode,
        config=config,
        dir_stats=request.dir_stats_service_enabled,
        accounting=request.accounting_enabled,
    )


def _details(provider: Oneprovider, support: Support) -> wire.SupportDetails:
    space = provider.zone.spaces.known(support.space)
    imported: wire.StorageImport | None = None
    if support.mode == "auto" and support.config is not None:
        imported = wire.StorageImport(mode="auto", auto_storage_import_config=support.config.document())
    elif support.mode == "manual":
        imported = wire.StorageImport(mode="manual")
    return wire.SupportDetails(
        id=space.id,
        name=space.name,
        storage_id=support.storage,
        local_storages=(support.storage,),
        supporting_providers=space.supports,
        imported_storage=support.imported,
        space_occupancy=provider.supports.occupancy_bytes(space.id),
        accounting_enabled=support.accounting,
        dir_stats_service_enabled=support.dir_stats,
        dir_stats_service_status="enabled" if support.dir_stats else "disabled",
        storage_import=UNSET if imported is None else imported,
    )


def _import(provider: Oneprovider) -> list[Endpoint]:
    base = "/provider/spaces/{id}/storage-import"

    def info(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        return json_answer(_info(provider.imports.info(SpaceId(call.path("id")))))

    def start(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        provider.imports.force_start(SpaceId(call.path("id")))
        return done()

    def stop(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        provider.imports.force_stop(SpaceId(call.path("id")))
        return done()

    def stats(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        space = SpaceId(call.path("id"))
        info = provider.imports.info(space)
        period, metrics = statistics_request(_last(call, "period"), _last(call, "metrics"))
        queued = int(info.status in ("enqueued", "running"))
        with provider.indexes.using(space) as index:
            found = statistics(index, period, metrics, now_s=provider.zone.clock.now_s(), queued=queued)
        return json_answer(found)

    def example(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        support = provider.supports.get(SpaceId(call.path("id")))
        if support.mode != "manual":
            raise errors.error_of("notSupported", "The space's files are not registered one by one.")
        return json_answer(wire.ManualImportExample(curl=_registration(provider, support)))

    return [
        Endpoint("GET", f"{base}/auto/stats", "get_auto_storage_import_stats", stats),
        Endpoint("GET", f"{base}/manual/example", "get_manual_storage_import_example", example),
        Endpoint("GET", f"{base}/auto/info", "get_auto_storage_import_info", info),
        Endpoint("POST", f"{base}/auto/force-start", "force_start_auto_storage_import_scan", start),
        Endpoint("POST", f"{base}/auto/force-stop", "force_stop_auto_storage_import_scan", stop),
    ]


def _last(call: Call, key: str) -> str | None:
    given = call.values(key)
    return given[-1] if given else None


def _registration(provider: Oneprovider, support: Support) -> str:
    body = (
        f'{{"spaceId": "{support.space}", "storageId": "{support.storage}", '
        """"storageFileId": "'"$STORAGE_FILE_ID"'", "destinationPath": "'"$DESTINATION_PATH"'"}"""
    )
    url = f"{provider.record.url}/api/v3/oneprovider/data/register"
    return f"curl -X POST -H \"X-Auth-Token: $TOKEN\" -H 'Content-Type: application/json' {url} -d '{body}'"


def _info(info: ImportInfo) -> wire.ImportInfo:
    return wire.ImportInfo(
        status=info.status,
        start=UNSET if info.started_s is None else info.started_s,
        stop=UNSET if info.stopped_s is None else info.stopped_s,
        created_files=info.counts.created,
        modified_files=info.counts.modified,
        deleted_files=info.counts.deleted,
        unmodified_files=info.counts.unmodified,
        failed_files=info.counts.failed,
        total_scans=info.total_scans,
        next_scan=UNSET if info.next_scan_s is None else info.next_scan_s,
    )
