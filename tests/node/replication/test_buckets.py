"""Copies in a bucket of a real S3 server, and its bad days: nothing is called replicated that is not, and all is caught up."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.node.replication.buckets import Meanwhile, Objects
from tests.node.replication.moments import Moments
from tests.node.replication.scenes import FILES, Scene, open_bucket_scene

from fs2od.node.index import replicas
from fs2od.node.replication.copying import PART_BYTES
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.network import Broken, Proxy, Refuse, Request
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import open_world, wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def scene(tmp_path: Path, own: S3Settings, proxy: Proxy) -> Iterator[Scene]:
    """A scene whose way to the bucket is the proxy."""
    (port,) = proxy.ports
    with open_bucket_scene(tmp_path, replace(own, endpoint=f"http://127.0.0.1:{port}")) as opened:
        yield opened


@pytest.fixture
def objects(own: S3Settings, scene: Scene) -> Objects:
    return Objects(own, scene.dataset.space)


def always(_: Request) -> bool:
    return True


def puts(request: Request) -> bool:
    return request.method == "PUT"


async def test_files_become_plain_objects_under_their_own_paths(scene: Scene, objects: Objects) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert objects.all() == FILES
    assert await scene.status(requirement) == "fulfilled"


async def test_a_store_that_stops_is_named_and_caught_up_with(scene: Scene, proxy: Proxy, objects: Objects) -> None:
    proxy.strike(Refuse(502), when=always, times=10_000)
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert "busy" in scene.problem
    assert await scene.status(requirement) == "pending"
    proxy.forgive()
    scene.moments.forward(60)
    scene.tick()
    assert (await scene.status(requirement), scene.problem) == ("fulfilled", "")
    assert objects.all() == FILES


async def test_one_that_is_slow_for_a_moment_is_asked_again_at_once(scene: Scene, proxy: Proxy) -> None:
    slow = b"<Error><Code>SlowDown</Code><Message>later</Message></Error>"
    proxy.strike(Refuse(503, body=slow), when=puts, times=4)
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert (await scene.status(requirement), scene.problem) == ("fulfilled", "")


async def test_credentials_that_are_refused_are_named_without_being_told(
    scene: Scene, proxy: Proxy, own: S3Settings
) -> None:
    proxy.strike(Refuse(403, body=b"<Error><Code>InvalidAccessKeyId</Code></Error>"), when=always, times=10_000)
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert "refuses our credentials" in scene.problem
    assert own.secret_key not in scene.problem
    assert own.access_key not in scene.problem
    assert await scene.status(requirement) == "pending"
    proxy.forgive()
    scene.moments.forward(60)
    scene.tick()
    assert await scene.status(requirement) == "fulfilled"


async def test_a_byte_flipped_between_upload_and_check_is_never_called_fulfilled(
    scene: Scene, proxy: Proxy, objects: Objects
) -> None:
    def is_check(request: Request) -> bool:
        return request.method == "HEAD" and request.path.endswith("b.mrc")

    proxy.strike(Meanwhile(lambda: objects.flip("deep/b.mrc")), when=is_check)
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert proxy.struck()
    assert objects.all()["deep/b.mrc"] != FILES["deep/b.mrc"]
    assert await scene.status(requirement) == "pending"
    assert "other bytes" in (scene.failed[1] or "")
    scene.moments.forward(120)
    scene.tick()
    assert objects.all() == FILES
    assert await scene.status(requirement) == "fulfilled"
    assert scene.failed == (0, None)


async def test_objects_that_are_lost_or_changed_later_are_noticed_and_made_anew(scene: Scene, objects: Objects) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    objects.remove("a.mrc")
    objects.flip("deep/b.mrc")
    scene.look()
    assert set(objects.all()) == {"deep/b.mrc", "empty"}  # it was looked at a moment ago
    scene.moments.forward(7 * 3600)
    scene.tick()
    assert objects.all() == FILES
    assert await scene.status(requirement) == "fulfilled"


async def test_a_store_that_comes_back_empty_is_filled_again(scene: Scene, objects: Objects) -> None:
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    objects.remove(*FILES)
    scene.moments.forward(7 * 3600)
    scene.tick()
    assert objects.all() == FILES
    assert await scene.status(requirement) == "fulfilled"


async def test_a_used_up_quota_is_named_and_caught_up_with(tmp_path: Path, radosgw: Radosgw) -> None:
    user, access, secret = radosgw.add_user()
    settings = S3Settings(radosgw.endpoint, f"quota-{user}", access, secret)
    client_of(settings).create_bucket(Bucket=settings.bucket)
    with open_bucket_scene(tmp_path, settings, {"large": b"x" * 200_000}) as scene:
        limit = ("--quota-scope=user", f"--uid={user}")
        radosgw.admin("quota", "set", *limit, "--max-size=16384", "--max-objects=100")
        radosgw.admin("quota", "enable", *limit)
        requirement = await scene.require(f"storageId={scene.storage}")
        scene.look()
        assert "quota" in scene.problem
        assert await scene.status(requirement) == "pending"
        radosgw.admin("quota", "disable", *limit)
        scene.moments.forward(60)
        scene.tick()
        assert await scene.status(requirement) == "fulfilled"


async def test_a_large_file_arrives_in_parts_and_is_checked_by_them(scene: Scene, proxy: Proxy) -> None:
    content = os.urandom(2 * PART_BYTES + 5)
    (scene.dataset.folder / "large.mrc").write_bytes(content)
    scene.world.rescan(scene.dataset.space)
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert await scene.status(requirement) == "fulfilled"
    assert sorted(parts_sent(proxy)) == ["1", "2", "3"]
    # What the store computed itself was enough: nothing was read back.
    gets = [found.request.target for found in proxy.exchanges if found.request.method == "GET"]
    assert not [target for target in gets if "large" in target and "uploadId" not in target]


async def test_a_large_file_that_changes_on_its_way_leaves_nothing_half(
    scene: Scene, proxy: Proxy, own: S3Settings, objects: Objects
) -> None:
    file = scene.dataset.folder / "large.mrc"
    file.write_bytes(os.urandom(2 * PART_BYTES + 5))
    scene.world.rescan(scene.dataset.space)
    proxy.strike(Meanwhile(lambda: file.write_bytes(b"another")), when=lambda request: "partNumber=2" in request.target)
    requirement = await scene.require(f"storageId={scene.storage}")
    scene.look()
    assert set(objects.all()) == set(FILES)
    assert not client_of(own).list_multipart_uploads(Bucket=own.bucket).get("Uploads")
    assert await scene.status(requirement) == "pending"
    scene.world.rescan(scene.dataset.space)
    scene.moments.forward(60)
    scene.tick()
    assert objects.all() == FILES | {"large.mrc": b"another"}
    assert await scene.status(requirement) == "fulfilled"


REPLICATES = """
import asyncio, os, sys
from pathlib import Path
from fs2od.storage.s3 import S3Settings
from tests.node.replication.scenes import open_bucket_scene

