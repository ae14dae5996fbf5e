"""Bad days of the S3 store's own processes, buckets and keys: the status says so, and all is caught up by itself."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.node.replication.buckets import Meanwhile, Objects
from tests.node.replication.scenes import FILES, Scene, open_bucket_scene
from tests.storage.test_s3_odd_answers import Body

from fs2od.node.panel.emptying import empty
from fs2od.node.replication.copying import PART_BYTES
from fs2od.storage.s3 import S3Settings, S3Storage, client_of
from fs2od.testing.network import Proxy, Request
from fs2od.testing.radosgw import Radosgw


async def test_a_store_that_is_stopped_in_the_middle_and_started_again_gets_what_it_lacks(
    tmp_path: Path, radosgw: Radosgw
) -> None:
    own, files = radosgw.bucket(), FILES | {"large.mrc": os.urandom(2 * PART_BYTES + 5)}
    with radosgw.gateway() as gateway, Proxy({0: ("127.0.0.1", gateway.port)}) as proxy:
        # Killed when the first part is there and the second one comes.
        proxy.strike(Meanwhile(gateway.stop), when=lambda request: "partNumber=2" in request.target)
        way = replace(own, endpoint=f"http://127.0.0.1:{proxy.ports[0]}")
        with open_bucket_scene(tmp_path, way, files) as scene:
            requirement = await scene.require(f"storageId={scene.storage}")
            scene.look()
            assert proxy.struck()
            assert "busy or away" in scene.problem
            assert await scene.status(requirement) == "pending"
            gateway.start()
            scene.moments.forward(60)
            scene.tick()
            assert (await scene.status(requirement), scene.problem) == ("fulfilled", "")
            assert Objects(own, scene.dataset.space).all() == files
            assert not client_of(own).list_multipart_uploads(Bucket=own.bucket).get("Uploads")


async def test_a_bucket_that_is_deleted_is_missed_and_one_made_anew_is_filled(tmp_path: Path, radosgw: Radosgw) -> None:
    own = radosgw.bucket()
    with open_bucket_scene(tmp_path, own) as scene:
        requirement = await scene.require(f"storageId={scene.storage}")
        scene.look()
        assert await scene.status(requirement) == "fulfilled"
        client, objects = client_of(own), Objects(own, scene.dataset.space)
        objects.remove(*FILES)
        client.delete_bucket(Bucket=own.bucket)
        scene.moments.forward(7 * 3600)
        scene.tick()
        assert "is not there" in scene.problem
        assert await scene.status(requirement) == "pending"
        client.create_bucket(Bucket=own.bucket)
        scene.moments.forward(300)
        scene.tick()
        assert (await scene.status(requirement), scene.problem) == ("fulfilled", "")
        assert objects.all() == FILES


async def test_a_key_that_is_taken_back_is_named_and_with_a_new_one_it_goes_on(
    tmp_path: Path, radosgw: Radosgw
) -> None:
    user, access, secret = radosgw.add_user()
    own = S3Settings(radosgw.endpoint, f"keys-{user}", access, secret)
    client_of(own).create_bucket(Bucket=own.bucket)
    with open_bucket_scene(tmp_path, own) as scene:
        requirement = await scene.require(f"storageId={scene.storage}")
        radosgw.admin("key", "rm", "--uid", user, "--key-type=s3", f"--access-key={access}")
        scene.look()
        assert "refuses our credentials" in scene.problem
        assert secret not in scene.problem
        assert await scene.status(requirement) == "pending"
        new = replace(own, access_key=secrets.token_hex(10), secret_key=secrets.token_hex(20))
        radosgw.admin(
            "key",
            "create",
            "--uid",
            user,
            "--key-type=s3",
            f"--access-key={new.access_key}",
            f"--secret={new.secret_key}",
        )
        await _change_key(scene, new)
        scene.moments.forward(60)
        scene.tick()
        assert (await scene.status(requirement), scene.problem) == ("fulfilled", "")
        assert Objects(new, scene.dataset.space).all() == FILES


async def _change_key(scene: Scene, new: S3Settings) -> None:
    """Do what a site's administrator does."""
    change = {"bucket": {"type": "s3", "accessKey": new.access_key, "secretKey": new.secret_key}}
    path = f"/provider/storages/{scene.storage}"
    answer = await scene.centre.panel.patch(path, json=change, headers=scene.world.administrator.headers)
    assert answer.status_code in (200, 204), answer.text


