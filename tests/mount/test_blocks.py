"""The cache of blocks: bounded, shared, and never believed when it is damaged."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from fs2od.errors import StorageError
from fs2od.mount import BlockStore
from fs2od.testing.small_disks import small_disk

MB = 1 << 20


def blocks(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "CACHEDIR.TAG"]


def key(number: int) -> str:
    return f"s{number:064x}"


def test_a_block_is_there_for_everybody_who_opens_the_folder(tmp_path: Path) -> None:
    first, second = (BlockStore(tmp_path / "c", limit_bytes=10 * MB) for _ in range(2))
    assert first.get(key(1), 0, 3) is None
    assert first.put(key(1), b"abcdef")
    assert second.get(key(1), 2, 3) == b"cde"
    assert second.get(key(1), 4, 100) == b"ef"
    assert second.get(key(1), 100, 5) == b""
    first.close()
    second.close()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_block_is_as_good_as_absent_and_removed(tmp_path: Path, damage: str) -> None:
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    store.put(key(1), b"x" * 1000)
    (file,) = blocks(tmp_path / "c")
    data = bytearray(file.read_bytes())
    data[500] ^= 1
    file.write_bytes({"flip": bytes(data), "cut": bytes(data[:700]), "empty": b""}[damage])
    store.close()
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    assert store.get(key(1), 0, 1000) is None
    assert not blocks(tmp_path / "c")
    store.close()


def test_only_the_damaged_part_of_a_block_makes_it_absent_and_only_once_it_is_read(tmp_path: Path) -> None:
    data = os.urandom(100_000)
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    store.put(key(1), data)
    store.close()
    (file,) = blocks(tmp_path / "c")
    with file.open("r+b") as opened:
        opened.seek(90_000)
        opened.write(bytes([data[90_000] ^ 1]))
    store = BlockStore(tmp_path / "c", limit_bytes=10 * MB)
    assert store.get(key(1), 0, 60_000) == data[:60_000]
    assert store.get(key(1), 10, 50_000) == data[10:50_010]
    assert store.get(key(1), 0, 100_000) is None
    assert store.get(key(1), 0, 10) is None
    store.close()


@pytest.mark.parametrize("size", [0, 1, 16 << 10, (16 << 10) + 1, 8 * MB, 8 * MB - 1])
def test_blocks_of_any_size_come_back_as_they_were(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    store = BlockStore(tmp_path / "c", limit_bytes=100 * MB)
    arrival = store.arrival(size)
    for start in range(0, size, 300_001):
        arrival.add(memoryview(data)[start : start + 300_001])
    assert arrival.keep(key(1)) is None
    assert store.get(key(1), 0, size) == data
    again = BlockStore(tmp_path / "c", limit_bytes=100 * MB)
    assert again.get(key(1), 0, size) == data
    for each in (store, again):
        each.close()


def test_what_the_disk_does_not_take_comes_all_the_same(tmp_path: Path) -> None:
    data = os.urandom(3 * MB)
    with small_disk(tmp_path / "disk", size_mb=2, options="mode=0700") as disk:
        store = BlockStore(disk, limit_bytes=10 * MB)
        arrival = store.arrival(len(data))
        for start in range(0, len(data), 100_000):
            arrival.add(memoryview(data)[start : start + 100_000])
        assert arrival.keep(key(1)) == data
        assert not store.has(key(1))
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
        store.put(key(number), os.urandom(MB // 2))
        file = next(path for path in blocks(tmp_path / "c") if path.name == key(number))
        os.utime(file, (number, number))
    assert sum(path.stat().st_size for path in blocks(tmp_path / "c")) < 5 * MB
    assert store.get(key(19), 0, 1) is not None
    assert store.get(key(0), 0, 1) is None
    store.close()


def test_a_block_in_use_is_read_on_after_it_was_removed(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "c", limit_bytes=MB)
    store.put(key(1), b"abc")
    assert store.get(key(1), 0, 3) == b"abc"
    for path in blocks(tmp_path / "c"):
        path.unlink()
    assert store.get(key(1), 0, 3) == b"abc"
    store.close()


def test_what_killed_processes_left_half_written_is_removed(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "c", limit_bytes=MB)
    store.put(key(1), b"abc")
    (left,) = blocks(tmp_path / "c")
    partial = left.parents[1] / "new" / f"{7:016x}-1.partial"
    partial.write_bytes(b"half")
    os.utime(partial, (1, 1))
    again = BlockStore(tmp_path / "c", limit_bytes=MB)
    again.put(key(3), b"def")
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
            name = key((number * seed) % 40)
            data = store.get(name, 0, 100_000)
            if data is None:
                store.put(name, name.encode() * 1_000)
            elif data != name.encode() * 1_000:
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 3, 7, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    store.close()


def filled(folder: Path, size: int = MB // 2) -> None:
    """Put more into a cache than it may hold."""
    store = BlockStore(folder, limit_bytes=2 * MB)
    for number in range(100, 110):
        assert store.put(key(number), os.urandom(size))
    store.close()


def old(file: Path, data: bytes = b"precious") -> Path:
    """Write a file that looks as if nobody had used it for years."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    os.utime(file, (1, 1))
    return file


