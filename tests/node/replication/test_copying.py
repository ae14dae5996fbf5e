"""Copying one large file: stopped between its parts, and taken up there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fs2od.errors import Interrupted
from fs2od.node.index.replicas import Version
from fs2od.node.replication.copying import Copying, Errand
from fs2od.node.replication.pacing import Pace
from fs2od.node.settings import ReplicationSettings
from fs2od.storage import PosixStorage, Upload

PART = 4 << 20
CONTENT = bytes(range(256)) * ((20 << 20) // 256)


@pytest.fixture
def copying() -> Iterator[Copying]:
    made = Copying(Pace(ReplicationSettings(), lambda: datetime.now(UTC)), part_bytes=PART)
    yield made
    made.close()


def test_a_large_file_is_stopped_at_a_part_and_taken_up_there(copying: Copying, tmp_path: Path) -> None:
    source, target = PosixStorage(tmp_path / "source"), PosixStorage(tmp_path / "target")
    for storage in (source, target):
        storage.mount_point.mkdir()
    (source.mount_point / "a.mrc").write_bytes(CONTENT)
    seen = source.stat("a.mrc")
    version = Version(seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode)
    uploads: list[Upload] = []
    asked = iter([True] * 4)
    with pytest.raises(Interrupted):
        copying.copy(source, target, Errand("a.mrc", version), began=uploads.append, goes_on=lambda: next(asked, False))
    (upload,) = uploads
    assert not (target.mount_point / "a.mrc").exists()
    there = len(target.parts_of(upload))
    assert 0 < there < upload.count
    arrived: list[int] = []
    copied = copying.copy(source, target, Errand("a.mrc", version, upload=upload), sent=arrived.append)
    assert sum(arrived) == len(CONTENT)
    assert copied.sha256 == hashlib.sha256(CONTENT).digest()
    assert copied.sent_bytes == len(CONTENT) - there * PART
    assert (target.mount_point / "a.mrc").read_bytes() == CONTENT
