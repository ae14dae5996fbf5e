from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from fs2od.testing.world import ServedWorld, serve_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServedWorld]:
    with serve_world(tmp_path / "world") as served:
        yield served


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def authority_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path
