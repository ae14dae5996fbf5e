"""The S3 server that tests start."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fs2od.testing import radosgw


def test_a_daemon_that_has_ended_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radosgw, "_STARTED_WITHIN_S", float("inf"))
    log = tmp_path / "log"
    log.write_text("no room for a store")
    with subprocess.Popen(["false"]) as daemon, pytest.raises(RuntimeError, match="no room for a store"):
        radosgw._until(lambda: False, "the store", daemon, log)
