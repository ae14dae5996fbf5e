"""The panel itself, and a provider's storages."""

from __future__ import annotations

from msgspec import UNSET, structs

from fs2od.node.http import Answer, Call, Endpoint, done, json_answer
from fs2od.node.panel.storage_records import Bucket, Credentials, StorageRecord
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.version import BUILD, ONEDATA_VERSION
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import StorageId

__all__ = ["endpoint_of", "endpoints", "require_cluster"]

_MASK = "*****"


def require_cluster(provider: Oneprovider, call: Call, privilege: str) -> None:
    """Let only members of the provider's cluster pass who hold `privilege`.

    Raises:
        Unauthorized: A guest.
        Forbidden: The caller does not hold it.
    """
    provider.zone.rights.require_cluster(call.caller, provider.record.cluster, privilege)


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of these nouns."""
    return [*_panel(provider), *_storages(provider)]


def _panel(provider: Oneprovider) -> list[Endpoint]:
    record, settings = provider.record, provider.zone.settings

    def configuration(_: Call) -> Answer:
        document = wire.PanelConfiguration(
            service_type="oneprovider",
            provider_id=record.id,
            zone_domain=settings.zone_domain,
            cluster_id=record.cluster,
            version=ONEDATA_VERSION,
            build=BUILD,
            deployed=True,
            is_registered=True,
            provider_name=record.name,
            provider_domain=record.domain,
        )
        return json_answer(document)

    def about(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        document = wire.PanelProvider(
            id=record.id,
            name=record.name,
            subdomain_delegation=False,
            domain=record.domain,
            geo_longitude=0.0,
            geo_latitude=0.0,
            onezone_domain_name=settings.zone_domain,
        )
        return json_answer(document)

    def remove(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_delete")
        provider.zone.providers.remove_known(record.id)
        provider.zone.epoch.move()
        return done()

    def health(_: Call) -> Answer:
        return json_answer(wire.Health(status="healthy"))

    return [
        Endpoint("GET", "/health", "health", health),
        Endpoint("GET", "/configuration", "get_configuration", configuration),
        Endpoint("GET", "/provider", "get_provider", about),
        Endpoint("DELETE", "/provider", "remove_provider", remove),
    ]


def _storages(provider: Oneprovider) -> list[Endpoint]:
    def every(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        return json_answer(wire.StorageIds(ids=tuple(provider.storages.every())))

    def add(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        requests = call.read(wire.StorageRequests)
        if any(isinstance(request, wire.PosixStorageRequest) for request in requests.values()):
            _require_operator(provider, call)
        results = {name: _added(provider, name, request) for name, request in requests.items()}
        failed = any(result.error is not UNSET for result in results.values())
        return json_answer(results, status=400 if failed else 200)

    def get(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_view")
        return json_answer(_details(provider, provider.storages.get(StorageId(call.path("id")))))

    def change(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        storage = StorageId(call.path("id"))
        record = provider.storages.get(storage)
        changes = call.read(wire.StorageChanges)
        if record.name not in changes:
            raise errors.missing(record.name)
        wanted = changes[record.name]
        if isinstance(wanted, wire.S3StorageChange):
            _moved(provider, record, wanted)
        elif wanted.mount_point is not UNSET:
            _require_operator(provider, call)
            provider.storages.move_directory(storage, wanted.mount_point)
        provider.storages.change(
            storage,
            name=None if wanted.name is UNSET else wanted.name,
            qos_parameters=None if wanted.qos_parameters is UNSET else wanted.qos_parameters,
        )
        return json_answer(
            _details(
                provider, provider.storages.get(storage), verified=provider.storages.tried(storage).failure is None
            )
        )

    def remove(call: Call) -> Answer:
        require_cluster(provider, call, "cluster_update")
        provider.storages.remove(StorageId(call.path("id")))
        return done()

    return [
        Endpoint("GET", "/provider/storages", "get_storages", every),
        Endpoint("POST", "/provider/storages", "add_storage", add),
        Endpoint("GET", "/provider/storages/{id}", "get_storage_details", get),
        Endpoint("PATCH", "/provider/storages/{id}", "modify_storage", change),
        Endpoint("DELETE", "/provider/storages/{id}", "remove_storage", remove),
    ]


def _require_operator(provider: Oneprovider, call: Call) -> None:
    """Let only those pass who run the node: a folder of its machine may be anything, also the node's own keys.

    Elsewhere a site has machines of its own, and whoever administers it may name their folders; all of ours share one.

    Raises:
        Forbidden: The caller may not add sites to the node, and so does not run it.
    """
    user = provider.zone.rights.require_user(call.caller)
    if "oz_providers_invite" not in provider.zone.rights.zone_privileges(user):
        raise errors.forbidden(
            "Folders of the node's machine are added by who runs the node: ask them, or add a bucket."
        )


def _added(
    provider: Oneprovider, name: str, request: wire.PosixStorageRequest | wire.S3StorageRequest
) -> wire.StorageResult:
    given = request.qos_parameters
    parameters = None if given is UNSET else given
    imported, readonly, storages = request.imported_storage, request.readonly, provider.storages
    try:
        if isinstance(request, wire.S3StorageRequest):
            bucket, credentials = _bucket(request, _authorities(provider, request))
            storage = storages.add_s3(
                name, bucket, credentials, imported=imported, readonly=readonly, qos_parameters=parameters
            )
        else:
            storage = storages.add_posix(
                name, request.mount_point, imported=imported, readonly=readonly, qos_parameters=parameters
            )
    except errors.ServiceError as error:
        return wire.StorageResult(error=error.inner())
    return wire.StorageResult(id=storage)


def _authorities(provider: Oneprovider, given: wire.S3StorageRequest | wire.S3StorageChange) -> str:
    """Return the certificates that a store's is judged by; it is always judged."""
    if given.verify_server_certificate is False:
        said = "must be true: name who signed the store's certificate with 'caCertificates'"
        raise errors.bad_value("NotAllowed", "verifyServerCertificate", said, allowed=[True])
    if given.ca_certificates is UNSET:
        return ""
    if provider.zone.settings.plain:
        raise errors.bad_data("caCertificates")
    return given.ca_certificates


