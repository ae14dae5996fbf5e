"""A node behind a network that fails, and the two front ends that download from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fs2od.testing.downloading import BehindProxy, Downloader, Published, behind_proxy, command, single_file


@pytest.fixture
def net(tmp_path: Path) -> Iterator[BehindProxy]:
    with behind_proxy(tmp_path / "world") as found:
        yield found


@pytest.fixture
def plain_net(tmp_path: Path) -> Iterator[BehindProxy]:
    with behind_proxy(tmp_path / "world", plain=True) as found:
        yield found


@pytest.fixture(params=["command", "get.py"])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    return single_file(tmp_path) if request.param == "get.py" else command()


@pytest.fixture
def downloader(tmp_path: Path) -> Callable[..., Downloader]:
    def of(net: BehindProxy, published: Published, words: tuple[str, ...] | None = None) -> Downloader:
        return Downloader(words or command(), published.link, tmp_path / "out", net.world.ca)

    return of
