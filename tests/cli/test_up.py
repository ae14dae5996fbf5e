"""`fs2od up` before anything is started."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.nobody import as_nobody

from fs2od.cli.first_configuration import ensure_configuration
from fs2od.cli.main import fs2od
from fs2od.configuration import load_configuration
from fs2od.errors import ConfigurationError, StorageMissing
from fs2od.testing.silent_folders import silent_folder


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


def test_each_watched_folder_is_looked_at_and_stands_in_the_first_configuration(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    watched = ["--watch", str(one), "--watch", str(other)]
    done = CliRunner().invoke(fs2od, ["up", "--data", str(tmp_path / "state"), *watched])
    assert isinstance(done.exception, StorageMissing)
    assert f"the watched folder {other} is not there" in str(done.exception)
    facts = {"zone": "https://z:1", "provider": "https://z:2", "ca": "ca.pem", "admin_token_file": "token"}
    ensure_configuration(tmp_path / "fs2od.toml", node=facts, watch=[one, other])
    assert [each.path for each in load_configuration(tmp_path / "fs2od.toml").watch] == [one, other]


def test_a_watched_folder_that_does_not_answer_keeps_nobody_waiting(tmp_path: Path) -> None:
    silent, gone = tmp_path / "silent", tmp_path / "gone"
    silent.mkdir()
    watched = ["--watch", str(silent), "--watch", str(gone)]
    with silent_folder(silent):
        done = CliRunner().invoke(fs2od, ["up", "--data", str(tmp_path / "state"), *watched])
    assert isinstance(done.exception, StorageMissing)
    assert f"the watched folder {gone} is not there" in str(done.exception)


def test_the_command_for_the_first_start_waits_for_no_folder_either(tmp_path: Path) -> None:
    # Only the set-up is left out.
    (tmp_path / "setup").mkdir()
    said = 'state=$root/.fs2od; say() { echo "$*"; }; provide_project() { echo goes on; exit 0; }'
    (tmp_path / "setup" / "environment.sh").write_text(said)
    command = ["sh", str(shutil.copy(Path(__file__).parents[2] / "run", tmp_path))]

    def run(folder: Path) -> tuple[int, str]:
        done = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout.strip()

    silent, gone = tmp_path / "silent", tmp_path / "gone"
    silent.mkdir()
    assert run(silent) == (0, "goes on")
    assert run(gone) == (7, f"there is no folder {gone}")
    with silent_folder(silent):
        assert run(silent) == (0, "goes on")


@pytest.mark.parametrize("below", ["", "node", "linked"])
def test_our_own_folder_is_not_watched(tmp_path: Path, below: str) -> None:
    home = tmp_path / "state"
    (home / "node").mkdir(parents=True)
    (home / "linked").symlink_to("node")
    done = CliRunner().invoke(fs2od, ["up", "--data", str(home), "--watch", str(home / below)])
    assert isinstance(done.exception, ConfigurationError)
    assert "watch one that datasets are written to" in str(done.exception)
    assert not (home / "fs2od.toml").exists()


def test_a_facility_does_not_watch_its_own_folder(tmp_path: Path) -> None:
    home = tmp_path / "state"
    home.mkdir()
    configuration, token = tmp_path / "fs2od.toml", tmp_path / "token"
    token.write_text("token")
    configuration.write_text(
        f'[onedata]\nzone = "https://localhost:1"\nprovider = "https://localhost:2"\ntoken_file = "{token}"\nprovision = true\n'
        f'[facility]\nname = "Facility"\ncontact = "desk@example.org"\n[mail]\nsender = "facility@example.org"\n[[watch]]\npath = "{home}"\n'
    )
    done = CliRunner().invoke(fs2od, ["facility", "--config", str(configuration), "--data", str(home), "--once"])
    assert isinstance(done.exception, ConfigurationError)
    assert f"the watched folder {home} is fs2od's own" in str(done.exception)
