"""Holds every wire document against Onedata's own published API descriptions, where they define it."""

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata import wire
from fs2od.onedata.errors import MalformedAnswer
from fs2od.onedata.ids import (
    FileId,
    GroupId,
    ProviderId,
    QosRequirementId,
    ShareId,
    SpaceId,
    StorageId,
    TokenId,
    TransferId,
    UserId,
)
from fs2od.onedata.tokens import Token

FOLDER = Path(__file__).parents[3] / "shared" / "onedata" / "openapi"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the published API descriptions are not here")

SPACE, GROUP, USER, SHARE = SpaceId("c" * 32), GroupId("e" * 32), UserId("a" * 32), ShareId("b" * 32)
PROVIDER, STORAGE, TOKEN_ID, TRANSFER = (
    ProviderId("f" * 32),
    StorageId("d" * 32),
    TokenId("1" * 32),
    TransferId("2" * 32),
)
FILE, TOKEN, QOS = FileId("00AB"), Token("MDAx"), QosRequirementId("3" * 32)
CREATOR = wire.SubjectRef(type="user", id=USER)
TEAM: dict[str, Any] = {"inviteToken": {"inviteType": "userJoinGroup", "groupId": GROUP, "parameters": {}}}
TIME: dict[str, Any] = {"type": "time", "validUntil": 1571147494}
SERIES = wire.TimeSeries(name="createdFiles", last_value_date="2026-11-23T12:00:00Z", values=(1, None))
PARAMETERS = wire.SupportParameters(
    accounting_enabled=False, dir_stats_service_enabled=True, dir_stats_service_status="enabled"
)
SCOPE = wire.DataAccessScope(
    readonly=False,
    spaces={SPACE: wire.ScopeSpace(name="s", supports={PROVIDER: wire.ScopeSupport(readonly=True)})},
    providers={PROVIDER: wire.ScopeProvider(name="p", domain="localhost:1", version="21.02.8", online=True)},
)
ATTRIBUTES = wire.FileAttributes(
    file_id=FILE,
    index="i",
    type="REG",
    active_permissions_type="posix",
    posix_permissions="664",
    acl=(),
    name="n",
    conflicting_name=None,
    path="/s/n",
    parent_file_id=None,
    display_gid=1,
    display_uid=1,
    creation_time=1,
    atime=1,
    mtime=1,
    ctime=1,
    size=None,
    is_fully_replicated_locally=True,
    local_replication_rate=1.0,
    origin_provider_id=PROVIDER,
    direct_share_ids=(SHARE,),
    owner_user_id=USER,
    hardlink_count=1,
    symlink_value=None,
    has_custom_metadata=False,
    eff_protection_flags=("data_protection",),
    eff_dataset_protection_flags=(),
    eff_dataset_inheritance_path="none",
    eff_qos_inheritance_path="none",
    aggregate_qos_status="fulfilled",
    archive_recall_root_file_id=None,
)
CONFIG = wire.AutoImportConfig(scan_interval=60, continuous_scan=True).over(wire.AUTO_IMPORT_DEFAULTS)
IMPORT = wire.StorageImport(mode="auto", auto_storage_import_config=CONFIG)
TRANSFER_DETAILS = wire.TransferDetails(
    type="replication",
    data_source_type="file",
    user_id=USER,
    rerun_id=None,
    space_id=SPACE,
    file_id=FILE,
    file_path="/s/n",
    callback=None,
    replicating_provider_id=PROVIDER,
    evicting_provider_id=None,
    transfer_status="replicating",
    replication_status="active",
    eviction_status="skipped",
    effective_job_status="replicating",
    effective_job_transfer_id=TRANSFER,
    files_to_process=2,
    files_processed=1,
    files_replicated=1,
    bytes_replicated=5,
    files_evicted=0,
    files_failed=0,
    schedule_time=1,
    start_time=1,
    finish_time=0,
    last_update=1,
    min_hist={PROVIDER: (1, 0)},
    hr_hist={},
    dy_hist={},
    mth_hist={},
)

