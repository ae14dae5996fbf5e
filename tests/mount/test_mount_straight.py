"""A mount whose bytes come straight from a computing centre's store, and through its provider where the store fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.conftest import radosgw
from tests.transfer.centre import BIG, Centre, anything, open_centre

from fs2od.testing.mounting import mounted
from fs2od.testing.network import Cut, Fault, FlipBit, Refuse
from fs2od.testing.radosgw import Radosgw

__all__ = ["radosgw"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, radosgw: Radosgw) -> Iterator[Centre]:
    folder = tmp_path_factory.mktemp("centre")
    with open_centre(folder, radosgw.bucket(), port=radosgw.port) as opened:
        yield opened


@pytest.fixture
def centre(served: Centre, monkeypatch: pytest.MonkeyPatch) -> Centre:
    served.proxy.forgive()
    served.proxy.forget()
    for name, value in served.environment().items():
        monkeypatch.setenv(name, value)
    return served


def read(centre: Centre, folder: Path, *more: str) -> bytes:
    words = ("--token-file", str(centre.token_file), *more)
    with mounted(centre.published.dataset.space, folder, centre.world.ca, *words) as mount:
        found = (mount.point / "big.mrc").read_bytes()
        assert (mount.point / "Grids" / "07.mrc").read_bytes() == bytes([7]) * 5000
    return found


def test_what_is_read_from_front_to_end_comes_straight(centre: Centre, tmp_path: Path) -> None:
    assert read(centre, tmp_path / "m") == BIG
    assert centre.from_store() > 1 << 20


def test_a_switch_forbids_it(centre: Centre, tmp_path: Path) -> None:
    assert read(centre, tmp_path / "m", "--through-provider") == BIG
    assert centre.proxy.exchanges == []


@pytest.mark.parametrize("fault", [Refuse(503), Cut(100_000), FlipBit(100_000)], ids=["busy", "broken off", "wrong"])
def test_readers_get_right_bytes_also_where_the_store_fails(centre: Centre, tmp_path: Path, fault: Fault) -> None:
    centre.proxy.strike(fault, when=anything, times=10_000)
    assert read(centre, tmp_path / "m", "--no-cache") == BIG
    assert centre.proxy.struck()