async def test_a_store_that_asks_to_slow_down_gets_everything_in_the_end(tmp_path: Path, radosgw: Radosgw) -> None:
    own, files = radosgw.bucket(), {f"{number:03}.mrc": os.urandom(100_000) for number in range(40)}
    # It takes two requests at once, and answers 503 SlowDown to all others.
    limits = {"rgw_scheduler_type": "throttler", "rgw_max_concurrent_requests": "2"}
    with radosgw.gateway(**limits) as gateway, Proxy({0: ("127.0.0.1", gateway.port)}) as proxy, ExitStack() as stack:
        way = replace(own, endpoint=f"http://127.0.0.1:{proxy.ports[0]}")
        scene = stack.enter_context(open_bucket_scene(tmp_path, way, files))
        requirement = await scene.require(f"storageId={scene.storage}")
        scene.look()
        assert 503 in {exchange.status for exchange in proxy.exchanges}
        for _ in range(20):
            if await scene.status(requirement) == "fulfilled":
                break
            assert "busy" in scene.problem
            scene.moments.forward(300)
            scene.tick()
        assert (await scene.status(requirement), scene.problem) == ("fulfilled", "")
        assert Objects(own, scene.dataset.space).all() == files


async def test_a_store_that_tells_other_parts_than_it_was_given_gets_all_other_files(
    tmp_path: Path, radosgw: Radosgw
) -> None:
    own, files = radosgw.bucket(), {"0.mrc": os.urandom(2 * PART_BYTES), **FILES, "z.mrc": b"the last one"}
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as proxy:
        way = replace(own, endpoint=f"http://127.0.0.1:{proxy.ports[0]}")
        with open_bucket_scene(tmp_path, way, files) as scene:
            requirement = await scene.require(f"storageId={scene.storage}")
            lists_parts = Body(f"<Size>{PART_BYTES}<".encode(), b"<Size>7<")
            proxy.strike(lists_parts, when=lambda request: request.method == "GET" and "uploadId=" in request.target)
            scene.look()
            assert Objects(own, scene.dataset.space).all() == {name: files[name] for name in files if name != "0.mrc"}
            assert "not all parts" in str(scene.failed[1])
            assert not client_of(own).list_multipart_uploads(Bucket=own.bucket).get("Uploads")
            scene.moments.forward(60)
            scene.tick()
            assert await scene.status(requirement) == "fulfilled"


def test_what_a_bucket_lists_for_ever_and_has_not_is_named_and_holds_up_nothing(radosgw: Radosgw) -> None:
    # As Ceph does when an object's entry in the bucket's index was not removed with it.
    own = radosgw.bucket()
    ghost = b"<Contents><Key>space%2F0-ghost</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag><Size>1</Size></Contents>"
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as proxy:
        storage = S3Storage(replace(own, endpoint=f"http://127.0.0.1:{proxy.ports[0]}"))
        for number in range(3):
            storage.write(f"space/{number}.mrc", [b"x"])
        listings = Body(b"(</IsTruncated>)", rb"\1" + ghost)

        def lists_all(request: Request) -> bool:
            return "list-type=2" in request.target and "ghost" not in request.target

        proxy.strike(listings, when=lists_all, times=50)
        found = empty(storage, "space", goes_on=lambda: True)
        assert (found.removed, found.is_gone) == (3, False)
        assert "0-ghost is listed, and is not there" in str(found.problem)
        proxy.forgive()
        assert empty(storage, "space", goes_on=lambda: True).is_gone
        storage.close()