# What is known to stand on the wire although the descriptions do not name it: (definition, keys).
UNDESCRIBED = {
    ("onezone", "Configuration"): {"openDataXrootdServerDomain", "bagitUploaderWorkflowSchemaId"},
    ("onezone", "User"): {
        "emails",
        "linkedAccounts",
        "basicAuthEnabled",
        "blocked",
        "name",
        "login",
        "alias",
        "emailList",
    },
    ("onezone", "SpaceCreateRequest"): {"idGeneratorSeed"},
    ("oneprovider", "Configuration"): {"rtransferPort", "compatibilityRegistryRevision"},
    ("oneprovider", "Share"): {"publicRestUrl"},
    ("onepanel", "SpaceDetails"): {"importedStorage"},
    ("onezone", "Cluster"): {"online"},
    ("oneprovider", "QosRequirement"): {"qosRequirementId"},
    ("onepanel", "TimeStats"): {"name"},
}

VERSION = wire.ClusterVersion(release="21.02.8", build="1", gui="")
EXAMPLES: list[tuple[str, str, wire.Document]] = [
    ("onezone", "Configuration", wire.ZoneConfiguration(
        version="21.02.8", name="z", domain="localhost", build="1", subdomain_delegation_supported=False,
        supported_id_ps=(wire.IdentityProvider(id="basicAuth", offline_access=False),),
        compatibility_registry_revision=1, compatible_oneprovider_versions=("21.02.8",),
        available_space_tags={"general": ("demo",)}, open_data_xrootd_server_domain=None,
        bagit_uploader_workflow_schema_id=None)),
    ("onezone", "User", wire.UserDetails(
        user_id=USER, full_name="Alex Example", username="alex", creation_time=1, emails=("alex@example.org",),
        linked_accounts=(), basic_auth_enabled=False, blocked=False, name="Alex Example", login="alex", alias="alex",
        email_list=("alex@example.org",))),
    ("onezone", "Users", wire.UserIds(users=(USER,))),
    ("onezone", "Clusters", wire.ClusterIds(clusters=("c1",))),
    ("onezone", "VersionInfo", VERSION),
    ("onezone", "Cluster", wire.ClusterDetails(
        cluster_id="c1", type="oneprovider", worker_version=VERSION, onepanel_version=VERSION, online=True,
        onepanel_proxy=True, creator=CREATOR, creation_time=1)),
    ("onezone", "User", wire.MemberDetails(user_id=USER, full_name="Alex Example", username="alex", creation_time=1)),
    ("onezone", "Groups", wire.GroupIds(groups=(GROUP,))),
    ("onezone", "Spaces", wire.SpaceIds(spaces=(SPACE,))),
    ("onezone", "Providers", wire.ProviderIds(providers=(PROVIDER,))),
    ("onezone", "Shares", wire.ShareIds(shares=(SHARE,))),
    ("onezone", "SpacePrivilegesUpdate", wire.PrivilegesChange(grant=("space_view",), revoke=("space_read_data",))),
    ("onezone", "Subject", CREATOR),
    ("onezone", "GroupCreateRequest", wire.GroupRequest(name="g", type="team")),
    ("onezone", "GroupUpdateRequest", wire.GroupChange(name="g", type="unit")),
    ("onezone", "Group", wire.GroupDetails(group_id=GROUP, name="g", type="team", creation_time=1, creator=CREATOR)),
    ("onezone", "SpaceCreateRequest", wire.SpaceRequest(name="s", id_generator_seed="s")),
    ("onezone", "Space", wire.SpaceDetails(
        space_id=SPACE, name="s", description="", organization_name="", tags=("demo",),
        advertised_in_marketplace=False, marketplace_contact_email="", providers={PROVIDER: 5},
        support_parameters_registry={PROVIDER: PARAMETERS}, creator=CREATOR, creation_time=1)),
    ("onezone", "SupportParameters", PARAMETERS),
    ("onezone", "ProviderDetails", wire.ProviderDetails(
        provider_id=PROVIDER, cluster_id=PROVIDER, name="p", domain="localhost:1", latitude=0.0, longitude=0.0,
        online=True, creation_time=1)),
    ("onezone", "Share", wire.ZoneShare(
        share_id=SHARE, name="n", description="", public_url="u", public_rest_url="r", root_file_id=FILE, file_type="dir",
        handle_id=None, creation_time=1, space_id=SPACE, creator=CREATOR)),
    ("onezone", "Share", wire.PublicShare(
        share_id=SHARE, name="n", description="", public_url="u", public_rest_url="r", root_file_id=FILE,
        file_type="file", handle_id=None, creation_time=1)),
    ("onezone", "TemporaryTokenCreateRequest", wire.TemporaryTokenRequest(type=TEAM, caveats=(TIME,))),
    ("onezone", "NamedTokenCreateRequest", wire.NamedTokenRequest(
        name="t", type=TEAM, caveats=(TIME,), custom_metadata={"a": 1}, usage_limit="infinity",
        privileges=("group_view",))),
    ("onezone", "NamedTokenCreateResponse", wire.NamedTokenCreated(token_id=TOKEN_ID, token=TOKEN)),
    ("onezone", "ClientToken", wire.TokenDocument(token=TOKEN)),
    ("onezone", "SpaceInviteToken", wire.JoinRequest(token=TOKEN)),
    ("onezone", "Tokens", wire.TokenIds(tokens=(TOKEN_ID,))),
    ("onezone", "NamedToken", wire.NamedTokenDetails(
        id=TOKEN_ID, name="t", subject=CREATOR, type=TEAM, caveats=(TIME,), revoked=False, token=TOKEN,
        metadata=wire.TokenMetadata(creation_time=1, custom={}, privileges=("group_view",), usage_limit=5, usage_count=0))),
    ("onezone", "NamedTokenUpdateRequest", wire.NamedTokenChange(name="t", custom_metadata={}, revoked=True)),
    ("onezone", "NamedTokenStatus", wire.TokenStatus(revoked=False)),
    ("onezone", "InferAccessTokenScopeRequest", wire.TokenScopeRequest(token=TOKEN, consumer_token=TOKEN)),
    ("onezone", "InferAccessTokenScopeResponse", wire.AccessTokenScope(valid_until=5, data_access_scope=SCOPE)),
    ("onezone", "InferAccessTokenScopeResponse", wire.AccessTokenScope(valid_until=None, data_access_scope=None)),
    ("onezone", "ExaminedToken", wire.ExaminedToken(
        onezone_domain="z", id=TOKEN_ID, persistence="named", subject=CREATOR, type=TEAM, caveats=(TIME,))),
    ("onezone", "VerifyAccessTokenRequest", wire.VerifyAccessTokenRequest(
        token=TOKEN, peer_ip="127.0.0.1", service_token=TOKEN, consumer_token=TOKEN, interface="rest",
        allow_data_access_caveats=True)),
    ("onezone", "VerifyIdentityTokenRequest", wire.VerifyIdentityTokenRequest(token=TOKEN, peer_ip="127.0.0.1")),
    ("onezone", "VerifyInviteTokenRequest", wire.VerifyInviteTokenRequest(token=TOKEN, peer_ip="127.0.0.1")),
    ("onezone", "VerifyTokenResponse", wire.VerifiedToken(subject=CREATOR, ttl=None)),
    ("oneprovider", "Configuration", wire.ProviderConfiguration(
        provider_id=PROVIDER, name="p", domain="localhost:1", onezone_domain="localhost", version="21.02.8", build="1",
        compatible_onezone_versions=("21.02.8",), compatible_oneprovider_versions=("21.02.8",),
        compatible_oneclient_versions=(), rtransfer_port=6665, compatibility_registry_revision=1)),
    ("oneprovider", "Space", wire.ProviderSpace(
        name="s", space_id=SPACE, file_id=FILE, dir_id=FILE, trash_dir_id=FILE, archives_dir_id=FILE,
        providers=(wire.ProviderName(provider_id=PROVIDER, provider_name="p"),))),
    ("oneprovider", "FileAttributes", ATTRIBUTES),
    ("oneprovider", "DirectoryChildren", wire.Children(
        children=(wire.as_json(ATTRIBUTES),), next_page_token=None, is_last=True)),
    ("oneprovider", "GetDirectoryChildrenRequest", wire.ListingRequest(
        attributes=("fileId", "name"), limit=1000, token="t", index="i")),
    ("oneprovider", "RecursiveFileList", wire.FilesBelow(
        files=(wire.as_json(ATTRIBUTES),), inaccessible_paths=("a",), next_page_token="t", is_last=False)),
    ("oneprovider", "ShareCreateRequest", wire.ShareRequest(
        name="n", root_file_id=FILE, file_id=FILE, description="d")),
    ("oneprovider", "Share", wire.ShareDetails(
        share_id=SHARE, space_id=SPACE, name="n", description="", public_url="u", root_file_id=FILE, root_file_type="DIR",
        handle_id=None, public_rest_url="r")),
    ("oneprovider", "QosCreateRequest", wire.QosRequirementRequest(file_id=FILE, expression="anyStorage", replicas_num=2)),
    ("oneprovider", "QosRequirement", wire.QosRequirementDetails(
        qos_requirement_id=QOS, file_id=FILE, expression="anyStorage", replicas_num=1, status="fulfilled")),
    ("oneprovider", "QosRequirementAuditLog", wire.QosAuditLog(is_last=True, log_entries=(wire.QosLogEntry(
        index=0, timestamp=1_626_334_701_662,
        content=wire.QosEvent(file_id=FILE, severity="info", status="completed", description="Copied.")),))),
    ("oneprovider", "QosSummary", wire.QosSummary(requirements={QOS: "pending"}, status="pending")),
    ("oneprovider", "StorageDetails", wire.MatchingStorage(id=STORAGE, name="s", provider_id=PROVIDER)),
    ("oneprovider", "file", wire.TransferRequest(
        type="replication", data_source_type="file", file_id=FILE, replicating_provider_id=PROVIDER,
        evicting_provider_id=PROVIDER, callback="https://example.org")),
    ("oneprovider", "TransferStatus", TRANSFER_DETAILS),
    ("oneprovider", "DataDistribution", wire.Distribution(type="REG", distribution_per_provider={
        PROVIDER: wire.ProviderDistribution(
            success=True, virtual_size=8, locations_per_storage={STORAGE: "/f"},
            distribution_per_storage={STORAGE: wire.StorageDistribution(physical_size=6, blocks=((0, 4), (6, 2)))})})),
    ("onepanel", "op_configuration", wire.PanelConfiguration(
        service_type="oneprovider", provider_id=PROVIDER, zone_domain="localhost", cluster_id=PROVIDER,
        version="21.02.8", build="1", deployed=True, is_registered=True, provider_name="p", provider_domain="localhost:1")),
    ("onepanel", "ProviderDetails", wire.PanelProvider(
        id=PROVIDER, name="p", subdomain_delegation=False, domain="localhost:1", geo_longitude=0.0, geo_latitude=0.0,
        onezone_domain_name="localhost", subdomain="p", admin_email="alex@example.org")),
    ("onepanel", "Ids", wire.StorageIds(ids=(STORAGE,))),
    ("onepanel", "Ids", wire.SupportedSpaceIds(ids=(SPACE,))),
    ("onepanel", "Id", wire.SupportCreated(id=SPACE)),
    ("onepanel", "Posix", wire.PosixStorageRequest(
        mount_point="/data", imported_storage=True, readonly=True, qos_parameters={"geo": "CZ"}, timeout=5,
        luma_feed="auto", storage_path_type="canonical", root_uid=0, root_gid=0)),
    ("onepanel", "S3", wire.S3StorageRequest(
        hostname="https://s3.example", bucket_name="b", access_key=wire.Secret("a"), secret_key=wire.Secret("s"),
        region="r", block_size=0, storage_path_type="canonical", file_mode="0664", dir_mode="0775",
        maximum_canonical_object_size=1, signature_version=4)),
    ("onepanel", "PosixModify", wire.PosixStorageChange(
        name="n", mount_point="/data", root_uid=0, root_gid=0, imported_storage=True, readonly=True,
        qos_parameters={"geo": "CZ"}, timeout=5, luma_feed="auto")),
    ("onepanel", "S3Modify", wire.S3StorageChange(
        name="n", hostname="https://s3.example", bucket_name="b", access_key=wire.Secret("a"),
        secret_key=wire.Secret("s"), region="r")),
    ("onepanel", "Posix", wire.StorageDetails(
        id=STORAGE, name="n", type="posix", imported_storage=True, readonly=True, qos_parameters={"geo": "CZ"},
        luma_feed="auto", storage_path_type="canonical", timeout=5, verification_passed=True, mount_point="/data",
        root_uid=0, root_gid=0)),
    ("onepanel", "S3", wire.StorageDetails(
        id=STORAGE, name="n", type="s3", imported_storage=False, readonly=False, qos_parameters={}, luma_feed="auto",
        storage_path_type="flat", hostname="https://s3.example", bucket_name="b", region="r", block_size=0)),
    ("onepanel", "SpaceSupportRequest", wire.SupportRequest(
        token=TOKEN, size=5, storage_id=STORAGE, storage_import=IMPORT)),
    ("onepanel", "SpaceModifyRequest", wire.SupportChange(
        size=5, auto_storage_import_config=CONFIG, accounting_enabled=True, dir_stats_service_enabled=True)),
    ("onepanel", "SpaceDetails", wire.SupportDetails(
        id=SPACE, name="s", storage_id=STORAGE, local_storages=(STORAGE,), supporting_providers={PROVIDER: 5},
        imported_storage=True, space_occupancy=5, accounting_enabled=False, dir_stats_service_enabled=True,
        dir_stats_service_status="enabled", storage_import=IMPORT)),
    ("onepanel", "StorageImport", IMPORT),
    ("onepanel", "AutoStorageImportConfig", CONFIG),
    ("onepanel", "AutoStorageImportInfo", wire.ImportInfo(
        status="completed", created_files=1, modified_files=0, deleted_files=0, unmodified_files=0, failed_files=0,
        total_scans=1, start=1, stop=2, next_scan=3)),
    ("onepanel", "TimeStats", SERIES),
    ("onepanel", "AutoStorageImportStats", wire.ImportStatistics(
        queue_length=SERIES, created_files=SERIES, modified_files=SERIES, deleted_files=SERIES)),
    ("onepanel", "ManualStorageImportExample", wire.ManualImportExample(curl="curl")),
    ("onepanel", "Id", wire.NewId(id="a1")),
    ("onepanel", "Ids", wire.Ids(ids=("a1", "b2"))),
    ("onepanel", "OnezoneUser", wire.PanelUser(user_id=UserId("a1"), full_name="Alex Example", username="alex")),
    ("onezone", "UserAccessBlockUpdate", wire.AccessBlock(blocked=True)),
]  # fmt: skip

