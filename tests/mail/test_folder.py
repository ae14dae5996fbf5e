import email
import email.policy
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fs2od.mail import FolderTransport

MESSAGE = b"Subject: x\r\n\r\nhttps://data.example.org/share/8f\r\n"
TO = ("alex@example.org",)


def send(folder: Path, *, name: str = "20261105-x-1") -> tuple[bool, str]:
    outcome = FolderTransport(folder).send(MESSAGE, "data@example.org", TO, name=name)
    assert outcome.delivered in ((), TO)
    return bool(outcome.delivered), "; ".join(each.reason for each in outcome.retry)


def test_a_letter_is_one_file_for_its_owner_only_with_lines_of_this_system(tmp_path: Path) -> None:
    assert send(tmp_path / "outbox") == (True, "")
    (path,) = (tmp_path / "outbox").iterdir()
    assert path.name == "20261105-x-1.eml"
    assert path.read_bytes() == MESSAGE.replace(b"\r\n", b"\n")
    assert email.message_from_bytes(path.read_bytes(), policy=email.policy.default)["Subject"] == "x"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_sent_again_it_changes_nothing(tmp_path: Path) -> None:
    send(tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.stat()
    assert send(tmp_path) == (True, "")
    after = path.stat()
    assert list(tmp_path.iterdir()) == [path]
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_on_a_full_disk_it_waits_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / ".20261105-x-1.eml.partial").symlink_to("/dev/full")
    delivered, reason = send(tmp_path)
    assert not delivered
    assert reason == f"no space left in {tmp_path}: make room"
    assert list(tmp_path.iterdir()) == []
    assert send(tmp_path) == (True, "")


@pytest.mark.parametrize("way", ["missing parent", "no folder"])
def test_without_a_folder_it_waits(tmp_path: Path, way: str) -> None:
    (tmp_path / "no folder").write_text("a file")
    delivered, reason = send(
        tmp_path / "missing parent" / "outbox" if way == "missing parent" else tmp_path / "no folder"
    )
    assert not delivered
    assert "cannot write into" in reason


KILLED = """
import os, pathlib, signal, sys
from fs2od.mail import FolderTransport
step, count = int(sys.argv[2]), 0
def die(event, args):
    global count
    if event in ("open", "os.rename", "os.mkdir"):
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
transport = FolderTransport(pathlib.Path(sys.argv[1]))
sys.addaudithook(die)
transport.send(%r, "data@example.org", ("alex@example.org",), name="20261105-x-1")
"""


def test_killed_at_any_step_there_is_the_whole_letter_or_none_and_the_next_try_makes_it_one(tmp_path: Path) -> None:
    for step in range(1, 20):
        folder = tmp_path / str(step)
        script = [sys.executable, "-c", KILLED % MESSAGE, os.fspath(folder), str(step)]
        ended = subprocess.run(script, check=False, timeout=60)
        letters = list(folder.glob("*.eml"))
        assert all(letter.read_bytes() == MESSAGE.replace(b"\r\n", b"\n") for letter in letters)
        assert send(folder) == (True, "")
        assert [path.name for path in folder.iterdir()] == ["20261105-x-1.eml"]
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
    assert 4 <= step < 19
