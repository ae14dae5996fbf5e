"""Writing into a space whose storage is a bucket: plain objects under readable keys, moved and removed by their names."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.onedata.ids import FileId
from fs2od.storage.s3 import S3Settings, S3Storage
from fs2od.testing.world import World

CDMI = {"X-CDMI-Specification-Version": "1.1.1", "Content-Type": "application/cdmi-object"}


async def test_results_lie_in_a_bucket_and_are_moved_and_removed(world: World, bucket: S3Settings) -> None:
    alex, provider = world.person(), world.node.provider
    space = world.space(alex, "results")
    place = Bucket(endpoint=bucket.endpoint, name=bucket.bucket)
    storage = provider.storages.add_s3("bucket", place, Credentials(bucket.access_key, bucket.secret_key))
    with world.node.zone.database.writing() as db:
        provider.supports.grant(db, space, storage, size_bytes=1 << 30)
    world.node.zone.epoch.move()
    root, client, headers = provider.files.root_id(space), world.provider, alex.headers
    seen = S3Storage(replace(bucket, prefix=space))

    def keys(path: str = "") -> dict[str, int]:
        found: dict[str, int] = {}
        for entry in seen.list(path):
            below = f"{path}/{entry.name}" if path else entry.name
            found |= {below: entry.size_bytes} if entry.kind == "REG" else keys(below)
        return found

    content = bytes(range(256)) * 4096 * 9  # 9 MiB: several parts
    made = await client.put(
        f"/data/{root}/path/run 1/deep/b%23.mrc?create_parents=true", headers=headers, content=content
    )
    assert made.status_code == 201, made.text
    file = FileId(made.json()["fileId"])
    assert "Repr-Digest" in made.headers
    assert keys() == {"run 1/deep/b#.mrc": len(content)}
    assert (await client.get(f"/data/{file}/content", headers=headers)).content == content
    url = f"/data/{root}/children?name=empty&type=DIR"
    assert (await client.post(url, headers=headers)).status_code == 201
    refused = await client.put(f"/data/{file}/content?offset=3", headers=headers, content=b"x")
    assert refused.json()["error"]["details"] == {"errno": "enotsup"}
    cdmi = f"{world.node.settings.provider_url}/cdmi/results"
    for source, target in (("run 1", "run 2"), ("empty", "hollow"), ("run 2/deep/b%23.mrc", "top.mrc")):
        moved = await client.put(
            f"{cdmi}/{target}", headers=headers | CDMI, json={"move": f"results/{source.replace('%23', '#')}"}
        )
        assert moved.status_code == 201, moved.text
    assert keys() == {"top.mrc": len(content)}
    told = await client.get(f"/fs2od/data/{file}/checksum", headers=headers)
    assert told.json()["sha256"] == hashlib.sha256(content).hexdigest()
    listed = (await client.get(f"/data/{root}/children", headers=headers)).json()["children"]
    assert [child["name"] for child in listed] == ["hollow", "run 2", "top.mrc"]
    assert (await client.put(f"/data/{file}/content", headers=headers, content=b"new")).status_code == 204
    assert keys() == {"top.mrc": 3}
    for name in ("hollow", "run 2", "top.mrc"):
        assert (await client.delete(f"/data/{root}/path/{name}", headers=headers)).status_code == 204
    assert keys() == {}
    assert (await client.get(f"/data/{root}/children", headers=headers)).json()["children"] == []
