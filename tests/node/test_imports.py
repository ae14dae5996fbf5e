"""Imports: when scans begin, how they end, and what is told of them; over a node's own services."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.node.scan_scene import Clock

from fs2od.node.index.scans import begin_scan
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.imports import ImportInfo
from fs2od.node.panel.scanning import Counts
from fs2od.node.panel.support import ImportConfig
from fs2od.node.running import Node, open_node
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId


def wait_for(condition: Callable[[], bool], within_s: float = 60) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"it did not come about within {within_s} s"
        time.sleep(0.01)


class World:
    """A node with one space over one directory."""

    def __init__(self, node: Node, clock: Clock, root: Path, space: SpaceId) -> None:
        self.node = node
        self.imports = node.provider.imports
        self.clock = clock
        self.root = root
        self.space = space

    def info(self) -> ImportInfo:
        return self.imports.info(self.space)

    def wait(self) -> ImportInfo:
        wait_for(lambda: self.info().status not in ("enqueued", "running", "aborting"))
        return self.info()

    def force(self) -> ImportInfo:
        self.imports.force_start(self.space)
        return self.wait()

    def tick(self) -> ImportInfo:
        """Do what the node's clockwork does in the course of a few seconds."""
        for _ in range(4):
            self.imports.start_due()
        return self.wait()

    def files(self) -> int:
        with self.node.provider.indexes.using(self.space) as index:
            root = index.get(ROOT)
        assert root is not None
        return root.files


@contextmanager
def opened(folder: Path, clock: Clock) -> Iterator[Node]:
    settings = NodeSettings(folder / "data", "localhost:1", "localhost:2")
    with open_node(settings, clock=clock) as node:
        yield node


def support(node: Node, root: Path, config: ImportConfig, *, mode: str = "auto", name: str = "space") -> SpaceId:
    user = node.zone.users.add("Alex Example", username=f"alex-{name}")
    space = node.zone.spaces.create_for_user(Caller(user), name)
    storage = node.provider.storages.add_posix(name, str(root), imported=True, readonly=True)
    with node.zone.database.writing() as db:
        node.provider.supports.grant(db, space, storage, size_bytes=10**9, mode=mode, config=config)
    return space


@pytest.fixture
def config() -> ImportConfig:
    return ImportConfig(continuous_scan=True, scan_interval_s=60)


@pytest.fixture
def world(tmp_path: Path, config: ImportConfig) -> Iterator[World]:
    root = tmp_path / "root"
    root.mkdir()
    (root / "one").touch()
    clock = Clock()
    with opened(tmp_path, clock) as node:
        yield World(node, clock, root, support(node, root, config))


def test_the_first_scan_begins_by_itself(world: World) -> None:
    assert world.info() == ImportInfo(None, None, None, Counts(), 0, None)
    info = world.tick()
    begun = world.clock.seconds
    assert info == ImportInfo("completed", begun, begun, Counts(created=1), 1, begun + 60)


def test_a_continuous_import_scans_again_an_interval_after_the_last_end(world: World) -> None:
    world.tick()
    (world.root / "two").touch()
    world.clock.seconds += 59
    assert world.tick().total_scans == 1
    world.clock.seconds += 1
    info = world.tick()
    assert (info.total_scans, info.counts) == (2, Counts(created=1, unmodified=1))


def test_a_clock_set_back_does_not_put_the_next_scan_off(world: World) -> None:
    world.tick()
    world.clock.seconds -= 3600
    assert world.tick().total_scans == 2


@pytest.mark.parametrize("config", [ImportConfig(continuous_scan=False)])
def test_without_continuous_import_there_is_one_scan_unless_it_is_forced(world: World) -> None:
    assert world.tick().next_scan_s is None
    world.clock.seconds += 100_000
    assert world.tick().total_scans == 1
    assert world.force().total_scans == 2


def grown_in_a_quiet_folder(world: World) -> Path:
    """Return a file that grew in a folder that scans which begin by themselves pass over."""
    for _ in range(3):
        world.tick()
        world.clock.seconds += 60
    file = world.root / "one"
    with file.open("ab") as opened:
        opened.write(b"more")
    return file


def test_a_forced_scan_looks_at_every_file_also_where_the_folders_times_stand(world: World) -> None:
    grown_in_a_quiet_folder(world)
    assert world.tick().counts == Counts(unmodified=1), "it is passed over"
    assert world.force().counts == Counts(modified=1)


def test_a_scan_that_was_interrupted_looks_at_every_file_when_it_goes_on(tmp_path: Path, config: ImportConfig) -> None:
    root, clock = tmp_path / "root", Clock()
    root.mkdir()
    (root / "one").touch()
    with opened(tmp_path, clock) as node:
        first = World(node, clock, root, support(node, root, config))
        grown_in_a_quiet_folder(first)
        with node.provider.indexes.using(first.space) as index:
            begin_scan(index, clock.seconds)  # and then the power went
    with opened(tmp_path, clock) as node:
        assert World(node, clock, root, first.space).tick().counts == Counts(modified=1)


def test_a_change_of_the_configuration_counts_at_once(world: World) -> None:
    world.tick()
    (world.root / "two").write_bytes(b"1")
    with world.node.zone.database.writing() as db:
        db.execute("UPDATE support SET import_config = json_set(import_config, '$.scan_interval_s', 5)")
    world.clock.seconds += 5
    assert world.tick().total_scans == 2


