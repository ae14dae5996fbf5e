"""What a mount in the background says: in a file for its owner, bounded, and in the system's log."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fs2od.cli.mount_log import MountLog
from fs2od.errors import StorageError


def test_sentences_are_in_a_file_for_its_owner_and_in_the_systems_log(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as system:
        system.bind(str(tmp_path / "log"))
        log = MountLog(tmp_path / "kept" / "mount.log", tmp_path / "mnt", system_log=tmp_path / "log")
        log.require_file()
        log.tell("the token\nends")
        system.settimeout(5)
        assert system.recv(1000).decode() == f"<12>fs2od[{os.getpid()}]: {tmp_path}/mnt: the token ends"
    lines = log.file.read_text().splitlines()
    assert [line.partition(f" {tmp_path}/mnt: ")[2] for line in lines] == ["mounting", "the token ends"]
    assert (log.file.stat().st_mode & 0o777, log.file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_it_does_not_grow_without_bound(tmp_path: Path) -> None:
    log = MountLog(tmp_path / "mount.log", tmp_path / "mnt", system_log=tmp_path / "none")
    for _ in range(40):
        log.tell("x" * 60_000)
    assert {path.name for path in tmp_path.iterdir()} == {"mount.log", "mount.log.1"}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_300_000


def test_what_is_no_file_of_ones_own_is_refused_and_stops_no_mount(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "precious/x"):
        log = MountLog(tmp_path / name, tmp_path / "mnt", system_log=tmp_path / "none")
        with pytest.raises(StorageError, match="no log can be kept"):
            log.require_file()
        log.tell("nobody hears it")
    assert (tmp_path / "precious").read_text() == "mine"
