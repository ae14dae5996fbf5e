"""Another folder in the place of an imported one: nothing of it is imported or served, whatever leads there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.node.scan_scene import Clock
from tests.node.test_imports import World, opened, support

from fs2od.errors import StorageBusy, StorageReplaced
from fs2od.node.panel import overlaps
from fs2od.node.panel.roots import note_roots
from fs2od.node.panel.storage_records import Place
from fs2od.node.panel.support import ImportConfig
from fs2od.node.running import Node, open_node
from fs2od.node.settings import NodeSettings
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId, StorageId


@pytest.fixture
def config() -> ImportConfig:
    return ImportConfig(continuous_scan=True, scan_interval_s=60)


@pytest.fixture
def world(tmp_path: Path, config: ImportConfig) -> Iterator[World]:
    with scene(tmp_path, config) as world:
        yield world


@contextmanager
def scene(folder: Path, config: ImportConfig) -> Iterator[World]:
    root, clock = folder / "root", Clock()
    root.mkdir()
    (root / "one").write_bytes(b"ours")
    with opened(folder, clock) as node:
        world = World(node, clock, root, support(node, root, config))
        assert world.tick().status == "completed"
        yield world


def read(world: World, name: str = "one") -> bytes:
    with world.node.provider.sources.tree(world.space).open(name) as file:
        return file.read()


def storage_of(world: World) -> StorageId:
    (storage,) = world.node.provider.storages.every()
    return storage


def names(world: World) -> set[str]:
    with world.node.provider.indexes.using(world.space) as index:
        root = index.get(1)
        assert root is not None
        return {path for path, _ in index.walk(root)}


def other_folder(world: World) -> Path:
    other = world.root.with_name("other")
    other.mkdir()
    (other / "one").write_bytes(b"theirs")
    (other / "two").write_bytes(b"theirs")
    return other


def by_link(world: World) -> None:
    world.root.rename(world.root.with_name("away"))
    world.root.symlink_to(other_folder(world))


def by_name(world: World) -> None:
    world.root.rename(world.root.with_name("away"))
    other_folder(world).rename(world.root)


def removed(world: World) -> None:
    """Its number may be that of the next folder that is made."""
    shutil.rmtree(world.root)
    other_folder(world).rename(world.root)


def by_link_to_the_nodes_own(world: World) -> None:
    world.root.rename(world.root.with_name("away"))
    world.root.symlink_to(world.node.zone.settings.data)


REPLACED: list[Callable[[World], None]] = [by_link, by_name, removed, by_link_to_the_nodes_own]


@pytest.mark.parametrize("replace", REPLACED)
def test_another_folder_in_the_place_of_an_imported_one_is_neither_imported_nor_served(
    world: World, replace: Callable[[World], None]
) -> None:
    replace(world)
    with pytest.raises(StorageReplaced):
        read(world)
    world.clock.seconds += 60
    info = world.tick()
    assert (info.status, info.counts.created, info.counts.deleted) == ("failed", 0, 0)
    assert "another folder" in str(info.problem)
    assert names(world) == {"one"}


def test_a_folder_that_is_put_back_goes_on(world: World) -> None:
    by_link(world)
    assert world.force().status == "failed"
    world.root.unlink()
    world.root.with_name("away").rename(world.root)
    assert world.force().status == "completed"
    assert read(world) == b"ours"


def test_a_link_above_the_folder_leads_to_no_other_one(tmp_path: Path, config: ImportConfig) -> None:
    (tmp_path / "above").mkdir()
    with scene(tmp_path / "above", config) as world:
        above, other = tmp_path / "above", tmp_path / "there"
        (other / "root").mkdir(parents=True)
        (other / "root" / "one").write_bytes(b"theirs")
        above.rename(tmp_path / "gone")
        above.symlink_to(other)
        with pytest.raises(StorageReplaced):
            read(world)
        above.unlink()
        (tmp_path / "gone").rename(above)


def test_who_runs_the_node_says_that_another_folder_is_meant(world: World) -> None:
    by_name(world)
    assert world.force().status == "failed"
    assert world.node.provider.storages.tried(storage_of(world)).failure is not None
    world.node.provider.storages.move_directory(storage_of(world), str(world.root))
    assert read(world) == b"theirs"
    assert world.force().status == "completed"
    assert names(world) == {"one", "two"}


def test_a_folder_may_be_found_elsewhere_from_now_on(world: World) -> None:
    there = world.root.rename(world.root.with_name("there"))
    world.node.provider.storages.move_directory(storage_of(world), str(there))
    assert read(world) == b"ours"
    with pytest.raises(errors.ServiceError, match="own state"):
        world.node.provider.storages.move_directory(storage_of(world), str(world.node.zone.settings.data / "spaces"))
    world.root.symlink_to(there)
    with pytest.raises(errors.ServiceError, match="link"):
        world.node.provider.storages.move_directory(storage_of(world), str(world.root))


def noted_as(node: Node, **changes: int) -> None:
    """Let the zone's database say something else of the only storage's directory."""
    with node.zone.database.writing() as db:
        root = json.loads(db.execute("SELECT root FROM storage").fetchone()[0])
        db.execute("UPDATE storage SET root = ?", (json.dumps({**root, **changes}),))


def test_the_same_folder_on_a_device_of_another_number_was_mounted_anew(world: World) -> None:
    noted_as(world.node, device=1)
    assert read(world) == b"ours"
    assert world.force().status == "completed"


def test_a_link_to_a_folder_of_the_same_number_on_another_device_is_no_mount(world: World) -> None:
    away = world.root.rename(world.root.with_name("away"))
    world.root.symlink_to(away)
    noted_as(world.node, device=1)
    with pytest.raises(StorageReplaced):
        read(world)


def test_a_folder_that_an_earlier_version_imported_is_noted_at_the_next_start(
    tmp_path: Path, config: ImportConfig
) -> None:
    with scene(tmp_path, config) as world:
        space = world.space
        forget(world.node)
    with opened(tmp_path, Clock()) as node:
        again = World(node, Clock(), tmp_path / "root", space)
        assert read(again) == b"ours"
        by_name(again)
        with pytest.raises(StorageReplaced):
            read(again)


@pytest.mark.parametrize("replace", [by_link, by_name])
def test_another_folder_is_not_noted_for_one_that_an_earlier_version_imported(
    tmp_path: Path, config: ImportConfig, replace: Callable[[World], None]
) -> None:
    with scene(tmp_path, config) as world:
        space = world.space
        forget(world.node)
        replace(world)
    with opened(tmp_path, Clock()) as node:
        again = World(node, Clock(), tmp_path / "root", space)
        with pytest.raises(StorageReplaced):
            read(again)


def test_a_folder_of_an_earlier_version_whose_disk_is_away_is_noted_by_its_next_scan(
    tmp_path: Path, config: ImportConfig
) -> None:
    with scene(tmp_path, config) as world:
        space = world.space
        forget(world.node)
    away = (tmp_path / "root").rename(tmp_path / "away")
    with opened(tmp_path, Clock()) as node:
        again = World(node, Clock(), tmp_path / "root", space)
        assert again.force().status == "failed"
        away.rename(again.root)
        assert again.force().status == "completed"
        assert node.provider.storages.get(storage_of(again)).root is not None


def forget(node: Node) -> None:
    with node.zone.database.writing() as db:
        db.execute("UPDATE storage SET root = ''")


def test_a_disk_that_is_not_mounted_takes_nothing_that_is_written(world: World, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    storages, space = world.node.provider.storages, SpaceId("b" * 32)
    storage = storages.get(storages.add_posix("disk", str(disk)))
    storage.opened().make_directory(space)
    storage.opened_for(space).write("map.mrc", [b"kept"])
    disk.rename(tmp_path / "unmounted")
    disk.mkdir()
    with pytest.raises(StorageReplaced):
        storage.opened().make_directory(space)
    with pytest.raises(StorageReplaced):
        storage.opened_for(space).write("map.mrc", [b"new"])
    assert list(disk.iterdir()) == []
    assert storages.tried(storage.id).failure is not None
    assert list(disk.iterdir()) == []
    disk.rmdir()
    (tmp_path / "unmounted").rename(disk)
    with storage.opened_for(space).open("map.mrc") as file:
        assert file.read() == b"kept"


def test_a_folder_of_ours_that_lies_in_a_dataset_is_taken_out_of_it(tmp_path: Path, config: ImportConfig) -> None:
    """Since this start it is ours: nobody could know that when the dataset was imported."""
    secret = tmp_path / "root" / "deep" / "outbox" / "letter.eml"
    with scene(tmp_path, config) as world:
        secret.parent.mkdir(parents=True)
        secret.write_bytes(b"invite")
        assert world.force().status == "completed"
        assert read(world, "deep/outbox/letter.eml") == b"invite"
        space = world.space
    settings = NodeSettings(
        tmp_path / "data", "localhost:1", "localhost:2", own_folders=(secret.parent, tmp_path / "not there yet")
    )
    with open_node(settings, clock=Clock()) as node:
        again = World(node, Clock(), tmp_path / "root", space)
        assert again.force().status == "completed"
        assert names(again) == {"one", "deep"}
        assert node.provider.imports.undeliverable(space) == (
            1,
            [("deep/outbox", "fs2od keeps its own state there")],
        )


@pytest.mark.parametrize("below", ["", "spaces", ".."])
@pytest.mark.parametrize("imported", [True, False])
def test_no_storage_is_added_in_the_nodes_own_folder_or_above_it(world: World, below: str, *, imported: bool) -> None:
    data = world.node.zone.settings.data
    link = world.root.with_name("link")
    link.symlink_to(data / below)
    for place in (data / below, link, link / "."):
        with pytest.raises(errors.ServiceError, match="own state"):
            world.node.provider.storages.add_posix("keys", str(place), imported=imported)


def test_a_link_is_no_folder_to_import(world: World) -> None:
    link = world.root.with_name("link")
    link.symlink_to(world.root)
    with pytest.raises(errors.ServiceError, match="it is a link: name the folder that it leads to"):
        world.node.provider.storages.add_posix("link", str(link), imported=True, readonly=True)


def test_a_start_waits_for_a_file_server_that_is_away_once_and_not_for_each_storage(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages, indexes = world.node.provider.storages, world.node.provider.indexes
    (tmp_path / "disk").mkdir()
    storages.add_posix("disk", str(tmp_path / "disk"))
    forget(world.node)
    asked: list[object] = []

    def silent(place: Path) -> Path:
        asked.append(place)
        raise StorageBusy(f"the folder {place} does not answer")

    with monkeypatch.context() as away:
        away.setattr("fs2od.node.panel.storages.resolved", silent)
        note_roots(storages, indexes)
        assert len(asked) == 1
        assert world.force().status == "failed"
    assert len(storages.unnoted()) == 2
    note_roots(storages, indexes)
    assert storages.unnoted() == []
    assert world.force().status == "completed"


def test_a_folder_is_imported_without_a_look_at_those_that_are(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A facility imports thousands: each would make the next one dearer, and one that is silent would hold it up."""
    asked: list[Place] = []

    def told(place: Place) -> Place:
        asked.append(place)
        return place

    monkeypatch.setattr(overlaps, "told", told)
    folder = tmp_path / "next"
    folder.mkdir()
    world.node.provider.storages.add_posix("next", str(folder), imported=True, readonly=True)
    assert asked == [folder]
    (tmp_path / "copies").mkdir()
    world.node.provider.storages.add_posix("copies", str(tmp_path / "copies"))
    # Whatever is written into is apart from all of them, in any order.
    assert asked[:2] == [folder, tmp_path / "copies"]
    assert {*asked[2:]} == {world.root, folder}
