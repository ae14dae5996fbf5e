"""`fs2od up` before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.nobody import as_nobody

from fs2od.cli.main import fs2od
from fs2od.errors import StorageMissing


@pytest.mark.parametrize("closed", ["parent", "itself"])
def test_a_watched_folder_that_cannot_be_read_is_one_clear_line(tmp_path: Path, closed: str) -> None:
    watched = tmp_path / "parent" / "itself"
    watched.mkdir(parents=True)
    shut = tmp_path / "parent" if closed == "parent" else watched
    shut.chmod(0)
    try:
        with as_nobody():
            done = CliRunner().invoke(fs2od, ["up", "--data", str(tmp_path / "state"), "--watch", str(watched)])
    finally:
        shut.chmod(0o700)
    assert isinstance(done.exception, StorageMissing)
    assert f"the watched folder {watched} cannot be read (Permission denied)" in str(done.exception)


def test_a_watched_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    watched = tmp_path / "nowhere"
    done = CliRunner().invoke(fs2od, ["up", "--data", str(tmp_path / "state"), "--watch", str(watched)])
    assert isinstance(done.exception, StorageMissing)
    assert f"the watched folder {watched} is not there: make it" in str(done.exception)
