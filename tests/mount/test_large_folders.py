"""Mounted folders with very many files: listed, walked, and one of the files looked at and read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fs2od.node.index.schema import ROOT
from fs2od.testing.listings import add_files, add_folder
from fs2od.testing.mounting import Mounted, mounted
from fs2od.testing.world import Dataset, ServedWorld, serve_world, wait_until

MANY = 100_000
SIZE = 5
LONGEST_S = 60.0
# In CPU seconds, with room for machines that are slower: twice and more what it takes.
LISTING_CPU_S = 6.0
KNOWN_CPU_S = 3.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServedWorld]:
    with serve_world(tmp_path / "world") as found:
        yield found


def name(number: int) -> str:
    return f"FoilHole_{number:06}_fractions.tiff"


def large(world: ServedWorld, count: int, *, real: int = 777) -> tuple[Dataset, int]:
    """Return a dataset with a large folder and its row; only one of the files is on the disk."""
    dataset = world.dataset(world.administrator, {"SPA.yml": b"x"})
    with world.node.provider.indexes.using(dataset.space) as index:
        row = add_folder(index, ROOT, "Large")
        add_files(index, row, ((name(number), SIZE, number) for number in range(count)))
    file = dataset.folder / "Large" / name(real)
    file.parent.mkdir()
    file.write_bytes(b"movie")
    os.utime(file, ns=(real, real))
    return dataset, row


@contextmanager
def opened(world: ServedWorld, dataset: Dataset, folder: Path, *more: str) -> Iterator[Mounted]:
    link = f"{world.node.settings.zone_url}/share/{world.share(world.administrator, dataset)}"
    with mounted(link, folder, world.ca, *more) as mount:
        yield mount


def cpu_s(mount: Mounted) -> float:
    fields = Path(f"/proc/{mount.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.timeout(300)
def test_it_is_listed_once_and_then_names_are_looked_up_at_once(world: ServedWorld, tmp_path: Path) -> None:
    dataset, _ = large(world, MANY)
    with opened(world, dataset, tmp_path / "m", "--fresh", "600") as mount:
        folder = mount.point / "Large"
        began_s = cpu_s(mount)
        assert (folder / name(MANY - 1)).stat().st_size == SIZE
        assert cpu_s(mount) - began_s < LISTING_CPU_S
        began_s = cpu_s(mount)
        assert (folder / name(777)).read_bytes() == b"movie"
        assert not (folder / "none").exists()
        with os.scandir(folder) as found:
            assert sum(each.stat().st_size for each in found) == MANY * SIZE
        assert cpu_s(mount) - began_s < KNOWN_CPU_S


def test_what_comes_later_is_found_while_it_is_in_use(world: ServedWorld, tmp_path: Path) -> None:
    dataset, row = large(world, MANY // 4)
    with opened(world, dataset, tmp_path / "m", "--fresh", "1") as mount:
        folder = mount.point / "Large"
        assert not (folder / "later").exists()
        with world.node.provider.indexes.using(dataset.space) as index:
            add_files(index, row, [("later", SIZE, 0)])
        # That nobody waits for it, by a clock of the test's own: test_tree.py.
        wait_until((folder / "later").exists, LONGEST_S)
