"""A disk that is full, of the node or of the facility: said in a line, nothing lost, and all goes on by itself once there is room."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fs2od.cli.first_configuration import ensure_configuration
from fs2od.testing.small_disks import small_disk
from fs2od.testing.system import System, wait_for
from fs2od.testing.things import Things, require_one_of_everything

QUICK = 'settle = "0s"\ndata_settle = "0s"\nquiet = "0s"\n'
"""Both mails of a dataset come at once: announced, and complete."""
MANY = 12_000


@contextmanager
def started(system: System, folder: str, *, size_mb: int) -> Iterator[Path]:
    """Start everything with one folder of its state on a small disk, and yield the file that is to fill that."""
    system.data.mkdir()
    facts = {key: f"{system.data}/node/{key}" for key in ("ca", "admin_token_file")}
    facts |= {"zone": f"https://localhost:{system.port}", "provider": f"https://localhost:{system.port + 1}"}
    ensure_configuration(system.data / "fs2od.toml", node=facts, watch=[system.watched])
    with (system.data / "fs2od.toml").open("a") as configuration:
        configuration.write(QUICK)
    with small_disk(system.data / folder, size_mb=size_mb) as disk:
        system.start()
        try:
            yield disk / "filler"
        finally:
            system.stop()


def fill(path: Path, *, spare: int = 0) -> None:
    """Write a file until the disk is full, then give back so many bytes."""
    with path.open("wb", buffering=0) as file:
        block = 1 << 16
        while block:
            try:
                file.write(bytes(block))
            except OSError:
                block //= 2
    os.truncate(path, path.stat().st_size - spare)


def write_dataset(folder: Path, *, files: int = 1) -> None:
    folder.mkdir(parents=True)
    for number in range(files):
        (folder / f"movie_{number:06}_of_a_session.mrc").write_bytes(b"x")
    (folder / "SPA.yml").write_text(f"Sample: {{Name: {folder.name}}}\nUser: {{Email: alex@example.org}}\n")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("folder", ["node", "facility"])
def test_where_one_disk_alone_is_full_everything_ends_with_one_of_each(system: System, folder: str) -> None:
    with started(system, folder, size_mb=24) as filler, system.http(administrator=True) as http:
        # Whatever it is that finds no room: the first thing that is written, or one on the way.
        for number, spare in enumerate([0, 60_000, 150_000]):
            fails_and_goes_on(system, http, filler, spare=spare, name=f"in need of room {number}")
        assert len(system.mails()) == 2 * 3


@pytest.mark.timeout(300)
def test_mail_waits_where_the_outbox_alone_has_no_room(system: System) -> None:
    with started(system, "outbox", size_mb=4) as filler, system.http(administrator=True) as http:
        fails_and_goes_on(system, http, filler, spare=0, name="in need of room")
        assert len(system.mails()) == 2
        assert system.log.count("mail waits: no space left") == 1


@pytest.mark.timeout(300)
def test_an_index_that_finds_no_room_in_its_first_import_is_completed(system: System) -> None:
    with started(system, "node", size_mb=32) as filler, system.http(administrator=True) as http:
        fails_and_goes_on(system, http, filler, spare=1_500_000, name="large", files=MANY)
        assert "import of space" in system.log
        assert len(system.mails()) == 2
        assert f"{MANY:,} files" in system.mails()[-1].text


@pytest.mark.timeout(300)
def test_a_node_that_ends_in_an_import_while_its_disk_is_full_goes_on_once_there_is_room(system: System) -> None:
    with started(system, "node", size_mb=32) as filler, system.http(administrator=True) as http:
        before = Things.at(system, http)
        fill(filler, spare=1_500_000)
        write_dataset(system.watched / "large", files=MANY)
        wait_for(lambda: "import of space" in system.log, within_s=60, what="the complaint")
        os.kill(int((system.data / "node" / "node.lock").read_text()), signal.SIGKILL)
        said = len(system.log)
        # Its index was left in the middle of a scan: it opens only where something can be written.
        wait_for(lambda: "no space left" in system.log[said:], within_s=60, what="the complaint of the next one")
        filler.unlink()
        system.wait_for_mail(2, within_s=120)
        require_one_of_everything(system, http, before, provisioned=0 if before.groups else 2)
        assert "Traceback" not in system.log
        assert f"{MANY:,} files" in system.mails()[-1].text


def fails_and_goes_on(
    system: System, http: httpx.Client, filler: Path, *, spare: int, name: str, files: int = 1
) -> None:
    """Let a dataset come while its disk is full, make room once that is told, and wait for everything that a dataset has."""
    before, mails, said = Things.at(system, http), len(system.mails()), len(system.log)
    fill(filler, spare=spare)
    write_dataset(system.watched / name, files=files)
    wait_for(lambda: "no space left" in system.log[said:], within_s=60, what="the complaint")
    assert len(system.mails()) <= mails + 1  # it was said before everything was done
    filler.unlink()
    system.wait_for_mail(mails + 2, within_s=120)
    require_one_of_everything(system, http, before, provisioned=0 if before.groups else 2)
    for line in system.log[said:].splitlines():
        assert " WARNING " in line, line
        assert "no space left" in line, line