# Documents for which the descriptions have no named definition; NewUser has one, but also a key of ours.
WITHOUT_DEFINITION = {
    "AttributesRequest", "ConfineRequest", "DataAccessScope", "Document", "FileCreated", "Health", "IdentityProvider",
    "MatchingStorages", "MembershipRequest", "NewUser", "PermissionsChange", "PrivilegeList", "ProviderDistribution", "ProviderName",
    "QosEvent", "QosExpressionRequest", "QosLogEntry", "QosRequirementCreated", "RecursiveListingRequest", "ScopeProvider", "ScopeSpace",
    "ScopeSupport", "ShareChange", "ShareCreated", "SpaceChange", "StorageDistribution", "StorageResult",
    "TokenMetadata", "TransferCreated", "TransferIds", "XattrKeys",
}  # fmt: skip


@cache
def definitions(service: str) -> dict[str, Any]:
    document = json.loads((FOLDER / f"{service}-21.02.7.json").read_text())
    corrected: dict[str, Any] = corrections(document["definitions"])
    return corrected


def corrections(found: dict[str, Any]) -> dict[str, Any]:
    """Change what the descriptions say otherwise than the services do."""
    found = copy.deepcopy(found)
    if kind := found.get("TokenPropertyTokenType"):
        del kind["enum"]  # pseudo-code instead of values
        found["InviteTokenPropertyUsageLimit"] = {"oneOf": [{"type": "integer"}, {"enum": ["infinity"]}]}
    for name, keys in NULLABLE.items():
        for key in keys:
            if name in found and key in properties(found, name):
                part = properties(found, name)[key]
                properties(found, name)[key] = {"anyOf": [dict(part), {"type": "null"}]}
    for name, required in found.items():
        if "required" in required:
            required["required"] = [key for key in required["required"] if (name, key) not in ABSENT]
    return found


