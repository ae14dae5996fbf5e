"""Scans of real directories: what lies there is registered, whatever happened since the last one."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.scan_scene import RULES, Spy, World, indexes, world

from fs2od.errors import StorageError, StorageMissing
from fs2od.node.index.visits import FolderState
from fs2od.node.panel.lookahead import may_pass_over
from fs2od.node.panel.scanning import Counts, ScanRules
from fs2od.storage import PosixStorage, Seen

__all__ = ["indexes", "world"]


def test_a_first_scan_registers_every_file_directory_and_link(world: World) -> None:
    world.write("Images-Disc1/GridSquare_1/Data/one.mrc", b"12345")
    world.write("Images-Disc1/GridSquare_1/Data/one.xml", b"<x/>")
    (world.root / "empty").mkdir()
    (world.root / "link").symlink_to("Images-Disc1/GridSquare_1")
    counts = world.scan()
    assert counts == Counts(created=7)
    world.check()


def test_a_second_scan_finds_nothing_new(world: World) -> None:
    world.write("a/b/c")
    world.scan()
    assert world.scan() == Counts(unmodified=3)
    world.check()


def test_registered_modes_are_those_of_the_rules_and_survive_scans(world: World) -> None:
    world.write("dir/file").chmod(0o600)
    world.scan()
    entries = world.found()
    assert (entries["dir"].mode, entries["dir/file"].mode) == (0o775, 0o664)
    world.index.set_mode(entries["dir/file"].row, 0o640)
    world.write("dir/file", b"changed")
    world.scan()
    assert world.found()["dir/file"].mode == 0o640
    assert (world.root / "dir" / "file").stat().st_mode & 0o777 == 0o600


def test_a_grown_file_is_modified_and_keeps_its_id(world: World) -> None:
    world.write("file", b"1")
    world.scan()
    before = world.found()["file"].row
    world.write("file", b"1234")
    assert world.scan() == Counts(modified=1)
    world.check()
    assert world.found()["file"].row == before


def test_other_content_at_equal_size_and_time_is_noticed(world: World) -> None:
    file = world.write("file", b"old")
    facts = file.stat()
    world.settle()
    other = world.write("other", b"new")
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.replace(file)
    assert world.scan().modified == 1
    world.check()


def test_content_rewritten_in_place_with_its_time_put_back_is_noticed_by_its_ctime(world: World) -> None:
    file = world.write("file", b"old")
    world.scan()
    facts = file.stat()
    world.clock.seconds += 10
    with file.open("r+b") as opened:
        opened.write(b"new")
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    while file.stat().st_ctime_ns == facts.st_ctime_ns:
        os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert world.scan().modified == 1
    world.check()


def test_vanished_files_and_folders_are_removed_with_all_below(world: World) -> None:
    for path in ("keep", "a/b/c/1", "a/b/c/2", "a/b/d", "a/e"):
        world.write(path, b"123")
    world.scan()
    shutil.rmtree(world.root / "a" / "b")
    assert world.scan() == Counts(deleted=5, unmodified=3)
    world.check()
    shutil.rmtree(world.root / "a")
    assert world.scan() == Counts(deleted=2, unmodified=1)
    world.check()


def test_removing_a_folder_of_many_thousand_files_goes_in_steps(world: World) -> None:
    for number in range(7000):
        (world.root / "many").mkdir(exist_ok=True)
        (world.root / "many" / str(number)).touch()
    world.write("many/deeper/file", b"12")
    world.scan()
    shutil.rmtree(world.root / "many")
    assert world.scan().deleted == 7003
    world.check()


def test_a_file_becomes_a_folder_and_a_file_again(world: World) -> None:
    world.write("thing", b"file")
    world.scan()
    first = world.found()["thing"].row
    (world.root / "thing").unlink()
    world.write("thing/inside", b"12")
    assert world.scan() == Counts(created=2, deleted=1)
    world.check()
    shutil.rmtree(world.root / "thing")
    world.write("thing", b"again")
    assert world.scan() == Counts(created=1, deleted=2)
    world.check()
    assert world.found()["thing"].row > first


def test_a_renamed_folder_is_found_under_its_new_name(world: World) -> None:
    world.write("GridSquare_1/Data/a")
    world.settle()
    (world.root / "GridSquare_1").rename(world.root / "GridSquare_2")
    world.scan()
    world.check()


def test_two_folders_that_change_places_are_told_apart(world: World) -> None:
    world.write("a/1", b"1")
    world.write("b/2", b"22")
    world.settle()
    (world.root / "a").rename(world.root / "c")
    (world.root / "b").rename(world.root / "a")
    (world.root / "c").rename(world.root / "b")
    world.scan()
    world.check()


def test_names_that_differ_in_case_or_are_awkward_are_registered_as_they_are(world: World) -> None:
    names = ("File", "file", "two\nlines", "quo\"ted'", "-rf", "a" * 255, "é" * 127, "100%", "#", "名前", " ", "\\")
    for name in names:
        world.write(name)
    world.scan()
    assert world.paths() == set(names)
    world.check()


def test_what_cannot_be_delivered_is_counted_and_named_with_its_path(world: World) -> None:
    world.write("dir/good")
    os.mkfifo(world.root / "dir" / "fifo")
    (world.root / "dir" / "out").symlink_to("../../x")
    (world.root / "absolute").symlink_to("/etc/passwd")
    with open(os.fsencode(world.root) + b"/dir/bad\xff", "wb"):  # noqa: PTH123  # pathlib has no names of bytes
        pass
    assert world.scan() == Counts(created=2, failed=4)
    assert world.undeliverable() == {
        "absolute": "link leaves the dataset",
        "dir/bad\\xff": "name is not UTF-8",
        "dir/fifo": "special file (FIFO)",
        "dir/out": "link leaves the dataset",
    }
    assert world.paths() == {"dir", "dir/good"}


def test_what_can_be_delivered_again_is_no_longer_named(world: World) -> None:
    os.mkfifo(world.root / "thing")
    world.write("dir/file")
    os.mkfifo(world.root / "dir" / "gone")
    world.scan()
    (world.root / "thing").unlink()
    world.write("thing")
    shutil.rmtree(world.root / "dir")
    assert world.scan().failed == 0
    assert world.undeliverable() == {}
    world.check()


def test_a_file_that_becomes_special_is_removed_and_named(world: World) -> None:
    world.write("thing")
    world.settle()
    (world.root / "thing").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(world.root)
        try:
            server.bind("thing")
        finally:
            os.chdir(here)
        assert world.scan() == Counts(deleted=1, failed=1)
    assert world.paths() == set()


def test_names_of_folders_passed_over_stay_named_and_counted(world: World) -> None:
    os.mkfifo(world.root / "fifo")
    world.settle()
    assert world.scan().failed == 1
    assert world.storage.listed == []
    assert world.undeliverable() == {"fifo": "special file (FIFO)"}


def test_our_own_access_files_never_appear(world: World) -> None:
    world.write("fs2od-access.yml", b"token: secret")
    world.write("dir/fs2od-access.yml", b"token: secret")
    world.write(".fs2od/zone.db")
    world.write("dir/file")
    assert world.scan() == Counts(created=2)
    assert world.paths() == {"dir", "dir/file"}
    assert world.undeliverable() == {}


def test_what_is_excluded_later_is_removed(world: World) -> None:
    world.write("secret.yml")
    world.write("data")
    world.scan()
    rules = ScanRules(0o664, 0o775, frozenset({"secret.yml"}))
    assert world.scan(rules) == Counts(deleted=1, unmodified=1)
    assert world.paths() == {"data"}


@pytest.mark.parametrize(("depth", "paths"), [(1, {"a"}), (2, {"a", "a/b"}), (3, {"a", "a/b", "a/b/c"})])
def test_a_scan_goes_no_deeper_than_it_is_told(world: World, depth: int, paths: set[str]) -> None:
    world.write("a/b/c/d/e")
    world.scan(ScanRules(0o664, 0o775, frozenset(), max_depth=depth))
    assert world.paths() == paths


def test_without_detection_of_changes_registered_files_stay_as_they_are(world: World) -> None:
    world.write("file", b"1")
    world.scan()
    world.write("file", b"12345")
    world.write("new", b"1")
    assert world.scan(ScanRules(0o664, 0o775, frozenset(), detect_modifications=False)) == Counts(
        created=1, unmodified=1
    )
    assert world.found()["file"].size_bytes == 1
    world.check_sums()


def test_without_detection_of_deletions_vanished_files_stay(world: World) -> None:
    world.write("dir/file")
    world.write("swapped")
    world.scan()
    shutil.rmtree(world.root / "dir")
    (world.root / "swapped").unlink()
    (world.root / "swapped").mkdir()
    counts = world.scan(ScanRules(0o664, 0o775, frozenset(), detect_deletions=False))
    assert counts.deleted == 0
    assert world.paths() == {"dir", "dir/file", "swapped"}
    world.check_sums()


def test_a_quiet_folder_is_passed_over_and_one_that_changed_is_not(world: World) -> None:
    world.write("a/1")
    world.write("b/2")
    world.settle()
    assert world.scan() == Counts(unmodified=4)
    assert world.storage.listed == []
    world.write("a/3")
    assert world.scan() == Counts(created=1, unmodified=4)
    assert world.storage.listed == ["a"]
    world.check()


def test_a_file_that_grows_in_a_folder_whose_times_stand_is_followed(world: World) -> None:
    file = world.write("dir/log", b"1")
    for round_number in range(2, 8):
        world.scan()
        world.clock.seconds += RULES.quiet_s - 1
        with file.open("ab") as opened:
            opened.write(b"x")
        assert world.scan().modified == 1, round_number
        world.check()


def test_a_folder_passed_over_is_looked_at_again_in_the_end(world: World) -> None:
    file = world.write("dir/file", b"1")
    world.settle()
    with file.open("ab") as opened:
        opened.write(b"x")
    assert world.scan().modified == 0
    world.clock.seconds += RULES.trust_s
    assert world.scan().modified == 1
    world.check()


def test_a_folder_changed_while_it_is_listed_is_listed_again(world: World) -> None:
    world.write("dir/1")
    world.storage.meanwhile = lambda path, _: world.write("dir/late").touch() if path == "dir" else None
    world.settle()
    world.storage.meanwhile = lambda *_: None
    world.scan()
    world.check()


def test_passing_over_needs_equal_times_quiet_and_a_listing_not_long_ago() -> None:
    stamp = (1, 2, 3)
    quiet = FolderState(stamp, listed_s=1000, changed_s=1000 - RULES.quiet_s)
    assert may_pass_over(quiet, stamp, 1001, RULES)
    assert not may_pass_over(quiet, (1, 2, 4), 1001, RULES)
    assert not may_pass_over(quiet, stamp, 1000 + RULES.trust_s, RULES)
    assert not may_pass_over(quiet, stamp, 999, RULES), "the clock was set back"
    assert not may_pass_over(FolderState(stamp, 1000, 1001 - RULES.quiet_s), stamp, 1001, RULES)
    assert not may_pass_over(FolderState(), (0, 0, 0), 1001, RULES)


def test_a_file_that_vanishes_between_listing_and_look_is_not_an_error(world: World) -> None:
    for number in range(5):
        world.write(f"dir/{number}")
    world.scan()

    def remove(path: str, _: Seen) -> None:
        if path == "dir":
            for number in range(3):
                (world.root / "dir" / str(number)).unlink(missing_ok=True)

    world.storage.meanwhile = remove
    world.scan()
    world.storage.meanwhile = lambda *_: None
    world.scan()
    world.check()


def test_a_folder_that_vanishes_before_it_is_listed_is_not_an_error(world: World) -> None:
    world.write("a/1")
    world.write("b/2")
    world.storage.meanwhile = lambda *_: shutil.rmtree(world.root / "b", ignore_errors=True)
    world.scan()
    world.storage.meanwhile = lambda *_: None
    world.scan()
    world.check()


@pytest.mark.parametrize("count", [3, 450])
def test_a_listing_that_repeats_and_leaves_out_names_harms_nothing(world: World, count: int) -> None:
    """POSIX lets a listing do both while names are moved."""
    for number in range(count):
        world.write(f"movie{number}", b"1" * (number % 7))

    class Odd(Spy):
        def list(self, path: str) -> Iterator[Seen]:
            seen = list(super().list(path))
            yield from seen[:-1]
            yield from seen[:-1]

    odd = Odd(world.root)
    assert world.scan(storage=odd).created == count - 1
    world.check_sums()
    world.scan()
    world.check()
    assert world.scan(storage=odd).deleted == 0
    world.check()


def test_entries_that_others_register_meanwhile_are_taken_over(world: World) -> None:
    world.write("file", b"12345")

    def register(_: str, seen: Seen) -> None:
        columns = "parent, name, kind, size, mode, mtime_ns, ctime_ns, inode, created"
        with world.index.database.writing() as db:
            db.execute(f"INSERT INTO entry ({columns}) VALUES (1, ?, 'REG', 0, 420, 0, 0, 0, 0)", (seen.name,))
            db.execute("UPDATE entry SET files = 1 WHERE id = 1")

    world.storage.meanwhile = register
    assert world.scan() == Counts(modified=1)
    world.check()


def test_a_folder_that_may_not_be_read_is_named_and_what_is_known_of_it_stays(world: World) -> None:
    world.write("closed/file")
    world.write("open/file")
    world.scan()
    world.write("open/new")

    class Closed(Spy):
        def list(self, path: str) -> Iterator[Seen]:
            if path == "closed":
                raise StorageError("no rights")
            return super().list(path)

    assert world.scan(storage=Closed(world.root)).failed == 1
    assert world.undeliverable() == {"closed": "may not be read"}
    world.check()
    assert world.scan().failed == 0
    assert world.undeliverable() == {}


def test_a_root_that_is_not_there_fails_the_scan_and_removes_nothing(world: World) -> None:
    world.write("dir/file")
    world.scan()
    world.root.rename(world.root.with_name("away"))
    with pytest.raises(StorageMissing):
        world.scan()
    assert world.paths() == {"dir", "dir/file"}


def test_an_empty_folder_in_the_place_of_the_root_removes_nothing(world: World) -> None:
    """So looks a disk that is not mounted."""
    world.write("dir/file")
    world.scan()
    world.root.rename(world.root.with_name("away"))
    world.root.mkdir()
    with pytest.raises(StorageMissing, match="mounted"):
        world.scan()
    assert world.paths() == {"dir", "dir/file"}
    world.root.rmdir()
    world.root.with_name("away").rename(world.root)
    world.scan()
    world.check()


def test_a_root_that_was_emptied_is_empty(world: World) -> None:
    world.write("dir/file")
    world.scan()
    shutil.rmtree(world.root / "dir")
    world.scan()
    assert world.paths() == set()
    world.check()


def test_a_root_that_goes_away_during_a_scan_fails_it_and_removes_nothing(world: World) -> None:
    for number in range(10):
        world.write(f"{number}/file")
    world.scan()

    def unmount(path: str, _: Seen) -> None:
        if path == "5":
            world.root.rename(world.root.with_name("away"))

    world.storage.meanwhile = unmount
    with pytest.raises(StorageMissing):
        world.scan()
    assert len(world.paths()) == 20


def test_folders_are_gone_into_in_the_order_of_their_registration(world: World) -> None:
    """So the rows of their files come at the end of the sorted index, where they cost least."""
    for number in range(500):
        world.write(f"disc/square{number}/data/movie")
    assert world.scan(storage=PosixStorage(world.root)).created == 1501
    with world.index.database.reading() as db:
        parents = [row[0] for row in db.execute("SELECT parent FROM entry WHERE kind = 'REG' ORDER BY id")]
    assert len(parents) == 500
    assert parents == sorted(parents)


def test_a_large_folder_that_a_second_process_looks_at_is_followed(world: World) -> None:
    for number in range(3000):
        world.write(f"large/movie{number}", b"1" * (number % 7))
    world.write("large/fs2od-access.yml")
    world.write("large/deeper/file")
    (world.root / "large" / "link").symlink_to("movie1")
    assert world.scan(storage=PosixStorage(world.root)).created == 3004
    assert world.scan(storage=PosixStorage(world.root)) == Counts(unmodified=3004)
    assert "large/fs2od-access.yml" not in world.paths()
    (world.root / "large" / "fs2od-access.yml").unlink()
    world.check()
    world.write("large/movie7", b"changed")
    (world.root / "large" / "movie8").unlink()
    world.write("large/new")
    assert world.scan(storage=PosixStorage(world.root)) == Counts(created=1, modified=1, deleted=1, unmodified=3002)
    world.check()
