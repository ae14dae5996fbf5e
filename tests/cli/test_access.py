"""A token that is missing, or is none: the same sentence and exit code from every command that needs one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ZONE = "https://localhost:1"
COMMANDS = {
    "download": ["download", "a space", "out"],
    "mirror": ["mirror", "a space", "out"],
    "put": ["put", __file__, "a space"],
    "share": ["share", "list", "a space"],
    "site": ["site", "list", "--zone", ZONE],
}


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
    environment |= {"XDG_CONFIG_HOME": str(home / "config"), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    command = [sys.executable, "-m", "fs2od", *words]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_missing_token_is_said_alike(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == 3, done.stderr
    said = "fs2od: no access token: give --token-file FILE, set FS2OD_TOKEN, or sign in with fs2od login\n"
    assert done.stderr == said


def test_what_is_no_token_is_not_taken_for_another_zones(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("nonsense\n")
    done = run(tmp_path, "mirror", "a space", "out", "--zone", ZONE, "--token-file", "token")
    assert (done.returncode, done.stderr) == (3, "fs2od: what was given is no token: a part of it may be missing\n")
