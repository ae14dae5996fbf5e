"""Scans that are stopped, killed, cut off from power, or looked at while they run: nothing is wrong, and the next one finishes."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.node.scan_scene import SPACE, World, indexes, world

from fs2od.manifests import MANIFEST, SEAL, SIDECAR
from fs2od.node.index import Indexes, registration
from fs2od.node.index.scans import LOST_IDS, begin_scan, end_scan
from fs2od.node.panel.scanning import Counts, ScanStopped
from fs2od.storage import Seen

__all__ = ["indexes", "world"]


def test_a_folder_that_was_emptied_after_its_first_scan_was_stopped_is_empty(world: World) -> None:
    world.write("a/a")
    world.write("b/b")

    def stop(path: str, _: Seen) -> None:
        if path:
            world.stop.set()

    world.storage.meanwhile = stop
    with pytest.raises(ScanStopped):
        world.scan()
    assert world.paths() == {"a", "b"}
    world.stop.clear()
    shutil.rmtree(world.root / "a")
    shutil.rmtree(world.root / "b")
    world.scan()
    assert world.paths() == set()


def test_a_stopped_scan_leaves_right_sums_and_the_next_one_finishes(world: World) -> None:
    for number in range(300):
        world.write(f"{number}/file", b"12")

    def stop(path: str, _: Seen) -> None:
        if path == "150":
            world.stop.set()

    world.storage.meanwhile = stop
    with pytest.raises(ScanStopped):
        world.scan()
    world.check_sums()
    world.stop.clear()
    world.storage.meanwhile = lambda *_: None
    world.scan()
    world.check()


def test_readers_see_whole_states_while_a_scan_runs(world: World) -> None:
    for folder in range(20):
        for number in range(100):
            world.write(f"{folder}/{number}", b"123")
    done = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not done.is_set():
            with world.index.database.reading() as db:
                query = "SELECT (SELECT size FROM entry WHERE id = 1), (SELECT coalesce(sum(size), 0) FROM entry WHERE kind = 'REG')"
                root, files = db.execute(query).fetchone()
            if root != files:
                wrong.append(f"{root} {files}")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        world.scan()
    finally:
        done.set()
        reader.join(60)
    assert wrong == []
    world.check()


PROGRAM = """
import sys, threading
from pathlib import Path
from fs2od.node.clock import SystemClock
from fs2od.node.index import Indexes
from fs2od.node.panel import scanning
from fs2od.storage import PosixStorage
scanning._ROWS = 400
with Indexes(Path(sys.argv[2]), limit=1).using(sys.argv[3]) as index:
    print("begins", flush=True)
    rules = scanning.ScanRules(0o664, 0o775, frozenset())
    scanning.scan(index, PosixStorage(Path(sys.argv[1])), number=1, rules=rules, counts=scanning.Counts(),
                  stop=threading.Event(), clock=SystemClock())
    print("ends", flush=True)
"""


def test_a_scan_that_is_killed_again_and_again_is_finished_by_the_next(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "spaces"
    for folder in range(40):
        (root / f"sub{folder}").mkdir(parents=True)
        for number in range(250):
            (root / f"sub{folder}" / f"movie{number}").write_bytes(b"1" * (number % 7))
    killed_inside = 0
    for delay_s in (0.0, 0.02, 0.05, 0.1, 0.15, 0.25):
        command = [sys.executable, "-c", PROGRAM, str(root), str(state), SPACE]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begins\n"
            time.sleep(delay_s)
            process.send_signal(signal.SIGKILL)
            killed_inside += b"ends" not in process.stdout.read()
        # Between the kills the tree goes on changing.
        (root / f"new{delay_s}").mkdir()
        shutil.rmtree(root / f"sub{int(delay_s * 100)}")
    assert killed_inside > 0
    indexes = Indexes(state, limit=1)
    with indexes.using(SPACE) as index:
        world = World(root, index)
        world.clock.seconds = int(time.time())
        world.check_sums()
        world.scan()
        world.check()
    indexes.close()


def test_ids_that_a_power_cut_took_back_never_name_another_file(tmp_path: Path, indexes: Indexes) -> None:
    root, cut = tmp_path / "root", tmp_path / "cut"
    cut.mkdir()
    with indexes.using(SPACE) as index:
        world = World(root, index)
        world.write("kept/first")
        world.scan()
        number = begin_scan(index, 0)
        # What the disk has for sure: all until a scan was recorded as running.
        for file in (tmp_path / "spaces").iterdir():
            shutil.copy(file, cut)
        for count in range(500):
            world.write(f"kept/{count}")
        world.scan()
        given = {index.ref(entry.row): path for path, entry in world.found().items()}
        end_scan(index, number, "completed", Counts(), 1)
    for count in range(500):
        (root / f"kept/{count}").rename(root / f"kept/other{count}")
    after = Indexes(cut, limit=1)
    with after.using(SPACE) as index:
        world = World(root, index)
        world.write("kept/written meanwhile")
        world.scan()
        world.check()
        again = {index.ref(entry.row): path for path, entry in world.found().items()}
    after.close()
    assert {path for ref, path in again.items() if ref in given} == {"kept", "kept/first"}
    assert all(given.get(ref, path) == path for ref, path in again.items())


def test_a_scan_waits_for_the_disk_before_it_could_give_more_ids_than_are_skipped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[bool] = []
    writing = world.index.database.writing

    def noting(*, durable: bool = True) -> AbstractContextManager[sqlite3.Connection]:
        waits.append(durable)
        return writing(durable=durable)

    monkeypatch.setattr(world.index.database, "writing", noting)
    for number in range(3000):
        world.write(f"{number // 100}/{number}")
    world.scan()
    assert False in waits
    calm = sum(waits)
    monkeypatch.setattr(registration, "_WAIT_ROWS", 500)
    shutil.rmtree(world.root)
    for number in range(3000):
        world.write(f"{number // 100}/other{number}")
    waits.clear()
    world.scan()
    assert sum(waits) > calm
    assert registration._WAIT_ROWS + 200_000 < LOST_IDS


def test_the_seal_is_registered_after_the_parts_that_it_speaks_of(world: World) -> None:
    """Else who looked just then would find a seal whose parts are missing."""
    seal, part = f"{SIDECAR}/{SEAL}", f"{SIDECAR}/{MANIFEST}/000001.jsonl"
    world.write("movie")
    for path in (part, f"{SIDECAR}/SHA256SUMS", seal):
        world.write(path)
    seen: list[tuple[str, bool]] = []
    world.storage.meanwhile = lambda path, _: seen.append((path, seal in world.paths()))
    world.scan()
    assert seen == [
        ("", False),
        ("", False),
        (SIDECAR, False),
        (SIDECAR, False),
        (SIDECAR, False),
        (part.rpartition("/")[0], False),
    ]
    world.check()
    assert world.scan().created == 0
    (world.root / seal).unlink()
    world.scan()
    world.check()


def test_a_scan_that_is_stopped_before_the_seal_leaves_it_to_the_next(world: World) -> None:
    seal = f"{SIDECAR}/{SEAL}"
    world.write(f"{SIDECAR}/{MANIFEST}/000001.jsonl")
    world.write(seal)

    def stop(path: str, _: Seen) -> None:
        if path == SIDECAR:
            world.stop.set()

    world.storage.meanwhile = stop
    with pytest.raises(ScanStopped):
        world.scan()
    assert seal not in world.paths()
    world.stop.clear()
    world.storage.meanwhile = lambda _path, _seen: None
    world.scan()
    world.check()