NULLABLE = {
    "Share": ["handleId"],
    "FileAttributes": [
        "conflictingName", "parentFileId", "size", "symlinkValue", "archiveRecallRootFileId", "localReplicationRate",
    ],
    "DirectoryChildren": ["nextPageToken"],
    "RecursiveFileList": ["nextPageToken"],
    "InferAccessTokenScopeResponse": ["validUntil", "dataAccessScope"],
    "VerifyTokenResponse": ["ttl"],
    "TransferStatus": ["rerunId", "callback", "replicatingProviderId", "evictingProviderId"],
    "AutoStorageImportInfo": ["status"],
}  # fmt: skip
# Required by the description, yet absent in some states.
ABSENT = {("AutoStorageImportInfo", "start"), ("AutoStorageImportInfo", "stop")}


def properties(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return all properties of a definition, those it takes over from others included."""
    node = found[name]
    collected: dict[str, Any] = {} if "allOf" in node else node.setdefault("properties", {})
    for part in node.get("allOf", []):
        reference = part.get("$ref", "").removeprefix("#/definitions/")
        collected |= properties(found, reference) if reference else part.get("properties", {})
    return collected


def validate(service: str, definition: str, document: object) -> None:
    schema = {"$ref": f"#/definitions/{definition}", "definitions": definitions(service)}
    jsonschema.Draft4Validator(schema).validate(document)


def names() -> list[str]:
    return [f"{service}-{definition}-{type(example).__name__}" for service, definition, example in EXAMPLES]


@pytest.mark.parametrize(("service", "definition", "example"), EXAMPLES, ids=names())
def test_a_document_fits_its_published_definition(service: str, definition: str, example: wire.Document) -> None:
    written = json.loads(wire.write(example))
    # Some published numbers are integers where the wire has null for "not measured".
    if definition in {"TimeStats", "AutoStorageImportStats"}:
        written = json.loads(wire.write(example).replace(b"null", b"0"))
    validate(service, definition, written)


@pytest.mark.parametrize(("service", "definition", "example"), EXAMPLES, ids=names())
def test_every_key_of_a_document_is_published_or_known_to_be_on_the_wire(
    service: str, definition: str, example: wire.Document
) -> None:
    known = set(properties(definitions(service), definition)) | UNDESCRIBED.get((service, definition), set())
    assert set(wire.as_json(example)) <= known | set(tags(example))


def tags(example: wire.Document) -> list[str]:
    return [name for name in [example.__struct_config__.tag_field] if name]


@pytest.mark.parametrize(("service", "definition", "example"), EXAMPLES, ids=names())
def test_a_document_survives_the_wire(service: str, definition: str, example: wire.Document) -> None:
    del service, definition
    assert wire.read_answer(wire.write(example), type(example)) == example


def test_every_document_has_a_definition_or_is_known_to_have_none() -> None:
    documents = {
        name
        for name in wire.__all__
        if isinstance(getattr(wire, name), type) and issubclass(getattr(wire, name), wire.Document)
    }
    shown = {type(example).__name__ for _, _, example in EXAMPLES}
    assert documents - shown == WITHOUT_DEFINITION
    assert not shown & WITHOUT_DEFINITION


def published_examples() -> list[Any]:
    if not FOLDER.exists():
        return []
    return [
        pytest.param(service, definition, type(example), id=name)
        for (service, definition, example), name in zip(EXAMPLES, names(), strict=True)
        if "example" in definitions(service)[definition]
    ]


# Published examples that their own definition or the wire contradicts.
WRONG_EXAMPLES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "InferAccessTokenScopeResponse": lambda example: example | {"validUntil": 1700276800},
    "Space": lambda example: {"description": ""} | example,
    "Share": lambda example: {"description": "", "handleId": None} | example,
    "AutoStorageImportInfo": lambda example: example | {"status": "completed", "totalScans": 1},
    "AutoStorageImportStats": lambda example: {key: {"name": key} | series for key, series in example.items()},
    "TimeStats": lambda example: {"name": "createdFiles"} | example,
    "SupportParameters": lambda example: example | {"dirStatsServiceStatus": "enabled"},
    "Posix": lambda example: example | {"type": "posix"},
    "op_configuration": lambda example: {"clusterId": "f1"} | example,
}
FILLED_IN: dict[type[wire.Document], dict[str, Any]] = {
    wire.StorageDetails: {"id": "d1", "importedStorage": False, "readonly": False, "qosParameters": {}},
    wire.ZoneShare: {"publicRestUrl": "r"},
    wire.PublicShare: {"publicRestUrl": "r"},
}


@pytest.mark.parametrize(("service", "definition", "kind"), published_examples())
def test_the_published_example_is_read(service: str, definition: str, kind: type[wire.Document]) -> None:
    example = definitions(service)[definition]["example"]
    example = FILLED_IN.get(kind, {}) | WRONG_EXAMPLES.get(definition, dict)(example)
    read = wire.as_json(wire.read_answer(json.dumps(example).encode(), kind))
    plain = {key: value for key, value in example.items() if key in read and not isinstance(value, dict | list)}
    assert plain.items() <= read.items()
    assert plain or read


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_document_without_one_of_its_keys_is_read_only_if_the_key_is_optional(
    entry: tuple[str, str, wire.Document], data: st.DataObject
) -> None:
    example = entry[2]
    written = wire.as_json(example)
    key = data.draw(st.sampled_from(sorted(written)))
    del written[key]
    required = {field.encode_name for field in msgspec.structs.fields(type(example)) if field.required}
    if example.__struct_config__.tag_field == key:
        return
    try:
        wire.read_answer(json.dumps(written).encode(), type(example))
    except MalformedAnswer:
        assert key in required
    else:
        assert key not in required
