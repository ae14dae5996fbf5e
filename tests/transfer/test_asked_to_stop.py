"""Both front ends when they are asked to stop, at any moment, and more than once."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs2od.stopping import SAME_S
from fs2od.testing.downloading import command, single_file
from fs2od.testing.network import HostileShare, Reply, Request, listed, reply_of

LONGEST_S = 60


@pytest.fixture(params=["command", "get.py"])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    return single_file(tmp_path) if request.param == "get.py" else command()


class Mute:
    """Never answers what it is asked while the test lasts."""

    def __init__(self) -> None:
        self.was_asked, self.is_over = threading.Event(), threading.Event()

    def __call__(self, _: Request) -> Reply:
        self.was_asked.set()
        self.is_over.wait(2 * LONGEST_S)
        return reply_of({}, status=503)


@pytest.fixture
def mute() -> Iterator[Mute]:
    found = Mute()
    yield found
    found.is_over.set()


def asked(process: subprocess.Popen[str], mute: Mute) -> None:
    assert mute.was_asked.wait(LONGEST_S), process.poll()


def test_a_request_that_comes_twice_is_one_and_the_last_words_are_said(
    words: tuple[str, ...], tmp_path: Path, mute: Mute
) -> None:
    report = tmp_path / "report.json"
    with HostileShare([listed("a.mrc", 1000)], {"a.mrc": b"a" * 1000}) as share:
        share.answers["content of id-a.mrc"] = mute
        more = [share.link, str(tmp_path / "out"), "--report", str(report)]
        with subprocess.Popen([*words, *more], stderr=subprocess.PIPE, text=True) as process:
            asked(process, mute)
            # As `timeout` does: the process, and then its group.
            for _ in range(3):
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGINT)
                time.sleep(SAME_S / 10)
            _, said = process.communicate(timeout=LONGEST_S)
        mute.is_over.set()
    assert process.returncode == 130, said
    assert "To go on: " in said
    assert "Traceback" not in said
    assert json.loads(report.read_text())["complete"] is False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["download", "rehearsal"])
def test_while_the_name_of_its_folder_is_asked_for_it_stops_too(
    words: tuple[str, ...], tmp_path: Path, mute: Mute, number: signal.Signals, more: tuple[str, ...]
) -> None:
    with HostileShare() as share:
        share.answers[share.link.removeprefix(share.url).replace("/share", "/api/v3/onezone/shares") + "/public"] = mute
        with subprocess.Popen([*words, share.link, *more], stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
            asked(process, mute)
            process.send_signal(number)
            # The service is given up long after that only.
            _, said = process.communicate(timeout=LONGEST_S)
            assert not mute.is_over.is_set()
        mute.is_over.set()
    assert process.returncode == 130, said
    assert "stopped; what has arrived is kept. To go on: " in said
    assert {share.link, *more} <= set(said.rpartition("To go on: ")[2].split())
    assert said.count("\n") == 1
