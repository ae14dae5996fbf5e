import os
from pathlib import Path

import pytest

from fs2od.errors import StorageError, StorageMissing
from fs2od.transfer import EntryKind, Present
from fs2od.transfer._destination import Destination, PartialGone
from fs2od.transfer._partials import PartialName, partial_name

NAME = partial_name("a.mrc", "0123456789ab")


def land(destination: Destination, folder: tuple[str, ...], data: bytes, *, name: PartialName = NAME) -> None:
    partial = destination.open_partial(folder, name)
    try:
        partial.write(0, data)
        partial.finish("a.mrc", mtime_s=1000)
    finally:
        partial.close()


def test_a_file_gets_its_name_and_time_only_when_it_is_whole(tmp_path: Path) -> None:
    with Destination(tmp_path / "deep" / "out") as destination:
        partial = destination.open_partial((), NAME)
        partial.write(0, b"ab")
        assert [path.name for path in destination.path.iterdir()] == [str(NAME)]
        partial.write(2, b"cd")
        partial.finish("a.mrc", mtime_s=1000)
        partial.close()
        destination.settle(())
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
            lambda: destination.settle(("trap",)),
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
        one.write(0, b"abc")
        other.write(0, b"ab")
        one.write(3, b"def")
        one.finish("a.mrc", mtime_s=1000)
        other.write(2, b"cdef")
        with pytest.raises(PartialGone):
            other.finish("a.mrc", mtime_s=1000)
        one.close()
        other.close()
    assert (tmp_path / "a.mrc").read_bytes() == b"abcdef"


def test_a_partial_file_that_was_replaced_meanwhile_never_gets_a_hole(tmp_path: Path) -> None:
    with Destination(tmp_path) as destination:
        late = destination.open_partial((), NAME)
        with pytest.raises(PartialGone):
            late.write(100, b"rest")
        late.close()


def test_a_destination_that_is_a_file_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageMissing, match="cannot be made or opened"):
        Destination(tmp_path / "file" / "below")


def test_the_disk_is_asked_whether_it_tells_case_apart_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with Destination(tmp_path) as destination:
        assert destination.folds_case() is (tmp_path / "X").exists()
        assert sorted(destination.scan(())) == ["x"]
