"""Storages at a panel: buckets of a real S3 server, whose secrets stay sealed, and directories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from fs2od.errors import StateError
from fs2od.node.zone.secrets import KeyFile
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import World


def request(bucket: S3Settings, **changes: object) -> dict[str, Any]:
    return {
        "type": "s3",
        "hostname": bucket.endpoint,
        "bucketName": bucket.bucket,
        "accessKey": bucket.access_key,
        "secretKey": bucket.secret_key,
        "storagePathType": "canonical",
        "qosParameters": {"type": "object"},
        **changes,
    }


async def added(world: World, bucket: S3Settings) -> str:
    headers = world.administrator.headers
    answer = await world.panel.post("/provider/storages", json={"bucket": request(bucket)}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["bucket"]["id"]
    return found


async def test_a_bucket_is_tried_and_added_and_shown_without_its_secrets(world: World, bucket: S3Settings) -> None:
    storage = await added(world, bucket)
    shown = await world.panel.get(f"/provider/storages/{storage}", headers=world.administrator.headers)
    details = shown.json()
    assert (details["type"], details["hostname"], details["bucketName"]) == ("s3", bucket.endpoint, bucket.bucket)
    assert details["storagePathType"] == "canonical"
    assert (details["accessKey"], details["secretKey"]) == ("*****", "*****")
    assert details["qosParameters"]["type"] == "object"
    assert bucket.secret_key not in shown.text
    assert bucket.access_key not in shown.text


async def test_nothing_in_the_data_folder_holds_the_secret(world: World, bucket: S3Settings) -> None:
    await added(world, bucket)
    for file in world.node.settings.data.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert bucket.secret_key.encode() not in content, file
            assert bucket.access_key.encode() not in content, file


async def test_a_storage_opens_what_was_written_through_it(world: World, bucket: S3Settings) -> None:
    record = world.node.provider.storages.get(await added(world, bucket))  # type: ignore[arg-type]  # the id comes as text
    space = world.space(world.person())
    storage = record.opened_for(space)
    storage.write("deep/a.txt", [b"12345"])
    with storage.open("deep/a.txt") as file:
        assert file.read(9) == b"12345"
    # Anybody's tool finds it under a readable key.
    assert [seen.name for seen in record.opened().list(f"{space}/deep")] == ["a.txt"]
    assert bucket.secret_key not in repr(record)
    assert bucket.secret_key not in repr(storage)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"secretKey": "wrong"}, "storageTestFailed"),
        ({"bucketName": "nosuchbucket"}, "storageTestFailed"),
        ({"storagePathType": "flat"}, "badValueNotAllowed"),
        ({"hostname": "ftp://s3.test"}, "badValueString"),
        ({"readonly": True}, "requiresImportedStorage"),
    ],
)
async def test_a_bucket_that_cannot_be_used_is_refused_and_the_secret_not_repeated(
    world: World, bucket: S3Settings, changes: dict[str, object], error: str
) -> None:
    body = {"bucket": request(bucket, **changes)}
    answer = await world.panel.post("/provider/storages", json=body, headers=world.administrator.headers)
    assert answer.status_code == 400
    assert answer.json()["bucket"]["error"]["id"] == error
    assert bucket.secret_key not in answer.text
    assert not world.node.provider.storages.every()


async def test_other_credentials_are_tried_before_they_are_taken(world: World, bucket: S3Settings) -> None:
    storage, headers = await added(world, bucket), world.administrator.headers

    async def change(**changes: str) -> httpx.Response:
        body = {"bucket": {"type": "s3", **changes}}
        return await world.panel.patch(f"/provider/storages/{storage}", json=body, headers=headers)

    refused = await change(secretKey="wrong")
    assert refused.json()["error"]["id"] == "storageTestFailed"
    assert (await change()).json()["verificationPassed"] is True
    assert (await change(secretKey=bucket.secret_key)).json()["verificationPassed"] is True


async def test_a_storage_that_works_no_more_says_so_when_checked(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    storage = world.node.provider.storages.add_posix("disk", str(folder))
    body, headers = {"disk": {"type": "posix"}}, world.administrator.headers
    path = f"/provider/storages/{storage}"
    assert (await world.panel.patch(path, json=body, headers=headers)).json()["verificationPassed"] is True
    folder.rmdir()
    assert (await world.panel.patch(path, json=body, headers=headers)).json()["verificationPassed"] is False
    assert "storage 'disk' cannot be used (read): " in caplog.text, "who asks by a command is sent to the log"


def test_what_is_sealed_opens_for_its_purpose_with_its_key_file_only(tmp_path: Path) -> None:
    keys, others = KeyFile(tmp_path / "one"), KeyFile(tmp_path / "two")
    sealed = keys.sealed("storage/a", b"secret")
    assert b"secret" not in sealed
    assert keys.sealed("storage/a", b"secret") != sealed
    assert keys.opened("storage/a", sealed) == b"secret"
    for opener, purpose, text in ((keys, "storage/b", sealed), (others, "storage/a", sealed), (keys, "a", sealed[:5])):
        with pytest.raises(StateError, match="restore"):
            opener.opened(purpose, text)
