"""Buckets of a store whose certificate was signed by a private authority: trusted only where that is named, and judged always."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.storage.conftest import bucket, radosgw

from fs2od.errors import StorageError
from fs2od.node.certificates import ensure_certificate
from fs2od.node.panel.storage_records import Bucket, Credentials, opened_at
from fs2od.onedata.ids import StorageId
from fs2od.storage.s3 import S3Settings
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import World, open_world

__all__ = ["bucket", "radosgw"]


@pytest.fixture
def body(radosgw: Radosgw, bucket: S3Settings) -> dict[str, object]:
    return {
        "type": "s3",
        "hostname": radosgw.tls_endpoint,
        "bucketName": bucket.bucket,
        "accessKey": bucket.access_key,
        "secretKey": bucket.secret_key,
        "storagePathType": "canonical",
    }


async def add(world: World, body: dict[str, object], **more: object) -> httpx.Response:
    request = {"objects": {**body, **more}}
    return await world.panel.post("/provider/storages", json=request, headers=world.administrator.headers)


async def test_a_private_authority_is_trusted_only_where_it_is_named(
    world: World, body: dict[str, object], radosgw: Radosgw
) -> None:
    refused = await add(world, body)
    error = refused.json()["objects"]["error"]
    assert (refused.status_code, error["id"]) == (400, "storageTestFailed")
    assert "certificate that is not trusted: name its authority with --store-ca" in error["description"]
    pem = radosgw.ca.read_text()
    added = await add(world, body, caCertificates=pem)
    assert added.status_code == 200, added.text
    storage = StorageId(added.json()["objects"]["id"])
    path, headers = f"/provider/storages/{storage}", world.administrator.headers
    seen = (await world.panel.get(path, headers=headers)).json()
    assert (seen["caCertificates"], seen["verifyServerCertificate"]) == (pem, True)
    again = await world.panel.patch(path, json={"objects": {"type": "s3"}}, headers=headers)
    assert again.json()["verificationPassed"] is True
    record = world.node.provider.storages.get(storage)
    record.opened().write("a/b", [b"by TLS"])
    with record.opened().open("a/b") as written:
        assert written.read() == b"by TLS"
    forgotten = await world.panel.patch(path, json={"objects": {"type": "s3", "caCertificates": ""}}, headers=headers)
    assert forgotten.json()["error"]["id"] == "storageTestFailed"
    assert world.node.provider.storages.get(storage) == record


async def test_a_store_of_another_authority_is_not_trusted(
    world: World, body: dict[str, object], tmp_path: Path
) -> None:
    other = ensure_certificate(tmp_path / "other", ["localhost"]).ca.read_text()
    refused = await add(world, body, caCertificates=other)
    assert refused.json()["objects"]["error"]["id"] == "storageTestFailed"
    place = Bucket(str(body["hostname"]), str(body["bucketName"]), ca_pem=other)
    with pytest.raises(StorageError, match="not trusted"):
        next(iter(opened_at(place, Credentials(), only_public=False).list("")), None)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"verifyServerCertificate": False}, "badValueNotAllowed"),
        ({"caCertificates": "no certificate"}, "badValueString"),
        ({"caCertificates": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "badValueString"),
    ],
)
async def test_verification_is_never_switched_off(
    world: World, body: dict[str, object], more: dict[str, object], error: str
) -> None:
    answer = await add(world, body, **more)
    assert answer.json()["objects"]["error"]["id"] == error


async def test_a_plain_node_knows_no_authorities(tmp_path: Path, body: dict[str, object], radosgw: Radosgw) -> None:
    with open_world(tmp_path / "plain", plain=True) as world:
        answer = await add(world, body, caCertificates=radosgw.ca.read_text())
        assert answer.json()["objects"]["error"]["id"] == "badData"
