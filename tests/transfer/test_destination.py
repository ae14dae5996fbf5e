import os
from functools import partial
from pathlib import Path

import pytest
from tests.nobody import as_nobody

from fs2od.errors import IntegrityFailure, StorageError, StorageMissing, StorageRefused
from fs2od.testing.small_disks import small_disk
from fs2od.transfer import EntryKind, Present
from fs2od.transfer._destination import Destination
from fs2od.transfer._folders import open_folder
from fs2od.transfer._partial_files import Landing, PartialGone
from fs2od.transfer._partials import PartialName, partial_name
from fs2od.transfer._removal import remove_all


@pytest.fixture(autouse=True, params=["by handle", "by path"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything must hold where folders have handles, and where they have only paths, as on Windows."""
    if request.param == "by path":
        monkeypatch.setattr("fs2od.transfer._destination.open_folder", partial(open_folder, by_path=True))
        monkeypatch.delattr(os, "pwrite")
        monkeypatch.delattr(os, "pread")


NAME = partial_name("a.mrc", "0123456789ab")


def land(destination: Destination, folder: tuple[str, ...], data: bytes, *, name: PartialName = NAME) -> None:
    written = destination.open_partial(folder, name)
    try:
        written.write(0, memoryview(data))
        written.finish("a.mrc", size_bytes=len(data), mtime_s=1000)
    finally:
        written.close()


def test_a_file_gets_its_name_and_time_only_when_it_is_whole(tmp_path: Path) -> None:
    with Destination(tmp_path / "deep" / "out") as destination:
        written = destination.open_partial((), NAME)
        written.write(0, memoryview(b"ab"))
        assert [path.name for path in destination.path.iterdir()] == [str(NAME)]
        written.write(2, memoryview(b"cd"))
        written.finish("a.mrc", size_bytes=4, mtime_s=1000)
        written.close()
        destination.sync()
        assert destination.scan(()) == {"a.mrc": Present(EntryKind.FILE, 4, 1000)}
    assert (tmp_path / "deep/out/a.mrc").read_bytes() == b"abcd"


def test_every_kind_of_entry_is_seen_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    os.mkfifo(tmp_path / "pipe")
    with Destination(tmp_path) as destination:
        assert destination.scan(()) == {
            "folder": Present(EntryKind.FOLDER),
            "link": Present(EntryKind.SYMLINK, target="folder"),
            "pipe": Present(EntryKind.OTHER),
        }
        assert destination.scan(("missing", "too")) == {}


def test_no_operation_goes_through_a_link_in_the_destination(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "victim").write_bytes(b"mine")
    (inside / "trap").symlink_to(outside)
    with Destination(inside) as destination:
        for operation in (
            lambda: destination.scan(("trap",)),
            lambda: destination.make_folder(("trap", "new")),
            lambda: destination.make_folder(("trap",)),
            lambda: destination.make_link(("trap", "new"), "x"),
            lambda: destination.remove(("trap", "victim")),
            lambda: destination.open_partial(("trap",), NAME),
            lambda: destination.open_file(("trap", "victim")),
            lambda: destination.set_time(("trap", "victim"), mtime_s=1),
        ):
            with pytest.raises(StorageError, match="symbolic link"):
                operation()
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"victim": b"mine"}


def test_a_partial_file_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / str(NAME)).symlink_to(victim)
    with Destination(inside) as destination, pytest.raises(StorageError):
        destination.open_partial((), NAME)
    assert victim.read_bytes() == b"mine"


def test_a_partial_file_that_is_not_ours_alone_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    pipes, names = tmp_path / "pipes", tmp_path / "names"
    pipes.mkdir()
    names.mkdir()
    os.mkfifo(pipes / str(NAME))
    (names / str(NAME)).hardlink_to(victim)
    for folder in (pipes, names):
        with Destination(folder) as destination, pytest.raises(StorageError, match="plain file"):
            destination.open_partial((), NAME)


def test_a_final_name_that_is_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.mrc").symlink_to(victim)
    with Destination(inside) as destination:
        land(destination, (), b"new")
    assert victim.read_bytes() == b"mine"
    assert not (inside / "a.mrc").is_symlink()


def test_two_downloads_of_one_state_end_right(tmp_path: Path) -> None:
    with Destination(tmp_path) as destination:
        one, other = destination.open_partial((), NAME), destination.open_partial((), NAME)
        one.write(0, memoryview(b"abc"))
        other.write(0, memoryview(b"ab"))
        one.write(3, memoryview(b"def"))
        one.finish("a.mrc", size_bytes=6, mtime_s=1000)
        other.write(2, memoryview(b"cdef"))
        with pytest.raises(PartialGone):
            other.finish("a.mrc", size_bytes=6, mtime_s=1000)
        one.close()
        other.close()
    assert (tmp_path / "a.mrc").read_bytes() == b"abcdef"


def test_small_files_land_whole_and_leave_nothing_else(tmp_path: Path) -> None:
    with Destination(tmp_path) as destination, Landing(destination) as landing:
        destination.make_folder(("a",))
        (tmp_path / str(NAME)).write_bytes(b"longer than what comes")
        for folder in ((), ("a",), ("a",), ()):
            landing.land(folder, "a.mrc", NAME, memoryview(b"abc"), mtime_s=1000)
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")} == {"a", "a/a.mrc", "a.mrc"}
    assert (tmp_path / "a.mrc").read_bytes() == b"abc"
    assert (tmp_path / "a.mrc").stat().st_mtime == 1000


def test_a_small_file_is_not_written_through_a_second_name_of_its_partial_file(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / str(NAME)).hardlink_to(tmp_path / "mine")
    with Destination(tmp_path) as destination, Landing(destination) as landing, pytest.raises(StorageError):
        landing.land((), "a.mrc", NAME, memoryview(b"abc"), mtime_s=1000)
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_hole_is_no_piece_and_what_was_noted_is_remembered(tmp_path: Path) -> None:
    with Destination(tmp_path) as destination:
        first = destination.open_partial((), NAME)
        assert first.noted(3) == bytes(3)
        first.write(1 << 20, memoryview(b"x" * 4096))
        first.note(1)
        first.close()
        second = destination.open_partial((), NAME)
        assert second.noted(3) == b"\0\1\0"
        view = memoryview(bytearray(4096))
        assert not second.read_into(view, 0) or view == bytes(4096)
        assert second.read_into(view, 1 << 20)
        assert view == b"x" * 4096
        assert not second.read_into(view, 2 << 20)
        second.discard()
        second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_piece_with_a_hole_in_it_or_beyond_the_end_is_not_held(tmp_path: Path) -> None:
    with Destination(tmp_path) as destination:
        partial = destination.open_partial((), NAME)
        partial.write(1 << 20, memoryview(b"x" * (1 << 20)))
        assert not partial.holds(0, 2 << 20)
        assert partial.holds(1 << 20, 1 << 20)
        assert not partial.holds(1 << 20, (1 << 20) + 1)
        assert not partial.holds(3 << 20, 1)
        partial.close()


def test_notes_of_a_partial_file_that_is_no_more_are_emptied(tmp_path: Path) -> None:
    (tmp_path / NAME.notes).write_bytes(b"\1\1\1")
    with Destination(tmp_path) as destination:
        partial = destination.open_partial((), NAME)
        assert partial.noted(3) == bytes(3)
        assert (tmp_path / NAME.notes).read_bytes() == bytes(3)
        partial.close()
        (tmp_path / NAME.notes).write_bytes(b"\1\1\1")
        (tmp_path / "a.mrc").write_bytes(b"wrong")
        assert destination.demote(("a.mrc",), NAME)
    assert [path.name for path in tmp_path.iterdir()] == [str(NAME)]


def test_a_file_that_is_too_short_gets_no_name(tmp_path: Path) -> None:
    with Destination(tmp_path) as destination:
        partial = destination.open_partial((), NAME)
        partial.write(0, memoryview(b"abc"))
        with pytest.raises(IntegrityFailure, match="3 instead of 4 bytes"):
            partial.finish("a.mrc", size_bytes=4, mtime_s=1000)
        partial.close()
    assert [path.name for path in tmp_path.iterdir()] == [str(NAME)]


def test_a_wrong_file_becomes_a_partial_one_unless_it_has_a_second_name(tmp_path: Path) -> None:
    (tmp_path / "a.mrc").write_bytes(b"wrong")
    with Destination(tmp_path) as destination:
        assert destination.demote(("a.mrc",), NAME)
        assert [path.name for path in tmp_path.iterdir()] == [str(NAME)]
        (tmp_path / "b").hardlink_to(tmp_path / str(NAME))
        assert not destination.demote(("b",), NAME)


def test_a_partial_file_is_taken_over_only_under_a_name_that_is_free(tmp_path: Path) -> None:
    left = partial_name("a.mrc", "0123456789ab", etag='"1"')
    (tmp_path / str(left)).write_bytes(b"left")
    with Destination(tmp_path) as destination:
        assert destination.take_over((), left, NAME)
        assert not destination.take_over((), left, NAME)
        (tmp_path / str(left)).write_bytes(b"other")
        assert not destination.take_over((), left, NAME)
    assert (tmp_path / str(NAME)).read_bytes() == b"left"


def test_a_destination_that_is_a_file_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageMissing, match="cannot be made or opened"):
        Destination(tmp_path / "file" / "below")


def test_the_disk_is_asked_whether_it_tells_case_apart_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with Destination(tmp_path) as destination:
        assert destination.folding().case is (tmp_path / "X").exists()
        assert sorted(destination.scan(())) == ["x"]


# By its path nobody, as whom it is removed, could come to a test's folder at all.
@pytest.mark.parametrize("way", ["by handle"], indirect=True)
def test_what_cannot_be_removed_is_named_and_all_else_goes(tmp_path: Path) -> None:
    job = tmp_path / "job"
    for name in ("a", "kept", "z"):
        (job / name / "deep").mkdir(parents=True)
        (job / name / "deep" / "file").touch()
        (job / name / "other").touch()
    for path in (tmp_path, job, *job.rglob("*")):
        path.chmod(0o777)
    (job / "kept" / "deep").chmod(0o555)
    with Destination(tmp_path) as destination:
        with as_nobody(), pytest.raises(StorageRefused) as raised:
            remove_all(destination, ("job",))
        assert str(raised.value) == f"{job}/kept/deep/file cannot be removed: the disk says: Permission denied"
        left = sorted(str(path.relative_to(job)) for path in job.rglob("*"))
        assert left == ["kept", "kept/deep", "kept/deep/file"]


def test_nothing_of_another_file_system_is_removed(tmp_path: Path) -> None:
    job = tmp_path / "job"
    (job / "deep" / "emptied").mkdir(parents=True)
    (job / "deep" / "emptied" / "own").touch()
    (job / "own").touch()
    with small_disk(job / "deep" / "données", size_mb=1) as disk, Destination(tmp_path) as destination:
        (disk / "precious").write_text("somebody's")
        (disk / "folder").mkdir()
        with pytest.raises(StorageError, match=r"job/deep/données is another file system: it is left as it is$"):
            remove_all(destination, ("job",))
        assert sorted(path.name for path in job.rglob("*")) == ["deep", "données", "folder", "precious"]
        with pytest.raises(StorageError, match="données is another"):
            remove_all(destination, ("job", "deep", "données"))
        assert (disk / "precious").read_text() == "somebody's"
