"""Files that arrive part by part in a space whose storage is a bucket of a real store, and appear when they are moved to their names."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.node.bucket_scene import CONTENT, PART, AnswerLost, Scene
from tests.node.replication.buckets import Meanwhile, Objects
from tests.node.replication.moments import Moments

from fs2od.onedata.errors import Busy, PosixError, Rejected, Unauthorized
from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.killed_writing import arrive_until_killed, say_no_sums
from fs2od.testing.network import Proxy, Refuse, Request
from fs2od.testing.world import open_world, wait_until

DAY_S = 24 * 3600
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["fs2od.testing.killed_writing"])
MOST_STEPS = 40


@pytest.fixture
def moments() -> Moments:
    return Moments()


@pytest.fixture
def scene(tmp_path: Path, moments: Moments, own: S3Settings, proxy: Proxy) -> Iterator[Scene]:
    with open_world(tmp_path, clock=moments) as world:
        yield Scene(world, own, proxy.ports[0])


def is_part(request: Request) -> bool:
    return request.method == "PUT" and "partNumber=" in request.target


async def test_parts_come_in_any_order_and_the_file_appears_whole_under_its_name(scene: Scene, proxy: Proxy) -> None:
    file = await scene.begun()
    for number in (2, 0, 1):
        assert await scene.part(file, number) is None  # not in order
        assert sum(scene.objects.sizes().values()) == sum(scene.listed().values()) == 0
    await scene.move(file, "whole")
    assert scene.objects.all() == {"whole": CONTENT}
    assert scene.listed() == {"whole": len(CONTENT)}
    assert not [each for each in proxy.exchanges if "x-amz-copy-source" in each.request.headers]
    # Nobody saw all of it in order, so it is read again behind.
    wait_until(lambda: scene.provider.checksums.of(scene.space, scene.entry(file)) is not None, 60)
    known = await scene.files.checksum(file)
    assert known.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert scene.uploads() == 0


async def test_what_came_in_order_needs_no_second_look(scene: Scene) -> None:
    file = await scene.begun()
    assert await scene.files.write(file, CONTENT[: 2 * PART], offset=0) is None
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert await scene.part(file, 2) == digest
    there = await scene.files.begin_upload(file, "whole", len(CONTENT))
    pieces = [CONTENT[start : start + PART] for start in range(0, len(CONTENT), PART)]
    assert (there.part_bytes, there.size_bytes) == (PART, len(CONTENT))
    assert list(there.parts) == [hashlib.sha256(piece).hexdigest() for piece in pieces]
    await scene.move(file, "whole")
    known = scene.provider.checksums.of(scene.space, scene.entry(file))
    assert known is not None
    assert known.sha256.hex() == digest


async def test_a_part_that_is_sent_again_counts_and_its_file_is_hashed_anew(scene: Scene) -> None:
    file = await scene.begun()
    assert await scene.files.write(file, CONTENT[: 2 * PART], offset=0) is None
    other = os.urandom(PART)
    await scene.files.write(file, other, offset=0)
    assert await scene.part(file, 2) is None
    await scene.move(file, "whole")
    assert scene.objects.all() == {"whole": other + CONTENT[PART:]}
    wait_until(lambda: scene.provider.checksums.of(scene.space, scene.entry(file)) is not None, 60)
    assert (await scene.files.checksum(file)).sha256 == hashlib.sha256(other + CONTENT[PART:]).hexdigest()


async def test_what_is_no_part_is_refused_and_what_arrived_stays(scene: Scene) -> None:
    file = await scene.begun()
    other = (await scene.files.create(scene.root, "other")).file_id
    for target, content, offset, errno in (
        (file, b"x", 3, "enotsup"),
        (file, CONTENT[: PART - 1], 0, "enotsup"),
        (file, CONTENT[2 * PART :] + b"more", 2 * PART, "efbig"),
        (file, b"x", 3 * PART, "efbig"),
        (other, b"x", 0, "enotsup"),
    ):
        with pytest.raises(PosixError, match=errno):
            await scene.files.write(target, content, offset=offset)
    there = await scene.files.begin_upload(file, "whole", len(CONTENT))
    assert [part is not None for part in there.parts] == [False, False, True]
    for name in ("whole", "elsewhere"):
        with pytest.raises(PosixError, match="ebusy"):
            await scene.move(file, name)
    await scene.part(file, 0)
    await scene.part(file, 1)
    with pytest.raises(PosixError, match="ebusy"):
        await scene.move(file, "elsewhere")
    with pytest.raises(PosixError, match="eexist"):
        await scene.move(file, "other")
    await scene.move(file, "whole")
    assert scene.objects.all() == {"other": b"", "whole": CONTENT}


async def test_room_is_taken_by_what_arrived_and_asked_for_at_once(scene: Scene) -> None:
    with scene.world.node.zone.database.writing() as db:
        scene.provider.supports.resize(db, scene.space, 30 << 20)
    scene.world.node.zone.epoch.move()
    with pytest.raises(PosixError, match="enospc"):
        await scene.begun(size=31 << 20)
    file = await scene.begun(size=30 << 20)
    for number in range(2):
        await scene.part(file, number)
    with pytest.raises(PosixError, match="enospc"):
        await scene.files.create(scene.root, "in the way", content=bytes(15 << 20))
    await scene.files.create(scene.root, "beside", content=bytes(13 << 20))
    await scene.part(file, 0)  # it is counted already
    with pytest.raises(PosixError, match="enospc"):
        await scene.files.write(file, bytes(PART), offset=2 * PART)
    with pytest.raises(PosixError, match="efbig"):
        await scene.begun(size=1 << 40)


async def test_what_is_removed_or_begun_for_another_name_leaves_nothing_in_the_store(scene: Scene) -> None:
    file = await scene.begun()
    await scene.part(file, 0)
    there = await scene.files.begin_upload(file, "another name", len(CONTENT))
    assert (set(there.parts), scene.uploads()) == ({None}, 1)
    await scene.files.remove(file)
    assert (scene.uploads(), scene.objects.all(), scene.listed()) == (0, {}, {})
    with pytest.raises(PosixError, match="enoent"):
        await scene.part(file, 0)


async def test_what_nobody_goes_on_with_is_given_up_after_a_week(scene: Scene, moments: Moments) -> None:
    left, kept = await scene.begun("left"), await scene.begun("kept")
    abandoned = scene.world.node.sites.abandoned
    moments.forward(6 * DAY_S)
    await scene.part(kept, 0)
    assert abandoned.sweep(scene.space) == 0
    moments.forward(2 * DAY_S)
    assert abandoned.sweep(scene.space) == 1
    assert scene.uploads() == 1
    with pytest.raises(PosixError, match="enoent"):
        await scene.part(left, 0)
    await scene.part(kept, 1)


async def test_an_upload_that_the_store_lost_is_begun_anew(scene: Scene, own: S3Settings) -> None:
    file = await scene.begun()
    await scene.part(file, 0)
    store = client_of(own)
    (upload,) = store.list_multipart_uploads(Bucket=own.bucket)["Uploads"]
    store.abort_multipart_upload(Bucket=own.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    with pytest.raises(PosixError, match="enoent"):
        await scene.part(file, 1)
    there = await scene.files.begin_upload(file, "whole", len(CONTENT))
    assert list(there.parts) == [None, None, None]
    for number in range(3):
        await scene.part(file, number)
    await scene.move(file, "whole")
    assert scene.objects.all() == {"whole": CONTENT}


async def test_what_the_store_lost_takes_no_room(scene: Scene, own: S3Settings) -> None:
    with scene.world.node.zone.database.writing() as db:
        scene.provider.supports.resize(db, scene.space, 4 * PART)
    scene.world.node.zone.epoch.move()
    file = await scene.begun(size=3 * PART)
    for number in range(2):
        await scene.part(file, number)
    store = client_of(own)
    (upload,) = store.list_multipart_uploads(Bucket=own.bucket)["Uploads"]
    store.abort_multipart_upload(Bucket=own.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    there = await scene.files.begin_upload(file, "whole", 3 * PART)
    assert (set(there.parts), scene.uploads()) == ({None}, 1)


async def test_bytes_that_changed_in_the_store_are_removed_and_never_registered(scene: Scene, proxy: Proxy) -> None:
    file = await scene.begun()
    for number in range(3):
        await scene.part(file, number)

    def is_look(request: Request) -> bool:
        return request.method == "HEAD" and scene.objects.sizes().get("whole", 0) > 0

    proxy.strike(Meanwhile(lambda: scene.objects.flip("whole")), when=is_look)
    with pytest.raises(Busy, match="other bytes"):
        await scene.move(file, "whole")
    assert "whole" not in scene.objects.sizes()
    assert "whole" not in scene.listed()
    assert list((await scene.files.begin_upload(file, "whole", len(CONTENT))).parts) == [None, None, None]


def while_read_back(scene: Scene, proxy: Proxy, act: Callable[[], object]) -> list[object]:
    """Let what the store says tell nothing, as of one that encrypts, and do something once it is asked for what it has."""
    say_no_sums(scene.world, scene.space)
    found: list[object] = []
    is_read = Meanwhile(lambda: found.append(act()))
    proxy.strike(is_read, when=lambda request: request.method == "GET" and "range" in request.headers)
    return found


async def test_others_change_names_while_a_file_is_read_back(scene: Scene, proxy: Proxy) -> None:
    file = await scene.begun()
    assert await scene.files.write(file, CONTENT, offset=0) is not None
    writing, caller = scene.provider.writing, scene.alex.caller

    def change() -> str:
        place = writing.places.below(caller, scene.root, ["made meanwhile"])
        with pytest.raises(Busy, match="being compared"):
            writing.begin_arrival(writing.located_to_put(caller, file), "whole", len(CONTENT))
        return writing.make_directory(place, mode=0o775).path

    changed = while_read_back(scene, proxy, change)
    await scene.move(file, "whole")
    assert changed == ["made meanwhile"]
    assert scene.objects.all() == {"whole": CONTENT}
    assert scene.listed() == {"made meanwhile": 0, "whole": len(CONTENT)}
    known = scene.provider.checksums.of(scene.space, scene.entry(file))
    assert known is not None
    assert known.sha256.hex() == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(("what", "refusal"), [("flipped", "other bytes"), ("taken", "eexist"), ("removed", "enoent")])
async def test_what_is_not_as_it_was_once_it_is_read_back_is_not_registered(
    scene: Scene, proxy: Proxy, what: str, refusal: str
) -> None:
    file = await scene.begun()
    for number in range(3):
        await scene.part(file, number)
    writing, caller = scene.provider.writing, scene.alex.caller
    acts: dict[str, Callable[[], object]] = {
        "flipped": lambda: None,
        "taken": lambda: writing.make_directory(writing.places.below(caller, scene.root, ["whole"]), mode=0o775),
        "removed": lambda: writing.remove(writing.located_to_put(caller, file)),
    }
    if what == "flipped":
        flip = Meanwhile(lambda: scene.objects.flip("whole"))
        proxy.strike(flip, when=lambda each: each.method == "HEAD" and scene.objects.sizes().get("whole", 0) > 0)
    came = while_read_back(scene, proxy, acts[what])
    with pytest.raises((Busy, PosixError), match=refusal):
        await scene.move(file, "whole")
    assert len(came) == 1
    assert "whole" not in scene.objects.sizes()
    assert set(scene.listed().values()) <= {0}
    if what != "removed":
        there = await scene.files.begin_upload(file, "whole" if what == "flipped" else "other", len(CONTENT))
        assert set(there.parts) == {None}


async def test_a_store_that_leaves_at_the_last_step_has_the_file_under_its_name_alone(
    scene: Scene, proxy: Proxy
) -> None:
    file = await scene.begun()
    for number in range(3):
        await scene.part(file, number)
    proxy.strike(Refuse(status=400), when=lambda request: request.method == "DELETE")
    with pytest.raises(PosixError, match="eio"):
        await scene.move(file, "whole")
    assert scene.listed() == scene.objects.sizes() == {"whole": len(CONTENT)}
    assert scene.entry(file).name == "whole"


async def test_a_file_whose_completion_is_told_to_nobody_is_there(scene: Scene, proxy: Proxy) -> None:
    file = await scene.begun()
    for number in range(3):
        await scene.part(file, number)
    proxy.strike(AnswerLost(), when=lambda request: request.method == "POST" and "uploadId=" in request.target)
    await scene.move(file, "whole")
    assert len(proxy.struck()) == 1
    assert scene.entry(file).name == "whole"
    assert scene.listed() == scene.objects.sizes() == {"whole": len(CONTENT)}


async def test_a_token_that_ends_ends_the_upload_and_another_goes_on(scene: Scene) -> None:
    file = await scene.begun()
    await scene.part(file, 0)
    zone = scene.world.node.zone
    issued = zone.tokens.issue_named(scene.alex.id, "job")
    files = scene.speaking(issued.token)
    zone.tokens.change(issued.id, revoked=True)
    with pytest.raises(Unauthorized):
        await files.write(file, CONTENT[PART : 2 * PART], offset=PART)
    there = await scene.files.begin_upload(file, "whole", len(CONTENT))
    assert [part is not None for part in there.parts] == [True, False, False]


async def test_when_the_support_ends_no_part_stays_in_the_store(scene: Scene) -> None:
    file = await scene.begun()
    await scene.part(file, 0)
    scene.provider.supports.end(scene.space)
    with pytest.raises(Rejected, match="not supported"):
        await scene.part(file, 1)
    assert scene.uploads() == 0


async def test_when_the_space_is_removed_no_part_stays_in_the_store(scene: Scene) -> None:
    file = await scene.begun()
    await scene.part(file, 0)
    answer = await scene.world.zone.delete(f"/spaces/{scene.space}", headers=scene.alex.headers)
    assert answer.status_code == 204
    assert scene.uploads() == 0


@pytest.mark.timeout(600)
def test_wherever_the_node_is_killed_index_and_bucket_agree_and_it_goes_on(tmp_path: Path, own: S3Settings) -> None:
    # A dozen processes of a second each: one for every step from the last part on. Each finds what the one before it left.
    store, ended, at, content = client_of(own), None, 0, CONTENT[PART:]
    while ended != 0:
        at += 1
        assert at < MOST_STEPS
        process = FORKS.Process(target=arrive_until_killed, args=(str(tmp_path), at, own, content))
        process.start()
        process.join(60)
        ended = process.exitcode
        assert ended in (0, -signal.SIGKILL)
    names = []
    with open_world(tmp_path) as world:
        for number in range(1, at + 1):
            (space,) = world.node.zone.spaces.named(f"space {number}")
            objects = Objects(own, space)
            with world.node.provider.indexes.using(space) as index:
                (child,) = index.children(1, limit=9)
            assert objects.sizes() == {child.name: child.size_bytes}, number
            assert objects.get(f"{space}/{child.name}") == {"partial": b"", "whole": content}[child.name]
            uploads = store.list_multipart_uploads(Bucket=own.bucket, Prefix=space).get("Uploads", ())
            assert len(uploads) == (child.name == "partial"), number
            names.append(child.name)
    assert (names[0], names[-1], sorted(names)) == ("partial", "whole", names)
