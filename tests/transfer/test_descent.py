"""Trees deeper than the system's paths are long, and than a process may have files open: counted, removed, and never left by a side door."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fs2od.errors import StorageError
from fs2od.transfer import EntryKind, Present, remove_folder
from fs2od.transfer._descent import Descent
from fs2od.transfer._destination import Destination
from fs2od.transfer._extras import Extra, _extras
from fs2od.transfer._folders import open_folder
from fs2od.transfer._selection import Selection

DEPTH, FOLDER = 1500, "d" * 50


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder with a tree that has a file of three bytes beside each folder, and few files may be open meanwhile."""
    top = tmp_path / "job"
    top.mkdir()
    handle = os.open(top, os.O_RDONLY)
    for _ in range(DEPTH):
        file = os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=handle)
        os.write(file, b"abc")
        os.close(file)
        os.mkdir(FOLDER, dir_fd=handle)
        below = os.open(FOLDER, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - names
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 60, limits[1]))
    yield top
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    remove_folder(top)


def test_a_folder_is_removed_however_deep_it_is(deep: Path) -> None:
    remove_folder(deep)
    assert not deep.exists()


def test_what_is_kept_far_down_stays_with_the_folders_on_the_way(deep: Path) -> None:
    kept: list[int] = []

    def keeps(way: Descent, _: object) -> bool:
        is_last = len(way.path()) == DEPTH
        kept.extend([1] if is_last else [])
        return is_last

    remove_folder(deep, keeps=keeps)
    assert kept == [1]
    assert os.listdir(deep) == [FOLDER]  # noqa: PTH208 - names


@pytest.mark.parametrize("include", [(), ("f",)])
def test_what_a_mirror_has_too_much_is_counted_however_deep(deep: Path, include: tuple[str, ...]) -> None:
    with Destination(deep.parent) as destination:
        extras = list(_extras(destination, Selection(include), ("job",), Present(EntryKind.FOLDER)))
    assert sum(each.files for each in extras) == DEPTH
    assert sum(each.size_bytes for each in extras) == 3 * DEPTH
    assert include or extras == [Extra(("job",), EntryKind.FOLDER, DEPTH, 3 * DEPTH)]


def test_the_way_up_from_a_folder_that_was_moved_leads_nowhere(tmp_path: Path) -> None:
    names = [str(number) for number in range(50)]
    tmp_path.joinpath("top", *names).mkdir(parents=True)
    with closing(Descent(open_folder(tmp_path / "top"))) as way:
        for name in names:
            way.down(name)
        assert way.path() == tuple(names)
        tmp_path.joinpath("top", *names[:6]).rename(tmp_path / "elsewhere")
        for name in reversed(names[6:]):
            assert way.up() == name
        with pytest.raises(StorageError, match="moved"):
            way.up()
