"""A real S3 server, one for all tests of a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from fs2od.storage.s3 import S3Settings
from fs2od.testing.network import Proxy
from fs2od.testing.radosgw import PROGRAMS, Radosgw, shared


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radosgw]:
    """Ceph's gateway: all workers of a run share it."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.fail(f"needs Ceph ({', '.join(missing)}): ./test installs it")
    # A worker's folder lies in the run's.
    base = tmp_path_factory.getbasetemp()
    run = base.parent if base.name.startswith("popen-") else base
    with shared(run / "radosgw") as server:
        yield server


@pytest.fixture(scope="session")
def bucket(radosgw: Radosgw) -> S3Settings:
    """A bucket for everything that minds no company."""
    return radosgw.bucket()


@pytest.fixture
def own(radosgw: Radosgw) -> S3Settings:
    """A bucket that is this test's alone."""
    return radosgw.bucket()


@pytest.fixture
def proxy(radosgw: Radosgw) -> Iterator[Proxy]:
    """A way to the gateway that can be disturbed."""
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as proxy:
        yield proxy