def test_in_a_folder_that_holds_other_things_only_blocks_are_removed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "scratch", tmp_path / "elsewhere"
    theirs = [
        old(folder / "project" / "map1.mrc", b"m" * MB),
        old(folder / "project" / "fetching.partial"),
        old(folder / "new" / "mine.partial"),
        old(folder / "01" / "0001.mrc"),
        old(folder / "20260101T000000-77" / "000001-result.mrc"),
        old(elsewhere / "precious.mrc", b"p" * MB),
    ]
    (folder / "link").symlink_to(elsewhere)
    (folder / "02").symlink_to(elsewhere)
    filled(folder)
    own = folder / "fs2od-blocks"
    theirs += [old(own / "00" / "notes.txt"), old(own / "new" / "mine.partial")]
    for drawer in ("aa", "ab"):
        if not (own / drawer).exists():
            (own / drawer).symlink_to(elsewhere)
    filled(folder)
    assert [each for each in theirs if not each.exists()] == []
    assert sum(path.stat().st_size for path in blocks(own)) < 3 * MB


def test_the_blocks_of_earlier_versions_are_used_and_count(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    store = BlockStore(folder, limit_bytes=10 * MB)
    for number in range(3):
        store.put(key(number), bytes([number]) * MB)
    store.close()
    for drawer in (folder / "fs2od-blocks").iterdir():
        if drawer.is_dir():
            drawer.rename(folder / drawer.name)
    old(folder / "new" / f"{7:016x}-1.partial")
    theirs = old(folder / "00" / "precious")
    again = BlockStore(folder, limit_bytes=10 * MB)
    assert [again.get(key(number), 0, 1) for number in range(3)] == [b"\0", b"\1", b"\2"]
    again.close()
    filled(folder)
    assert sum(path.stat().st_size for path in blocks(folder)) < 3 * MB
    assert [path for path in blocks(folder) if "fs2od-blocks" not in path.parts] == [theirs]


def test_a_folder_of_that_name_which_is_no_cache_is_not_used(tmp_path: Path) -> None:
    theirs = old(tmp_path / "c" / "fs2od-blocks" / "precious")
    with pytest.raises(StorageError, match="no cache"):
        BlockStore(tmp_path / "c", limit_bytes=MB)
    theirs.unlink()
    theirs.parent.rmdir()
    theirs.parent.symlink_to(tmp_path)
    with pytest.raises(StorageError, match="no folder"):
        BlockStore(tmp_path / "c", limit_bytes=MB)


def test_on_a_full_disk_reads_pass_the_cache_by_until_there_is_room(tmp_path: Path) -> None:
    now = [1_000_000.0]
    with small_disk(tmp_path / "disk", size_mb=1, options="mode=0700,nr_inodes=3") as disk:
        taken = [disk / "a", disk / "b"]
        for each in taken:
            each.touch()
        store = BlockStore(disk, limit_bytes=MB, clock=lambda: now[0])
        assert not store.put(key(1), b"abc")
        subprocess.run(["mount", "-o", "remount,nr_inodes=30", disk], check=True, timeout=20)
        now[0] += 60
        assert store.put(key(1), b"abc")
        store.close()
        again = BlockStore(disk, limit_bytes=MB)
        assert again.get(key(1), 0, 3) == b"abc"
        again.close()
