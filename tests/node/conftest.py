from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.conftest import bucket, own, proxy, radosgw

from fs2od.testing.world import World, open_world

__all__ = ["bucket", "own", "proxy", "radosgw", "world"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        yield opened