def test_a_scan_under_way_cannot_be_forced_again_and_can_be_stopped(world: World) -> None:
    (world.root / "stuck").mkdir()
    for number in range(3000):
        (world.root / "stuck" / str(number)).mkdir()
    world.imports.force_start(world.space)
    with pytest.raises(errors.Conflict):
        world.imports.force_start(world.space)
    world.imports.force_stop(world.space)
    assert world.info().status in ("aborting", "aborted", "completed")
    assert world.wait().status in ("aborted", "completed")
    with pytest.raises(errors.NotFound):
        world.imports.force_stop(world.space)
    world.clock.seconds += 60
    assert world.tick().status == "completed"


def test_a_scan_stopped_before_it_began_counts_as_aborted(world: World) -> None:
    release = threading.Event()
    workers = world.imports._workers
    for _ in range(2):
        workers.submit(release.wait, 30)
    world.imports.force_start(world.space)
    assert world.info().status == "enqueued"
    world.imports.force_stop(world.space)
    assert world.info().status == "aborting"
    release.set()
    assert world.wait().status == "aborted"
    assert world.files() == 0


def test_a_storage_that_is_not_there_fails_the_scan_and_says_why(world: World) -> None:
    world.tick()
    world.root.rename(world.root.with_name("away"))
    info = world.force()
    assert info.status == "failed"
    assert info.problem is not None
    assert "not there" in info.problem
    assert world.files() == 1
    world.root.with_name("away").rename(world.root)
    info = world.force()
    assert (info.status, info.problem) == ("completed", None)


def test_a_failed_scan_of_a_continuous_import_is_tried_again(world: World) -> None:
    away = world.root.rename(world.root.with_name("away"))
    assert world.tick().status == "failed"
    away.rename(world.root)
    world.clock.seconds += 60
    assert world.tick().status == "completed"
    assert world.files() == 1


def test_a_scan_that_cannot_even_be_recorded_is_not_begun_again_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def fail(*_: object) -> int:
        begun.append(world.clock.seconds)
        raise errors.not_found()

    with monkeypatch.context() as patch:
        patch.setattr("fs2od.node.panel.imports.begin_scan", fail)
        for _ in range(40):
            world.tick()
            world.clock.seconds += 1
    assert [moment - begun[0] for moment in begun] == [0, 5, 15, 35]
    world.clock.seconds -= 86_400  # set back, it puts nothing off
    assert world.tick().status == "completed"


def test_what_cannot_be_delivered_is_told_with_its_number(world: World) -> None:
    for number in range(5):
        os.mkfifo(world.root / f"fifo{number}")
    info = world.tick()
    assert info.counts.failed == 5
    count, named = world.imports.undeliverable(world.space, limit=2)
    assert (count, named) == (5, [("fifo0", "special file (FIFO)"), ("fifo1", "special file (FIFO)")])


def test_a_node_that_stops_in_the_middle_goes_on_when_it_starts_again(tmp_path: Path, config: ImportConfig) -> None:
    root, clock = tmp_path / "root", Clock()
    for number in range(2000):
        (root / str(number)).mkdir(parents=True)
        (root / str(number) / "file").touch()
    with opened(tmp_path, clock) as node:
        space = support(node, root, config)
        node.provider.imports.force_start(space)
    with opened(tmp_path, clock) as node:
        world = World(node, clock, root, space)
        info = world.tick()
        assert (info.status, world.files()) == ("completed", 2000)


def test_a_support_that_ends_during_a_scan_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    for number in range(3000):
        (world.root / str(number)).mkdir()
    world.imports.force_start(world.space)
    world.imports.forget(world.space)
    world.node.provider.supports.end(world.space)
    assert list((tmp_path / "data" / "spaces").iterdir()) == []
    with pytest.raises(errors.NotFound):
        world.info()
    world.imports.start_due()


def test_a_space_with_manual_import_is_never_scanned(tmp_path: Path, config: ImportConfig) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with opened(tmp_path, Clock()) as node:
        space = support(node, root, config, mode="manual")
        node.provider.imports.start_due()
        for act in (
            node.provider.imports.info,
            node.provider.imports.force_start,
            node.provider.imports.force_stop,
        ):
            with pytest.raises(errors.ServiceError, match="not imported automatically"):
                act(space)


def test_looking_for_due_scans_of_many_spaces_at_rest_opens_no_index(tmp_path: Path, config: ImportConfig) -> None:
    clock = Clock()
    with opened(tmp_path, clock) as node:
        spaces = []
        for number in range(70):
            root = tmp_path / f"root{number}"
            root.mkdir()
            spaces.append(support(node, root, config, name=f"space{number}"))
        imports = node.provider.imports
        imports.start_due()
        wait_for(lambda: all(imports.info(space).status == "completed" for space in spaces))

        def fail(*_: object) -> None:
            raise AssertionError

        original, node.provider.indexes.using = node.provider.indexes.using, fail  # type: ignore[method-assign, assignment]  # put back below
        try:
            for _ in range(8):
                imports.start_due()
        finally:
            node.provider.indexes.using = original  # type: ignore[method-assign]  # as it was