def _bucket(request: wire.S3StorageRequest, ca_pem: str) -> tuple[Bucket, Credentials]:
    access_key, secret_key = (
        "" if given is UNSET else given.reveal() for given in (request.access_key, request.secret_key)
    )
    # Canonical by default, where Onedata's is flat: then a dataset is plain objects under readable keys.
    path_type = "canonical" if request.storage_path_type is UNSET else request.storage_path_type
    region = "" if request.region is UNSET else request.region
    bucket = Bucket(endpoint_of(request.hostname), request.bucket_name, region, path_type, ca_pem=ca_pem)
    return bucket, Credentials(access_key, secret_key)


def endpoint_of(hostname: str) -> str:
    """Return a store's address with its scheme; https where none was given."""
    return (hostname if "://" in hostname else f"https://{hostname}").rstrip("/")


def _moved(provider: Oneprovider, record: StorageRecord, wanted: wire.S3StorageChange) -> None:
    place, known = record.place, record.credentials
    ca_pem = _authorities(provider, wanted)
    given = (
        wanted.hostname,
        wanted.bucket_name,
        wanted.region,
        wanted.access_key,
        wanted.secret_key,
        wanted.ca_certificates,
    )
    if not isinstance(place, Bucket) or all(value is UNSET for value in given):
        return
    bucket = structs.replace(
        place,
        endpoint=place.endpoint if wanted.hostname is UNSET else endpoint_of(wanted.hostname),
        name=place.name if wanted.bucket_name is UNSET else wanted.bucket_name,
        region=place.region if wanted.region is UNSET else wanted.region,
        ca_pem=place.ca_pem if wanted.ca_certificates is UNSET else ca_pem,
    )
    credentials = Credentials(
        known.access_key if wanted.access_key is UNSET else wanted.access_key.reveal(),
        known.secret_key if wanted.secret_key is UNSET else wanted.secret_key.reveal(),
    )
    provider.storages.move_bucket(record.id, bucket, credentials)


def _details(provider: Oneprovider, record: StorageRecord, *, verified: bool | None = None) -> wire.StorageDetails:
    details = wire.StorageDetails(
        id=record.id,
        name=record.name,
        type=record.type,
        imported_storage=record.imported,
        readonly=record.readonly,
        qos_parameters={key: str(value) for key, value in record.all_qos_parameters.items()},
        luma_feed="auto",
        storage_path_type="canonical",
        verification_passed=UNSET if verified is None else verified,
    )
    if not isinstance(record.place, Bucket):
        return structs.replace(details, mount_point=str(record.place), root_uid=0, root_gid=0)
    trial = provider.storages.trial(record.id)
    is_said = trial is not None and trial.keeps_versions and not provider.zone.settings.plain
    return structs.replace(
        details,
        keeps_versions=True if is_said else UNSET,
        hostname=record.place.endpoint,
        bucket_name=record.place.name,
        region=record.place.region or UNSET,
        block_size=0,
        access_key=_MASK,
        secret_key=_MASK,
        verify_server_certificate=True,
        ca_certificates=record.place.ca_pem or UNSET,
    )
