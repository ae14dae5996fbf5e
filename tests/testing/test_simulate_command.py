"""`fs2od simulate`, from the command line's side."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from fs2od.cli.simulate import simulate
from fs2od.errors import ConfigurationError, Fs2odError, StorageError

# As the main command does: an error that we raise on purpose becomes one line and its exit code.
PROGRAM = """
import sys
from fs2od.cli.simulate import simulate
from fs2od.errors import Fs2odError
try:
    simulate(standalone_mode=False)
except Fs2odError as error:
    sys.exit(f"{error.exit_code} {error}")
"""


def run(arguments: Sequence[str]) -> Result:
    return CliRunner().invoke(simulate, list(arguments))


def test_it_is_a_command_named_simulate() -> None:
    assert isinstance(simulate, click.Command)
    assert simulate.name == "simulate"


def test_it_writes_a_session_and_says_so_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "watched" / "dataset"
    arguments = [
        str(folder),
        "--files",
        "60",
        "--size",
        "2MB",
        "--duration",
        "0.5s",
        "--email",
        "kim@example.org",
        "--json",
    ]
    result = run(arguments)
    assert result.exit_code == 0
    assert result.stderr == ""
    summary = json.loads(result.stdout)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert summary == {
        "folder": str(folder),
        "files": 60,
        "movies": len(list(folder.rglob("*_Fractions.mrc"))),
        "size_bytes": sum(path.stat().st_size for path in files),
    }
    assert len(files) == 60
    assert "kim@example.org" in (folder / "SPA.yml").read_text()
    assert "dataset" in (folder / "EpuSession.dm").read_text()


def test_without_json_it_is_quiet(tmp_path: Path) -> None:
    result = run(
        [str(tmp_path / "d"), "--files", "13", "--size", "200kB", "--duration", "0s", "--name", "Demo", "--seed", "9"]
    )
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert "Demo" in (tmp_path / "d" / "EpuSession.dm").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--size", "3parsecs"],
        ["--size", "-5MB"],
        ["--size", ""],
        ["--size", "1e9"],
        ["--size", "10B"],
        ["--size", "9999999TB"],
        ["--duration", "soon"],
        ["--duration", "-3s"],
        ["--duration", "999999999999999h"],
        ["--files", "3"],
        ["--files", "-1"],
        ["--seed", "-1"],
        ["--email", "nobody"],
        ["--name", "two\nlines"],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_clear_line_and_writes_nothing(tmp_path: Path, arguments: list[str]) -> None:
    result = run([str(tmp_path / "d"), *arguments])
    assert isinstance(result.exception, ConfigurationError)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "d").exists()


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    result = run([str(tmp_path)])
    assert isinstance(result.exception, StorageError)
    assert isinstance(result.exception, Fs2odError)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_it_cleanly_and_says_what_it_did(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "d"
    command = [sys.executable, "-c", PROGRAM, str(folder), "--duration", "600s", "--files", "200", "--size", "5MB"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while not (folder / "SPA.yml").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert out == ""
    assert err.startswith("130 Stopped after ")
    assert err.endswith("of 200 files; the running file was removed.\n")
    assert not (folder / ".running").exists()


def test_help_does_not_load_numpy() -> None:
    program = (
        "import sys; from fs2od.cli.simulate import simulate; sys.exit('numpy' in sys.modules or 'PIL' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