folder, endpoint, bucket, access, secret, size = sys.argv[1:]
settings = S3Settings(endpoint, bucket, access, secret)
with open_bucket_scene(Path(folder), settings, {"large.mrc": os.urandom(int(size))}) as scene:
    asyncio.run(scene.require(f"storageId={scene.storage}"))
    print(scene.dataset.space, scene.storage, flush=True)
    scene.look()
"""


def test_a_node_killed_in_the_middle_goes_on_at_the_part_where_it_was(
    tmp_path: Path, proxy: Proxy, own: S3Settings
) -> None:
    (port,) = proxy.ports
    killed = threading.Event()

    def never() -> None:
        killed.wait(60)
        raise Broken("whoever sent it is dead")

    # The fourth part never arrives, and the kill comes while it is awaited.
    proxy.strike(Meanwhile(never), when=lambda request: "partNumber=4" in request.target)
    told = [f"http://127.0.0.1:{port}", own.bucket, own.access_key, own.secret_key, str(3 * PART_BYTES + 7)]
    command = [sys.executable, "-c", REPLICATES, str(tmp_path), *told]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        space, storage = child.stdout.readline().split()
        wait_until(lambda: {"1", "2", "3"} <= set(parts_sent(proxy)) and bool(proxy.struck()), 60)
        child.send_signal(signal.SIGKILL)
    killed.set()
    proxy.forgive()
    proxy.forget()
    moments = Moments()
    moments.forward(120)
    with open_world(tmp_path, clock=moments) as world:
        replicator = world.node.sites.replicator
        replicator.start_due()
        replicator.wait(SpaceId(space), 60)
        with world.node.provider.indexes.using(SpaceId(space)) as index:
            there = replicas.counts(index, StorageId(storage))
    assert (there.files, there.replicated_files) == (1, 1)
    assert parts_sent(proxy) == {"4": 1}
    (content,) = Objects(own, space).all().values()
    (file,) = (tmp_path / "storage").rglob("large.mrc")
    assert content == file.read_bytes()


def parts_sent(proxy: Proxy) -> dict[str, int]:
    """Return how often each part was taken by the store."""
    found: dict[str, int] = {}
    for exchange in list(proxy.exchanges):
        if exchange.status == 200 and "partNumber=" in exchange.request.target:
            number = exchange.request.target.partition("partNumber=")[2].partition("&")[0]
            found[number] = found.get(number, 0) + 1
    return found


async def test_rclone_reads_what_was_replicated_as_the_plain_tree_that_it_is(
    scene: Scene, own: S3Settings, tmp_path: Path
) -> None:
    (scene.dataset.folder / "grid 1").mkdir()
    (scene.dataset.folder / "grid 1" / "größe ½.mrc").write_bytes(b"named as people name things")
    scene.world.rescan(scene.dataset.space)
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    environment = {
        "PATH": os.environ["PATH"],
        "RCLONE_CONFIG": str(tmp_path / "none.conf"),
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "Ceph",
        "RCLONE_CONFIG_S3_ENDPOINT": own.endpoint,
        "RCLONE_CONFIG_S3_ACCESS_KEY_ID": own.access_key,
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": own.secret_key,
    }
    source, target = f"s3:{own.bucket}/{scene.dataset.space}", tmp_path / "copied"
    command = ["rclone", "copy", source, str(target)]
    await asyncio.to_thread(subprocess.run, command, env=environment, check=True, timeout=120)
    files = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert files == FILES | {"grid 1/größe ½.mrc": b"named as people name things"}


async def test_a_space_that_is_removed_leaves_nothing_in_the_bucket(
    scene: Scene, objects: Objects, own: S3Settings
) -> None:
    await scene.require(f"storageId={scene.storage}")
    scene.look()
    client, space = client_of(own), scene.dataset.space
    client.create_multipart_upload(Bucket=own.bucket, Key=f"{space}/half.mrc")
    client.put_object(Bucket=own.bucket, Key=f"{space}0/another.mrc", Body=b"another's")
    client.create_multipart_upload(Bucket=own.bucket, Key=f"{space}0/half.mrc")
    answer = await scene.world.zone.delete(f"/spaces/{space}", headers=scene.owner.headers)
    assert answer.status_code == 204
    scene.moments.forward(90)
    scene.world.node.sites.emptying.go_on()
    assert objects.all() == {}
    listed = client.list_objects_v2(Bucket=own.bucket)["Contents"]
    assert [each["Key"] for each in listed] == [f"{space}0/another.mrc"]
    uploads = client.list_multipart_uploads(Bucket=own.bucket)["Uploads"]
    assert [each["Key"] for each in uploads] == [f"{space}0/half.mrc"]
