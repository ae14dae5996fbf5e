import importlib
import json
import pkgutil
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata import tokens, wire
from fs2od.onedata.errors import MalformedAnswer, ServiceError
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.onedata.tokens import Token

SUPPORT = {"token": "abc", "size": 5, "storageId": "d1"}


def refusal(body: bytes, kind: type[Any]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        wire.read_request(body, kind)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize(
    ("body", "kind", "error_id", "details"),
    [
        (b"{}", wire.GroupRequest, "missingRequiredValue", {"key": "name"}),
        (b"", wire.GroupRequest, "missingRequiredValue", {"key": "name"}),
        (b'{"name":5}', wire.GroupRequest, "badValueString", {"key": "name"}),
        (b'{"name":null}', wire.GroupRequest, "badValueString", {"key": "name"}),
        (
            b'{"name":"a","type":"club"}',
            wire.GroupRequest,
            "badValueNotAllowed",
            {"key": "type", "allowed": ["organization", "role_holders", "team", "unit"]},
        ),
        (b'{"privileges":"a"}', wire.MembershipRequest, "badValueListOfStrings", {"key": "privileges"}),
        (b'{"privileges":["a",1]}', wire.MembershipRequest, "badValueListOfStrings", {"key": "privileges"}),
        (b'{"token":""}', wire.JoinRequest, "badValueEmpty", {"key": "token"}),
        (b'{"token":5}', wire.JoinRequest, "badValueString", {"key": "token"}),
        (b'{"limit":0}', wire.ListingRequest, "badValueNotInRange", {"key": "limit", "low": 1, "high": 10000}),
        (b'{"limit":10001}', wire.ListingRequest, "badValueNotInRange", {"key": "limit", "low": 1, "high": 10000}),
        (b'{"offset":501}', wire.ListingRequest, "badValueNotInRange", {"key": "offset", "low": -500, "high": 500}),
        (b'{"limit":"x"}', wire.ListingRequest, "badValueInteger", {"key": "limit"}),
        (b'{"inclusive":1}', wire.ListingRequest, "badValueBoolean", {"key": "inclusive"}),
        (b'{"name":"a","usageLimit":0}', wire.NamedTokenRequest, "badValueTooLow", {"key": "usageLimit", "limit": 1}),
        (b'{"name":"a","customMetadata":[]}', wire.NamedTokenRequest, "badValueJSON", {"key": "customMetadata"}),
        (
            json.dumps(SUPPORT | {"storageImport": {"mode": "guess"}}).encode(),
            wire.SupportRequest,
            "badValueNotAllowed",
            {"key": "storageImport.mode", "allowed": ["auto", "manual"]},
        ),
        (
            json.dumps(SUPPORT | {"storageImport": {"autoStorageImportConfig": {"scanInterval": 0}}}).encode(),
            wire.SupportRequest,
            "badValueTooLow",
            {"key": "storageImport.autoStorageImportConfig.scanInterval", "limit": 1},
        ),
        (b'{"disk":{"type":"posix"}}', wire.StorageRequests, "missingRequiredValue", {"key": "mountPoint"}),
        (b'{"disk":{}}', wire.StorageRequests, "missingRequiredValue", {"key": "type"}),
        (
            b'{"disk":{"type":"tape"}}',
            wire.StorageRequests,
            "badValueNotAllowed",
            {"key": "type", "allowed": ["posix", "s3"]},
        ),
    ],
)
def test_a_request_that_does_not_fit_is_answered_with_onedatas_error(
    body: bytes, kind: type[Any], error_id: str, details: Mapping[str, object]
) -> None:
    error = refusal(body, kind)
    assert (error.error_id, dict(error.details)) == (error_id, details)


def test_every_invite_type_is_named_to_those_who_ask_for_another() -> None:
    error = refusal(b'{"token":"a","expectedInviteType":"userJoinClub"}', wire.VerifyInviteTokenRequest)
    assert error.details["allowed"] == sorted(invite_type.value for invite_type in tokens.InviteType)


@pytest.mark.parametrize("key", ["token", "consumerToken"])
def test_a_text_that_is_no_token_is_refused_with_the_reason_nested(key: str) -> None:
    error = refusal(json.dumps({"token": "a", key: "b-c"}).encode(), wire.TokenScopeRequest)
    assert (error.error_id, error.details["key"]) == ("badValueToken", key)
    assert error.details["tokenError"]["id"] == "badToken"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"5", b"null", b'"name"', b"\xff", b'{"name":"\xff"}', b'{"name":"\\ud800"}', b'{"a":' * 100_000],
)
def test_a_body_that_is_no_json_object_is_malformed(body: bytes) -> None:
    assert refusal(body, wire.GroupRequest).error_id == "malformedData"
    with pytest.raises(MalformedAnswer):
        wire.read_answer(body, wire.GroupDetails)


