"""The cache of blocks: bounded, shared, and never believed when it is damaged."""

import os
import threading
from pathlib import Path

import pytest

from fs2od.errors import StorageError
from fs2od.mount import BlockStore
from fs2od.testing.small_disks import small_disk

MB = 1 << 20


def blocks(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_block_is_there_for_everybody_who_opens_the_folder(tmp_path: Path) -> None:
    first, second = (BlockStore(tmp_path / "c", limit_bytes=10 * MB) for _ in range(2))
    assert first.get("k1", 0, 3) is None
    assert first.put("k1", b"abcdef")
    assert second.get("k1", 2, 3) == b"cde"
    assert second.get("k1", 4, 100) == b"ef"
    assert second.get("k1", 100, 5) == b""
    first.close()
    second.close()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_block_is_as_good_as_absent_and_removed(tmp_path: Path, damage: str) -> None:
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    store.put("k1", b"x" * 1000)
    (file,) = blocks(tmp_path / "c")
    data = bytearray(file.read_bytes())
    data[500] ^= 1
    file.write_bytes({"flip": bytes(data), "cut": bytes(data[:700]), "empty": b""}[damage])
    store.close()
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    assert store.get("k1", 0, 1000) is None
    assert not blocks(tmp_path / "c")
    store.close()


def test_only_the_damaged_part_of_a_block_makes_it_absent_and_only_once_it_is_read(tmp_path: Path) -> None:
    data = os.urandom(100_000)
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    store.put("k1", data)
    store.close()
    (file,) = blocks(tmp_path / "c")
    with file.open("r+b") as opened:
        opened.seek(90_000)
        opened.write(bytes([data[90_000] ^ 1]))
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    assert store.get("k1", 0, 60_000) == data[:60_000]
    assert store.get("k1", 10, 50_000) == data[10:50_010]
    assert store.get("k1", 0, 100_000) is None
    assert store.get("k1", 0, 10) is None
    store.close()


@pytest.mark.parametrize("size", [0, 1, 16 << 10, (16 << 10) + 1, 8 * MB, 8 * MB - 1])
def test_blocks_of_any_size_come_back_as_they_were(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    store = BlockStore(tmp_path / "c", limit_bytes=100 * MB)
    arrival = store.arrival(size)
    for start in range(0, size, 300_001):
        arrival.add(memoryview(data)[start : start + 300_001])
    assert arrival.keep("k1") is None
    assert store.get("k1", 0, size) == data
    again = BlockStore(tmp_path / "c", limit_bytes=100 * MB)
    assert again.get("k1", 0, size) == data
    for each in (store, again):
        each.close()


def test_what_the_disk_does_not_take_comes_all_the_same(tmp_path: Path) -> None:
    data = os.urandom(3 * MB)
    with small_disk(tmp_path / "disk", size_mb=2, options="mode=0700") as disk:
        store = BlockStore(disk, limit_bytes=10 * MB)
        arrival = store.arrival(len(data))
        for start in range(0, len(data), 100_000):
            arrival.add(memoryview(data)[start : start + 100_000])
        assert arrival.keep("k1") == data
        assert not store.has("k1")
        assert not blocks(disk)
        store.close()


def test_a_block_that_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    arrival = store.arrival(3)
    arrival.add(memoryview(b"abc"))
    arrival.drop()
    assert not blocks(tmp_path / "c")
    store.close()


def test_it_stays_within_its_bound_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    now = [1_000_000.0]
    store = BlockStore(tmp_path / "c", limit_bytes=4 * MB, clock=lambda: now[0])
    for number in range(20):
        store.put(f"key{number:02}", os.urandom(MB // 2))
        file = next(path for path in blocks(tmp_path / "c") if path.name == f"key{number:02}")
        os.utime(file, (number, number))
    assert sum(path.stat().st_size for path in blocks(tmp_path / "c")) < 5 * MB
    assert store.get("key19", 0, 1) is not None
    assert store.get("key00", 0, 1) is None
    store.close()


def test_a_block_in_use_is_read_on_after_it_was_removed(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "c", limit_bytes=MB)
    store.put("k1", b"abc")
    assert store.get("k1", 0, 3) == b"abc"
    for path in blocks(tmp_path / "c"):
        path.unlink()
    assert store.get("k1", 0, 3) == b"abc"
    store.close()


def test_what_killed_processes_left_half_written_is_removed(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "c", limit_bytes=MB)
    store.put("k1", b"abc")
    (left,) = blocks(tmp_path / "c")
    partial = left.with_name("k2.1-1.partial")
    partial.write_bytes(b"half")
    os.utime(partial, (1, 1))
    again = BlockStore(tmp_path / "c", limit_bytes=MB)
    again.put("k3", b"def")
    assert not partial.exists()
    for each in (store, again):
        each.close()


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c").chmod(0o777)
    with pytest.raises(StorageError, match="open to others"):
        BlockStore(tmp_path / "c", limit_bytes=MB)


def test_many_threads_write_and_read_the_same_blocks(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "c", limit_bytes=2 * MB)
    wrong: list[str] = []

    def work(seed: int) -> None:
        for number in range(200):
            key = f"key{(number * seed) % 40:02}"
            data = store.get(key, 0, 100_000)
            if data is None:
                store.put(key, key.encode() * 10_000)
            elif data != key.encode() * 10_000:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 3, 7, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    store.close()
