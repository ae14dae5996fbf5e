"""Checksums in the node: taken from trustworthy parts of the sidecar, and from what was read anyway."""

from __future__ import annotations

import os
import zlib
from hashlib import sha256
from pathlib import Path

import pytest

from fs2od.manifests import Digester, Gone, ManifestEntry, dump_part, part_name
from fs2od.node.index import Entry
from fs2od.node.provider.checksums import Checksums
from fs2od.testing.world import Dataset, World, open_world


def listed(dataset: Dataset, path: str, *, content: bytes | None = None, piece_bytes: int = 8 << 20) -> ManifestEntry:
    file = dataset.folder / path
    digester = Digester(piece_bytes)
    digester.update(file.read_bytes() if content is None else content)
    return digester.entry(path, file.stat().st_mtime_ns)


def write_part(dataset: Dataset, number: int, data: bytes) -> Path:
    folder = dataset.folder / "fs2od-sidecar" / "manifest"
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / part_name(number)
    part.write_bytes(data)
    return part


def publish(dataset: Dataset, number: int, *paths: str, gone: tuple[str, ...] = ()) -> None:
    write_part(dataset, number, dump_part(number, [listed(dataset, path) for path in paths], map(Gone, gone)))


def entry_of(world: World, dataset: Dataset, path: str) -> Entry:
    with world.node.provider.indexes.using(dataset.space) as index:
        found = index.lookup(path.split("/"))
    assert found is not None
    return found


def sums(world: World) -> Checksums:
    return world.node.provider.checksums


def known(world: World, dataset: Dataset, path: str) -> bytes | None:
    sums(world).load(dataset.space)  # who only asks does not wait for long
    found = sums(world).of(dataset.space, entry_of(world, dataset, path))
    return None if found is None else found.sha256


async def test_a_part_says_what_files_have(world: World) -> None:
    dataset = world.dataset(world.person(), {"a/b.mrc": b"movie", "c": b"other"})
    publish(dataset, 1, "a/b.mrc")
    world.rescan(dataset.space)
    found = sums(world).of(dataset.space, entry_of(world, dataset, "a/b.mrc"))
    assert found is not None
    assert (found.sha256, found.crc32, found.pieces) == (sha256(b"movie").digest(), zlib.crc32(b"movie"), ())
    assert known(world, dataset, "c") is None
    assert sums(world).crc32(dataset.space, entry_of(world, dataset, "a/b.mrc")) == zlib.crc32(b"movie")


async def test_pieces_of_large_files_are_known(world: World) -> None:
    content = os.urandom(8 << 20) + b"rest"
    dataset = world.dataset(world.person(), {"large": content})
    publish(dataset, 1, "large")
    world.rescan(dataset.space)
    found = sums(world).of(dataset.space, entry_of(world, dataset, "large"))
    assert found is not None
    assert found.piece_bytes == 8 << 20
    assert found.pieces == (sha256(content[: 8 << 20]).digest(), sha256(b"rest").digest())


async def test_later_parts_come_before_earlier_ones_and_take_back(world: World) -> None:
    dataset = world.dataset(world.person(), {"a": b"1", "b": b"2"})
    publish(dataset, 1, "a", "b")
    world.rescan(dataset.space)
    assert known(world, dataset, "a") == sha256(b"1").digest()
    (dataset.folder / "a").write_bytes(b"one")
    publish(dataset, 2, "a", gone=("b",))
    world.rescan(dataset.space)
    assert known(world, dataset, "a") == sha256(b"one").digest()
    assert known(world, dataset, "b") is None


async def test_a_file_that_changed_since_has_no_checksum(world: World) -> None:
    dataset = world.dataset(world.person(), {"a": b"1"})
    publish(dataset, 1, "a")
    world.rescan(dataset.space)
    assert known(world, dataset, "a") is not None
    (dataset.folder / "a").write_bytes(b"2")
    world.rescan(dataset.space)
    assert known(world, dataset, "a") is None
    assert sums(world).crc32(dataset.space, entry_of(world, dataset, "a")) is None


async def test_broken_parts_are_not_trusted_and_those_after_them_are(world: World) -> None:
    dataset = world.dataset(world.person(), {"a": b"1", "b": b"2", "c": b"3"})
    good = dump_part(1, [listed(dataset, "a")])
    write_part(dataset, 1, good.replace(b'"path":"a"', b'"path":"c"'))
    write_part(dataset, 2, dump_part(3, [listed(dataset, "c")]))  # another number than its name
    publish(dataset, 4, "b")
    world.rescan(dataset.space)
    assert [known(world, dataset, name) for name in "abc"] == [None, sha256(b"2").digest(), None]


async def test_files_that_are_registered_after_the_sidecar_get_their_checksums(world: World) -> None:
    dataset = world.dataset(world.person(), {"a": b"1"})
    late = dataset.folder / "deep" / "late"
    late.parent.mkdir()
    late.write_bytes(b"late")
    publish(dataset, 1, "a", "deep/late")
    aside = dataset.folder.parent / "aside"
    late.parent.rename(aside)
    world.rescan(dataset.space)
    assert known(world, dataset, "a") == sha256(b"1").digest()
    aside.rename(late.parent)
    world.rescan(dataset.space)
    sums(world).load(dataset.space)
    # What is tried again and again is tried after a pause: another node's first look has none.
    fresh = Checksums(world.node.provider.indexes, world.node.provider.sources)
    fresh.load(dataset.space)
    fresh.close()
    assert known(world, dataset, "deep/late") == sha256(b"late").digest()