@given(
    st.dictionaries(
        st.sampled_from(["token", "size", "storageId", "storageImport"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["mode", "autoStorageImportConfig"]), inner)
            ),
            max_leaves=5,
        ),
    )
)
def test_any_json_object_is_read_or_refused_with_an_error_of_ours(values: dict[str, Any]) -> None:
    try:
        request = wire.read_request(json.dumps(values).encode(), wire.SupportRequest)
    except ServiceError as error:
        refused = error
    else:
        assert wire.read_request(wire.write(request), wire.SupportRequest) == request
        return
    assert refused.status == 400
    assert refused.error_id.startswith(("badValue", "missingRequiredValue"))


def test_an_answer_that_does_not_fit_is_reported_with_its_place_and_without_its_values() -> None:
    body = b'{"tokenId":"d1","token":"secret-part"}'
    with pytest.raises(MalformedAnswer) as caught:
        wire.read_answer(body, wire.NamedTokenCreated)
    assert "NamedTokenCreated" in str(caught.value)
    assert "$.token" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_unknown_keys_are_accepted() -> None:
    body = b'{"groupId":"e1","name":"n","type":"team","creationTime":1,"future":{"x":[1]}}'
    assert wire.read_answer(body, wire.GroupDetails).name == "n"


def test_what_is_written_is_compact_and_leaves_out_what_is_unset() -> None:
    change = wire.SupportChange(size=5, auto_storage_import_config=wire.AutoImportConfig(continuous_scan=False))
    assert wire.write(change) == b'{"size":5,"autoStorageImportConfig":{"continuousScan":false}}'
    assert wire.write(wire.SupportChange()) == b"{}"
    assert wire.write({"error": {"id": "posix", "details": {"errno": "enoent"}}}) == (
        b'{"error":{"id":"posix","details":{"errno":"enoent"}}}'
    )


def test_what_has_no_json_form_is_not_written() -> None:
    with pytest.raises(NotImplementedError):
        wire.write({"x": object()})


def test_a_change_has_three_states() -> None:
    unset = wire.read_request(b"{}", wire.NamedTokenChange)
    assert unset.revoked is msgspec.UNSET
    given = wire.read_request(b'{"revoked":false,"name":"n"}', wire.NamedTokenChange)
    assert (given.revoked, given.name) == (False, "n")
    assert wire.write(given) == b'{"name":"n","revoked":false}'


def test_query_strings_are_read_leniently_and_bodies_strictly() -> None:
    values = {"limit": "2", "offset": "-5", "inclusive": "true", "attribute": ["name"]}
    listing = wire.from_json(values, wire.ListingRequest, strict=False)
    assert (listing.limit, listing.offset, listing.inclusive, listing.attribute) == (2, -5, True, ("name",))
    with pytest.raises(ServiceError) as caught:
        wire.from_json(values, wire.ListingRequest)
    assert caught.value.error_id == "badValueInteger"


def test_tokens_and_keys_travel_in_full_but_never_show() -> None:
    support = wire.SupportRequest(token=Token("abc"), size=1, storage_id=StorageId("d1"))
    assert b'"token":"abc"' in wire.write(support)
    assert wire.as_json(support)["token"] == "abc"
    assert "abc" not in repr(support)
    body = b'{"cloud":{"type":"s3","hostname":"https://s3.example","bucketName":"b","secretKey":"s/e+cret"}}'
    storages = wire.read_request(body, wire.StorageRequests)
    storage = storages["cloud"]
    assert isinstance(storage, wire.S3StorageRequest)
    assert storage.secret_key == wire.Secret("s/e+cret")
    assert "s/e+cret" not in repr(storages)
    assert "s/e+cret" not in str(storage.secret_key)
    assert len({wire.Secret("a"), wire.Secret("a")}) == 1
    assert json.loads(wire.write(storages)) == json.loads(body) | {
        "cloud": json.loads(body)["cloud"] | {"importedStorage": False, "readonly": False}
    }
    assert refusal(body.replace(b'"s/e+cret"', b"5"), wire.StorageRequests).error_id == "badValueString"


def test_an_import_configuration_is_merged_over_another() -> None:
    given = wire.AutoImportConfig(continuous_scan=True, scan_interval=5)
    merged = given.over(wire.AUTO_IMPORT_DEFAULTS)
    assert (merged.continuous_scan, merged.scan_interval, merged.max_depth) == (True, 5, 65535)
    assert wire.AutoImportConfig().over(merged) == merged


