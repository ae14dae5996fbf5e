"""Large files in a bucket that nobody has compared yet with what arrived: whatever comes between, they are no files until then."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.bucket_scene import CONTENT, PART, AnswerLost, Scene
from tests.node.replication.buckets import Meanwhile, Objects

from fs2od.errors import StorageError
from fs2od.node.provider.access import Need
from fs2od.onedata.errors import Busy, PosixError
from fs2od.onedata.ids import FileId, SpaceId
from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.killed_writing import arrive_until_killed, say_no_sums
from fs2od.testing.network import Proxy, Refuse, Request
from fs2od.testing.world import World, open_world

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["fs2od.testing.killed_writing"])
MOST_STEPS = 40


@pytest.fixture
def scene(tmp_path: Path, own: S3Settings, proxy: Proxy) -> Iterator[Scene]:
    with open_world(tmp_path) as world:
        yield Scene(world, own, proxy.ports[0])


def is_read(request: Request) -> bool:
    return request.method == "GET" and "range" in request.headers


def is_end(request: Request) -> bool:
    return request.method == "POST" and "uploadId=" in request.target


def settle_behind(world: World) -> None:
    """Let the node go on by itself until nothing is left of what was cut off."""
    for _ in range(MOST_STEPS):
        world.node.sites.afterwards.go_on()


def names(world: World, space: SpaceId) -> dict[str, int]:
    with world.node.provider.indexes.using(space) as index:
        return {each.name: each.size_bytes for each in index.children(1, limit=9)}


async def arrived(scene: Scene) -> FileId:
    """Return a file of which all parts are there, in a store whose sums tell nothing."""
    file = await scene.begun()
    for number in range(3):
        await scene.part(file, number)
    say_no_sums(scene.world, scene.space)
    return file


async def left_uncompared(scene: Scene, proxy: Proxy) -> FileId:
    """Return a file that the store has under its name, and that could not be read back when it was moved there."""
    file = await arrived(scene)
    proxy.strike(Refuse(status=400), when=is_read)
    with pytest.raises((Busy, PosixError)):
        await scene.move(file, "whole")
    assert scene.objects.sizes()["whole"] == len(CONTENT)
    assert "whole" not in scene.listed()
    return file


def killed_at_every_step(folder: Path, own: S3Settings, content: bytes, says_sums: bool) -> Iterator[int]:
    """Yield the number of each step at which a node was killed, a second for each, and 0 for one that came to its end."""
    for at in range(1, MOST_STEPS):
        process = FORKS.Process(target=arrive_until_killed, args=(str(folder), at, own, content, says_sums))
        process.start()
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
        yield at
        if process.exitcode == 0:
            return
    raise AssertionError("it does not end")


@pytest.mark.timeout(600)
def test_wherever_the_node_is_killed_what_is_a_file_then_was_read_back(tmp_path: Path, own: S3Settings) -> None:
    content = CONTENT[PART:]
    steps = list(killed_at_every_step(tmp_path, own, content, says_sums=False))
    found = []
    with open_world(tmp_path) as world:
        settle_behind(world)
        for number in steps:
            (space,) = world.node.zone.spaces.named(f"space {number}")
            objects = Objects(own, space)
            assert names(world, space) == objects.sizes(), number
            ((name, there),) = objects.all().items()
            assert there == {"partial": b"", "whole": content}[name], number
            found.append(name)
    assert (found[0], found[-1], sorted(found)) == ("partial", "whole", found)


@pytest.mark.parametrize("says_sums", [True, False])
def test_what_was_spoiled_while_the_node_was_dead_is_no_file(tmp_path: Path, own: S3Settings, says_sums: bool) -> None:
    store, made = client_of(own), list[SpaceId]()
    for _ in killed_at_every_step(tmp_path, own, CONTENT[PART:], says_sums):
        # The first step after which it stands under its name is the one that made it.
        keys = [found["Key"] for found in store.list_objects_v2(Bucket=own.bucket).get("Contents", ())]
        made = [SpaceId(key.partition("/")[0]) for key in keys if key.endswith("/whole")]
        if made:
            break
    (space,) = made
    objects = Objects(own, space)
    objects.flip("whole")
    with open_world(tmp_path) as world:
        assert set(names(world, space).values()) == {0}
        settle_behind(world)
        assert set(names(world, space).values()) == {0}
        assert objects.sizes() == names(world, space) == {"partial": 0}


async def test_a_store_that_leaves_while_a_file_is_read_back_has_it_read_once_it_is_there_again(
    scene: Scene, proxy: Proxy
) -> None:
    file = await left_uncompared(scene, proxy)
    for attempt in (scene.files.begin_upload(file, "whole", len(CONTENT)), scene.move(file, "whole")):
        with pytest.raises(Busy, match="being compared"):
            await attempt
    proxy.strike(Refuse(status=400), when=is_read)
    with pytest.raises(StorageError):
        scene.world.node.sites.afterwards.go_on()
    assert "whole" not in scene.listed()
    settle_behind(scene.world)
    assert scene.listed() == scene.objects.sizes() == {"whole": len(CONTENT)}
    assert scene.entry(file).name == "whole"
    assert scene.objects.all() == {"whole": CONTENT}


async def test_what_is_found_spoiled_behind_is_removed_and_sent_again(scene: Scene, proxy: Proxy) -> None:
    file = await left_uncompared(scene, proxy)
    scene.objects.flip("whole")
    settle_behind(scene.world)
    assert "whole" not in scene.listed()
    assert "whole" not in scene.objects.sizes()
    assert set((await scene.files.begin_upload(file, "whole", len(CONTENT))).parts) == {None}
    for number in range(3):
        await scene.part(file, number)
    await scene.move(file, "whole")
    assert scene.objects.all() == {"whole": CONTENT}


async def test_a_file_whose_end_is_told_to_nobody_is_read_back(scene: Scene, proxy: Proxy) -> None:
    file = await arrived(scene)
    proxy.strike(AnswerLost(), when=is_end)
    await scene.move(file, "whole")
    assert len(proxy.struck()) == 1
    assert scene.listed() == scene.objects.sizes() == {"whole": len(CONTENT)}


async def test_an_upload_that_is_lost_takes_no_file_for_its_own(scene: Scene, own: S3Settings) -> None:
    old = (await scene.files.create(scene.root, "whole", content=b"old")).file_id
    file = await arrived(scene)
    store = client_of(own)
    (upload,) = store.list_multipart_uploads(Bucket=own.bucket)["Uploads"]
    store.abort_multipart_upload(Bucket=own.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    with pytest.raises(PosixError, match="enoent"):
        await scene.move(file, "whole", replaces=True)
    settle_behind(scene.world)
    assert scene.entry(old).name == "whole"
    assert scene.objects.all()["whole"] == b"old"


async def test_whoever_makes_a_file_of_its_name_meanwhile_does_not_make_it_one(scene: Scene, proxy: Proxy) -> None:
    file = await arrived(scene)
    writing, caller = scene.provider.writing, scene.alex.caller
    listed = []

    def make() -> None:
        with pytest.raises(PosixError, match="eexist"):
            writing.make_file(writing.places.below(caller, scene.root, ["whole"]), [b"another"], mode=0o664)
        listed.append(scene.listed())

    proxy.strike(Meanwhile(make), when=is_read)
    await scene.move(file, "whole")
    assert ["whole" in each for each in listed] == [False]
    assert scene.entry(file).name == "whole"
    assert scene.objects.all() == {"whole": CONTENT}


async def test_nobody_is_given_what_replaces_a_file_before_it_was_compared(scene: Scene, proxy: Proxy) -> None:
    old = (await scene.files.create(scene.root, "whole", content=b"old")).file_id
    file = await arrived(scene)
    proxy.strike(Refuse(status=400), when=is_read)
    with pytest.raises((Busy, PosixError)):
        await scene.move(file, "whole", replaces=True)
    assert scene.objects.sizes()["whole"] == len(CONTENT)
    url, headers = f"/data/{old}/content", scene.alex.headers
    answer = await scene.world.provider.get(url, headers=headers)
    assert answer.status_code == 503
    assert "being compared" in answer.text
    settle_behind(scene.world)
    answer = await scene.world.provider.get(f"/data/{scene.space}/path/whole", headers=headers)
    assert answer.content == CONTENT


async def test_what_it_replaces_is_not_moved_meanwhile_for_it_has_its_bytes_already(scene: Scene, proxy: Proxy) -> None:
    old = (await scene.files.create(scene.root, "whole", content=b"old")).file_id
    file = await arrived(scene)
    writing, caller = scene.provider.writing, scene.alex.caller

    def move() -> None:
        located = scene.provider.access.locate_private(caller, old, Need.REMOVE)
        with pytest.raises(Busy, match="being compared"):
            writing.move(located, writing.places.below(caller, scene.root, ["elsewhere"]))

    proxy.strike(Meanwhile(move), when=is_read)
    await scene.move(file, "whole", replaces=True)
    assert len(proxy.struck()) == 1
    assert scene.listed() == scene.objects.sizes() == {"whole": len(CONTENT)}


async def test_what_is_removed_before_it_was_read_back_leaves_nothing(scene: Scene, proxy: Proxy) -> None:
    file = await left_uncompared(scene, proxy)
    await scene.files.remove(file)
    assert scene.objects.sizes() == scene.listed() == {}
    settle_behind(scene.world)
    assert scene.objects.sizes() == scene.listed() == {}
    await scene.files.create(scene.root, "whole", content=b"another")


async def test_a_folder_that_has_taken_its_name_meanwhile_stays(scene: Scene, proxy: Proxy) -> None:
    await left_uncompared(scene, proxy)
    await scene.files.create(scene.root, "whole", kind="DIR")
    settle_behind(scene.world)
    assert "whole" not in scene.objects.sizes()
    assert set(scene.listed().values()) == {0}
