"""Moves of large files within a bucket of a real store: a copy that keeps nobody off while it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.node.bucket_scene import CONTENT, Scene
from tests.node.replication.buckets import Meanwhile

from fs2od.onedata.errors import PosixError, Unauthorized
from fs2od.onedata.ids import FileId
from fs2od.testing.network import Proxy, Refuse, Request
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import open_world


@pytest.fixture
def scene(tmp_path: Path, radosgw: Radosgw, proxy: Proxy) -> Iterator[Scene]:
    with open_world(tmp_path) as world:
        yield Scene(world, radosgw.bucket(), proxy.ports[0])


@pytest.fixture
async def file(scene: Scene) -> FileId:
    return (await scene.files.create(scene.root, "old", content=CONTENT)).file_id


def copies(request: Request) -> bool:
    return "x-amz-copy-source" in request.headers


def while_copied(proxy: Proxy, act: Callable[[], object]) -> list[object]:
    """Do something while the store copies, and return what came of it, once it has."""
    found: list[object] = []
    proxy.strike(Meanwhile(lambda: found.append(act())), when=copies)
    return found


async def test_others_change_names_while_the_store_copies(scene: Scene, proxy: Proxy, file: FileId) -> None:
    def make() -> str:
        places, writing = scene.provider.writing.places, scene.provider.writing
        place = places.below(scene.alex.caller, scene.root, ["made meanwhile"])
        return writing.make_directory(place, mode=0o775).path

    # In a thread of the proxy, which the move waits for.
    made = while_copied(proxy, make)
    await scene.move(file, "new")
    assert made == ["made meanwhile"]
    assert scene.listed() == {"made meanwhile": 0, "new": len(CONTENT)}
    assert scene.objects.all() == {"new": CONTENT}
    assert (scene.entry(file).name, scene.uploads()) == ("new", 0)


@pytest.mark.parametrize("what", ["written", "cut", "taken", "removed", "revoked"])
async def test_a_move_that_cannot_be_made_any_more_leaves_what_there_is(
    scene: Scene, proxy: Proxy, file: FileId, what: str
) -> None:
    writing, tokens, caller = scene.provider.writing, scene.world.node.zone.tokens, scene.alex.caller
    issued = tokens.issue_named(scene.alex.id, "job")
    scene.files = scene.speaking(issued.token)
    acts: dict[str, tuple[Callable[[], object], dict[str, bytes], str]] = {
        "written": (
            lambda: writing.put(writing.located_to_put(caller, file), [CONTENT[::-1]]),
            {"old": CONTENT[::-1]},
            "ebusy",
        ),
        "cut": (lambda: writing.put(writing.located_to_put(caller, file), [b"other"]), {"old": b"other"}, "ebusy"),
        "taken": (
            lambda: writing.make_file(writing.places.below(caller, scene.root, ["new"]), [b"other"], mode=0o664),
            {"old": CONTENT, "new": b"other"},
            "eexist",
        ),
        "removed": (lambda: writing.remove(writing.located_to_put(caller, file)), {}, "enoent"),
        "revoked": (lambda: tokens.change(issued.id, revoked=True), {"old": CONTENT}, "ended"),
    }
    act, kept, refusal = acts[what]
    came = while_copied(proxy, act)
    with pytest.raises((PosixError, Unauthorized), match=refusal):
        await scene.move(file, "new")
    assert len(came) == 1
    assert scene.objects.all() == kept
    assert scene.listed() == {name: len(content) for name, content in kept.items()}
    assert scene.uploads() == 0


async def test_a_file_that_comes_anew_in_parts_leaves_no_copy_of_what_it_was(scene: Scene, file: FileId) -> None:
    await scene.files.begin_upload(file, "new", len(CONTENT))
    for number in range(3):
        await scene.part(file, number, CONTENT[::-1])
    await scene.move(file, "new")
    assert scene.objects.all() == {"new": CONTENT[::-1]}
    assert (scene.listed(), scene.uploads()) == ({"new": len(CONTENT)}, 0)


async def test_why_a_move_failed_is_said_also_where_its_copy_cannot_be_removed(
    scene: Scene, proxy: Proxy, file: FileId
) -> None:
    writing, caller = scene.provider.writing, scene.alex.caller
    while_copied(proxy, lambda: writing.put(writing.located_to_put(caller, file), [CONTENT[::-1]]))
    proxy.strike(Refuse(status=403), when=lambda request: request.method == "DELETE")
    with pytest.raises(PosixError, match="ebusy"):
        await scene.move(file, "new")
    assert len(proxy.struck()) == 2
    assert (scene.objects.all(), scene.uploads()) == ({"old": CONTENT[::-1]}, 1)