async def test_what_is_known_survives_a_restart(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        dataset = world.dataset(world.person(), {"a": b"1"})
        publish(dataset, 1, "a")
        world.rescan(dataset.space)
        assert known(world, dataset, "a") is not None
    for path in (dataset.folder / "fs2od-sidecar" / "manifest").iterdir():
        path.unlink()
    with open_world(tmp_path) as world:
        assert known(world, dataset, "a") == sha256(b"1").digest()


async def test_what_was_read_is_remembered_for_that_very_state(world: World) -> None:
    dataset = world.dataset(world.person(), {"a": b"1", "b": b"2"})
    entries = {name: entry_of(world, dataset, name) for name in "ab"}
    facts = (dataset.folder / "a").stat()
    sums(world).remember_crc32(
        dataset.space,
        {entries["a"].row: (1, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, 7), 10**6: (0, 0, 0, 0, 0)},
    )
    assert sums(world).crc32(dataset.space, entries["a"]) == 7
    assert sums(world).crc32(dataset.space, entries["b"]) is None
    assert sums(world).of(dataset.space, entries["a"]) is None
    os.chmod(dataset.folder / "a", 0o600)  # noqa: PTH101 - it moves the inode's time of change
    world.rescan(dataset.space)
    assert sums(world).crc32(dataset.space, entry_of(world, dataset, "a")) is None


async def test_what_the_sidecar_says_comes_before_what_was_read(world: World) -> None:
    dataset = world.dataset(world.person(), {"a": b"1"})
    publish(dataset, 1, "a")
    world.rescan(dataset.space)
    entry = entry_of(world, dataset, "a")
    assert known(world, dataset, "a") is not None
    sums(world).remember_crc32(dataset.space, {entry.row: (1, entry.mtime_ns, entry.ctime_ns, 1, 7)})
    assert sums(world).crc32(dataset.space, entry) == zlib.crc32(b"1")
    (dataset.folder / "a").write_bytes(b"22")
    world.rescan(dataset.space)
    facts = (dataset.folder / "a").stat()
    sums(world).remember_crc32(dataset.space, {entry.row: (2, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, 8)})
    assert sums(world).crc32(dataset.space, entry_of(world, dataset, "a")) == 8
    assert known(world, dataset, "a") is None


@pytest.mark.parametrize("is_gone", [False, True], ids=["earlier", "gone"])
async def test_what_was_computed_here_stands_against_what_is_said_of_an_earlier_state(
    world: World, *, is_gone: bool
) -> None:
    alex = world.person()
    dataset = world.results(alex)

    async def put(path: str, content: bytes) -> None:
        url, params = f"/data/{dataset.space}/path/{path}", {"create_parents": "true"}
        answer = await world.provider.put(url, headers=alex.headers, params=params, content=content)
        assert answer.status_code == 201, answer.text

    await put("a", b"one")
    earlier = at_another_time(listed(dataset, "a", content=b"two"), -1)
    part = dump_part(1, [], [Gone("a")]) if is_gone else dump_part(1, [earlier])
    await put(f"sidecar/manifest/{part_name(1)}", part)
    with world.node.provider.indexes.using(dataset.space) as index, index.database.writing() as db:
        # As a node took it that let one be written there.
        db.execute("UPDATE entry SET name = 'fs2od-sidecar' WHERE name = 'sidecar'")
    (dataset.folder / "sidecar").rename(dataset.folder / "fs2od-sidecar")
    sums(world).load(dataset.space)
    assert known(world, dataset, "a") == sha256(b"one").digest()


async def test_what_is_said_of_a_later_state_is_known_as_soon_as_that_is_registered(world: World) -> None:
    dataset = world.dataset(world.person(), {"a": b"one"})
    file, entry = dataset.folder / "a", entry_of(world, dataset, "a")
    read = (entry.size_bytes, entry.mtime_ns, entry.ctime_ns, file.stat().st_ino, zlib.crc32(b"one"))
    sums(world).remember_crc32(dataset.space, {entry.row: read})
    later = at_another_time(listed(dataset, "a", content=b"two"), 1)
    write_part(dataset, 1, dump_part(1, [later]))
    world.rescan(dataset.space)
    sums(world).load(dataset.space)
    assert known(world, dataset, "a") is None
    file.write_bytes(b"two")
    os.utime(file, ns=(later.mtime_ns, later.mtime_ns))
    world.rescan(dataset.space)
    assert known(world, dataset, "a") == sha256(b"two").digest()


def at_another_time(entry: ManifestEntry, seconds: int) -> ManifestEntry:
    return entry._replace(mtime_ns=entry.mtime_ns + seconds * 1_000_000_000)


async def test_twenty_thousand_files_are_taken_in_at_once(world: World) -> None:
    dataset = world.dataset(world.person(), {f"f/{number}": b"" for number in range(20_000)})
    publish(dataset, 1, *(f"f/{number}" for number in range(20_000)))
    world.rescan(dataset.space)
    sums(world).load(dataset.space)
    with world.node.provider.indexes.using(dataset.space) as index:
        folder = entry_of(world, dataset, "f")
        entries = index.children(folder.row, limit=30_000)
    assert len(sums(world).of_all(dataset.space, entries)) == 20_000