def test_a_token_request_speaks_of_kinds_and_caveats() -> None:
    kind = tokens.InviteToken(tokens.InviteType.SUPPORT_SPACE, SpaceId("c1"))
    request = wire.TemporaryTokenRequest.of(kind, [tokens.Time(5)])
    read = wire.read_request(wire.write(request), wire.TemporaryTokenRequest)
    assert (read.kind(), read.parsed_caveats()) == (kind, (tokens.Time(5),))
    named = wire.NamedTokenRequest.named("n", kind, caveats=[tokens.Time(5)], usage_limit=3, privileges=["group_view"])
    assert wire.read_request(wire.write(named), wire.NamedTokenRequest) == named
    assert wire.read_request(b'{"name":"n"}', wire.NamedTokenRequest).kind() == tokens.AccessToken()


@pytest.mark.parametrize(
    ("values", "error_id"),
    [
        ({"type": 5}, "badValueTokenType"),
        ({"type": {}}, "badValueTokenType"),
        ({"caveats": [5]}, "badValueCaveat"),
        ({"caveats": [{"type": "time"}]}, "badValueCaveat"),
    ],
)
def test_a_token_request_with_an_unknown_kind_or_caveat_is_refused(values: dict[str, Any], error_id: str) -> None:
    request = wire.from_json({"name": "n"} | values, wire.NamedTokenRequest)
    with pytest.raises(ServiceError) as caught:
        (request.kind(), request.parsed_caveats())
    assert caught.value.error_id == error_id


def test_confining_reads_caveats() -> None:
    request = wire.read_request(b'{"token":"a","caveats":[{"type":"data.readonly"}]}', wire.ConfineRequest)
    assert request.parsed_caveats() == (tokens.DataReadonly(),)


def test_a_share_request_takes_either_name_of_its_root() -> None:
    assert wire.read_request(b'{"name":"n","fileId":"AB"}', wire.ShareRequest).root() == "AB"
    assert wire.read_request(b'{"name":"n","fileId":"AB","rootFileId":"CD"}', wire.ShareRequest).root() == "CD"
    with pytest.raises(ServiceError) as caught:
        wire.read_request(b'{"name":"n"}', wire.ShareRequest).root()
    assert caught.value.error_id == "missingRequiredValue"


def test_every_document_is_frozen_documented_and_exported() -> None:
    found: set[str] = set()
    for module in pkgutil.iter_modules(wire.__path__):
        if module.name in ("copies", "devices", "direct", "liberal", "results", "sharing", "sites"):
            continue  # what our node adds is imported by its own name, and how answers are read by one module
        names = importlib.import_module(f"fs2od.onedata.wire.{module.name}").__all__
        found |= set(names)
    assert found == set(wire.__all__)
    documents = [
        value
        for name in wire.__all__
        if isinstance(value := getattr(wire, name), type) and issubclass(value, wire.Document)
    ]
    assert len(documents) > 60
    for document in documents:
        assert document.__struct_config__.frozen
        assert document.__doc__


# Keys that nothing can be done without; those that our node answers besides, tests/conformance holds it to.
NEEDED: list[tuple[type[wire.Document], str]] = [
    (wire.ZoneConfiguration, "version"),
    (wire.ProviderConfiguration, "providerId"),
    (wire.UserDetails, "userId"),
    (wire.ProviderDetails, "domain"),
    (wire.SpaceDetails, "spaceId name providers"),
    (wire.GroupDetails, "groupId name"),
    (wire.NamedTokenCreated, "tokenId token"),
    (wire.TokenDocument, "token"),
    (wire.NamedTokenDetails, "id name"),
    (wire.AccessTokenScope, "dataAccessScope"),
    (wire.DataAccessScope, "readonly spaces providers"),
    (wire.ScopeSpace, "name supports"),
    (wire.ScopeSupport, "readonly"),
    (wire.ScopeProvider, "name domain version online"),
    (wire.ProviderSpace, "spaceId name"),
    (wire.ProviderName, "providerId"),
    (wire.Children, "children isLast"),
    (wire.FileCreated, "fileId"),
    (wire.ShareCreated, "shareId"),
    (wire.ShareDetails, "shareId name publicUrl rootFileId"),
    (wire.PublicShare, "shareId name rootFileId"),
    (wire.QosRequirementCreated, "qosRequirementId"),
    (wire.TransferCreated, "transferId"),
    (wire.TransferDetails, "replicationStatus evictionStatus transferStatus"),
    (wire.TransferIds, "transfers"),
    (wire.StorageIds, "ids"),
    (wire.StorageDetails, "id name type"),
    (wire.SupportCreated, "id"),
    (
        wire.SupportDetails,
        "id name storageId supportingProviders spaceOccupancy",
    ),
    (wire.ImportInfo, "status totalScans"),
]


@pytest.mark.parametrize(("kind", "keys"), NEEDED)
def test_what_is_needed_is_required(kind: type[wire.Document], keys: str) -> None:
    required = {field.encode_name for field in msgspec.structs.fields(kind) if field.required}
    assert set(keys.split()) <= required
