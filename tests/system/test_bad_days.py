"""What goes wrong at a facility: each with one clear line, a distinct exit code, and nothing lost."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fs2od.testing import microscope
from fs2od.testing.ports import free_ports
from fs2od.testing.system import System, wait_for


def _write_dataset(folder: Path, *, email: str = "alex@example.org") -> None:
    folder.mkdir(parents=True)
    (folder / "movie.mrc").write_bytes(os.urandom(3000))
    (folder / "SPA.yml").write_text(f"Sample: {{Name: {folder.name}}}\nUser: {{Email: {email}}}\n")


def _fails(system: System, *arguments: str, code: int) -> str:
    """Run a command that must fail with `code`, and return its one line."""
    done = system.run(*arguments)
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_a_port_in_use_is_one_clear_line(system: System) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", system.port))
        taken.listen()
        arguments = ["--data", str(system.data), "--port", str(system.port)]
        said = _fails(system, "node", *arguments, code=3)
        assert f"port {system.port}" in said
        assert "--port" in said


def test_up_passes_on_why_its_node_did_not_start(system: System) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", system.port))
        taken.listen()
        arguments = ["--data", str(system.data), "--watch", str(system.watched), "--port", str(system.port)]
        done = system.run("up", *arguments)
        assert done.returncode == 3
        assert f"port {system.port}" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_watched_folder_that_is_missing_is_named(system: System) -> None:
    arguments = ["--data", str(system.data), "--watch", str(system.home / "nowhere"), "--port", str(system.port)]
    said = _fails(system, "up", *arguments, code=7)
    assert "nowhere" in said


def test_a_second_daemon_on_the_same_state_says_so_and_leaves(system: System) -> None:
    system.start()
    node = system.data / "node"
    said = _fails(system, "node", "--data", str(node), "--port", str(free_ports()), code=9)
    assert "another node" in said
    arguments = ["--config", str(system.data / "fs2od.toml"), "--data", str(system.data / "facility"), "--once"]
    assert "another facility" in _fails(system, "facility", *arguments, code=9)


@pytest.mark.parametrize("database", ["node/zone.db", "facility/facility.db"])
def test_state_of_a_newer_version_is_refused_and_left_as_it_is(system: System, database: str) -> None:
    system.start()
    system.stop()
    path = system.data / database
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 4711")
    before = path.read_bytes()
    arguments = ["--data", str(system.data), "--watch", str(system.watched), "--port", str(system.port)]
    done = system.run("up", *arguments)
    assert done.returncode == 9
    assert "newer fs2od" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before


def test_while_the_node_is_away_datasets_are_still_detected_and_it_catches_up(system: System) -> None:
    facts = system.start()
    system.stop()
    _write_dataset(system.watched / "while away")
    state = system.data / "facility"
    arguments = [
        "facility", "--config", str(system.data / "fs2od.toml"), "--data", str(state), "--outbox", str(system.data / "outbox"),
        "--zone", facts["zone"], "--provider", facts["provider"], "--ca", facts["ca"],
        "--token-file", facts["admin_token_file"], "--port", "0", "--json",
    ]  # fmt: skip
    with subprocess.Popen([sys.executable, "-m", "fs2od", *arguments], stdout=subprocess.DEVNULL) as facility:
        try:
            wait_for(lambda: _states(system, state).get("while away"), what="the dataset")
            assert not system.mails()
            system.start_node()
            mail = system.wait_for_mail(within_s=90)
            assert "while away" in mail.text
        finally:
            facility.terminate()
            assert facility.wait(30) == 0


def _states(system: System, state: Path) -> dict[str, str]:
    done = system.run("datasets", "--data", str(state), "--json")
    # Until the facility has begun, there is no database to read.
    assert done.returncode == 0 or "is not there" in done.stderr, done.stderr
    return {row["name"]: row["state"] for row in json.loads(done.stdout)} if done.returncode == 0 else {}


def test_a_killed_node_is_started_again_and_nothing_is_missing(system: System) -> None:
    system.start()
    node = _pid_of(system.data / "node" / "node.lock")
    os.kill(node, 9)
    system.record(microscope.Session.of_files(30), "later")
    system.wait_for_mail(2, within_s=90)
    assert len(system.mails()) == 2
    assert _pid_of(system.data / "node" / "node.lock") != node


def _runs(pid: int) -> bool:
    """Say whether a process runs: one that has ended stays listed until somebody asks how, in a container perhaps for ever."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_when_the_supervisor_is_killed_its_children_end(system: System) -> None:
    system.start()
    children = [_pid_of(system.data / "node" / "node.lock"), _pid_of(system.data / "facility" / "facility.lock")]
    system.kill()
    wait_for(lambda: not any(map(_runs, children)), within_s=30, what="their end")


def _pid_of(lock: Path) -> int:
    return int(lock.read_text())


BAD = {
    "empty": (b"", "empty"),
    "unclosed": (b"Sample: [unclosed", "SPA.yml"),
    "list": (b"- a\n- list\n", "mapping"),
    "large": (b"a: 1\n" + b"#" * (1 << 20), "1 MiB"),
}
"""Names of datasets, with a metadata file that is wrong and what is said of it."""


def test_bad_metadata_files_hold_back_their_datasets_only(system: System) -> None:
    system.start()
    for name, (content, _) in BAD.items():
        _write_dataset(system.watched / name)
        (system.watched / name / "SPA.yml").write_bytes(content)
    _write_dataset(system.watched / "good")
    assert "good" in system.wait_for_mail().text
    state = system.data / "facility"
    wait_for(lambda: dict.fromkeys(BAD, "needs you").items() <= _states(system, state).items(), what="the complaints")
    for count, (name, (content, said)) in enumerate(BAD.items(), start=2):
        assert said in system.run("datasets", "show", name, "--data", str(state)).stdout
        assert (system.watched / name / "SPA.yml").read_bytes() == content
        (system.watched / name / "SPA.yml").write_text(
            f"Sample: {{Name: mended {name}}}\nUser: {{Email: alex@example.org}}\n"
        )
        assert f"mended {name}" in system.wait_for_mail(count).text
