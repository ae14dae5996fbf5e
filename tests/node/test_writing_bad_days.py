"""Writing when something goes wrong: tokens that end, disks that fill, clients that leave, and the node killed at every step."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from fs2od.node.zone.memberships import SPACE_USER
from fs2od.onedata.ids import FileId
from fs2od.testing.killed_writing import write_until_killed
from fs2od.testing.small_disks import small_disk
from fs2od.testing.world import Dataset, World, open_world, serve_world, wait_until

# Forked from a process that has everything imported already: real processes, but each starts in a blink.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["fs2od.testing.killed_writing"])
MOST_STEPS = 200
MIB = 1 << 20


def listed(world: World, dataset: Dataset) -> dict[str, int]:
    """Return the files of a space and their sizes, as the index has them; what it sums up must agree."""
    with world.node.provider.indexes.using(dataset.space) as index:
        root = index.get(1)
        assert root is not None
        every = list(index.walk(root))
        files = {path: entry.size_bytes for path, entry in every if entry.kind == "REG"}
        assert (root.files, root.size_bytes) == (len(files), sum(files.values()))
        for path, entry in every:
            if entry.kind == "DIR":
                below = [size for name, size in files.items() if name.startswith(f"{path}/")]
                assert (entry.files, entry.size_bytes) == (len(below), sum(below))
        return files | {path: -1 for path, entry in every if entry.kind == "DIR"}


def on_disk(dataset: Dataset) -> dict[str, int]:
    every = [path for path in dataset.folder.rglob("*") if ".fs2od-partial" not in path.parts]
    return {str(path.relative_to(dataset.folder)): path.stat().st_size if path.is_file() else -1 for path in every}


def partials(dataset: Dataset) -> list[Path]:
    return list((dataset.folder / ".fs2od-partial").glob("*"))


def left(world: World, dataset: Dataset) -> int:
    with world.node.provider.indexes.using(dataset.space) as index, index.database.reading() as db:
        return int(db.execute("SELECT count(*) FROM note").fetchone()[0])


async def halves(between: Callable[[], None]) -> AsyncIterator[bytes]:
    yield bytes(9 * MIB)
    between()
    yield bytes(9 * MIB)


@pytest.mark.parametrize("ends", ["token", "membership"])
async def test_an_upload_ends_with_the_access_that_it_came_with(world: World, ends: str) -> None:
    owner, alex = world.person("Owner Example"), world.person()
    dataset = world.results(owner)
    world.join_space(dataset.space, alex)
    token = world.node.zone.tokens.issue_named(alex.id, "to be revoked")

    def end() -> None:
        if ends == "token":
            world.node.zone.tokens.change(token.id, revoked=True)
        else:
            world.node.zone.memberships.remove(SPACE_USER, dataset.space, alex.id)

    headers = {"X-Auth-Token": token.token.reveal()}
    answer = await world.provider.put(f"/data/{dataset.root}/path/f", headers=headers, content=halves(end))
    assert answer.status_code == (401 if ends == "token" else 403), answer.text
    assert (listed(world, dataset), on_disk(dataset), partials(dataset), left(world, dataset)) == ({}, {}, [], 0)


async def test_of_two_who_write_one_name_at_once_one_is_refused(world: World) -> None:
    alex = world.person()
    dataset = world.results(alex)
    answers = await asyncio.gather(
        *(
            world.provider.put(f"/data/{dataset.root}/path/d/f?create_parents=true", headers=alex.headers, content=each)
            for each in (b"a" * 1000, b"b" * 1000, b"c" * 1000)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400]
    assert listed(world, dataset) == on_disk(dataset) == {"d": -1, "d/f": 1000}


async def test_files_written_at_once_are_all_there_and_counted(world: World) -> None:
    alex = world.person()
    dataset = world.results(alex)

    async def write(number: int) -> int:
        url = f"/data/{dataset.root}/path/{number % 3}/{number}?create_parents=true"
        return (await world.provider.put(url, headers=alex.headers, content=bytes(number))).status_code

    assert set(await asyncio.gather(*map(write, range(40)))) == {201}
    assert listed(world, dataset) == on_disk(dataset)
    assert len(listed(world, dataset)) == 43


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", size_mb=8) as place:
        yield place


async def test_a_disk_that_is_full_keeps_what_was_there(world: World, disk: Path) -> None:
    (world.folder / "written").symlink_to(disk)
    alex = world.person()
    dataset = world.results(alex)
    url = f"/data/{dataset.root}/path/f"
    assert (await world.provider.put(url, headers=alex.headers, content=bytes(3 * MIB))).status_code == 201
    file = world.id_of(dataset, "f")
    for answer in (
        await world.provider.put(f"/data/{dataset.root}/path/g", headers=alex.headers, content=bytes(9 * MIB)),
        await world.provider.put(f"/data/{file}/content", headers=alex.headers, content=bytes(7 * MIB)),
    ):
        assert answer.json()["error"]["details"] == {"errno": "enospc"}
        assert listed(world, dataset) == on_disk(dataset) == {"f": 3 * MIB}
        assert partials(dataset) == []
    url = f"/data/{file}/content?offset={3 * MIB}"
    answer = await world.provider.put(url, headers=alex.headers, content=bytes(9 * MIB))
    assert answer.json()["error"]["details"] == {"errno": "enospc"}
    assert listed(world, dataset) == on_disk(dataset)
    assert left(world, dataset) == 0
    assert (await world.provider.put(f"/data/{file}/content", headers=alex.headers)).status_code == 204
    assert (await world.provider.put(f"/data/{file}/content", headers=alex.headers, content=bytes(5 * MIB))).is_success


def test_nothing_is_kept_of_a_file_whose_sender_leaves(tmp_path: Path) -> None:
    with serve_world(tmp_path) as world:
        alex = world.person()
        dataset = world.results(alex)
        host, _, port = world.node.settings.provider_domain.partition(":")
        context = ssl.create_default_context(cafile=str(world.ca))
        head = (
            f"PUT /api/v3/oneprovider/data/{dataset.root}/path/f HTTP/1.1\r\nHost: {host}\r\n"
            f"X-Auth-Token: {alex.token.reveal()}\r\nContent-Length: 3000000\r\n\r\n"
        )
        with (
            socket.create_connection((host, int(port)), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.sendall(head.encode() + bytes(2_000_000))
            wait_until(lambda: bool(partials(dataset)), 20)
        wait_until(lambda: not partials(dataset), 20)
        assert listed(world, dataset) == on_disk(dataset) == {}


@pytest.mark.timeout(600)
def test_index_and_bytes_agree_wherever_the_node_is_killed(tmp_path: Path) -> None:
    # Half a minute: a real process for each of some fifty steps.
    ended = None
    for at in range(1, MOST_STEPS):
        process = FORKS.Process(target=write_until_killed, args=(str(tmp_path), at))
        process.start()
        process.join(60)
        ended = process.exitcode
        with open_world(tmp_path) as world:
            for space in world.node.zone.spaces.named(f"space {at}"):
                storage = world.node.provider.supports.get(space).storage
                root = FileId(world.node.provider.files.root_id(space))
                dataset = Dataset(space, storage, tmp_path / "written" / space, root)
                assert listed(world, dataset) == on_disk(dataset), at
                assert (left(world, dataset), partials(dataset)) == (0, []), at
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert ended == 0
